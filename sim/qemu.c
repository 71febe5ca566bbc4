/*
 * A scenario in QEMU: see qemu.h. Three processes: the far side (live.h) and QEMU are children,
 * joined by a pair of datagram sockets; the parent reads the serial line from a pipe.
 */
#include "qemu.h"
#include "judge.h"
#include "live.h"
#include "qemu_machine.h"
#include "report.h"
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
    QEMU_MAJOR_MIN = 7,
    QEMU_MINOR_MIN = 2,
    FIRST_LINE_S = 15, /* guards against a hang, with room for a machine that is busy */
    SILENCE_S = 20,
    GRACE_MS = 2000, /* from a lost verdict to the end: what else does it say? */
    LINES_KEPT = 12,
    LOG_MAX = 4 << 20,
};

struct run {
    const struct scenario *scenario;
    const struct options *options;
    bool single;
    struct qemu_command command;
    struct judge *judge;
    FILE *log; /* NULL: not kept */
    pid_t world, qemu;
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

int qemu_check(const struct options *o)
{
    const char *emulator = qemu_emulator(o);
    int major, minor;

    if (!emulator)
        return 0; /* the name is wrong: said when the command is made */
    if (version_of(emulator, &major, &minor)) {
        fprintf(stderr, "drywire: %s is not here; on Debian, as root: apt-get install -y %s\n",
                emulator, strstr(emulator, "riscv") ? "qemu-system-misc" : "qemu-system-x86");
        return EXIT_CANNOT_TEST;
    }
    if (major > QEMU_MAJOR_MIN || (major == QEMU_MAJOR_MIN && minor >= QEMU_MINOR_MIN))
        return 0;
    fprintf(stderr, "drywire: %s is version %d.%d; it takes %d.%d or later\n", emulator, major, minor,
            QEMU_MAJOR_MIN, QEMU_MINOR_MIN);
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
    uint8_t *bytes = malloc(LOG_MAX), *at = NULL;
    size_t len = 0;

    if (f && bytes) {
        len = fread(bytes, 1, LOG_MAX, f);
        at = memmem(bytes, len, head, sizeof(head));
    }
    if (at && at + sizeof(head) + 4 <= bytes + len)
        snprintf(id, 9, "%02x%02x%02x%02x", at[16], at[17], at[18], at[19]);
    else if (f)
        fprintf(stderr, "drywire: %s is not an image of drywire: it has no build id\n", path);
    else
        fprintf(stderr, "drywire: %s: %s; `make images` builds it\n", path, strerror(errno));
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

/* The far side in a child; returns when it listens. */
static void start_world(struct run *r, int fd, int other)
{
    struct options o = *r->options;
    int ready[2];
    char line[8];

    if (pipe(ready)) {
        perror("drywire: pipe");
        exit(EXIT_HARNESS);
    }
    r->world_said = memory_file("world");
    fflush(NULL);
    r->world = fork();
    if (r->world == 0) {
        close(ready[0]);
        close(other);
        dup2(r->world_said, STDOUT_FILENO);
        dup2(r->world_said, STDERR_FILENO);
        o.fd = (uint64_t)fd;
        o.ready_fd = (uint64_t)ready[1];
        o.limit_s = 3600; /* we have limits of our own */
        exit(live_serve(r->scenario, &o));
    }
    close(ready[1]);
    if (read(ready[0], line, sizeof(line)) < 0)
        perror("drywire: world");
    close(ready[0]);
}

static void start_qemu(struct run *r)
{
    int serial[2], null;

    if (pipe(serial)) {
        perror("drywire: pipe");
        exit(EXIT_HARNESS);
    }
    r->qemu_said = memory_file("qemu");
    fflush(NULL);
    r->qemu = fork();
    if (r->qemu == 0) {
        null = open("/dev/null", O_RDONLY);
        dup2(null, STDIN_FILENO);
        dup2(serial[1], STDOUT_FILENO);
        dup2(r->qemu_said, STDERR_FILENO);
        close(serial[0]);
        close(serial[1]);
        setenv("TZ", "UTC", 1); /* captures that QEMU writes have its time zone in them */
        execvp(r->command.argv[0], (char **)(uintptr_t)r->command.argv);
        fprintf(stderr, "%s: %s\n", r->command.argv[0], strerror(errno));
        _exit(1);
    }
    close(serial[1]);
    r->serial = serial[0];
}

/* What a child wrote. */
static void show(int fd, const char *head)
{
    char buf[4096];
    ssize_t n;
    off_t at = 0;

    while ((n = pread(fd, buf, sizeof(buf), at)) > 0) {
        if (!at)
            fputs(head, stdout);
        fwrite(buf, 1, (size_t)n, stdout);
        at += n;
    }
}

/* ---- the serial line ---- */

static void on_line(void *ctx, uint64_t time_ns, const char *line)
{
    struct run *r = ctx;
    char at[40], *to;

    if (!strncmp(line, "journal: data ", 14))
        return; /* for a machine to read, in --log */
    to = r->lines[r->line_count++ % LINES_KEPT];
    report_time(at, sizeof(at), time_ns);
    snprintf(to, STORY_LINE_MAX, "%s  %s", at, line);
    if (r->options->verbose)
        printf("%6" PRIu64 " ms", now_ms() - r->start_ms);
    if (r->options->verbose || r->single)
        puts(to);
}

/* Why it must be ended now, or NULL. */
static const char *over(struct run *r)
{
    uint64_t now = now_ms(), silent = now - r->last_ms;

    if (r->options->gdb)
        return NULL; /* a person is at work */
    if (judge_lost(r->judge)) {
        r->lost_ms = r->lost_ms ? r->lost_ms : now;
        return now - r->lost_ms >= GRACE_MS ? "lost" : NULL;
    }
    if (now - r->start_ms >= r->options->timeout_s * 1000)
        return "the time is up (--timeout)";
    if (silent >= (judge_begun(r->judge) ? SILENCE_S : FIRST_LINE_S) * UINT64_C(1000))
        return "silence";
    return r->bytes > LOG_MAX ? "more output than any run has" : NULL;
}

static void read_serial(struct run *r, struct judge_end *end)
{
    struct pollfd p = {.fd = r->serial, .events = POLLIN};
    char buf[4096];
    const char *why;

    for (;;) {
        ssize_t n = 0;

        if (poll(&p, 1, 100) > 0) {
            n = read(r->serial, buf, sizeof(buf));
            if (n <= 0)
                return;
            r->last_ms = now_ms();
            r->bytes += (uint64_t)n;
            if (r->log)
                fwrite(buf, 1, (size_t)n, r->log);
            judge_bytes(r->judge, buf, (size_t)n, on_line, r);
        }
        why = over(r);
        if (why) {
            end->limit = judge_lost(r->judge) ? NULL : why;
            kill(r->qemu, SIGKILL);
            return;
        }
    }
}

/* ---- the whole ---- */

static void new_run_id(char id[9])
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    snprintf(id, 9, "%08x",
             (unsigned)((uint64_t)t.tv_nsec * 2654435761u ^ (uint64_t)t.tv_sec ^ (unsigned)getpid() << 16));
}

static void print_command(const struct run *r)
{
    printf("qemu was: ");
    for (unsigned i = 0; i < r->command.argc; i++)
        printf(strpbrk(r->command.argv[i], " ,()") ? " '%s'" : " %s", r->command.argv[i]);
    putchar('\n');
}

/* The line that runs it again. */
static void again(const struct run *r)
{
    const struct options *o = r->options;

    printf("again:     build/drywire qemu --machine %s --seed %" PRIu64, r->command.machine->name,
           o->seed);
    if (o->device)
        printf(" --device '%s'", o->device);
    if (o->icount != NO_ICOUNT)
        printf(" --icount %" PRIu64, o->icount);
    if (o->kernel)
        printf(" --kernel %s", o->kernel);
    if (o->journal)
        printf(" --journal %s", o->journal == JOURNAL_MODE_DUMP ? "dump" : "on");
    printf(" %s\n", r->scenario->path);
}

static void failure_block(const struct run *r, enum judgement v, const struct failure *f)
{
    uint64_t us = f->time_ns >= SIM_POWER_ON_NS ? (f->time_ns - SIM_POWER_ON_NS) / NS_PER_US : 0;
    unsigned first = r->line_count > LINES_KEPT ? r->line_count - LINES_KEPT : 0;

    printf("what:      %s %s: %s\n", judgement_word(v), f->oracle, f->message);
    printf("where:     %s\n", f->site);
    printf("when:      %" PRIu64 ".%06" PRIu64 " s on the machine's clock\n", us / 1000000, us % 1000000);
    printf("lines:");
    for (unsigned i = first; i < r->line_count; i++)
        printf("%s%s\n", i == first ? "     " : "           ", r->lines[i % LINES_KEPT]);
    puts(r->line_count ? "" : "     none");
    show(r->qemu_said, "qemu says: ");
    show(r->world_said, "world:     ");
    if (v == JUDGED_PANIC && r->options->journal && r->log)
        printf("replay:    build/drywire replay --gdb %s\n", r->options->log);
    again(r);
    print_command(r);
}

/* Wait for the far side to end after SIGTERM; its exit code. */
static int end_world(struct run *r)
{
    int status;

    if (!r->world)
        return EXIT_PASS;
    kill(r->world, SIGTERM);
    if (waitpid(r->world, &status, 0) < 0 || !WIFEXITED(status))
        return EXIT_HARNESS;
    return WEXITSTATUS(status);
}

static enum judgement finish(struct run *r, struct judge_end *end, struct failure *failure)
{
    int status = 0;

