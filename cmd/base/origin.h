/*
 * The origin of a capture, in comments for its header: enough for another drywire to repeat the
 * run. The first has one KEY=VALUE a line; the second is the scenario. docs/wireshark.md lists the
 * keys.
 */
#ifndef DRYWIRE_ORIGIN_H
#define DRYWIRE_ORIGIN_H

#include "run_choice.h"
#include "../../sim/frame/capture.h"
#include "../../sim/scenario/scenario.h"
#include "../../sim/run/reasons.h"

enum { ORIGIN_MAX = 16384 };

struct origin {
    char words[ORIGIN_MAX];
    struct capture_header header; /* with these comments and the scenario */
};

/* The facts of a run besides its scenario. */
struct origin_facts {
    const char *verb; /* the command: run, world or qemu */
    const struct run_choice *choice;
    bool registers;                             /* the capture has register accesses */
    bool verdict;                               /* the verdict is written there at the end */
    const char *machine, *build, *net, *icount; /* of QEMU, or NULL */
};

void origin_of(struct origin *origin, const struct scenario *sc, const struct origin_facts *f);

/* The value of a key in the header of a capture, safe for a terminal; "": none. */
void origin_word(const struct capture *c, const char *key, char *buf, size_t size);

#endif
