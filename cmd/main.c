/*
 * The program `drywire`: from the command line (options.h) to the command (verbs.h).
 */
#include "base/whole_file.h"
#include "options.h"
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
    static struct command c; /* what it points to is reachable to the end */
    int code;

    keep_standard_streams();
    signal(SIGPIPE, SIG_IGN); /* a reader that is gone is an error of a write */
    code = options_parse(argc, argv, &c);
    atexit(check_stdout);
    whole_file_own();
    return code >= 0 ? code : c.row->verb->run(&c.call, c.settings);
}
