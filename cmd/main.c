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

/* Check that the output was written, in the children as well. */
static void check_stdout(void)
{
    int error = 0;

    if (ferror(stdout)) { /* of an earlier write, without its errno: write again */
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

/* The next file that is opened, such as a pipe to a worker, would get the number of a closed
 * standard stream, and its output. Open it so that reads and writes of it are errors. */
static void keep_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    static struct command c; /* static, so that its pointers are reachable until the end */
    int code;

    keep_standard_streams();
    signal(SIGPIPE, SIG_IGN); /* a closed reader is an error of a write */
    code = options_parse(argc, argv, &c);
    atexit(check_stdout);
    whole_file_own();
    return code >= 0 ? code : c.row->verb->run(&c.call, c.settings);
}
