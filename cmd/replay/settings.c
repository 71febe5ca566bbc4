/* Settings of a replay: see settings.h. */
#include "settings.h"
#include <inttypes.h>
#include <stdio.h>

const char *const role_words[] = {"client", "server", "observer", NULL};

void replay_again(struct again *a, const struct replay_settings *s)
{
    snprintf(a->words, sizeof(a->words), "replay ");
    again_path(a, s->path);
    if (s->choice.memory != MEMORY_DRAW)
        again_add(a, " --memory %s", memory_words[s->choice.memory]);
    if (s->role == ROLE_OBSERVER) {
        again_add(a, " --as observer --seed %" PRIu64, s->choice.seed);
        return;
    }
    if (!s->loose)
        return; /* an exact replay takes its seed from the capture */
    again_add(a, " --loose");
    if (s->role)
        again_add(a, " --as %s", role_words[s->role - ROLE_CLIENT]);
    if (s->flow)
        again_add(a, " --flow %" PRIu64, s->flow);
    again_add(a, " --seed %" PRIu64, s->choice.seed);
}
