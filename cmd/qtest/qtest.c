/* The client side of the qtest protocol, and QEMU as a child process: see qtest.h. */
#include "qtest.h"
#include "../base/exit_codes.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXEC_FAILED = 127 };

/* ---- the process ---- */

/* In the child: exec QEMU, with these as stdin, stdout and stderr. It ends with the parent, also
 * with one that has already ended. */
static void qtest_become(const char *const *argv, int in, int out, int err, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(err, STDERR_FILENO) < 0)
        _exit(EXEC_FAILED);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(EXEC_FAILED);
}

static pid_t qtest_spawn(const char *const *argv, int in, int out, int err)
{
    pid_t parent = getpid(), pid = fork();

    if (pid == 0)
        qtest_become(argv, in, out, err, parent);
    return pid;
}

static int qtest_wait_for_end(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

int qtest_version(const char *program, char *buf, size_t size)
{
    const char *argv[] = {program, "--version", NULL};
    int out = memfd_create("version", MFD_CLOEXEC), status;
    char text[200] = "";
    unsigned major, minor, patch;
    pid_t pid = qtest_spawn(argv, STDIN_FILENO, out, out);

    status = pid > 0 ? qtest_wait_for_end(pid) : -1;
    if (pread(out, text, sizeof(text) - 1, 0) < 0)
        text[0] = 0;
    close(out);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXEC_FAILED)
        return 0;
    if (sscanf(text, "QEMU emulator version %u.%u.%u", &major, &minor, &patch) != 3)
        return -1;
    snprintf(buf, size, "%u.%u.%u", major, minor, patch);
    return (int)(major * 1000 + minor);
}

int qtest_start(struct qtest *q, const char *const *argv)
{
    static const char hello[] = "endianness\n";
    int pair[2];

    *q = (struct qtest){.program = argv[0], .pid = -1, .fd = -1};
    q->log = memfd_create("log", MFD_CLOEXEC);
    if (q->log < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return -1;
    q->fd = pair[0];
    q->pid = qtest_spawn(argv, pair[1], pair[1], q->log);
    close(pair[1]);
    if (q->pid < 0 || send(q->fd, hello, sizeof(hello) - 1, MSG_NOSIGNAL) < 0)
        return -1;
    for (;;) { /* read the whole reply: nothing else is in flight */
        ssize_t n = recv(q->fd, q->line + q->have, sizeof(q->line) - q->have, 0);

        if (n <= 0)
            return -1;
        q->have += (size_t)n;
        if (memchr(q->line, '\n', q->have))
            break;
        if (q->have == sizeof(q->line))
            return -1;
    }
    q->have = 0;
    return strncmp(q->line, "OK little", 9) == 0 ? 0 : -1;
}

void qtest_stop(struct qtest *q)
{
    if (q->pid > 0) {
        kill(q->pid, SIGKILL);
        qtest_wait_for_end(q->pid);
    }
    q->pid = -1;
    if (q->fd >= 0)
        close(q->fd);
    q->fd = -1;
}

const char *qtest_words(struct qtest *q, char *buf, size_t size)
{
    ssize_t n = pread(q->log, buf, size - 1, 0);

    buf[n > 0 ? n : 0] = 0;
    buf[strcspn(buf, "\n")] = 0;
    if (!buf[0])
        snprintf(buf, size, "it printed nothing");
    return buf;
}

/* ---- the protocol ---- */

_Noreturn static void lost(struct qtest *q, const char *command)
{
    char words[160];

    qtest_stop(q);
    fprintf(stderr, "qtest: %s ended during '%.*s': %s\n", q->program, (int)strcspn(command, "\n"),
            command, qtest_words(q, words, sizeof(words)));
    exit(EXIT_HARNESS);
}

/* The next line, without its newline; bytes after it are kept. */
static void qtest_take_line(struct qtest *q, char *out, const char *command)
{
    char *end;

    while (!(end = memchr(q->line, '\n', q->have))) {
        ssize_t n = q->have < sizeof(q->line)
                        ? recv(q->fd, q->line + q->have, sizeof(q->line) - q->have, 0)
                        : 0;

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            lost(q, command);
        q->have += (size_t)n;
    }
    memcpy(out, q->line, (size_t)(end - q->line));
    out[end - q->line] = 0;
    q->have -= (size_t)(end + 1 - q->line);
    memmove(q->line, end + 1, q->have);
}

/* Send one command; returns the number after its OK, or 0. Lines about interrupts may come
 * first. */
static uint64_t qtest_ask(struct qtest *q, const char *command)
{
    char line[QTEST_LINE_MAX];
    size_t len = strlen(command);

    if (send(q->fd, command, len, MSG_NOSIGNAL) != (ssize_t)len)
        lost(q, command);
    do
        qtest_take_line(q, line, command);
    while (strncmp(line, "IRQ ", 4) == 0);
    if (strncmp(line, "OK", 2))
        lost(q, command);
    return strtoull(line + 2, NULL, 0);
}

static char qtest_letter(unsigned size)
{
    return size == 1 ? 'b' : size == 2 ? 'w' : 'l';
}

uint32_t qtest_read(struct qtest *q, enum qtest_space space, uint64_t addr, unsigned size)
{
    char command[64];

    snprintf(command, sizeof(command), "%s%c 0x%" PRIx64 "\n",
             space == QTEST_MEMORY ? "read" : "in", qtest_letter(size), addr);
    return (uint32_t)qtest_ask(q, command);
}

void qtest_write(struct qtest *q, enum qtest_space space, uint64_t addr, unsigned size,
                 uint32_t value)
{
    char command[64];

    snprintf(command, sizeof(command), "%s%c 0x%" PRIx64 " 0x%" PRIx32 "\n",
             space == QTEST_MEMORY ? "write" : "out", qtest_letter(size), addr, value);
    qtest_ask(q, command);
}
