/*
 * Where a capture comes from, in words for its header: enough for another drywire to run it again.
 * One KEY=VALUE a line; docs/wireshark.md lists the keys.
 */
#ifndef DRYWIRE_ORIGIN_H
#define DRYWIRE_ORIGIN_H

#include "options.h"
#include "scenario.h"

enum { ORIGIN_MAX = 16384 };

void origin_words(char buf[ORIGIN_MAX], const struct scenario *sc, const struct options *o);

#endif
