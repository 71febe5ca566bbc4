/* A file that is whole or not there: see whole_file.h. */
#include "whole_file.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SUFFIX_MAX = 40 };

static pid_t owner;

void whole_file_own(void)
{
    owner = getpid();
}

/* "path.PID.partial", to be freed; NULL without memory. */
static char *temporary_name(const char *path)
{
    size_t size = strlen(path) + SUFFIX_MAX;
    char *name = malloc(size);

    if (name)
        snprintf(name, size, "%s.%ld.partial", path, (long)(owner ? owner : getpid()));
    return name;
}

int whole_file_open(struct whole_file *w, const char *path)
{
    struct stat st;
    int error;

    *w = (struct whole_file){0};
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return -1;
    }
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        w->file = fopen(path, "wb");
        return w->file ? 0 : -1;
    }
    w->path = strdup(path);
    w->temporary = temporary_name(path);
    if (w->path && w->temporary)
        w->file = fopen(w->temporary, "wb");
    if (w->file)
        return 0;
    error = errno;
    free(w->path);
    free(w->temporary);
    *w = (struct whole_file){0};
    errno = error;
    return -1;
}

int whole_file_close(struct whole_file *w)
{
    int error = 0;

    /* An error of an earlier write is remembered by the FILE, its errno is gone: write again. */
    if (ferror(w->file)) {
        clearerr(w->file);
        error = fputc(0, w->file) == EOF || fflush(w->file) ? errno : EIO;
    }
    if (fclose(w->file) && !error)
        error = errno;
    w->file = NULL;
    if (!error && w->temporary && rename(w->temporary, w->path))
        error = errno;
    if (!error && w->temporary)
        w->temporary[0] = 0;
    whole_file_discard(w);
    errno = error;
    return error ? -1 : 0;
}

void whole_file_discard(struct whole_file *w)
{
    if (w->file)
        fclose(w->file);
    if (w->temporary && w->temporary[0])
        unlink(w->temporary);
    free(w->path);
    free(w->temporary);
    *w = (struct whole_file){0};
}

long whole_file_lines(FILE *f)
{
    long at;

    fseek(f, 0, SEEK_END);
    for (at = ftell(f); at > 0; at--) {
        fseek(f, at - 1, SEEK_SET);
        if (fgetc(f) == '\n')
            break;
    }
    return at;
}

int whole_file_rescue(const char *path, long (*whole)(FILE *f))
{
    char *temporary = temporary_name(path);
    FILE *f = temporary ? fopen(temporary, "r+b") : NULL;
    int result = -1;
    long len;

    if (f) {
        len = whole(f);
        result = len > 0 ? ftruncate(fileno(f), len) : -1;
        fclose(f);
        result = result ? result : rename(temporary, path);
        if (result)
            unlink(temporary);
    }
    free(temporary);
    return result;
}

void whole_file_remove(const char *path)
{
    char *temporary = temporary_name(path);

    if (temporary)
        unlink(temporary);
    free(temporary);
}
