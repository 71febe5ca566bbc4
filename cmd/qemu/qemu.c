/*
 * A scenario in QEMU: see qemu.h. Three processes: the far side (live.h) and QEMU are children,
 * joined by a pair of datagram sockets; the parent reads the serial line from a pipe.
 */
#include "qemu_run.h"
#include "image.h"
#include "rewrap.h"
#include "../base/aside.h"
#include "../base/exit_codes.h"
#include "../base/story_line.h"
#include "../../sim/text/values.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    FIRST_LINE_S = 15, /* detects a hang, also on a busy machine */
    SILENCE_S = 20,
    TURN_MS = 100,
    LOG_MAX = 4 << 20,
};

uint64_t qemu_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

struct origin_facts qemu_facts(const struct qemu_run *r, char icount[24])
{
    const struct qemu_settings *s = r->settings;

    snprintf(icount, 24, "%" PRIu64, s->icount);
    return (struct origin_facts){.verb = "qemu",
                                 .choice = &s->choice,
                                 .machine = r->command.machine->name,
                                 .build = r->build_id,
                                 .net = net_words[s->net],
                                 .icount = s->icount == NO_ICOUNT ? NULL : icount};
}

/* ---- the serial line ---- */

static void qemu_on_line(void *ctx, uint64_t time_ns, const char *line)
{
    struct qemu_run *r = ctx;
    char at[40], *to;

    if (!strncmp(line, "journal: data ", 14))
        return; /* for programs, in --log */
    to = r->lines[r->line_count++ % QEMU_LINES_KEPT];
    story_time(at, sizeof(at), time_ns);
    snprintf(to, STORY_LINE_MAX, "%s  %s", at, line);
    if (!r->live)
        return;
    if (r->settings->verbose)
        printf("%6" PRIu64 " ms", qemu_now_ms() - r->start_ms);
    puts(to);
    fflush(stdout); /* show it at once, also through a pipe */
}

/* True if the far side has ended, because of a violation or an error. */
static bool qemu_world_ended(struct qemu_run *r)
{
    if (!r->world || !qemu_child_ended(&r->world, &r->world_status, 0))
        return false;
    judge_violation(r->judge, r->violation);
    return true;
}

/* The reason to stop it now, or NULL. */
static const char *qemu_over(struct qemu_run *r)
{
    uint64_t now = qemu_now_ms(), silent = now - r->last_ms;

    if (qemu_stopped)
        return "interrupted";
    if (r->settings->gdb)
        return NULL; /* for interactive use */
    if (qemu_world_ended(r) && !judge_lost(r->judge))
        return "the far side has ended";
    if (judge_lost(r->judge)) {
        r->lost_ms = r->lost_ms ? r->lost_ms : now;
        return now - r->lost_ms >= QEMU_GRACE_MS ? "lost" : NULL;
    }
    if (now - r->start_ms >= r->settings->timeout_s * 1000)
        return "the wall-clock time limit was reached (--timeout)";
    if (silent >= (judge_begun(r->judge) ? SILENCE_S : FIRST_LINE_S) * UINT64_C(1000))
        return "silence";
    return r->bytes > LOG_MAX ? "too much output" : NULL;
}

/* One turn: check the available part of the log. False: end of the log. */
static bool qemu_read_some(struct qemu_run *r)
{
    struct pollfd p = {.fd = r->serial, .events = POLLIN};
    char buf[4096];
    ssize_t n;

    if (poll(&p, 1, TURN_MS) <= 0)
        return true;
    n = read(r->serial, buf, sizeof(buf));
    if (n <= 0)
        return false;
    r->last_ms = qemu_now_ms();
    r->bytes += (uint64_t)n;
    if (r->log.file)
        fwrite(buf, 1, (size_t)n, r->log.file); /* an error is reported by the close */
    judge_bytes(r->judge, buf, (size_t)n, qemu_on_line, r);
    return true;
}

/* Read the log to its end, then wait for QEMU, or stop it after the last line. */
static void qemu_watch(struct qemu_run *r, struct judge_end *end)
{
    const char *why = NULL;
    int status = 0;

    while (!why && qemu_read_some(r))
        why = qemu_over(r);
    if (!why && !qemu_child_ended(&r->qemu, &status, QEMU_GRACE_MS))
        why = "the serial line was closed but QEMU still runs";
    if (!r->qemu) {
        end->exited = true;
        end->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        end->status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    }
    end->limit = judge_lost(r->judge) ? NULL : why;
    qemu_child_end(&r->qemu, SIGKILL, &status);
    close(r->serial);
}

/* ---- the whole ---- */

/* With counted instructions the run id must be the same for one seed, as it is part of a line's
 * checksum. */
static void qemu_run_id(const struct qemu_settings *s, char id[9])
{
    struct timespec t;

    if (s->icount != NO_ICOUNT) {
        snprintf(id, 9, "%08" PRIx32, (uint32_t)s->choice.seed * UINT32_C(2654435761));
        return;
    }
    clock_gettime(CLOCK_REALTIME, &t);
    snprintf(id, 9, "%08x",
             (unsigned)((uint64_t)t.tv_nsec * 2654435761u ^ (uint64_t)t.tv_sec ^
                        (unsigned)getpid() << 16));
}

/* End the far side; its exit code. */
static int qemu_end_world(struct qemu_run *r)
{
    qemu_child_end(&r->world, SIGTERM, &r->world_status);
    judge_violation(r->judge, r->violation);
    return WIFEXITED(r->world_status) ? WEXITSTATUS(r->world_status) : EXIT_HARNESS;
}

