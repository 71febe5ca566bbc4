/*
 * Output files named by options: written completely or not at all, and mistakes are found before
 * anything runs. Messages name the option, without its dashes.
 */
#ifndef DRYWIRE_OUTPUTS_H
#define DRYWIRE_OUTPUTS_H

#include <stdbool.h>
#include <stddef.h>

/* Check that this file can be written; NULL: no file. Leaves no file. 0, or EXIT_USAGE after a line
 * on stderr. */
int output_check(const char *option, const char *path);

/* The same for a folder, which is created if it does not exist. */
int output_folder(const char *option, const char *path);

/* Write a file completely or not at all; an old file is kept until then. EXIT_PASS, or EXIT_HARNESS
 * after a line on stderr. */
int output_write(const char *option, const char *path, const void *bytes, size_t len);

/* True if both names are the same regular file. */
bool output_is_file(const char *a, const char *b);

#endif
