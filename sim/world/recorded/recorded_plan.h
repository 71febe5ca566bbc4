/*
 * The plan of a replay: what each frame of a capture is, and how much the machine must have sent
 * before one is delivered to it.
 *
 * A capture shows when a frame came to the machine's card, not when the machine looked at it. What
 * it had seen stands in its own segments: they acknowledge everything in order. So a segment that
 * the machine's next one does not acknowledge came too late for that, and is delivered behind it.
 * And frames that come closely behind each other, with nothing of the machine between them, were
 * seen in one look: it would have said something.
 */
#ifndef DRYWIRE_REPLAY_PLAN_H
#define DRYWIRE_REPLAY_PLAN_H

#include "../../frame/capture.h"

enum replay_kind {
    REPLAY_OWN,  /* the machine sent it and must send it again */
    REPLAY_ACK,  /* a pure ACK of the machine: how many there are is not compared */
    REPLAY_PEER, /* is delivered to the machine */
    REPLAY_SKIP, /* was lost on the way to it, or made by the wire */
};

struct replay_step {
    enum replay_kind kind;
    size_t before; /* REPLAY_PEER: every REPLAY_OWN with a lower index comes first */
    bool offered;  /* REPLAY_PEER: data within the window that the machine had offered; how far that
                    * reaches depends on its looks, so it is waited for again */
    bool together; /* REPLAY_PEER: the machine saw it in one look with the one before it */
};

/* One step for each frame; free() them. `mac` is the machine's. */
struct replay_step *replay_plan(const struct capture *c, const uint8_t mac[6]);

#endif
