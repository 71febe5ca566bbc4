/* The state of a run in QEMU, for the files qemu*.c only. */
#ifndef DRYWIRE_QEMU_RUN_H
#define DRYWIRE_QEMU_RUN_H

#include "../base/origin.h"
#include "../base/whole_file.h"
#include "../report/report.h"
#include "judge.h"
#include "qemu.h"
#include <signal.h>
#include <sys/types.h>

enum {
    QEMU_LINES_KEPT = 12,
    QEMU_GRACE_MS = 2000, /* from a failure to the stop, for more output */
};

struct qemu_run {
    const struct scenario *scenario;
    const struct qemu_settings *settings;
    bool live; /* print each line as it arrives */
    struct qemu_command command;
    struct judge *judge;
    struct whole_file log; /* file NULL: not kept */
    pid_t world, qemu;     /* 0: not started, or ended and waited for */
    int world_status;
    struct failure *violation;         /* shared with the far side */
    int serial, world_said, qemu_said; /* pipe; files in memory */
    char run_id[9], build_id[9];
    uint64_t start_ms, last_ms, lost_ms; /* 0: not lost */
    uint64_t bytes;
    char lines[QEMU_LINES_KEPT][STORY_LINE_MAX];
    unsigned line_count;
};

/* ---- qemu.c ---- */

uint64_t qemu_now_ms(void);

/* The facts of the run, for the headers of captures; `icount` is a buffer for a number. */
struct origin_facts qemu_facts(const struct qemu_run *r, char icount[24]);

/* ---- qemu_children.c ---- */

/* SIGINT, SIGTERM or SIGHUP arrived: both children are stopped by their pids, then it takes
 * effect. */
extern volatile sig_atomic_t qemu_stopped;
void qemu_watch_stop(void);

/* Start the far side, which gets one end of the pair; returns when it listens. */
void qemu_start_world(struct qemu_run *r, int fd, int other);
void qemu_start(struct qemu_run *r);

/* True if this child has ended within the time; it is waited for. */
bool qemu_child_ended(pid_t *pid, int *status, unsigned ms);
void qemu_child_end(pid_t *pid, int number, int *status);

/* ---- qemu_report.c ---- */

/* The first line of a child's output, or NULL. */
const char *qemu_first_line(int fd, char *buf, size_t size);

/* Write the verdict as text to result->text. */
void qemu_tell(const struct qemu_run *r, enum judgement v, int world, struct qemu_result *result);

#endif
