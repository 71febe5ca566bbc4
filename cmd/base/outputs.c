/* Files that are written completely or not at all: see outputs.h. */
#include "outputs.h"
#include "exit_codes.h"
#include "whole_file.h"
#include "../../sim/text/values.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Leaves no file, and none under the final name meanwhile. */
int output_check(const char *option, const char *path)
{
    struct whole_file w;
    struct stat st;
    int bad;

    if (!path)
        return 0;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        bad = access(path, W_OK); /* opening a FIFO would wait for its reader */
    } else {
        bad = whole_file_open(&w, path);
        if (!bad)
            whole_file_discard(&w);
    }
    if (!bad)
        return 0;
    value_message(stderr, "drywire: --%s %s: %s\n", option, path, strerror(errno));
    return EXIT_USAGE;
}

int output_folder(const char *option, const char *path)
{
    if (!path || !mkdir(path, 0777) || errno == EEXIST)
        return 0;
    value_message(stderr, "drywire: --%s %s: %s\n", option, path, strerror(errno));
    return EXIT_USAGE;
}

int output_write(const char *option, const char *path, const void *bytes, size_t len)
{
    struct whole_file w;
    bool good;

    good = whole_file_open(&w, path) == 0;
    if (good) {
        fwrite(bytes, 1, len, w.file); /* an error is reported by the close */
        good = whole_file_close(&w) == 0;
    }
    if (good)
        return EXIT_PASS;
    value_message(stderr, "drywire: --%s %s: %s\n", option, path, strerror(errno));
    return EXIT_HARNESS;
}

bool output_is_file(const char *a, const char *b)
{
    struct stat x, y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}
