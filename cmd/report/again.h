/*
 * The command that repeats a run, as shell words without the program: `run web.scn --seed 7`.
 * Commands build it; reports print it.
 */
#ifndef DRYWIRE_AGAIN_H
#define DRYWIRE_AGAIN_H

#include "../base/run_choice.h"

enum { AGAIN_MAX = 1200 };

struct again {
    char words[AGAIN_MAX]; /* cut if too long */
};

/* `VERB PATH --seed N`. */
void again_start(struct again *a, const char *verb, const char *path, uint64_t seed);

/* The options --guest, --device and --memory, if the choice needs them. */
void again_choice(struct again *a, const struct run_choice *choice);

/* Append text unchanged; a word, escaped for a shell, also inside quotes of sh -c; a file, which is
 * never parsed as an option. */
void again_add(struct again *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void again_word(struct again *a, const char *word);
void again_path(struct again *a, const char *path);

#endif
