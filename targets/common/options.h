/*
 * The kernel command line: words with a space between them.
 *
 *     id=HEX            run id, echoed in the first line: a stale log is recognised
 *     seed=N            of everything random in the kernel (default 1)
 *     run=PROG,ARG...   start a program; run@N= at N microseconds after power-on, or as soon as
 *                       there is room for one more
 *     daemon=PROG,...   the same, but the run does not wait for its end
 *     until=N           continue for at least N microseconds
 *     interrupts=line   halt when idle and be woken by the device's interrupt line,
 *     interrupts=msi    or by a message (PCI); default: off, poll without a pause
 *     trace=all         events of level DETAIL as well
 *     journal=on        in kernel-journal.elf: record, and send the journal in a panic,
 *     journal=dump      or at the end as well
 *
 * In the words of a program %XX is a byte, so that spaces and commas can be passed.
 */
#ifndef DRYWIRE_OPTIONS_H
#define DRYWIRE_OPTIONS_H

#include "port.h"
#include <stdbool.h>
#include <stdint.h>

enum { STARTS_MAX = 64, START_WORDS_MAX = 16 };

enum interrupts { INTERRUPTS_OFF, INTERRUPTS_LINE, INTERRUPTS_MSI };
enum journal { JOURNAL_OFF, JOURNAL_ON, JOURNAL_DUMP };

struct start {
    uint64_t at_us;
    bool daemon;
    unsigned count;
    const char *words[START_WORDS_MAX];
};

struct options {
    const char *id;
    uint64_t seed, until_us;
    enum interrupts interrupts;
    bool trace_all;
    enum journal journal;
    struct start starts[STARTS_MAX];
    unsigned start_count;
    char text[CMDLINE_MAX]; /* the memory of the pointers */
};

/* NULL, or the invalid word. */
const char *options_parse(struct options *o, const char cmdline[CMDLINE_MAX]);

#endif
