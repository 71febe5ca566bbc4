/*
 * Sequence numbers of a replay. The machine's first sequence number of a connection depends on the
 * time (RFC 9293 section 3.4.1), so it differs from the recorded one by some constant. Here it is
 * learned from SYNs, put into recorded frames before they are delivered and taken out of the
 * machine's own before they are compared. Checksums are adjusted, not computed: one that was wrong
 * stays wrong (RFC 1624).
 */
#ifndef DRYWIRE_REPLAY_NUMBERS_H
#define DRYWIRE_REPLAY_NUMBERS_H

#include "../../frame/decode.h"

/* A connection as the machine's frames name it. */
struct replay_connection {
    uint16_t local_port, remote_port;
    uint32_t remote;
    uint32_t shift; /* its sequence numbers now, minus the recorded ones */
    bool shift_known;
    uint32_t ack, edge; /* furthest acknowledged, furthest right edge of its window: the peer's
                         * numbers, which are as recorded */
    bool acked;
    uint32_t sent; /* the sequence number behind what it has sent */
    bool sent_known;
};

/* The connections of a replay, in the order of their first SYNs. */
struct replay_numbers {
    struct replay_connection *connections;
    size_t count, size;
};

void numbers_free(struct replay_numbers *n);

/* The machine sent `sent` where `recorded` stands in the capture: a SYN tells the shift. */
void numbers_learn(struct replay_numbers *n, const struct decoded *recorded,
                   const struct decoded *sent);

/* Turn a frame of the machine into what it would have been in the recording. */
void numbers_of_recording(const struct replay_numbers *n, uint8_t *frame, const struct decoded *d);

/* Turn a recorded frame for the machine into what it must be now: acknowledgment numbers, and
 * sequence numbers quoted by ICMP errors (RFC 792). */
void numbers_of_now(const struct replay_numbers *n, uint8_t *frame, const struct decoded *d);

/* A segment of the machine was compared: what it has sent. And: is there nothing new in this one?
 */
void numbers_sent(struct replay_numbers *n, const struct decoded *d);
bool numbers_repeated(const struct replay_numbers *n, const struct decoded *d);

/* A segment of the machine went by: what it acknowledges. */
void numbers_acked(struct replay_numbers *n, const struct decoded *d);

/* Did the machine acknowledge as much as this segment of it does? */
bool numbers_covered(const struct replay_numbers *n, const struct decoded *d);

/* Does a segment for the machine lie within the window that it offered? */
bool numbers_offered(const struct replay_numbers *n, const struct decoded *d);

#endif
