/*
 * The vocabulary of a run: checks that a line exists that an expectation of a scenario can match.
 * The lines of the core are those of core/trace/trace_events.h, those of programs consist of words
 * in their read-only data; only the kernel's lines about processes are repeated here.
 */
#ifndef DRYWIRE_VOCABULARY_H
#define DRYWIRE_VOCABULARY_H

#include "../scenario/scenario.h"

/*
 * Check the program lines and the `expect` and `never` lines of a scenario that the core will run.
 * False when a program gets a number of arguments that its usage line does not have, unless an
 * `expect PROGRAM: usage` line says so, or when an expectation names an unknown component or a word
 * that it never prints; then one line `path:line: message`, with the nearest word if there is one,
 * is written to `errors`. A program's values, and text after `|`, are not checked.
 */
bool vocabulary_check(const struct scenario *sc, FILE *errors);

#endif
