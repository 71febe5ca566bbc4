/* Settings of the replay of a capture or a journal. */
#ifndef DRYWIRE_REPLAY_SETTINGS_H
#define DRYWIRE_REPLAY_SETTINGS_H

#include "../report/again.h"
#include "import.h"
#include <stdbool.h>

struct replay_settings {
    const char *path;         /* of the capture */
    uint64_t flow;            /* numbered as in `drywire list`; 0: choose */
    enum role role;           /* the side that the core replaces */
    bool loose, exact;        /* the options of `drywire replay` */
    struct run_choice choice; /* seed and memory of the run; an exact one uses only the memory */
    uint64_t timeout_s;
    bool verbose;
};

/* The command that repeats the replay. */
void replay_again(struct again *a, const struct replay_settings *s);

#endif
