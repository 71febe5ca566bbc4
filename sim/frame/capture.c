/*
 * The reader of captures: see capture.h. This file reads pcap (draft-ietf-opsawg-pcap) and has what
 * both formats share; pcapng is in capture_pcapng.c.
 *
 * Both follow one rule: `reading_need()` checks the number of bytes left before any of them is
 * read, and every step of a loop consumes at least one header.
 */
#include "capture_reading.h"
#include "../base/memory.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PCAP_HEADER = 24,
    PCAP_RECORD = 16,
    BLOCK_SECTION = 0x0a0d0d0a,
};

#define PCAP_MICROSECONDS UINT32_C(0xa1b2c3d4)
#define PCAP_NANOSECONDS  UINT32_C(0xa1b23c4d)
#define PCAP_MODIFIED     UINT32_C(0xa1b2cd34)
#define FCS_KNOWN         UINT32_C(0x04000000)

int reading_wrong(struct reading *r, const char *format, ...)
{
    int n = snprintf(r->problem, r->problem_size, "byte %zu: ", r->at);
    va_list args;

    va_start(args, format);
    if (n > 0 && (size_t)n < r->problem_size)
        vsnprintf(r->problem + n, r->problem_size - (size_t)n, format, args);
    va_end(args);
    return -1;
}

int reading_wrong_link(struct reading *r, const char *what, unsigned link)
{
    return reading_wrong(r,
                         "%sthe link type is %u; supported: Ethernet (1), Linux cooked (113, 276), "
                         "raw IP (101), loopback (0)",
                         what, link);
}

/* ---- frames ---- */

/* Convert a frame of `len` bytes to an Ethernet frame, which is longer or shorter by *moved. All
 * converted frames fit into one buffer: each is shorter than its record in the file. NULL after
 * reading_wrong(). */
static const uint8_t *as_ethernet(struct reading *r, unsigned link, const uint8_t *bytes,
                                  size_t len, int *moved)
{
    size_t skip = (size_t)link_header(link);
    uint8_t *made;

    *moved = 0;
    if (link == LINKTYPE_ETHERNET)
        return bytes;
    if (len < skip) {
        reading_wrong(r, "frame %zu of %zu bytes is shorter than the header of its link type",
                      r->c->count + 1, len);
        return NULL;
    }
    if (!r->c->made)
        r->c->made = memory_new(r->len, 1);
    *moved = LINK_ETHERNET_HEADER - (int)skip;
    made = r->c->made + r->made_len;
    link_make_ethernet(made, link, bytes, bytes + skip, len - skip);
    memcpy(made + LINK_ETHERNET_HEADER, bytes + skip, len - skip);
    r->made_len += LINK_ETHERNET_HEADER + len - skip;
    return made;
}

int reading_add(struct reading *r, unsigned link, uint64_t time_ns, size_t at, uint32_t len,
                uint32_t whole)
{
    struct capture *c = r->c;
    const uint8_t *bytes;
    int moved;

    if (len > CAPTURE_FRAME_MAX)
        return reading_wrong(r, "frame %zu has %" PRIu32 " bytes, too long for a frame",
                             c->count + 1, len);
    if (len != whole && !(r->cut_allowed && len < whole))
        return reading_wrong(r,
                             "frame %zu was cut when it was recorded: %" PRIu32 " of %" PRIu32
                             " bytes; record with -s 0",
                             c->count + 1, len, whole);
    bytes = as_ethernet(r, link, r->bytes + at, len, &moved);
    if (!bytes)
        return -1;
    if (len + (size_t)moved > CAPTURE_FRAME_MAX)
        return reading_wrong(
            r, "frame %zu has %zu bytes with its header of Ethernet, too long for a frame",
            c->count + 1, len + (size_t)moved);
    c->frames = memory_grow(c->frames, c->count + 1, &r->frames_size, sizeof(*c->frames));
    c->frames[c->count++] = (struct capture_frame){
        .time_ns = time_ns, .bytes = bytes, .len = len + (size_t)moved, .cut = len != whole};
    return 0;
}

/* ---- pcap ---- */

static int read_pcap(struct reading *r, bool nanoseconds)
{
    uint64_t unit_ns = nanoseconds ? 1 : 1000;
    uint32_t link;

    if (!reading_need(r, PCAP_HEADER))
        return reading_wrong(r, "the file ends inside its header");
    if (reading_16(r, 4) != 2 || reading_16(r, 6) != 4)
        return reading_wrong(r, "unsupported pcap version %u.%u; 2.4 is supported",
                             reading_16(r, 4), reading_16(r, 6));
    link = reading_32(r, 20); /* above it: information about the frame check sequence */
    if (link_header(link & 0xffff) < 0)
        return reading_wrong_link(r, "", link & 0xffff);
    if (link & FCS_KNOWN && link >> 28)
        return reading_wrong(r, "frames with a check sequence (FCS) are not supported");
    for (r->at = PCAP_HEADER; r->at < r->len;) {
        uint32_t seconds, fraction, len;

        if (!reading_need(r, PCAP_RECORD))
            return reading_wrong(
                r,
                "the file ends inside the header of frame %zu; editcap keeps the complete frames",
                r->c->count + 1);
        seconds = reading_32(r, r->at);
        fraction = reading_32(r, r->at + 4);
        len = reading_32(r, r->at + 8);
        if (fraction >= 1000000000 / unit_ns)
            return reading_wrong(r, "frame %zu has a fraction of a second of %" PRIu32,
                                 r->c->count + 1, fraction);
        if (!reading_need(r, (size_t)PCAP_RECORD + len))
            return reading_wrong(
                r, "the file ends inside frame %zu; editcap keeps the complete frames",
                r->c->count + 1);
        if (reading_add(r, link & 0xffff, seconds * UINT64_C(1000000000) + fraction * unit_ns,
                        r->at + PCAP_RECORD, len, reading_32(r, r->at + 12)))
            return -1;
        r->at += (size_t)PCAP_RECORD + len;
    }
    return 0;
}

