/* A file that is complete or absent: see whole_file.h. */
#include "whole_file.h"
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SUFFIX_MAX = 40 };

static pid_t owner;

/* The owner's standard output and error: those of a worker are redirected. */
static int streams[3] = {0, 1, 2};

void whole_file_own(void)
{
    owner = getpid();
    for (int fd = 1; fd <= 2; fd++)
        streams[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static bool stdout_failed;

/* The owner's descriptor of a name such as /dev/stdout; -1: a file name. */
static int whole_file_stream_of(const char *path)
{
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
    int fd = !strcmp(path, "/dev/stdout") ? 1 : !strcmp(path, "/dev/stderr") ? 2 : -1;

    for (unsigned i = 0; i < 2 && fd < 0; i++) {
        size_t n = strlen(folders[i]);

        if (!strncmp(path, folders[i], n) && path[n] && strspn(path + n, "0123456789") < 10 &&
            !path[n + strspn(path + n, "0123456789")])
            fd = atoi(path + n);
    }
    return fd == 1 || fd == 2 ? streams[fd] : fd;
}

bool whole_file_is_stream(const char *path)
{
    return whole_file_stream_of(path) >= 0;
}

void whole_file_leave_streams(void)
{
    for (int fd = 1; fd <= 2; fd++) {
        if (streams[fd] > 2)
            close(streams[fd]);
        streams[fd] = fd;
    }
}

/* The path of the file, to be freed: a symbolic link is kept. NULL: it does not exist, or no
 * memory. */
static char *whole_file_place_of(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode) ? realpath(path, NULL) : strdup(path);
}

/* "path.PID.partial", to be freed; NULL without memory. */
static char *whole_file_temporary_name(const char *path)
{
    char *place = whole_file_place_of(path);
    size_t size = place ? strlen(place) + SUFFIX_MAX : 0;
    char *name = place ? malloc(size) : NULL;

    if (name)
        snprintf(name, size, "%s.%ld.partial", place, (long)(owner ? owner : getpid()));
    free(place);
    return name;
}

/* A special file is written in place, and so is the target of a dangling link. */
static FILE *whole_file_open_in_place(const char *path)
{
    int fd = whole_file_stream_of(path);
    FILE *f;

    if (fd < 0)
        return fopen(path, "wb");
    fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    f = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!f && fd >= 0)
        close(fd);
    return f;
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
    w->path = whole_file_stream_of(path) < 0 ? whole_file_place_of(path) : NULL;
    if (!w->path || (stat(path, &st) == 0 && !S_ISREG(st.st_mode))) {
        free(w->path);
        w->path = NULL;
        w->file = whole_file_open_in_place(path);
        w->on_stdout = whole_file_stream_of(path) == streams[1];
        return w->file ? 0 : -1;
    }
    w->temporary = whole_file_temporary_name(path);
    if (w->temporary)
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

static void whole_file_sink_write(void *ctx, const void *bytes, size_t len)
{
    struct whole_file *w = ctx;

    fwrite(bytes, 1, len, w->file); /* an error is kept in the FILE */
    fflush(w->file);
}

static void whole_file_sink_overwrite(void *ctx, uint64_t at, const void *bytes, size_t len)
{
    struct whole_file *w = ctx;

    if (fseek(w->file, (long)at, SEEK_SET) == 0)
        fwrite(bytes, 1, len, w->file);
    fflush(w->file);
    fseek(w->file, 0, SEEK_END);
}

struct sink whole_file_sink(struct whole_file *w)
{
    return (struct sink){w, whole_file_sink_write, w->path ? whole_file_sink_overwrite : NULL};
}

int whole_file_close(struct whole_file *w)
{
    int error = 0;

    /* The FILE remembers an error of an earlier write, but not its errno: write again. */
    if (ferror(w->file)) {
        clearerr(w->file);
        error = fputc(0, w->file) == EOF || fflush(w->file) ? errno : EIO;
    }
    if (fclose(w->file) && !error)
        error = errno;
    w->file = NULL;
    stdout_failed |= error && w->on_stdout;
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

bool whole_file_stdout_failed(void)
{
    return stdout_failed;
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

long whole_file_blocks(FILE *f)
{
    uint32_t head[2], last;
    long at = 0;

    for (;; at += (long)head[1]) {
        if (fseek(f, at, SEEK_SET) || fread(head, sizeof(head), 1, f) != 1 ||
            head[1] < sizeof(head) + sizeof(last) ||
            fseek(f, at + (long)head[1] - (long)sizeof(last), SEEK_SET) ||
            fread(&last, sizeof(last), 1, f) != 1 || last != head[1])
            return at;
    }
}

int whole_file_rescue(const char *path, long (*whole)(FILE *f))
{
    char *temporary = whole_file_temporary_name(path);
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
    char *temporary = whole_file_temporary_name(path);

    if (temporary)
        unlink(temporary);
    free(temporary);
}
