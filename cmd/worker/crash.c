/*
 * The location and cause of a crash, in words. See crash.h.
 *
 * The failed CHECK is found by its address (core/base/check.h). A failed assert(), of a guest or a
 * library, calls __assert_fail(): this file replaces that of libc, stores its arguments, and
 * aborts. Other addresses are resolved by addr2line. It runs after everything else has been stored,
 * and an alarm ends a process that waits for it too long.
 */
#include "crash.h"
#include "../../core/base/array.h"
#include "../../core/base/check.h"
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#ifdef __GLIBC__
#include <execinfo.h>
#endif

enum { ADDR2LINE_MAX_S = 10 };

static struct {
    bool failed;
    char site[160], message[400];
} assertion;

/* The C library's, declared as <assert.h> does there. */
void __assert_fail(const char *expression, const char *file, unsigned line, const char *function)
    __attribute__((noreturn));

void __assert_fail(const char *expression, const char *file, unsigned line, const char *function)
{
    snprintf(assertion.site, sizeof(assertion.site), "%s:%u", file, line);
    snprintf(assertion.message, sizeof(assertion.message), "assertion '%s' failed in %s()",
             expression, function ? function : "?");
    assertion.failed = true;
    abort();
}

uintptr_t crash_pc(const void *context)
{
    const ucontext_t *u = context;

#if defined(__x86_64__)
    return (uintptr_t)u->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)u->uc_mcontext.pc;
#elif defined(__riscv)
    return (uintptr_t)u->uc_mcontext.__gregs[REG_PC];
#else
    (void)u;
    return 0;
#endif
}

/* Start addr2line with its output to `out`. fork() would take locks of malloc(), which may be held
 * by the crashed code. Not inlined: the child of vfork() shares the variables of its caller. */
__attribute__((noinline)) static pid_t crash_start(const char *object, const char *at, int in,
                                                   int out)
{
    pid_t pid = vfork();

    if (pid == 0) {
#ifdef __linux__
        prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
        dup2(out, STDOUT_FILENO);
        close(in);
        close(out);
        close(STDERR_FILENO);
        execlp("addr2line", "addr2line", "-f", "-C", "-e", object, at, (char *)NULL);
        _exit(1);
    }
    return pid;
}

/* The output of addr2line for an offset in an object: "function\nfile:line\n". False: not
 * installed, or failed. */
