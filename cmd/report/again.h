/*
 * The command that repeats a run, in words for a shell and without the program: `run web.scn
 * --seed 7`. Who runs something puts them together; reports print them.
 */
#ifndef DRYWIRE_AGAIN_H
#define DRYWIRE_AGAIN_H

#include "../base/run_choice.h"

enum { AGAIN_MAX = 1200 };

struct again {
    char words[AGAIN_MAX]; /* what does not fit is cut */
};

/* `VERB PATH --seed N`. */
void again_start(struct again *a, const char *verb, const char *path, uint64_t seed);

/* The options --guest, --device and --memory, where the choice needs them. */
void again_choice(struct again *a, const struct run_choice *choice);

/* Append text as it is; a word, quoted where a shell would take it apart, so that it can be inside
 * of quotes of sh -c too; a file, which is never taken for an option. */
void again_add(struct again *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void again_word(struct again *a, const char *word);
void again_path(struct again *a, const char *path);

#endif
