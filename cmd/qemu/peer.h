/*
 * A guest on a unix datagram socket: one raw Ethernet frame a datagram, as QEMU's `-netdev dgram`
 * sends and takes them. No function but peer_poll() waits.
 *
 * The socket is bound to a path, or inherited as a descriptor. It is connected to the guest at its
 * first frame: then the system drops frames of others, poll() reports when the guest's queue has
 * room again, and a guest that has ended is an error of the next send.
 */
#ifndef DRYWIRE_PEER_H
#define DRYWIRE_PEER_H

#include "../../sim/world/wire.h"

enum {
    PEER_BATCH = 64,   /* frames of one system call */
    PEER_QUEUE = 4096, /* frames for a guest that does not read them; more are dropped */
};

struct peer_frame {
    uint32_t len;
    uint8_t bytes[WIRE_FRAME_MAX];
};

struct peer {
    int fd;
    const char *path;   /* its own path; NULL: inherited */
    const char *answer; /* the guest's path; NULL: the sender of the first frame */
    bool connected;
    bool blocked;             /* the last try to send did not send all: */
    bool retry;               /* no memory here, instead of no room in the guest's queue */
    bool gone;                /* its socket is closed */
    struct peer_frame *queue; /* PEER_QUEUE of them, a ring */
    unsigned first, count;
    struct peer_frame *batch; /* PEER_BATCH frames just received */
    uint64_t frames_in, bytes_in, frames_out, bytes_out, dropped;
};

/* Bind to `path`, replacing the file of an earlier process. 0, or an exit code after a line on
 * stderr. */
int peer_open_path(struct peer *p, const char *path, const char *answer);

/* Take over an inherited datagram socket. The same. */
int peer_open_fd(struct peer *p, int fd);

void peer_close(struct peer *p);

/* Receive up to PEER_BATCH frames into p->batch: returns how many, or -1 after a line on stderr
 * when the guest has no address. */
int peer_receive(struct peer *p);

/* Queue a frame for the guest; borrowed. False: the queue is full and the frame is dropped. */
bool peer_send(struct peer *p, const uint8_t *frame, size_t len);

/* Send queued frames, as far as the guest has room. */
void peer_flush(struct peer *p);

/* Sleep until a frame arrives, the guest has room again, `other_fd` is readable, or `timeout_ns`
 * have passed (SIM_NEVER: no limit). True if other_fd is readable. */
bool peer_wait(const struct peer *p, uint64_t timeout_ns, int other_fd);

#endif
