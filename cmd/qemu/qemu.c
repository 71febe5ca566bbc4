/*
 * A scenario in QEMU: see qemu.h. Three processes: the far side (live.h) and QEMU are children,
 * joined by a pair of datagram sockets; the parent reads the serial line from a pipe.
 */
#include "qemu.h"
#include "judge.h"
#include "live.h"
#include "../base/aside.h"
#include "../base/origin.h"
#include "../../sim/base/memory.h"
#include "qemu_machine.h"
#include "../report/report.h"
#include "rewrap.h"
#include "../base/whole_file.h"
#include "../../sim/text/values.h"
#include "../base/story_line.h"
#include "../base/exit_codes.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    QEMU_MAJOR_MIN = 7,
    QEMU_MINOR_MIN = 2,
    FIRST_LINE_S = 15, /* guards against a hang, with room for a machine that is busy */
    SILENCE_S = 20,
    GRACE_MS = 2000, /* from a lost verdict to the end: what else does it say? */
    TURN_MS = 100,
    LINES_KEPT = 12,
    LOG_MAX = 4 << 20,
    IMAGE_MAX = 16 << 20,
};

struct run {
    const struct scenario *scenario;
    const struct qemu_settings *settings;
    bool live; /* tell each line as it comes */
    struct qemu_command command;
    struct judge *judge;
    struct whole_file log; /* file NULL: not kept */
    pid_t world, qemu;     /* 0: not there, or ended and waited for */
    int world_status;
    struct failure *violation;         /* shared with the far side */
    int serial, world_said, qemu_said; /* pipe; files in memory */
    char run_id[9], build_id[9];
    uint64_t start_ms, last_ms, lost_ms; /* 0: not lost */
    uint64_t bytes;
    char lines[LINES_KEPT][STORY_LINE_MAX];
    unsigned line_count;
};

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- is it here? ---- */

static int version_of(const char *emulator, int *major, int *minor)
{
    char line[256], command[256];
    FILE *p;
    int n = 0;

    snprintf(command, sizeof(command), "%s --version 2>/dev/null", emulator);
    p = popen(command, "r");
    if (!p)
        return -1;
    if (fgets(line, sizeof(line), p))
        n = sscanf(line, "QEMU emulator version %d.%d", major, minor);
    pclose(p);
    return n == 2 ? 0 : -1;
}

int qemu_check(const struct qemu_settings *s)
{
    const char *emulator = qemu_emulator(s);
    int major, minor;

    if (!emulator)
        return EXIT_USAGE;
    if (version_of(emulator, &major, &minor)) {
        value_message(stderr,
                      "drywire: %s is not here; on Debian, as root: apt-get install -y %s\n",
                      emulator, strstr(emulator, "riscv") ? "qemu-system-misc" : "qemu-system-x86");
        return EXIT_CANNOT_TEST;
    }
    if (major > QEMU_MAJOR_MIN || (major == QEMU_MAJOR_MIN && minor >= QEMU_MINOR_MIN))
        return 0;
    value_message(stderr, "drywire: %s is version %d.%d; it takes %d.%d or later\n", emulator,
                  major, minor, QEMU_MAJOR_MIN, QEMU_MINOR_MIN);
    return EXIT_CANNOT_TEST;
}

/* ---- the image ---- */

/* The folder that this program lies in: where the images are as well. */
static const char *build_folder(char *buf, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", buf, size - 1);
    char *slash;

    buf[n > 0 ? n : 0] = 0;
    slash = strrchr(buf, '/');
    if (slash)
        *slash = 0;
    return buf;
}

/* The first bytes of an image's build id, as it will print them. 0, or EXIT_USAGE after a line. */
static int image_build_id(const char *path, char id[9])
{
    static const char head[] = "\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU";
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(IMAGE_MAX), *at = NULL;
    size_t len = 0;

    if (f && bytes) {
        len = fread(bytes, 1, IMAGE_MAX, f);
        at = memmem(bytes, len, head, sizeof(head));
        if (at && (size_t)(bytes + len - at) < sizeof(head) + 4)
            at = NULL;
    }
    if (at)
        snprintf(id, 9, "%02x%02x%02x%02x", at[16], at[17], at[18], at[19]);
    else if (f)
        value_message(stderr, "drywire: %s is not an image of drywire: it has no build id\n", path);
    else
        value_message(stderr, "drywire: %s: %s; `make images` builds it (with the same O=)\n", path,
                      strerror(errno));
    free(bytes);
    if (f)
        fclose(f);
    return at ? 0 : EXIT_USAGE;
}

