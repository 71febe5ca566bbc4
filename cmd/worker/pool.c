/*
 * Workers and their parent: see pool.h.
 *
 * The parent gives runs to workers (worker.h), watches those that neither report nor end, and
 * passes verdicts on in the order of the runs.
 */
#include "pool.h"
#include "../../core/base/array.h"
#include "worker.h"
#include "../../core/base/minmax.h"
#include "../../sim/base/memory.h"
#include "../base/whole_file.h"
#include "../../sim/text/values.h"
#include "../base/exit_codes.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Runs that may finish before an earlier one: bounds the memory of their verdicts. */
enum { AHEAD_MAX = 256 };

/* A guest can block its alarm, stop itself, or leave a child that keeps our pipe open: after a
 * second without a report the parent checks, and this long after the alarm it kills the worker. */
enum { QUIET_MS = 1000, ENDING_MS = 1, GRACE_S = 5 };

struct crew {
    const struct pool *pool;
    struct worker *workers;
    struct pollfd *polls;
    unsigned count;
    uint64_t next, told; /* the next run to start, to report */
    uint64_t finished;
    struct verdict *kept[AHEAD_MAX]; /* by number modulo AHEAD_MAX */
};

/* ---- signals that request the end ---- */

static volatile sig_atomic_t asked_to_end;

static const int endings[] = {SIGINT, SIGTERM, SIGHUP};
enum { ENDINGS = ARRAY_COUNT(endings) };

static void pool_on_ending(int number)
{
    asked_to_end = number;
}

/* The original signal mask. */
static sigset_t outside;

/* Checked only between two waits; output after the last run is completed. A signal that was ignored
 * at start remains so (nohup). */
void pool_prepare(void)
{
    struct sigaction a = {.sa_handler = pool_on_ending}, old;
    static bool caught;
    sigset_t mask;

    asked_to_end = 0;
    if (caught)
        return;
    caught = true;
    sigemptyset(&mask);
    for (unsigned i = 0; i < ENDINGS; i++) {
        sigaction(endings[i], NULL, &old);
        if (old.sa_handler == SIG_IGN)
            continue;
        sigaction(endings[i], &a, NULL);
        sigaddset(&mask, endings[i]);
    }
    sigprocmask(SIG_BLOCK, &mask, &outside);
}

/* The run of this worker has ended, or its process. */
static void pool_finish(struct crew *c, struct worker *w, bool ended)
{
    struct job *job = memory_unset(sizeof(*job));

    if (ended)
        worker_judge_end(w->verdict, worker_end(w), w->overdue);
    c->pool->job(c->pool->ctx, w->index, job);
    if (!w->verdict->finished && job->pcap[0])
        whole_file_rescue(job->pcap, whole_file_blocks);
    if (!w->verdict->finished && job->trace[0])
        whole_file_rescue(job->trace, whole_file_lines);
    free(job);
    c->kept[w->index % AHEAD_MAX] = worker_verdict(w);
    w->busy = false;
    c->finished++;
}

static void pool_collect(struct crew *c, struct worker *w)
{
    bool ended = worker_hear(w) != 0;
    siginfo_t info = {0};

    /* Its process is about to end; or a guest closed every descriptor, and the run continues. */
    if (ended && w->busy) {
        close(w->answers);
        w->answers = -1;
        waitid(P_PID, (id_t)w->pid, &info, WEXITED | WNOHANG | WNOWAIT);
        if (info.si_pid != w->pid)
            return;
    }
    if (w->busy)
        pool_finish(c, w, ended);
    else
        worker_end(w);
}

static void pool_hand_over(struct crew *c)
{
    struct verdict *v;

    while (c->told < c->next && (v = c->kept[c->told % AHEAD_MAX])) {
        c->kept[c->told % AHEAD_MAX] = NULL;
        c->pool->done(c->pool->ctx, c->told++, v);
        free(v);
    }
}

static time_t pool_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

/* Start runs on idle workers. 0, or EXIT_HARNESS after a line on stderr. */
static int pool_give_out(struct crew *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        struct worker *w = &c->workers[i];

        if (w->busy || c->next == c->pool->count || c->next - c->told == AHEAD_MAX)
            continue;
        if (!w->pid && worker_start(w, c->pool, &outside, c->workers, c->count)) {
            value_message(stderr, "drywire: cannot start a process for a run: %s\n",
                          strerror(errno));
            return EXIT_HARNESS;
        }
        memset(w->verdict, 0, offsetof(struct verdict, story));
        w->verdict->last_ns = SIM_POWER_ON_NS;
        w->index = c->next++;
        w->busy = true;
        w->overdue = false;
        w->since = pool_seconds();
        /* A worker that has just died is detected by the wait. */
        worker_give(w, w->index);
    }
    return 0;
}

/* No report: check for workers that have ended, or must be killed. */
static void pool_look_after(struct crew *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        struct worker *w = &c->workers[i];
        siginfo_t info = {0};

        if (!w->busy)
            continue;
        if ((uint64_t)(pool_seconds() - w->since) > c->pool->timeout_s + GRACE_S) {
            w->overdue = true;
            kill(w->pid, SIGKILL);
        }
        waitid(P_PID, (id_t)w->pid, &info, WEXITED | WNOHANG | WNOWAIT);
        if (info.si_pid == w->pid)
            pool_finish(c, w, true);
    }
}

