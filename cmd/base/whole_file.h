/*
 * A file that appears under its name only when it is complete: written under a temporary name in
 * the same folder and renamed at the end; a symbolic link is kept. A path that is not a regular
 * file (a FIFO) is written in place. /dev/stdout, /dev/stderr, /dev/fd/N and /proc/self/fd/N are
 * the owner's descriptors, also in a worker.
 *
 * The temporary name contains the pid of the process that owns the outputs, so that two runs with
 * one path do not conflict, and the owner finds the file of a crashed worker.
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

/* From now on this process owns the outputs, also those of its children. */
void whole_file_own(void);

/* True if the name is standard output, standard error or another descriptor of the owner. */
bool whole_file_is_stream(const char *path);

/* This process does not write the owner's streams: its remaining children must not keep them
 * open. */
void whole_file_leave_streams(void);

/* Open for writing: 0, or -1 with errno set and nothing left on disk. */
int whole_file_open(struct whole_file *w, const char *path);

/* The sink for a run; unbuffered. */
struct sink whole_file_sink(struct whole_file *w);

/* Finish: 0, or -1 with errno set (disk full...) and nothing left on disk. */
int whole_file_close(struct whole_file *w);

/* Discard it: nothing is left on disk. Harmless after a failed open. */
void whole_file_discard(struct whole_file *w);

/* True if a file on this process's standard output failed, which has been reported. */
bool whole_file_stdout_failed(void);

/* Rename the file that a process wrote for `path` before it died, cut to its complete records,
 * whose bytes `whole` returns. 0, or -1: no complete record, and no file is left. */
int whole_file_rescue(const char *path, long (*whole)(FILE *f));
long whole_file_lines(FILE *f);  /* for text */
long whole_file_blocks(FILE *f); /* for our pcapng */

/* Or remove it. */
void whole_file_remove(const char *path);

#endif