/* ---- children ---- */

static int memory_file(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC);

    if (fd < 0) {
        perror("drywire: memfd");
        exit(EXIT_HARNESS);
    }
    return fd;
}

/* SIGINT, SIGTERM or SIGHUP came: both children are ended by their ids, then it takes effect. */
static volatile sig_atomic_t stopped;

static void on_stop(int number)
{
    stopped = number;
}

/* What is ignored (a job in the background) stays so. */
static void watch_stop(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction a = {.sa_handler = on_stop, .sa_flags = SA_RESTART}, old;

    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (!sigaction(numbers[i], NULL, &old) && old.sa_handler != SIG_IGN)
            sigaction(numbers[i], &a, NULL);
    signal(SIGCHLD, SIG_DFL); /* ignored, it would leave nobody to wait for */
}

/* In a child: it does not outlive us, however we end. */
static void follow_parent(pid_t parent, int number)
{
    signal(SIGTERM, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, number);
    if (getppid() != parent)
        _exit(EXIT_HARNESS);
}

/* A child that could not be made. */
static void check_fork(pid_t pid)
{
    if (pid >= 0)
        return;
    perror("drywire: fork");
    exit(EXIT_HARNESS);
}

/* Has this child ended within the time? Then it is waited for. */
static bool wait_for(pid_t *pid, int *status, unsigned ms)
{
    for (unsigned waited = 0;; waited++) {
        if (waitpid(*pid, status, WNOHANG) == *pid) {
            *pid = 0;
            return true;
        }
        if (waited >= ms)
            return false;
        usleep(1000);
    }
}

static void end_child(pid_t *pid, int number, int *status)
{
    if (!*pid)
        return;
    kill(*pid, number);
    if (!wait_for(pid, status, GRACE_MS)) {
        kill(*pid, SIGKILL);
        wait_for(pid, status, GRACE_MS);
    }
}

/* What is known of the run, for the headers of captures; `icount` is room for a number. */
static struct origin_facts qemu_facts(const struct run *r, char icount[24])
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

/* The far side in a child; returns when it listens. */
static void start_world(struct run *r, int fd, int other)
{
    struct live_guest guest = {r->scenario->device.mac, r->violation};
    const struct qemu_settings *s = r->settings;
    char icount[24];
    struct origin_facts facts = qemu_facts(r, icount);
    struct again again;
    struct live_settings live = {.limit_s = 3600, /* we have limits of our own */
                                 .fd = (uint64_t)fd,
                                 .seed = s->choice.seed,
                                 .pcap = s->pcap,
                                 .verbose = s->verbose,
                                 .counted = s->icount != NO_ICOUNT,
                                 .facts = &facts,
                                 .program = s->program,
                                 .again = &again};
    pid_t self = getpid();
    int ready[2];
    char line[8];

    if (pipe(ready)) {
        perror("drywire: pipe");
        exit(EXIT_HARNESS);
    }
    r->world_said = memory_file("world");
    qemu_again(&again, s, r->scenario->path, NULL);
    fflush(NULL);
    r->world = fork();
    check_fork(r->world);
    if (r->world == 0) {
        follow_parent(self, SIGTERM);
        close(ready[0]);
        close(other);
        dup2(r->world_said, STDOUT_FILENO);
        dup2(r->world_said, STDERR_FILENO);
        live.ready_fd = (uint64_t)ready[1];
        exit(live_serve(r->scenario, &live, guest));
    }
    close(ready[1]);
    if (read(ready[0], line, sizeof(line)) < 0)
        perror("drywire: world");
    close(ready[0]);
}

static void start_qemu(struct run *r)
{
    pid_t self = getpid();
    int serial[2], null;

    if (pipe(serial)) {
        perror("drywire: pipe");
        exit(EXIT_HARNESS);
    }
    r->qemu_said = memory_file("qemu");
    fflush(NULL);
    r->qemu = fork();
    check_fork(r->qemu);
    if (r->qemu == 0) {
        follow_parent(self, SIGKILL);
        null = open("/dev/null", O_RDONLY);
        dup2(null, STDIN_FILENO);
        dup2(serial[1], STDOUT_FILENO);
        dup2(r->qemu_said, STDERR_FILENO);
        close(null);
        close(serial[0]);
        close(serial[1]);
        signal(SIGPIPE, SIG_DFL);
        setenv("TZ", "UTC", 1); /* captures that QEMU writes have its time zone in them */
        execvp(r->command.argv[0], (char **)(uintptr_t)r->command.argv);
        value_message(stderr, "%s: %s\n", r->command.argv[0], strerror(errno));
        _exit(1);
    }
    close(serial[1]);
    r->serial = serial[0];
}

