/*
 * The program `drywire`: from the command line to the verb (verbs.h).
 */
#include "base/whole_file.h"
#include "verbs.h"
#include "../sim/text/values.h"
#include "base/exit_codes.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What was printed must have got there: in the children as well. */
static void check_stdout(void)
{
    int error = 0;

    if (ferror(stdout)) { /* of an earlier write, its errno is gone: write again */
        clearerr(stdout);
        error = putchar('\n') == EOF || fflush(stdout) ? errno : EIO;
    } else if (fflush(stdout)) {
        error = errno;
    }
    if (!error)
        return;
    if (!whole_file_stdout_failed())
        value_message(stderr, "drywire: standard output: %s\n", strerror(error));
    _exit(EXIT_HARNESS);
}

/* A standard stream that is closed would get the number of the next thing that is opened, a pipe to
 * a worker perhaps, and what is printed would go there. Now a read or a write of it is an error. */
static void keep_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    struct options o;
    int code;

    keep_standard_streams();
    signal(SIGPIPE, SIG_IGN); /* a reader that is gone is an error of a write */
    code = options_parse(argc, argv, &o);
    atexit(check_stdout);
    whole_file_own();
    if (code >= 0)
        return code;
    code = check_apart(&o);
    if (code)
        return code;
    switch (o.verb) {
    case VERB_RUN:
        return verb_run(&o);
    case VERB_LIST:
        return verb_list(&o);
    case VERB_EXPLAIN:
        return verb_explain(&o);
    case VERB_WORLD:
        return verb_world(&o);
    case VERB_QEMU:
        return verb_qemu(&o);
    case VERB_COMPARE:
        return verb_compare(&o);
    case VERB_SEQ:
        return verb_seq(&o);
    case VERB_REPORT:
        return verb_report(&o);
    case VERB_REPLAY:
        return verb_replay(&o);
    case VERB_IMPORT:
        return verb_import(&o);
    }
    return EXIT_USAGE;
}
