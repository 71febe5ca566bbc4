/*
 * The two children of a run, the far side (live.h) and QEMU: how they start, and how they end with
 * this process. See qemu_run.h.
 */
#include "qemu_run.h"
#include "../../core/base/array.h"
#include "live.h"
#include "../base/exit_codes.h"
#include "../../sim/text/values.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int children_file(const char *name)
{
    int fd = memfd_create(name, MFD_CLOEXEC);

    if (fd < 0) {
        perror("drywire: memfd");
        exit(EXIT_HARNESS);
    }
    return fd;
}

volatile sig_atomic_t qemu_stopped;

static void children_stop(int number)
{
    qemu_stopped = number;
}

/* Ignored signals (of a background job) stay ignored. */
void qemu_watch_stop(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction a = {.sa_handler = children_stop, .sa_flags = SA_RESTART}, old;

    for (unsigned i = 0; i < ARRAY_COUNT(numbers); i++)
        if (!sigaction(numbers[i], NULL, &old) && old.sa_handler != SIG_IGN)
            sigaction(numbers[i], &a, NULL);
    signal(SIGCHLD, SIG_DFL); /* if ignored, children could not be waited for */
}

/* In a child: it ends with its parent, however that ends. */
static void children_follow(pid_t parent, int number)
{
    signal(SIGTERM, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, number);
    if (getppid() != parent)
        _exit(EXIT_HARNESS);
}

/* A child that could not be started. */
static void children_check(pid_t pid)
{
    if (pid >= 0)
        return;
    perror("drywire: fork");
    exit(EXIT_HARNESS);
}

bool qemu_child_ended(pid_t *pid, int *status, unsigned ms)
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

void qemu_child_end(pid_t *pid, int number, int *status)
{
    if (!*pid)
        return;
    kill(*pid, number);
    if (!qemu_child_ended(pid, status, QEMU_GRACE_MS)) {
        kill(*pid, SIGKILL);
        qemu_child_ended(pid, status, QEMU_GRACE_MS);
    }
}

void qemu_start_world(struct qemu_run *r, int fd, int other)
{
    struct live_guest guest = {r->scenario->device.net.mac, r->violation};
    const struct qemu_settings *s = r->settings;
    char icount[24];
    struct origin_facts facts = qemu_facts(r, icount);
    struct again again;
    struct live_settings live = {.limit_s = 3600, /* the parent has limits of its own */
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
    r->world_said = children_file("world");
    qemu_again(&again, s, r->scenario->path, NULL);
    fflush(NULL);
    r->world = fork();
    children_check(r->world);
    if (r->world == 0) {
        children_follow(self, SIGTERM);
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

void qemu_start(struct qemu_run *r)
{
    pid_t self = getpid();
    int serial[2], null;

    if (pipe(serial)) {
        perror("drywire: pipe");
        exit(EXIT_HARNESS);
    }
    r->qemu_said = children_file("qemu");
    fflush(NULL);
    r->qemu = fork();
    children_check(r->qemu);
    if (r->qemu == 0) {
        children_follow(self, SIGKILL);
        null = open("/dev/null", O_RDONLY);
        dup2(null, STDIN_FILENO);
        dup2(serial[1], STDOUT_FILENO);
        dup2(r->qemu_said, STDERR_FILENO);
        close(null);
        close(serial[0]);
        close(serial[1]);
        signal(SIGPIPE, SIG_DFL);
        setenv("TZ", "UTC", 1); /* captures of QEMU contain its time zone */
        execvp(r->command.argv[0], (char **)(uintptr_t)r->command.argv);
        value_message(stderr, "%s: %s\n", r->command.argv[0], strerror(errno));
        _exit(1);
    }
    close(serial[1]);
    r->serial = serial[0];
}
