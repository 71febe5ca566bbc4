/*
 * Writer of pcapng captures with nanosecond time, named interfaces, and comments on packets. Every
 * block is written at once.
 */
#ifndef DRYWIRE_PCAPNG_H
#define DRYWIRE_PCAPNG_H

#include "../base/sink.h"
#include "link_types.h" /* interface "ring" is LINKTYPE_USER0 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "wire" and "lost" (dropped frames); "ring" exists from its first record on. */
enum capture_interface { CAPTURE_WIRE, CAPTURE_LOST, CAPTURE_RING };

/* Characters of a comment; longer ones are cut off. */
enum { PCAPNG_COMMENT_MAX = 65535 };

struct pcapng {
    struct sink out;
    uint64_t at;         /* bytes so far */
    uint64_t packets;    /* so far, on all interfaces */
    uint64_t comment_at; /* offset of the text of the header's first comment */
    bool rings;          /* interface "ring" is described */
};

/* Start a capture in `out`; `comments`, NULL or a NULL-terminated list, go into the section header.
 * A capture needs no end record: the owner of the sink closes it. */
void pcapng_start(struct pcapng *p, const struct sink *out, const char *const *comments);

/* Write one packet at virtual `time_ns` (since power-on of the simulation). `outbound` sets the
 * direction flag; `comment` may be NULL. */
void pcapng_packet(struct pcapng *p, enum capture_interface where, uint64_t time_ns, int outbound,
                   const uint8_t *frame, size_t len, const char *comment);

/* The same with a NULL-terminated list of comments. Returns the offset of the text of the last one,
 * for pcapng_amend(). */
uint64_t pcapng_packet_comments(struct pcapng *p, enum capture_interface where, uint64_t time_ns,
                                int outbound, const uint8_t *frame, size_t len,
                                const char *const *comments);

/* A record of interface "ring" (docs/wireshark.md). */
void pcapng_ring(struct pcapng *p, uint64_t time_ns, const uint8_t *record, size_t len);

/* Overwrite `width` characters of text in the file; a shorter `text` is padded with spaces. Does
 * nothing in a pipe. */
bool pcapng_can_amend(const struct pcapng *p);
void pcapng_amend(struct pcapng *p, uint64_t at, const char *text, unsigned width);

#endif