/* ---- the whole ---- */

/* RFC 1952 section 2.3.1: the first two bytes. */
static bool is_gzip(uint32_t magic)
{
    uint8_t bytes[4];

    memcpy(bytes, &magic, sizeof(bytes));
    return bytes[0] == 0x1f && bytes[1] == 0x8b;
}

static int capture_parse_file(struct capture *c, const uint8_t *bytes, size_t len, bool cut_allowed,
                              char *problem, size_t problem_size)
{
    struct reading r = {.c = c,
                        .bytes = bytes,
                        .len = len,
                        .cut_allowed = cut_allowed,
                        .problem = problem,
                        .problem_size = problem_size};
    int error = -1;
    uint32_t magic;

    *c = (struct capture){0};
    if (len < sizeof(magic)) {
        reading_wrong(&r, len ? "the file is too short to be a capture" : "the file is empty");
        return -1;
    }
    memcpy(&magic, bytes, sizeof(magic));
    r.swapped = magic == __builtin_bswap32(PCAP_MICROSECONDS) ||
                magic == __builtin_bswap32(PCAP_NANOSECONDS) ||
                magic == __builtin_bswap32(PCAP_MODIFIED);
    magic = reading_32(&r, 0);
    if (magic == BLOCK_SECTION)
        error = reading_pcapng(&r);
    else if (magic == PCAP_MICROSECONDS || magic == PCAP_NANOSECONDS)
        error = read_pcap(&r, magic == PCAP_NANOSECONDS);
    else if (magic == PCAP_MODIFIED)
        reading_wrong(&r, "modified pcap (old Linux); convert it: editcap FILE NEW");
    else if (is_gzip(magic))
        reading_wrong(&r, "compressed with gzip; run gunzip first");
    else
        reading_wrong(&r, "neither pcap nor pcapng");
    if (error)
        capture_free(c);
    return error;
}

int capture_parse(struct capture *c, const uint8_t *bytes, size_t len, char *problem,
                  size_t problem_size)
{
    return capture_parse_file(c, bytes, len, false, problem, problem_size);
}

int capture_from(struct capture *c, const struct source *files, const char *path, bool cut,
                 char *problem, size_t problem_size)
{
    uint8_t *bytes;
    size_t len;
    int error = -1;

    *c = (struct capture){0};
    if (files->read(files->ctx, path, CAPTURE_FILE_MAX, &bytes, &len, problem, problem_size))
        return -1;
    if (len > CAPTURE_FILE_MAX)
        snprintf(problem, problem_size, "is larger than %d MiB; split it with editcap -c",
                 CAPTURE_FILE_MAX >> 20);
    else
        error = capture_parse_file(c, bytes, len, cut, problem, problem_size);
    if (error) {
        free(bytes);
        return error;
    }
    c->file = bytes;
    c->file_len = len;
    return 0;
}

static bool magic_known(uint32_t magic)
{
    return magic == BLOCK_SECTION || magic == PCAP_MICROSECONDS || magic == PCAP_NANOSECONDS ||
           magic == PCAP_MODIFIED || is_gzip(magic);
}

bool capture_magic(const void *bytes, size_t len)
{
    uint32_t magic;

    if (len < sizeof(magic))
        return false;
    memcpy(&magic, bytes, sizeof(magic));
    return magic_known(magic) || magic_known(__builtin_bswap32(magic));
}

static int capture_hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

bool capture_origin(const struct capture *c, const char *key, char *buf, size_t size)
{
    const char *p = c->origin, *end = p ? p + c->origin_len : NULL;
    size_t key_len = strlen(key), n = 0;

    while (p && p < end &&
           !((size_t)(end - p) > key_len && !memcmp(p, key, key_len) && p[key_len] == '=')) {
        p = memchr(p, '\n', (size_t)(end - p));
        p = p ? p + 1 : NULL;
    }
    if (!p || p >= end)
        return false;
    for (p += key_len + 1; p < end && *p != '\n' && n + 1 < size; n++) {
        bool escape = end - p >= 4 && p[0] == '\\' && p[1] == 'x' && capture_hex_digit(p[2]) >= 0 &&
                      capture_hex_digit(p[3]) >= 0;

        buf[n] = escape ? (char)(capture_hex_digit(p[2]) * 16 + capture_hex_digit(p[3])) : *p;
        p += escape ? 4 : 1;
    }
    buf[n] = 0;
    return p == end || *p == '\n';
}

void capture_free(struct capture *c)
{
    free(c->frames);
    free(c->file);
    free(c->made);
    *c = (struct capture){0};
}
