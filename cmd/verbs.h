/*
 * The commands of `drywire`, one file each (verb_*.c), and what several of them share. A verb
 * returns an exit code; what is other than EXIT_PASS has been told.
 */
#ifndef DRYWIRE_VERBS_H
#define DRYWIRE_VERBS_H

#include "base/options.h"
#include "base/paths.h"

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

/* The scenarios that are named, one at least, and where their outputs go. 0, or an exit code after
 * a line on stderr; paths_free() in both cases. */
int collect_scenarios(const struct options *o, struct paths *p);

/* The checks before anything runs: 0, or an exit code after a line on stderr. */
int check_apart(const struct options *o); /* is no file to be written one that is read? */
int check_outputs(const struct options *o, size_t scenarios);

#endif
