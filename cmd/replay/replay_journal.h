/*
 * `drywire replay LOG`: what a flight recorder wrote down on metal (docs/recorder.md), once more
 * here.
 */
#ifndef DRYWIRE_REPLAY_JOURNAL_H
#define DRYWIRE_REPLAY_JOURNAL_H

#include <stdbool.h>

/* Replay the journal in the serial log at `path`; under gdb if asked. The exit code: EXIT_PASS when
 * everything came out the same, a panic among it. */
int replay_journal(const char *path, bool gdb, bool verbose);

#endif
