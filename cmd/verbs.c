/* The commands: see verbs.h. */
#include "verbs.h"

#define VERB_ROW(word, usage, what) {#word, usage, what, &verb_##word},
const struct verb_row verb_rows[] = {VERBS(VERB_ROW){NULL}};

#define VERB_WORD(word, usage, what) #word,
const char *const verb_words[] = {VERBS(VERB_WORD) NULL};