    if (waitpid(r->qemu, &status, 0) == r->qemu && !end->limit && !judge_lost(r->judge)) {
        end->exited = true;
        end->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        end->status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    }
    close(r->serial);
    return judge_finish(r->judge, end, failure);
}

static int carry_out(struct run *r)
{
    struct judge_wants wants = {r->command.machine->target, r->run_id, r->build_id};
    struct judge_end end = {0};
    struct failure failure;
    enum judgement v;
    int world;

    r->judge = judge_new(r->scenario, &wants);
    if (r->options->gdb)
        printf("gdb-multiarch %s -ex 'target remote :1234'\n", r->command.image);
    r->start_ms = r->last_ms = now_ms();
    start_qemu(r);
    read_serial(r, &end);
    v = finish(r, &end, &failure);
    world = end_world(r);
    printf("%s  %s  machine=%s  %" PRIu64 " ms\n", v || world ? "FAIL" : "pass", r->scenario->path,
           r->command.machine->name, now_ms() - r->start_ms);
    if (v)
        failure_block(r, v, &failure);
    else if (world || r->options->verbose)
        show(r->world_said, "");
    judge_free(r->judge);
    return v ? EXIT_FAIL : world;
}

static int open_log(struct run *r)
{
    if (!r->options->log)
        return 0;
    r->log = fopen(r->options->log, "wb");
    if (r->log)
        return 0;
    fprintf(stderr, "drywire: --log %s: %s\n", r->options->log, strerror(errno));
    return EXIT_USAGE;
}

int qemu_run(const struct scenario *sc, const struct options *o, bool single)
{
    static struct run r;
    char folder[4096], netdev[64];
    int wire[2], code;
    bool world = o->net == NET_WORLD;

    r = (struct run){.scenario = sc, .options = o, .single = single, .world_said = -1};
    new_run_id(r.run_id);
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, wire)) {
        perror("drywire: socketpair");
        return EXIT_HARNESS;
    }
    snprintf(netdev, sizeof(netdev), "dgram,id=n,local.type=fd,local.str=%d", wire[1]);
    code = qemu_command_make(&r.command, sc, o, build_folder(folder, sizeof(folder)),
                             world                ? netdev
                             : o->net == NET_USER ? "user,id=n,restrict=on"
                                                  : "user,id=n",
                             r.run_id);
    if (!code)
        code = image_build_id(r.command.image, r.build_id);
    if (!code)
        code = open_log(&r);
    if (!code) {
        fcntl(wire[0], F_SETFD, FD_CLOEXEC);
        if (world)
            start_world(&r, wire[0], wire[1]);
        code = carry_out(&r);
        close(r.qemu_said);
        if (world)
            close(r.world_said);
    }
    if (r.log)
        fclose(r.log);
    close(wire[0]);
    close(wire[1]);
    return code;
}
