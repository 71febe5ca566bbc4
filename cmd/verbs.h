/*
 * The commands of `drywire`, in the order of the help: word, arguments, help. Each is a file,
 * verb_WORD.c, with a `const struct verb verb_WORD` (verb.h).
 */
#ifndef DRYWIRE_VERBS_H
#define DRYWIRE_VERBS_H

#include "verb.h"

#define VERBS(ROW)                                                                                 \
    ROW(run, "FILE|DIR|-...", "scenarios in the simulator; -: one from standard input")            \
    ROW(list, "[FILE|DIR...|CAPTURE]", "scenarios, programs and oracles; the flows of a capture")  \
    ROW(explain, "FILE", "which faults and choices a seed draws")                                  \
    ROW(world, "FILE --socket PATH | --fd N",                                                      \
        "the far side of a scenario, for a guest of your own")                                     \
    ROW(pkt, "FILE|DIR...", "packet time lines (.pkt) against the core's TCP/IP stack")            \
    ROW(qemu, "FILE|DIR...", "scenarios on bare metal in QEMU")                                    \
    ROW(compare, "CAPTURE CAPTURE", "compare two captures")                                        \
    ROW(seq, "FILE.scn|CAPTURE", "the ladder of a run, or of a capture")                           \
    ROW(report, "FILE|CAPTURE -o FILE.html", "write a run as an HTML page")                        \
    ROW(replay, "LOG|CAPTURE", "repeat a panic's journal or a capture in the simulator")           \
    ROW(import, "CAPTURE -o FILE.scn", "make a scenario from a capture (TCP, DHCP, pings)")

#define VERB_DECLARE(word, usage, what) extern const struct verb verb_##word;
VERBS(VERB_DECLARE)
#undef VERB_DECLARE

struct verb_row {
    const char *word; /* NULL: the end */
    const char *usage, *what;
    const struct verb *verb;
};

extern const struct verb_row verb_rows[];

/* The words alone, up to a NULL. */
extern const char *const verb_words[];

#endif
