/*
 * One worker process: see worker.h.
 *
 * It gets the number of a run through a pipe, has everything else from before the fork, fills the
 * shared verdict, and returns the number through another pipe. Its standard output and error are a
 * file in memory, which the parent reads after the run: the output of a guest or a sanitizer
 * belongs to that run and is never mixed with other lines.
 */
#include "worker.h"
#include "../../core/base/minmax.h"
#include "../base/exit_codes.h"
#include "../../sim/base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { PRINTED_MAX = 1 << 20 };

/* ---- in the worker ---- */

/* It ends with its parent. A terminal's ^C goes to the parent, which ends its workers. */
static void worker_follow(pid_t parent, const sigset_t *mask)
{
    struct sigaction plain = {.sa_handler = SIG_DFL}, ignored = {.sa_handler = SIG_IGN};

#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (getppid() != parent)
        _exit(EXIT_HARNESS);
    sigaction(SIGINT, &ignored, NULL);
    sigaction(SIGHUP, &ignored, NULL);
    sigaction(SIGTERM, &plain, NULL);
    sigprocmask(SIG_SETMASK, mask, NULL);
}

/* Transfer a complete run number through a pipe: 0, or -1 at its end. */
static int worker_read(int fd, uint64_t *index)
{
    ssize_t n;

    while ((n = read(fd, index, sizeof(*index))) < 0 && errno == EINTR)
        ;
    return n == sizeof(*index) ? 0 : -1;
}

static int worker_write(int fd, uint64_t index)
{
    return write(fd, &index, sizeof(index)) == sizeof(index) ? 0 : -1;
}

static _Noreturn void worker_work(const struct worker *w, const struct pool *pool, int orders,
                                  int answers)
{
    struct run_context *context = run_context_new();
    struct job *job = memory_new(1, sizeof(*job));
    uint64_t index;

    child_watch_signals();
    while (worker_read(orders, &index) == 0) {
        pool->job(pool->ctx, index, job);
        child_job(job, context, w->verdict);
        fflush(NULL);
        if (pool->alone || w->verdict->failure.kind != FAILURE_NONE)
            break;
        if (worker_write(answers, index))
            break;
    }
    free(job);
    run_context_free(context);
    exit(EXIT_PASS); /* not _exit(): coverage and leak checks run at exit */
}

/* ---- in the parent ---- */

static int worker_file(void)
{
#ifdef __linux__
    return memfd_create("drywire-printed", MFD_CLOEXEC);
#else
    FILE *f = tmpfile();
    int fd = f ? dup(fileno(f)) : -1;

    if (f)
        fclose(f);
    return fd;
#endif
}

int worker_place(struct worker *w)
{
    *w = (struct worker){.orders = -1, .answers = -1, .printed = worker_file()};
    w->verdict =
        mmap(NULL, sizeof(*w->verdict), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (w->verdict == MAP_FAILED)
        w->verdict = NULL;
    if (!w->verdict || w->printed < 0)
        return -1;
    return fcntl(w->printed, F_SETFL, O_APPEND);
}

static void worker_close_pair(const int pair[2])
{
    close(pair[0]);
    close(pair[1]);
}

static void worker_hang_up(struct worker *w)
{
    if (w->orders >= 0)
        close(w->orders);
    if (w->answers >= 0)
        close(w->answers);
    w->orders = w->answers = -1;
}

int worker_start(struct worker *w, const struct pool *pool, const sigset_t *mask,
                 struct worker *all, unsigned count)
{
    pid_t parent = getpid();
    int orders[2], answers[2];

    if (pipe(orders))
        return -1;
    if (pipe(answers)) {
        worker_close_pair(orders);
        return -1;
    }
    fflush(NULL);
    w->pid = fork();
    if (w->pid < 0) {
        w->pid = 0;
        worker_close_pair(orders);
        worker_close_pair(answers);
        return -1;
    }
    if (w->pid == 0) {
        worker_follow(parent, mask);
        for (unsigned i = 0; i < count; i++)
            worker_hang_up(&all[i]);
        close(orders[1]);
        close(answers[0]);
        dup2(w->printed, STDOUT_FILENO);
        dup2(w->printed, STDERR_FILENO);
        worker_work(w, pool, orders[0], answers[1]);
    }
    close(orders[0]);
    close(answers[1]);
    w->orders = orders[1];
    w->answers = answers[0];
    return 0;
}

int worker_end(struct worker *w)
{
    int status = 0;

    worker_hang_up(w);
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
        ;
    w->pid = 0;
    return status;
}

struct verdict *worker_verdict(const struct worker *w)
{
    const struct verdict *v = w->verdict;
    size_t head = offsetof(struct verdict, story), printed;
    struct verdict *copy;
    struct stat st;
    ssize_t got;

    printed = fstat(w->printed, &st) == 0 ? (size_t)st.st_size : 0;
    printed = min_u64(printed, PRINTED_MAX);
    copy = memory_unset(sizeof(*v) < head + v->story_len + printed ? sizeof(*v) + printed
                                                                   : head + v->story_len + printed);
    memcpy(copy, v, head + v->story_len);
    copy->printed = copy->story + v->story_len;
    got = printed ? pread(w->printed, copy->story + v->story_len, printed, 0) : 0;
    copy->printed_len = got > 0 ? (size_t)got : 0;
    if (printed && ftruncate(w->printed, 0))
        copy->printed_len = 0;
    return copy;
}

void worker_judge_end(struct verdict *v, int status, bool overdue)
{
    bool clean = WIFEXITED(status) && !WEXITSTATUS(status);
    struct failure *f = &v->failure;

    if (f->kind != FAILURE_NONE || (v->finished && clean))
        return;
    f->kind = overdue ? FAILURE_LIVELOCK : FAILURE_CRASH;
    snprintf(f->oracle, sizeof(f->oracle), "%s", overdue ? "budget.alarm" : "process");
    snprintf(f->site, sizeof(f->site), "?");
    if (overdue)
        snprintf(f->message, sizeof(f->message),
                 "the wall-clock alarm did not stop the run: is SIGALRM blocked, or the process "
                 "stopped?");
    else if (WIFSIGNALED(status))
        snprintf(f->message, sizeof(f->message), "the run was killed by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(f->message, sizeof(f->message), "the run's process exited with status %d%s",
                 WEXITSTATUS(status), clean ? "" : " (see its output)");
    f->time_ns = v->last_ns;
}

void worker_give(const struct worker *w, uint64_t index)
{
    (void)worker_write(w->orders, index);
}

int worker_hear(const struct worker *w)
{
    uint64_t index;

    return worker_read(w->answers, &index);
}

void worker_free(struct worker *w)
{
    if (w->verdict)
        munmap(w->verdict, sizeof(*w->verdict));
    if (w->printed > 0)
        close(w->printed);
}