/* What a child wrote. */
static void show(FILE *out, int fd, const char *head)
{
    char buf[4096];
    ssize_t n;
    off_t at = 0;

    while ((n = pread(fd, buf, sizeof(buf), at)) > 0) {
        if (!at)
            fputs(head, out);
        fwrite(buf, 1, (size_t)n, out);
        at += n;
    }
}

/* The first line of it, or NULL. */
static const char *first_line(int fd, char *buf, size_t size)
{
    ssize_t n = pread(fd, buf, size - 1, 0);

    buf[n > 0 ? n : 0] = 0;
    buf[strcspn(buf, "\n")] = 0;
    return *buf ? buf : NULL;
}

/* ---- the serial line ---- */

static void on_line(void *ctx, uint64_t time_ns, const char *line)
{
    struct run *r = ctx;
    char at[40], *to;

    if (!strncmp(line, "journal: data ", 14))
        return; /* for a machine to read, in --log */
    to = r->lines[r->line_count++ % LINES_KEPT];
    story_time(at, sizeof(at), time_ns);
    snprintf(to, STORY_LINE_MAX, "%s  %s", at, line);
    if (!r->live)
        return;
    if (r->settings->verbose)
        printf("%6" PRIu64 " ms", now_ms() - r->start_ms);
    puts(to);
    fflush(stdout); /* whoever watches sees it now, through a pipe too */
}

/* Has the far side ended, because a rule was violated or it could not go on? */
static bool world_ended(struct run *r)
{
    if (!r->world || !wait_for(&r->world, &r->world_status, 0))
        return false;
    judge_violation(r->judge, r->violation);
    return true;
}

/* Why it must be ended now, or NULL. */
static const char *over(struct run *r)
{
    uint64_t now = now_ms(), silent = now - r->last_ms;

    if (stopped)
        return "interrupted";
    if (r->settings->gdb)
        return NULL; /* a person is at work */
    if (world_ended(r) && !judge_lost(r->judge))
        return "the far side has ended";
    if (judge_lost(r->judge)) {
        r->lost_ms = r->lost_ms ? r->lost_ms : now;
        return now - r->lost_ms >= GRACE_MS ? "lost" : NULL;
    }
    if (now - r->start_ms >= r->settings->timeout_s * 1000)
        return "the time is up (--timeout)";
    if (silent >= (judge_begun(r->judge) ? SILENCE_S : FIRST_LINE_S) * UINT64_C(1000))
        return "silence";
    return r->bytes > LOG_MAX ? "more output than any run has" : NULL;
}

/* One turn: what there is of the log is judged. False: there will be no more. */
static bool read_some(struct run *r)
{
    struct pollfd p = {.fd = r->serial, .events = POLLIN};
    char buf[4096];
    ssize_t n;

    if (poll(&p, 1, TURN_MS) <= 0)
        return true;
    n = read(r->serial, buf, sizeof(buf));
    if (n <= 0)
        return false;
    r->last_ms = now_ms();
    r->bytes += (uint64_t)n;
    if (r->log.file)
        fwrite(buf, 1, (size_t)n, r->log.file); /* an error is found by the close */
    judge_bytes(r->judge, buf, (size_t)n, on_line, r);
    return true;
}

/* The log to its end, then the end of QEMU: its own, or ours when it is over. */
static void watch_qemu(struct run *r, struct judge_end *end)
{
    const char *why = NULL;
    int status = 0;

    while (!why && read_some(r))
        why = over(r);
    if (!why && !wait_for(&r->qemu, &status, GRACE_MS))
        why = "the serial line was closed and nothing ended";
    if (!r->qemu) {
        end->exited = true;
        end->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        end->status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    }
    end->limit = judge_lost(r->judge) ? NULL : why;
    end_child(&r->qemu, SIGKILL, &status);
    close(r->serial);
}

/* ---- the whole ---- */

/* Counted instructions are counted in the checksum of the line that tells it, too: then one seed
 * has one id. */
static void new_run_id(const struct qemu_settings *s, char id[9])
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

