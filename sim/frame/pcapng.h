/*
 * Captures out: pcapng with nanosecond time, one named interface per place, comments on packets.
 * Every block is written whole.
 */
#ifndef DRYWIRE_PCAPNG_H
#define DRYWIRE_PCAPNG_H

#include "../base/sink.h"
#include "link_types.h" /* interface "ring" is LINKTYPE_USER0 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "wire" and "lost" (dropped frames); "ring" is there from its first record on. */
enum capture_interface { CAPTURE_WIRE, CAPTURE_LOST, CAPTURE_RING };

/* Characters of a comment; what is behind them is cut off. */
enum { PCAPNG_COMMENT_MAX = 65535 };

struct pcapng {
    struct sink out;
    uint64_t at;         /* bytes so far */
    uint64_t packets;    /* so far, of all interfaces */
    uint64_t comment_at; /* where the text of the header's first comment lies */
    bool rings;          /* interface "ring" is described */
};

/* Start a capture in `out`; `comments`, NULL or any number up to a NULL, go into the section
 * header. There is no end to write: who owns the sink closes it. */
void pcapng_start(struct pcapng *p, const struct sink *out, const char *const *comments);

/* One packet at virtual `time_ns` (since power-on of the simulation, as it is). `outbound` sets the
 * direction flag; `comment` may be NULL. */
void pcapng_packet(struct pcapng *p, enum capture_interface where, uint64_t time_ns, int outbound,
                   const uint8_t *frame, size_t len, const char *comment);

/* The same with any number of comments, up to a NULL. Where the text of the last one lies, for
 * pcapng_amend(). */
uint64_t pcapng_packet_comments(struct pcapng *p, enum capture_interface where, uint64_t time_ns,
                                int outbound, const uint8_t *frame, size_t len,
                                const char *const *comments);

/* A record of interface "ring" (docs/wireshark.md). */
void pcapng_ring(struct pcapng *p, uint64_t time_ns, const uint8_t *record, size_t len);

/* Write over `width` characters of text in the file; spaces fill what `text` leaves.
 * Only where it can be: not into a pipe. */
bool pcapng_can_amend(const struct pcapng *p);
void pcapng_amend(struct pcapng *p, uint64_t at, const char *text, unsigned width);

#endif
