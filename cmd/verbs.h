/*
 * The commands of `drywire`, one file each (verb_*.c), and what several of them share. A verb
 * returns an exit code; what is other than EXIT_PASS has been told.
 */
#ifndef DRYWIRE_VERBS_H
#define DRYWIRE_VERBS_H

#include "../sim/machine/guest.h"
#include "base/options.h"
#include "base/paths.h"
#include "../sim/scenario/scenario.h"
#include <stdio.h>

int verb_run(const struct options *o);
int verb_list(const struct options *o);
int verb_explain(const struct options *o);
int verb_world(const struct options *o);
int verb_qemu(const struct options *o);
int verb_compare(const struct options *o);
int verb_seq(const struct options *o);
int verb_report(const struct options *o);
int verb_import(const struct options *o);
int verb_replay(const struct options *o);

/* Which of two exit codes says more; the one that a failure stands for. */
int worse_exit(int a, int b);
int failure_code(enum failure_kind kind);

/* A guest of someone else (--guest), which stays loaded; NULL after a line on stderr. */
const struct guest_ops *load_guest(const char *path);

/* Read a scenario, its device line changed as the options say; it is freed by scenario_free(). 0,
 * or EXIT_USAGE after a line on stderr. */
int read_with_device(const char *path, const struct options *o, struct scenario **out);

/* The same with its line on `errors`. */
int read_or_report(const char *path, const struct options *o, struct scenario **out, FILE *errors);

/* The same for one of many: *error is the line, to be freed, or NULL; nothing is printed. */
int read_for_results(const char *path, const struct options *o, struct scenario **out,
                     char **error);

/* Do both names mean one regular file? */
bool same_file(const char *a, const char *b);

/* Write a file, the whole of it or nothing; what was there before stays until then. 0, or an exit
 * code after a line on stderr about this option. */
int write_output(const char *option, const char *path, const void *bytes, size_t len);

/* Why this scenario cannot be run here, or NULL. */
const char *skip_reason(const struct scenario *sc);

/* The scenarios that are named, one at least, and where their outputs go. 0, or an exit code after
 * a line on stderr; paths_free() in both cases. */
int collect_scenarios(const struct options *o, struct paths *p);

/* The checks before anything runs: 0, or an exit code after a line on stderr. */
int check_skip(const struct scenario *sc);
int check_slirp(void); /* is libslirp, if here, on our sockets? */
int check_writable(const char *option, const char *path); /* NULL: nothing to write */
int check_apart(const struct options *o); /* is no file to be written one that is read? */
int check_outputs(const struct options *o, size_t scenarios);

#endif
