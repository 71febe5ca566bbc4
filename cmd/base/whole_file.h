/*
 * A file that appears under its name only when it is whole: written under a temporary name beside
 * it and renamed at the end; through a symbolic link, which stays. A path that is there and is no
 * regular file (a FIFO) is written in place. /dev/stdout, /dev/stderr, /dev/fd/N and
 * /proc/self/fd/N are the owner's descriptors, whatever a worker's own are.
 *
 * The temporary name has the number of the process that owns the outputs, so that two runs into one
 * path do not disturb each other, and so that the owner finds what a worker that crashed has left.
 */
#ifndef DRYWIRE_WHOLE_FILE_H
#define DRYWIRE_WHOLE_FILE_H

#include <stdbool.h>
#include "../../sim/base/sink.h"
#include <stdio.h>

struct whole_file {
    FILE *file;
    char *path, *temporary; /* NULL: written in place */
    bool on_stdout;
};

/* From now on this process and its children write in the name of this process. */
void whole_file_own(void);

/* Is that name standard output, error or another descriptor of the owner's? */
bool whole_file_is_stream(const char *path);

/* This process writes none of the owner's streams: what it leaves behind must not keep them open.
 */
void whole_file_leave_streams(void);

/* Open for writing: 0, or -1 with errno set and nothing left on disk. */
int whole_file_open(struct whole_file *w, const char *path);

/* What a run writes into it; each write is on disk when it returns. */
struct sink whole_file_sink(struct whole_file *w);

/* Finish: 0, or -1 with errno set (disk full...) and nothing left on disk. */
int whole_file_close(struct whole_file *w);

/* Give up: nothing is left on disk. Harmless after a failed open. */
void whole_file_discard(struct whole_file *w);

/* Did a file on this process's standard output fail? Then its own line has reported that. */
bool whole_file_stdout_failed(void);

/* What a process wrote for `path` before it died: give it its name, cut to what `whole` says are
 * the bytes of whole records. 0, or -1: there is nothing whole, and nothing is left. */
int whole_file_rescue(const char *path, long (*whole)(FILE *f));
long whole_file_lines(FILE *f);  /* for text */
long whole_file_blocks(FILE *f); /* for a pcapng of ours */

/* Or remove it. */
void whole_file_remove(const char *path);

#endif