static void pool_wait_for_workers(struct crew *c)
{
    struct timespec most = {QUIET_MS / 1000, QUIET_MS % 1000 * (long)NS_PER_MS};
    bool ending = false;
    int heard;

    for (unsigned i = 0; i < c->count; i++) {
        struct worker *w = &c->workers[i];

        c->polls[i] = (struct pollfd){.fd = w->pid ? w->answers : -1, .events = POLLIN};
        ending |= w->busy && w->answers < 0;
    }
    if (ending)
        most = (struct timespec){0, ENDING_MS * (long)NS_PER_MS};
    heard = ppoll(c->polls, c->count, &most, &outside);
    if (heard == 0 || ending)
        pool_look_after(c);
    for (unsigned i = 0; i < c->count && heard > 0 && !asked_to_end; i++)
        if (c->polls[i].revents && c->workers[i].pid)
            pool_collect(c, &c->workers[i]);
}

/* No run is active any more, and no partial file is left. */
static void pool_abandon(struct crew *c)
{
    struct job *job = memory_unset(sizeof(*job));

    for (unsigned i = 0; i < c->count; i++) {
        struct worker *w = &c->workers[i];

        if (!w->pid)
            continue;
        kill(w->pid, SIGKILL);
        worker_end(w);
        if (!w->busy)
            continue;
        c->pool->job(c->pool->ctx, w->index, job);
        child_tidy(job, w->verdict->failure.kind != FAILURE_NONE);
    }
    free(job);
}

/* End idle workers; 0, or EXIT_HARNESS when one failed. */
static int pool_dismiss(struct crew *c)
{
    int code = 0;

    for (unsigned i = 0; i < c->count; i++) {
        struct worker *w = &c->workers[i];
        char text[4096];
        ssize_t n;
        int status;

        if (!w->pid)
            continue;
        status = worker_end(w);
        if (WIFEXITED(status) && !WEXITSTATUS(status))
            continue;
        while ((n = read(w->printed, text, sizeof(text))) > 0)
            fwrite(text, 1, (size_t)n, stderr);
        value_message(stderr, "drywire: a worker failed after its last run (status %#x)\n", status);
        code = EXIT_HARNESS;
    }
    return code;
}

static int pool_crew_open(struct crew *c)
{
    c->workers = memory_new(c->count, sizeof(*c->workers));
    c->polls = memory_new(c->count, sizeof(*c->polls));
    for (unsigned i = 0; i < c->count; i++)
        if (worker_place(&c->workers[i])) {
            value_message(stderr, "drywire: cannot allocate memory shared with a worker: %s\n",
                          strerror(errno));
            return EXIT_HARNESS;
        }
    return 0;
}

static void pool_crew_close(struct crew *c)
{
    for (unsigned i = 0; i < c->count; i++)
        worker_free(&c->workers[i]);
    for (unsigned i = 0; i < AHEAD_MAX; i++)
        free(c->kept[i]);
    free(c->workers);
    free(c->polls);
}

int pool_run(const struct pool *p)
{
    struct crew c = {.pool = p, .count = (unsigned)min_u64(p->workers, p->count)};
    int code = pool_crew_open(&c);

    pool_prepare();
    while (!code && c.told < p->count) {
        code = pool_give_out(&c);
        if (!code)
            pool_wait_for_workers(&c);
        if (!code && ferror(stdout))
            code = EXIT_HARNESS; /* which is reported when the program ends */
        if (asked_to_end)
            code = 128 + asked_to_end;
        pool_hand_over(&c);
        if (p->progress)
            p->progress(p->ctx, c.finished);
    }
    if (code)
        pool_abandon(&c);
    else
        code = pool_dismiss(&c);
    pool_crew_close(&c);
    return code;
}

/* ---- one run ---- */

struct one {
    const struct job *job;
    struct verdict *verdict;
};

static void pool_one_job(void *ctx, uint64_t index, struct job *job)
{
    (void)index;
    *job = *((struct one *)ctx)->job;
}

static void pool_one_done(void *ctx, uint64_t index, const struct verdict *v)
{
    struct one *one = ctx;
    size_t len = offsetof(struct verdict, story) + v->story_len;

    (void)index;
    free(one->verdict);
    one->verdict = memory_unset(len);
    memcpy(one->verdict, v, len);
    fwrite(v->printed, 1, v->printed_len, stderr);
    one->verdict->printed_len = 0;
}

const struct verdict *pool_run_one(const struct job *job)
{
    static struct one one;
    struct pool p = {.count = 1,
                     .job = pool_one_job,
                     .done = pool_one_done,
                     .ctx = &one,
                     .workers = 1,
                     .timeout_s = job->timeout_s};
    int code;

    one.job = job;
    code = pool_run(&p);
    if (code)
        exit(code);
    return one.verdict;
}