static void print_command(FILE *out, const struct run *r)
{
    fprintf(out, "qemu was: ");
    for (unsigned i = 0; i < r->command.argc; i++)
        fprintf(out, strpbrk(r->command.argv[i], " ,()") ? " '%s'" : " %s", r->command.argv[i]);
    fputc('\n', out);
}

void qemu_again(struct again *a, const struct qemu_settings *s, const char *path,
                const char *machine)
{
    machine = machine ? machine : s->machine;
    again_start(a, "qemu", path, s->choice.seed);
    again_add(a, " --%s %s", machine ? "machine" : "target", machine ? machine : s->target);
    if (s->icount != NO_ICOUNT)
        again_add(a, " --icount %" PRIu64, s->icount);
    if (s->net != NET_WORLD)
        again_add(a, " --net %s", net_words[s->net]);
    if (s->kernel) {
        again_add(a, " --kernel ");
        again_word(a, s->kernel);
    }
    for (unsigned i = 0; i < s->args.count; i++) {
        again_add(a, " --arg ");
        again_word(a, s->args.word[i]);
    }
    if (s->journal)
        again_add(a, " --journal %s", journal_mode_words[s->journal]);
    again_choice(a, &s->choice);
}

/* The line that runs it again, on this very machine. */
static void again_line(FILE *out, const struct run *r)
{
    struct again again;
    struct report_item it = {.program = r->settings->program, .again = &again};
    char replay[AGAIN_MAX];

    qemu_again(&again, r->settings, r->scenario->path, r->command.machine->name);
    report_replay(replay, sizeof(replay), &it);
    fprintf(out, "again:     %s\n", replay);
}

static void failure_block(FILE *out, const struct run *r, enum judgement v, const struct failure *f)
{
    uint64_t us = f->time_ns >= SIM_POWER_ON_NS ? (f->time_ns - SIM_POWER_ON_NS) / NS_PER_US : 0;
    unsigned first = r->line_count > LINES_KEPT ? r->line_count - LINES_KEPT : 0;

    fprintf(out, "what:      %s %s: %s\n", judgement_word(v), f->oracle, value_shown(f->message));
    fprintf(out, "where:     %s\n", value_shown(f->site));
    fprintf(out, "when:      %" PRIu64 ".%06" PRIu64 " s on the %s clock\n", us / 1000000,
            us % 1000000, v == JUDGED_FAIL && r->violation->kind ? "far side's" : "machine's");
    fprintf(out, "lines:");
    for (unsigned i = first; i < r->line_count; i++)
        fprintf(out, "%s%s\n", i == first ? "     " : "           ", r->lines[i % LINES_KEPT]);
    fputs(r->line_count ? "\n" : "     none\n", out);
    show(out, r->qemu_said, "qemu says: ");
    show(out, r->world_said, "world:     ");
    if (v == JUDGED_PANIC && r->settings->journal && r->settings->log)
        fprintf(out, "replay:    %s replay --gdb %s\n", r->settings->program, r->settings->log);
    again_line(out, r);
    print_command(out, r);
}

/* End the far side; its exit code. */
static int end_world(struct run *r)
{
    end_child(&r->world, SIGTERM, &r->world_status);
    judge_violation(r->judge, r->violation);
    return WIFEXITED(r->world_status) ? WEXITSTATUS(r->world_status) : EXIT_HARNESS;
}

/* It passed, but its far side could not do its work: its own first words. */
static void fail_world(const struct run *r, struct failure *f)
{
    char said[200];

    f->kind = FAILURE_HARNESS;
    snprintf(f->oracle, sizeof(f->oracle), "world");
    snprintf(f->site, sizeof(f->site), "%.150s", r->scenario->path);
    if (r->world_said >= 0 && first_line(r->world_said, said, sizeof(said)))
        snprintf(f->message, sizeof(f->message), "%s", said);
}

/* The verdict for people, into result->text. */
static void tell(const struct run *r, enum judgement v, int world, struct qemu_result *result)
{
    uint64_t ms = now_ms() - r->start_ms;
    size_t len;
    FILE *out = memory_stream(&result->text, &len);

    result->real_ns = ms * NS_PER_MS;
    fprintf(out, "%s  %s  machine=%s  %" PRIu64 " ms%s\n", v || world ? "FAIL" : "pass",
            value_shown(r->scenario->path), r->command.machine->name, ms,
            scenario_claims(r->scenario) ? ", idle faults and lines not judged" : "");
    if (v)
        failure_block(out, r, v, &result->failure);
    else if (world || r->settings->verbose)
        show(out, r->world_said, "");
    memory_stream_close(out);
}

