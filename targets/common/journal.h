/*
 * The flight recorder (docs/recorder.md), only in the images kernel-journal.elf: it wraps the
 * machine's functions for the core, records in the format of core/base/journal.h, and sends the
 * journal over the console in lines of at most 168 octets of it each, base64:
 *
 *     journal: begin version=2 core=0123456789abcdef kernel=99 detail=0 bytes=9 records=7
 * complete=1 journal: data off=0 b64=AQID... journal: end crc32=89abcdef
 *
 * `core` is the revision of the core's sources, `kernel` the size of its state; detail=1: lines of
 * level DETAIL are on the console too; complete=0: the journal was full before its end. In every
 * other image these functions are empty.
 */
#ifndef DRYWIRE_TARGET_JOURNAL_H
#define DRYWIRE_TARGET_JOURNAL_H

#include "../../core/kernel/kernel.h"

#ifdef DRYWIRE_JOURNAL

/* Start to record the calls of the functions that the two functions below return. */
void journal_start(bool detail);
const struct platform *journal_platform(const struct platform *p);
const struct process_ops *journal_processes(const struct process_ops *ops);

/* Called before each call of the core that has an effect, and after it where noted. */
void journal_init(const struct kernel_config *config, uint64_t now_ns);
void journal_program(const char *const *words, unsigned count);
void journal_poll(uint64_t now_ns);
void journal_polled(uint64_t deadline_ns); /* when the next poll is due */
void journal_stop(void);
void journal_returned(int64_t result); /* of init, program */

/* Send it, once: because it was requested, or because of a panic at `place` (site or reason). */
void journal_send(void);
void journal_panic(const char *place);

#else

static inline const struct platform *journal_platform(const struct platform *p)
{
    return p;
}

static inline const struct process_ops *journal_processes(const struct process_ops *ops)
{
    return ops;
}

#define journal_start(detail)         ((void)(detail))
#define journal_init(config, now_ns)  ((void)(config))
#define journal_program(words, count) ((void)(words))
#define journal_poll(now_ns)          ((void)(now_ns))
#define journal_polled(deadline_ns)   ((void)(deadline_ns))
#define journal_stop()                ((void)0)
#define journal_returned(result)      ((void)(result))
#define journal_send()                ((void)0)
#define journal_panic(place)          ((void)(place))

#endif

#endif
