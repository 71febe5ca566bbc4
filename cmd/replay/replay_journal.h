/* `drywire replay LOG`: replay the journal of a flight recorder on metal (docs/recorder.md). */
#ifndef DRYWIRE_REPLAY_JOURNAL_H
#define DRYWIRE_REPLAY_JOURNAL_H

#include <stdbool.h>

/* Replay the journal in the serial log at `path`; under gdb if requested. The exit code: EXIT_PASS
 * when everything is the same, including a panic; EXIT_EARLIER when an invariant that targets do
 * not check fails before the panic; EXIT_DIVERGED at the first difference. */
int replay_journal(const char *path, bool gdb, bool verbose);

#endif
