/*
 * Reader of captures: pcap and pcapng, in either byte order, of Ethernet frames; frames of other
 * interfaces (`tcpdump -i any`, a tunnel, a loopback) get an Ethernet header. The reader is strict:
 * a length that does not fit, a frame that was truncated when recorded, or an unknown value is an
 * error with its offset in the file. Bounded by the file's size, which has a limit.
 */
#ifndef DRYWIRE_CAPTURE_H
#define DRYWIRE_CAPTURE_H

#include "../base/source.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With segmentation offload an IP packet has up to 64 KiB, plus Ethernet and two tags. */
enum { CAPTURE_FRAME_MAX = 14 + 8 + 65535, CAPTURE_FILE_MAX = 256 << 20 };

struct capture_frame {
    uint64_t time_ns;     /* as in the file */
    const uint8_t *bytes; /* len of them, in the capture's memory */
    size_t len;
    /* From the comments of drywire's own captures: */
    bool lost;         /* it did not arrive */
    bool duplicate;    /* made by the wire, sent by no host */
    bool damaged;      /* these are not the bytes that were sent */
    const char *fault; /* the wire's fault, fault_len characters; NULL: none */
    size_t fault_len;
    bool cut; /* only a part of it was recorded */
};

struct capture {
    struct capture_frame *frames;
    size_t count;
    /* The comments of the first section, in the file; NULL: none. In drywire's own captures: their
     * origin (capture_origin()), and the scenario's text. */
    const char *origin, *scenario;
    size_t origin_len, scenario_len;
    uint8_t *file; /* its bytes; owned */
    size_t file_len;
    uint8_t *made; /* frames that were not Ethernet; owned */
};

/* Read a file from `files`. 0, or -1 with a one-line message without the file's name in `problem`.
 * With `cut`, frames that were truncated when recorded are accepted. */
int capture_from(struct capture *c, const struct source *files, const char *path, bool cut,
                 char *problem, size_t problem_size);

/* True if the bytes start like a capture. */
bool capture_magic(const void *bytes, size_t len);

/* The same from memory, which must outlive the capture and is not freed. */
int capture_parse(struct capture *c, const uint8_t *bytes, size_t len, char *problem,
                  size_t problem_size);

/* The value of `key` in the header of one of drywire's own captures (docs/wireshark.md), unescaped.
 * False: absent, or too long. */
bool capture_origin(const struct capture *c, const char *key, char *buf, size_t size);

void capture_free(struct capture *c);

#endif
