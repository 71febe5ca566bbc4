/*
 * The digest of a capture, without its timing: the messages of each protocol in the order in which
 * they first appear, and every TCP connection with its options, its two reassembled streams and the
 * order of closing. Two runs of one scenario have the same digest (docs/parity.md).
 *
 * A repeated message counts once. Frames made or damaged by the wire are left out; frames lost by
 * it are included.
 */
#ifndef DRYWIRE_DIGEST_H
#define DRYWIRE_DIGEST_H

#include "capture.h"
#include "chains.h"
#include "decode.h"

enum message_kind { MESSAGE_DHCP, MESSAGE_ARP, MESSAGE_ICMP, MESSAGE_UDP, MESSAGE_KINDS };

/* A message: the frame in which it first appears, normalised for comparison. */
struct message {
    size_t frame; /* its number in the capture, from 1 */
    uint8_t *bytes;
    size_t len;
};

struct message_list {
    struct message *messages;
    size_t count, size;
    struct chains by_bytes;
};

/* The sender: the machine or its peer. */
enum speaker { OWN, PEER, SPEAKERS };

/* A piece of a stream and the first frame that contained it. */
struct piece {
    size_t frame;
    uint32_t offset; /* in the stream, from 0 after the SYN */
    uint32_t len;
    const uint8_t *bytes; /* in the capture */
};

struct byte_stream {
    size_t syn_frame; /* 0: there was none */
    uint32_t iss;
    uint8_t options[40]; /* of the SYN */
    size_t options_len;
    struct piece *pieces; /* of TCP segments in capture order, later sorted and without a gap */
    size_t piece_count, piece_size;
    uint8_t *bytes;
    size_t len;
};

/* How a connection ended, up to both FINs: in order of first appearance, "Ff" is the machine's FIN,
 * then the peer's, R and r are resets. */
enum { CLOSE_MAX = 4 };

struct connection {
    uint16_t local_port, remote_port;
    uint32_t remote;
    struct byte_stream streams[SPEAKERS];
    char close[CLOSE_MAX + 1];
    size_t close_frames[CLOSE_MAX];
    size_t first_frame;
};

struct digest {
    uint8_t mac[6]; /* the machine's */
    struct message_list lists[MESSAGE_KINDS];
    struct connection *connections; /* in the order of their first segments */
    size_t connection_count, connection_size;
    struct chains by_ends;
};

/* Who the machine is: the sender of the first DHCP message of a client, else of the first frame. */
void digest_machine(const struct capture *c, uint8_t mac[6]);

void digest_read(struct digest *g, const struct capture *c);
void digest_free(struct digest *g);

/* The frame that contained byte `offset` of a stream, 0: none. */
size_t stream_frame(const struct byte_stream *s, size_t offset);

#endif
