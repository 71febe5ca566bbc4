/*
 * `drywire run --gdb`: the same run under gdb, which stops where it fails or at --break-at.
 */
#ifndef DRYWIRE_UNDER_GDB_H
#define DRYWIRE_UNDER_GDB_H

#include "../base/run_choice.h"
#include <stdbool.h>
#include <stddef.h>

/* The value of --break-at, "event=N", "t=DURATION" or "packet=N", as the location and condition of
 * gdb's `break`. False: none of them. */
bool gdb_break_at(const char *text, char *buf, size_t size);

/* Execs gdb, for that run of the scenario at `path`; break_at: as above, or NULL: at the failure.
 * Returns only on error, an exit code after a line on stderr. */
int run_under_gdb(const char *path, const struct run_choice *choice, const char *break_at);

#endif
