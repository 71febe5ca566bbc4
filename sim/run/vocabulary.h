/*
 * What can be said: is there any line that an expectation of a scenario could match? The lines of
 * the core are those of core/trace/trace_events.h, those of programs are made of the words in their
 * read-only data, so nothing is listed here a second time but the kernel's lines about processes.
 */
#ifndef DRYWIRE_VOCABULARY_H
#define DRYWIRE_VOCABULARY_H

#include "../scenario/scenario.h"

/*
 * Check the program lines and the `expect` and `never` lines of a scenario that the core will run.
 * False when a program gets a number of arguments that its usage line does not have, unless an
 * `expect PROGRAM: usage` line says so, or when an expectation is about a component that does not
 * exist or about a word that it never says; then one line `path:line: message`, with the nearest
 * word where there is one, is written to `errors`. A program's values, and what follows `|`, are
 * not judged.
 */
bool vocabulary_check(const struct scenario *sc, FILE *errors);

#endif
