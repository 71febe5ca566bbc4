/*
 * Sequence numbers of a replay. The machine's first sequence number of a connection depends on the
 * time (RFC 9293 section 3.4.1), so it differs from the recorded one by a constant, which is
 * learned from SYNs. It is added in recorded frames before they are delivered and subtracted in the
 * machine's own before they are compared. Numbers in SACK blocks of its peer, and what its peer
 * echoes of its timestamps, are changed in the same way. Checksums are adjusted, not computed: one
 * that was wrong stays wrong (RFC 1624).
 */
#ifndef DRYWIRE_REPLAY_NUMBERS_H
#define DRYWIRE_REPLAY_NUMBERS_H

#include "../../frame/decode.h"

/* A connection, by the addresses in the machine's frames. */
struct replay_connection {
    uint16_t local_port, remote_port;
    uint32_t remote;
    uint32_t shift;       /* its present sequence numbers minus the recorded ones */
    uint32_t stamp_shift; /* the same of timestamps; 0: the SYNs have none */
    bool shift_known;
    uint8_t own_scale, peer_scale; /* of windows, as in decode.h */
    uint32_t ack, edge; /* furthest acknowledged, furthest right edge of its window: the peer's
                         * numbers, which are as recorded */
    bool acked;
    uint32_t sent; /* the sequence number after what it has sent */
    bool sent_known;
};

/* The connections of a replay, in the order of their first SYNs. */
struct replay_numbers {
    struct replay_connection *connections;
    size_t count, size;
};

void numbers_free(struct replay_numbers *n);

/* The machine sent `sent` for `recorded` of the capture: a SYN gives the shift. */
void numbers_learn(struct replay_numbers *n, const struct decoded *recorded,
                   const struct decoded *sent);

/* Convert a frame of the machine to the numbers of the recording. */
void numbers_of_recording(const struct replay_numbers *n, uint8_t *frame, const struct decoded *d);

/* Convert a recorded frame for the machine to the present numbers: acknowledgment numbers, and
 * sequence numbers quoted by ICMP errors (RFC 792) and in SACK blocks, echoed timestamps. */
void numbers_of_now(struct replay_numbers *n, uint8_t *frame, const struct decoded *d);

/* A segment of the machine was compared: record what it sent. And: true if this one has nothing
 * new. */
void numbers_sent(struct replay_numbers *n, const struct decoded *d);
bool numbers_repeated(const struct replay_numbers *n, const struct decoded *d);

/* A segment of the machine was sent: record what it acknowledges. */
void numbers_acked(struct replay_numbers *n, const struct decoded *d);

/* True if the machine has acknowledged as much as this segment of it does. */
bool numbers_covered(const struct replay_numbers *n, const struct decoded *d);

/* True if a segment for the machine is within the window that it offered. */
bool numbers_offered(const struct replay_numbers *n, const struct decoded *d);

#endif
