/*
 * The plan of a replay: the kind of each frame of a capture, and how much the machine must have
 * sent before a frame is delivered to it.
 *
 * A capture shows when a frame arrived at the machine's card, not when the machine processed it.
 * What it had received is visible in its own segments: they acknowledge everything in order. So a
 * segment that the machine's next one does not acknowledge was too late for that, and is delivered
 * after it. And frames that follow each other closely, without a frame of the machine between them,
 * were received in one poll: otherwise there would be a reply.
 */
#ifndef DRYWIRE_REPLAY_PLAN_H
#define DRYWIRE_REPLAY_PLAN_H

#include "../../frame/capture.h"

enum replay_kind {
    REPLAY_OWN,  /* the machine sent it and must send it again */
    REPLAY_ACK,  /* a pure ACK of the machine: their number is not compared */
    REPLAY_PEER, /* delivered to the machine */
    REPLAY_SKIP, /* lost on the way to it, or made by the wire */
};

struct replay_step {
    enum replay_kind kind;
    size_t before; /* REPLAY_PEER: every REPLAY_OWN with a lower index comes first */
    bool offered;  /* REPLAY_PEER: data within the window that the machine had offered; its size
                    * depends on polls, so the replay waits for it */
    bool together; /* REPLAY_PEER: the machine received it in one poll with the one before it */
};

/* One step for each frame; free() them. `mac` is the machine's. */
struct replay_step *replay_plan(const struct capture *c, const uint8_t mac[6]);

#endif
