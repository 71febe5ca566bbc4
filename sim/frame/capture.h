/*
 * Captures in: pcap and pcapng, in either byte order, of Ethernet frames; what an interface without
 * Ethernet recorded (`tcpdump -i any`, a tunnel, a loopback) gets a header of Ethernet. The reader
 * is strict: a length that does not fit, a frame that was cut short when it was recorded, a number
 * that means nothing known is an error with the place in the file, never a guess. Bounded by the
 * file's size, which has a limit.
 */
#ifndef DRYWIRE_CAPTURE_H
#define DRYWIRE_CAPTURE_H

#include "../base/source.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A card that cuts segments itself is given IP packets of up to 64 KiB, with Ethernet and two tags.
 */
enum { CAPTURE_FRAME_MAX = 14 + 8 + 65535, CAPTURE_FILE_MAX = 256 << 20 };

struct capture_frame {
    uint64_t time_ns;     /* as it stands in the file */
    const uint8_t *bytes; /* len of them, in the capture's memory */
    size_t len;
    /* What drywire's own captures say about a frame: */
    bool lost;         /* it did not arrive */
    bool duplicate;    /* the wire made it: nobody sent it */
    bool damaged;      /* these are not the bytes that were sent */
    const char *fault; /* what the wire did to it, fault_len characters; NULL: nothing */
    size_t fault_len;
    bool cut; /* only a part of it was recorded */
};

struct capture {
    struct capture_frame *frames;
    size_t count;
    /* The comments of the first section, in the file; NULL: none. Of a capture of drywire's, what
     * made it (capture_origin()), and the scenario's text. */
    const char *origin, *scenario;
    size_t origin_len, scenario_len;
    uint8_t *file; /* its bytes; owned */
    size_t file_len;
    uint8_t *made; /* frames that were not Ethernet; owned */
};

/* Read a file from `files`. 0, or -1 with what is wrong, one line without the file's name, in
 * `problem`. With `cut`, frames that were cut when they were recorded are there as far as they go.
 */
int capture_from(struct capture *c, const struct source *files, const char *path, bool cut,
                 char *problem, size_t problem_size);

/* Does it begin like a capture? */
bool capture_magic(const void *bytes, size_t len);

/* The same from memory, which must outlive the capture and is not freed. */
int capture_parse(struct capture *c, const uint8_t *bytes, size_t len, char *problem,
                  size_t problem_size);

/* What the header of one of drywire's own captures says under `key` (docs/wireshark.md), with its
 * escapes undone. False: nothing, or more than fits. */
bool capture_origin(const struct capture *c, const char *key, char *buf, size_t size);

void capture_free(struct capture *c);

#endif
