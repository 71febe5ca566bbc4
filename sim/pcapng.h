/*
 * Captures out: pcapng with nanosecond time, one named interface per place, comments on packets.
 * The file is written to a temporary name beside `path` and renamed at the end, so that nothing
 * half-written is left behind. Every packet is on disk when pcapng_packet() returns: what a process
 * captured before it crashed can be rescued by another. A `path` that is there and is no regular
 * file (/dev/stdout, a FIFO) is written in place.
 */
#ifndef DRYWIRE_PCAPNG_H
#define DRYWIRE_PCAPNG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum capture_interface { CAPTURE_WIRE, CAPTURE_LOST }; /* "wire" and "lost" (dropped frames) */

struct pcapng {
    FILE *file;
    char *path, *temporary;
};

/* Open for writing; `comment` goes into the section header (scenario, seed, build). 0, or -1 with
 * errno set and nothing left on disk. */
int pcapng_open(struct pcapng *p, const char *path, const char *comment);

/* One packet at virtual `time_ns` (since power-on of the simulation, as it is). `outbound` sets the
 * direction flag; `comment` may be NULL. */
void pcapng_packet(struct pcapng *p, enum capture_interface where, uint64_t time_ns, int outbound,
                   const uint8_t *frame, size_t len, const char *comment);

/* Finish: 0, or -1 with errno set (disk full...) and the file removed. */
int pcapng_close(struct pcapng *p);

/* Give up: nothing is left on disk. */
void pcapng_discard(struct pcapng *p);

/* Give the capture of a process that died its final name: 0, or -1 when it left none. */
int pcapng_rescue(const char *path);

#endif