static bool crash_ask_addr2line(const char *object, uintptr_t offset, char *buf, size_t size)
{
    char at[32];
    size_t len = 0;
    int pipe_fd[2], status = 1;
    ssize_t n = 1;
    pid_t pid;

    snprintf(at, sizeof(at), "0x%" PRIxPTR, offset);
    if (pipe(pipe_fd))
        return false;
    pid = crash_start(object, at, pipe_fd[0], pipe_fd[1]);
    close(pipe_fd[1]);
    while (pid > 0 && n > 0 && len + 1 < size) {
        n = read(pipe_fd[0], buf + len, size - 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    buf[len] = 0;
    close(pipe_fd[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* "file:line in function() (object+offset)", the file relative to this folder; unchanged if
 * addr2line has no result. */
static void crash_symbolise(char *buf, size_t size, const Dl_info *info, uintptr_t offset)
{
    char text[1024], here[512], *line, *file, *end;
    const char *base = strrchr(info->dli_fname, '/');
    size_t len;

    if (!crash_ask_addr2line(info->dli_fname, offset, text, sizeof(text)))
        return;
    line = strchr(text, '\n');
    if (!line || text[0] == '?')
        return;
    *line = 0;
    file = line + 1;
    file[strcspn(file, "\n ")] = 0; /* a note in parentheses may follow */
    base = base ? base + 1 : info->dli_fname;
    end = strrchr(file, ':');
    if (!end || file[0] == '?' || end[1] == '?') {
        snprintf(buf, size, "%.80s() (%.40s+0x%" PRIxPTR ")", text, base, offset);
        return;
    }
    if (getcwd(here, sizeof(here)) && (len = strlen(here)) && !strncmp(file, here, len) &&
        file[len] == '/')
        file += len + 1;
    snprintf(buf, size, "%.90s in %.30s() (%.20s+0x%" PRIxPTR ")", file, text, base, offset);
}

/* Without addr2line: the object, the offset in it, and the exported function that contains it. */
static void crash_place(char *buf, size_t size, uintptr_t pc)
{
    Dl_info info;
    const char *name;
    uintptr_t offset;

    if (!dladdr((void *)pc, &info) || !info.dli_fname) {
        snprintf(buf, size, "0x%" PRIxPTR, pc);
        return;
    }
    name = strrchr(info.dli_fname, '/');
    offset = pc - (uintptr_t)info.dli_fbase;
    snprintf(buf, size, "%s+0x%" PRIxPTR, name ? name + 1 : info.dli_fname, offset);
    if (info.dli_sname)
        snprintf(buf + strlen(buf), size - strlen(buf), " (%s+0x%" PRIxPTR ")", info.dli_sname,
                 pc - (uintptr_t)info.dli_saddr);
    crash_symbolise(buf, size, &info, offset);
}

/* abort() is in libc: find its caller, else use the address in libc. */
static uintptr_t crash_caller(uintptr_t pc)
{
#ifdef __GLIBC__
    void *frames[32];
    int count = backtrace(frames, 32);
    Dl_info aborts, info;
    bool passed = false;

    if (!dladdr((void *)pc, &aborts))
        return pc;
    for (int i = 0; i < count; i++) {
        bool same = dladdr(frames[i], &info) && info.dli_fbase == aborts.dli_fbase;

        if (passed && !same)
            return (uintptr_t)frames[i] - 1; /* the call, not the instruction after it */
        passed = passed || frames[i] == (void *)pc;
    }
#endif
    return pc;
}

static void crash_end_waiting(void)
{
    sigset_t set;

    signal(SIGALRM, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    alarm(ADDR2LINE_MAX_S);
}

void crash_describe(struct failure *f, int number, const siginfo_t *info, const void *context)
{
    uintptr_t pc = crash_pc(context);
    const char *site = check_site(pc);

    if (site || (number == SIGABRT && assertion.failed)) {
        snprintf(f->oracle, sizeof(f->oracle), "assertion");
        snprintf(f->site, sizeof(f->site), "%s", site ? site : assertion.site);
        if (site)
            snprintf(f->message, sizeof(f->message), "assertion '%s' failed",
                     check_expression(site));
        else
            snprintf(f->message, sizeof(f->message), "%s", assertion.message);
        return;
    }
    snprintf(f->oracle, sizeof(f->oracle), number == SIGALRM ? "budget.alarm" : "signal");
    if (number == SIGALRM)
        snprintf(f->message, sizeof(f->message),
                 "the wall-clock time limit was reached (--timeout)");
    else if (number == SIGSEGV || number == SIGBUS)
        snprintf(f->message, sizeof(f->message), "%s at address 0x%" PRIxPTR, strsignal(number),
                 (uintptr_t)info->si_addr);
    else
        snprintf(f->message, sizeof(f->message), "%s", strsignal(number));
    snprintf(f->site, sizeof(f->site), "0x%" PRIxPTR, pc);
    crash_end_waiting();
    crash_place(f->site, sizeof(f->site), number == SIGABRT ? crash_caller(pc) : pc);
}

void crash_watch(void (*handler)(int number, siginfo_t *info, void *context))
{
    static const int numbers[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGALRM};
    static uint8_t stack[64 * 1024];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    sigaltstack(&alternate, NULL);
    for (unsigned i = 0; i < ARRAY_COUNT(numbers); i++)
        sigaction(numbers[i], &a, NULL);
}
