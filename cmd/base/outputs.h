/*
 * Files that an option names to be written: a whole one or nothing, and a mistake is found before
 * anything runs. Messages name the option, without its dashes.
 */
#ifndef DRYWIRE_OUTPUTS_H
#define DRYWIRE_OUTPUTS_H

#include <stdbool.h>
#include <stddef.h>

/* Can this file be written? NULL: there is nothing to write. Leaves nothing. 0, or EXIT_USAGE
 * after a line on stderr. */
int output_check(const char *option, const char *path);

/* The same for a folder, which is made when it is not there. */
int output_folder(const char *option, const char *path);

/* Write a file, the whole of it or nothing; what was there before stays until then. EXIT_PASS, or
 * EXIT_HARNESS after a line on stderr. */
int output_write(const char *option, const char *path, const void *bytes, size_t len);

/* Do both names mean one regular file? */
bool output_is_file(const char *a, const char *b);

#endif
