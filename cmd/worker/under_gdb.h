/*
 * `drywire run --gdb`: the same run under gdb, which stops where it fails or where --break-at says.
 */
#ifndef DRYWIRE_UNDER_GDB_H
#define DRYWIRE_UNDER_GDB_H

#include "../base/options.h"

/* The value of --break-at, "event=N", "t=DURATION" or "packet=N", as a place for gdb's `break` with
 * its condition. False: it is none of them. */
bool gdb_break_at(const char *text, char *buf, size_t size);

/* Becomes gdb, for the one scenario of the options. Returns an exit code after a line on stderr. */
int run_under_gdb(const struct options *o);

#endif