static int carry_out(struct run *r, struct qemu_result *result)
{
    struct judge_wants wants = {r->command.machine->target, r->run_id, r->build_id};
    struct judge_end end = {0};
    enum judgement v;
    char said[200];
    int world;

    r->judge = judge_new(r->scenario, &wants);
    if (r->settings->gdb)
        value_message(stderr, "gdb-multiarch %s -ex 'target remote :1234'\n", r->command.image);
    r->start_ms = r->last_ms = now_ms();
    start_qemu(r);
    watch_qemu(r, &end);
    world = end_world(r);
    end.said = first_line(r->qemu_said, said, sizeof(said));
    v = judge_finish(r->judge, &end, &result->failure);
    if (stopped) {
        value_message(stderr, "drywire: %s: interrupted\n", r->scenario->path);
        judge_free(r->judge);
        return EXIT_HARNESS;
    }
    tell(r, v, world, result);
    if (!v && world)
        fail_world(r, &result->failure);
    judge_free(r->judge);
    if (v)
        return result->failure.kind == FAILURE_HARNESS ? EXIT_HARNESS : EXIT_FAIL;
    return world;
}

/* What QEMU dumped, of its own network and of the guest's card, becomes a capture like the others.
 */
static int rewrap_dumps(const struct run *r)
{
    const struct qemu_settings *s = r->settings;
    const char *dumps[2] = {s->net == NET_WORLD ? NULL : s->pcap, s->nic_pcap};
    char icount[24];
    struct origin_facts facts = qemu_facts(r, icount);
    struct origin origin;
    int code = 0;

    origin_of(&origin, r->scenario, &facts);
    for (unsigned i = 0; i < 2; i++)
        if (dumps[i] && rewrap(dumps[i], &origin, r->scenario->device.mac))
            code = EXIT_HARNESS;
    return code;
}

static int open_log(struct run *r)
{
    if (!r->settings->log)
        return 0;
    if (!whole_file_open(&r->log, r->settings->log))
        return 0;
    value_message(stderr, "drywire: --log %s: %s\n", r->settings->log, strerror(errno));
    return EXIT_HARNESS;
}

static int close_log(struct run *r)
{
    if (!r->log.file || !whole_file_close(&r->log))
        return 0;
    value_message(stderr, "drywire: --log %s: %s\n", r->settings->log, strerror(errno));
    return EXIT_HARNESS;
}

/* 0, or an exit code and in result->error why it cannot start. */
static int prepare(struct run *r, const char *netdev, struct qemu_result *result)
{
    char folder[4096];
    struct aside aside;
    int code;

    aside_begin(&aside, stderr);
    code = qemu_command_make(&r->command, r->scenario, r->settings,
                             build_folder(folder, sizeof(folder)), netdev, r->run_id);
    if (!code)
        code = image_build_id(r->command.image, r->build_id);
    if (!code)
        code = open_log(r);
    result->error = aside_end(&aside);
    result->error[strcspn(result->error, "\n")] = 0;
    return code;
}

/* What the far side finds wrong, seen by both. */
static struct failure *shared_failure(void)
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
    static struct run r;
    char netdev[64];
    int wire[2], code, written;
    bool world = s->net == NET_WORLD;

    r = (struct run){.scenario = sc, .settings = s, .live = live, .world_said = -1};
    *result = (struct qemu_result){0};
    r.violation = shared_failure();
    new_run_id(s, r.run_id);
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, wire)) {
        perror("drywire: socketpair");
        return EXIT_HARNESS;
    }
    snprintf(netdev, sizeof(netdev), "dgram,id=n,local.type=fd,local.str=%d", wire[1]);
    code = prepare(&r,
                   world                ? netdev
                   : s->net == NET_USER ? "user,id=n,restrict=on"
                                        : "user,id=n",
                   result);
    if (!code) {
        watch_stop();
        fcntl(wire[0], F_SETFD, FD_CLOEXEC);
        if (world)
            start_world(&r, wire[0], wire[1]);
        code = carry_out(&r, result);
        written = rewrap_dumps(&r);
        code = worse_exit(code, written);
        written = close_log(&r);
        code = worse_exit(code, written);
        close(r.qemu_said);
        if (world)
            close(r.world_said);
    }
    close(wire[0]);
    close(wire[1]);
    if (stopped) {
        signal(stopped, SIG_DFL);
        raise(stopped);
    }
    return code;
}