/* It passed, but its far side failed: report its first message. */
static void qemu_fail_world(const struct qemu_run *r, struct failure *f)
{
    char said[200];

    f->kind = FAILURE_HARNESS;
    snprintf(f->oracle, sizeof(f->oracle), "world");
    snprintf(f->site, sizeof(f->site), "%.150s", r->scenario->path);
    if (r->world_said >= 0 && qemu_first_line(r->world_said, said, sizeof(said)))
        snprintf(f->message, sizeof(f->message), "%s", said);
}

static int qemu_carry_out(struct qemu_run *r, struct qemu_result *result)
{
    struct judge_wants wants = {r->command.machine->target, r->run_id, r->build_id};
    struct judge_end end = {0};
    enum judgement v;
    char said[200];
    int world;

    r->judge = judge_new(r->scenario, &wants);
    if (r->settings->gdb)
        value_message(stderr, "gdb-multiarch %s -ex 'target remote :1234'\n", r->command.image);
    r->start_ms = r->last_ms = qemu_now_ms();
    qemu_start(r);
    qemu_watch(r, &end);
    world = qemu_end_world(r);
    end.said = qemu_first_line(r->qemu_said, said, sizeof(said));
    v = judge_finish(r->judge, &end, &result->failure);
    if (qemu_stopped) {
        value_message(stderr, "drywire: %s: interrupted\n", r->scenario->path);
        judge_free(r->judge);
        return EXIT_HARNESS;
    }
    qemu_tell(r, v, world, result);
    if (!v && world)
        qemu_fail_world(r, &result->failure);
    judge_free(r->judge);
    if (v)
        return result->failure.kind == FAILURE_HARNESS ? EXIT_HARNESS : EXIT_FAIL;
    return world;
}

/* Convert QEMU's dumps, of its own network and of the guest's card, to our captures. */
static int qemu_rewrap(const struct qemu_run *r)
{
    const struct qemu_settings *s = r->settings;
    const char *dumps[2] = {s->net == NET_WORLD ? NULL : s->pcap, s->nic_pcap};
    char icount[24];
    struct origin_facts facts = qemu_facts(r, icount);
    struct origin origin;
    int code = 0;

    origin_of(&origin, r->scenario, &facts);
    for (unsigned i = 0; i < 2; i++)
        if (dumps[i] && rewrap(dumps[i], &origin, r->scenario->device.net.mac))
            code = EXIT_HARNESS;
    return code;
}

static int qemu_open_log(struct qemu_run *r)
{
    if (!r->settings->log)
        return 0;
    if (!whole_file_open(&r->log, r->settings->log))
        return 0;
    value_message(stderr, "drywire: --log %s: %s\n", r->settings->log, strerror(errno));
    return EXIT_HARNESS;
}

static int qemu_close_log(struct qemu_run *r)
{
    if (!r->log.file || !whole_file_close(&r->log))
        return 0;
    value_message(stderr, "drywire: --log %s: %s\n", r->settings->log, strerror(errno));
    return EXIT_HARNESS;
}

/* 0, or an exit code with the reason in result->error. */
static int qemu_prepare(struct qemu_run *r, const char *netdev, struct qemu_result *result)
{
    char folder[4096];
    struct aside aside;
    int code;

    aside_begin(&aside, stderr);
    code = qemu_command_make(&r->command, r->scenario, r->settings,
                             image_folder(folder, sizeof(folder)), netdev, r->run_id);
    if (!code)
        code = image_build_id(r->command.image, r->build_id);
    if (!code)
        code = qemu_open_log(r);
    result->error = aside_end(&aside);
    result->error[strcspn(result->error, "\n")] = 0;
    return code;
}

/* The failure of the far side, in shared memory. */
static struct failure *qemu_shared_failure(void)
{
    static struct failure *shared;

    if (!shared)
        shared =
            mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("drywire: mmap");
        exit(EXIT_HARNESS);
    }
    *shared = (struct failure){0};
    return shared;
}

int qemu_run(const struct scenario *sc, const struct qemu_settings *s, bool live,
             struct qemu_result *result)
{
    static struct qemu_run r;
    char netdev[64];
    int wire[2], code, written;
    bool world = s->net == NET_WORLD;

    r = (struct qemu_run){.scenario = sc, .settings = s, .live = live, .world_said = -1};
    *result = (struct qemu_result){0};
    r.violation = qemu_shared_failure();
    qemu_run_id(s, r.run_id);
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, wire)) {
        perror("drywire: socketpair");
        return EXIT_HARNESS;
    }
    snprintf(netdev, sizeof(netdev), "dgram,id=n,local.type=fd,local.str=%d", wire[1]);
    code = qemu_prepare(&r,
                        world                ? netdev
                        : s->net == NET_USER ? "user,id=n,restrict=on"
                                             : "user,id=n",
                        result);
    if (!code) {
        qemu_watch_stop();
        fcntl(wire[0], F_SETFD, FD_CLOEXEC);
        if (world)
            qemu_start_world(&r, wire[0], wire[1]);
        code = qemu_carry_out(&r, result);
        written = qemu_rewrap(&r);
        code = worse_exit(code, written);
        written = qemu_close_log(&r);
        code = worse_exit(code, written);
        close(r.qemu_said);
        if (world)
            close(r.world_said);
    }
    close(wire[0]);
    close(wire[1]);
    if (qemu_stopped) {
        signal(qemu_stopped, SIG_DFL);
        raise(qemu_stopped);
    }
    return code;
}
