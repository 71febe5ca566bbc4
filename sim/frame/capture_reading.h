/*
 * Shared by the two files of the reader of captures: capture.c reads pcap and has the public
 * functions, capture_pcapng.c reads pcapng.
 */
#ifndef DRYWIRE_CAPTURE_READING_H
#define DRYWIRE_CAPTURE_READING_H

#include "capture.h"
#include "link_types.h"
#include <string.h>

enum { INTERFACES_MAX = 64 };

struct interface {
    uint64_t ticks; /* of a second */
    uint64_t offset_s;
    uint32_t snap_len; /* 0: no limit */
    unsigned link;
    bool lost;
};

struct reading {
    struct capture *c;
    const uint8_t *bytes;
    size_t len, at;
    bool swapped, cut_allowed;
    size_t frames_size, made_len;
    struct interface interfaces[INTERFACES_MAX]; /* of this section */
    unsigned interface_count;
    char *problem;
    size_t problem_size;
};

/* Report an error at the present byte. Always returns -1, so that a step can return it. */
int reading_wrong(struct reading *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
int reading_wrong_link(struct reading *r, const char *what, unsigned link);

/* Check that this many bytes are left, before any of them is read. */
static inline bool reading_need(const struct reading *r, size_t len)
{
    return r->len - r->at >= len;
}

/* ---- numbers at a place, in the byte order of the file ---- */

static inline uint32_t reading_32(const struct reading *r, size_t at)
{
    uint32_t n;

    memcpy(&n, r->bytes + at, sizeof(n));
    return r->swapped ? __builtin_bswap32(n) : n;
}

static inline uint64_t reading_64(const struct reading *r, size_t at)
{
    uint64_t n;

    memcpy(&n, r->bytes + at, sizeof(n));
    return r->swapped ? __builtin_bswap64(n) : n;
}

static inline uint16_t reading_16(const struct reading *r, size_t at)
{
    uint16_t n;

    memcpy(&n, r->bytes + at, sizeof(n));
    return r->swapped ? __builtin_bswap16(n) : n;
}

/* Add a frame: `len` checked bytes at `at`; `whole` bytes were on the wire. 0 or -1. */
int reading_add(struct reading *r, unsigned link, uint64_t time_ns, size_t at, uint32_t len,
                uint32_t whole);

/* Read the whole file as pcapng: 0 or -1. */
int reading_pcapng(struct reading *r);

#endif
