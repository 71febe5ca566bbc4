/*
 * Captures out: pcapng with nanosecond time, one named interface per place, comments on packets.
 * Nothing half-written is left behind (whole_file.h). Every packet is on disk when pcapng_packet()
 * returns: what a process captured before it crashed can be rescued by another.
 */
#ifndef DRYWIRE_PCAPNG_H
#define DRYWIRE_PCAPNG_H

#include "../../cmd/base/whole_file.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* "wire" and "lost" (dropped frames); "ring" is there from its first record on. */
enum capture_interface { CAPTURE_WIRE, CAPTURE_LOST, CAPTURE_RING };

/* Characters of a comment; what is behind them is cut off. */
enum { PCAPNG_COMMENT_MAX = 65535 };

/* Link type of interface "ring": the first of those that are anybody's own. */
enum { LINKTYPE_USER0 = 147 };

struct pcapng {
    struct whole_file out;
    uint64_t at;         /* bytes so far */
    uint64_t packets;    /* so far, of all interfaces */
    uint64_t comment_at; /* where the text of the header's first comment lies */
    bool rings;          /* interface "ring" is described */
};

/* Open for writing; `comments`, any number up to a NULL, go into the section header (origin.h). 0,
 * or -1 with errno set and nothing left on disk. */
int pcapng_open(struct pcapng *p, const char *path, const char *const *comments);

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

/* Finish: 0, or -1 with errno set (disk full...) and the file removed. */
int pcapng_close(struct pcapng *p);

/* Give up: nothing is left on disk. */
void pcapng_discard(struct pcapng *p);

/* The bytes of whole blocks in a file of ours: for whole_file_rescue(). */
long pcapng_whole(FILE *f);

#endif
