/* How a capture or a journal is replayed. */
#ifndef DRYWIRE_REPLAY_SETTINGS_H
#define DRYWIRE_REPLAY_SETTINGS_H

#include "../report/again.h"
#include "import.h"
#include <stdbool.h>

struct replay_settings {
    const char *path;         /* of the capture */
    uint64_t flow;            /* by the numbers of `drywire list`; 0: choose */
    enum role role;           /* whose place the core takes */
    bool loose, exact;        /* as the options of `drywire replay` */
    struct run_choice choice; /* seed and memory of the run; of an exact one the memory alone */
    uint64_t timeout_s;
    bool verbose;
};

/* The command that replays it again. */
void replay_again(struct again *a, const struct replay_settings *s);

#endif
