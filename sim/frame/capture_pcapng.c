/*
 * Captures in pcapng (draft-ietf-opsawg-pcapng), whose block and option numbers these are. See
 * capture_reading.h.
 */
#include "capture_reading.h"
#include <inttypes.h>
#include <stdio.h>

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_OLD_PACKET = 2, /* obsolete; like a packet, except for the interface */
    BLOCK_SIMPLE_PACKET = 3,
    BLOCK_PACKET = 6,
    BLOCK_MIN = 12,
    OPTION_END = 0,
    OPTION_COMMENT = 1,
    OPTION_IF_NAME = 2,
    OPTION_IF_TSRESOL = 9,
    OPTION_IF_TSOFFSET = 14,
};

#define BYTE_ORDER_MAGIC UINT32_C(0x1a2b3c4d)

static bool option_is(const struct reading *r, size_t at, uint16_t len, const char *text)
{
    return len == strlen(text) && memcmp(r->bytes + at, text, len) == 0;
}

/* Powers of ten, or of two when the highest bit is set. */
static bool read_resolution(struct interface *i, uint8_t power)
{
    bool two = power & 0x80;

    power &= 0x7f;
    if (power > (two ? 63 : 19))
        return false;
    i->ticks = two ? UINT64_C(1) << power : 1;
    for (; !two && power; power--)
        i->ticks *= 10;
    return true;
}

/* The offset is signed; a time before 1970 or after 2554 is rejected. */
static bool time_of(const struct interface *i, uint64_t ticks, uint64_t *time_ns)
{
    uint64_t s = ticks / i->ticks + i->offset_s, fraction = ticks % i->ticks, unit = i->ticks;

    for (; unit >> 34; unit >>= 1) /* far below a nanosecond */
        fraction >>= 1;
    *time_ns = s * UINT64_C(1000000000) + fraction * UINT64_C(1000000000) / unit;
    return s < UINT64_MAX / UINT64_C(1000000000);
}

static int interface_option(struct reading *r, struct interface *i, uint16_t code, uint16_t len,
                            size_t at)
{
    if (code == OPTION_IF_NAME)
        i->lost = option_is(r, at, len, "lost");
    if (code == OPTION_IF_TSRESOL && !(len == 1 && read_resolution(i, r->bytes[at])))
        return reading_wrong(r, "bad time resolution: 0x%02x, %u bytes", len ? r->bytes[at] : 0,
                             len);
    if (code == OPTION_IF_TSOFFSET && len != 8)
        return reading_wrong(r, "bad time offset: %u bytes", len);
    if (code == OPTION_IF_TSOFFSET)
        i->offset_s = reading_64(r, at);
    return 0;
}

static bool contains(const char *text, const char *word)
{
    return strstr(text, word) != NULL;
}

/* The words of sim/world/wire.c. */
static void packet_comment(const struct reading *r, struct capture_frame *f, uint16_t len,
                           size_t at)
{
    static const char fault[] = "fault: ";
    size_t n = sizeof(fault) - 1;
    char text[128];

    if (len < n || memcmp(r->bytes + at, fault, n))
        return;
    f->fault = (const char *)r->bytes + at + n;
    f->fault_len = len - n;
    snprintf(text, sizeof(text), "%.*s", (int)len, (const char *)r->bytes + at);
    f->duplicate |= contains(text, "duplicate") && !contains(text, "duplicated");
    f->damaged |= contains(text, "corrupted") || contains(text, "truncated");
}

/*
 * Walk the options in [at, end): those of an interface into `i`, those of a packet into `f` (one of
 * them is NULL). A list need not have an end mark.
 */
static int capture_pcapng_read_options(struct reading *r, size_t at, size_t end,
                                       struct interface *i, struct capture_frame *f)
{
    while (end - at >= 4) {
        uint16_t code = reading_16(r, at), len = reading_16(r, at + 2);
        size_t padded = ((size_t)len + 3) & ~(size_t)3;

        if (code == OPTION_END)
            return 0;
        at += 4;
        if (end - at < padded)
            return reading_wrong(r, "an option is longer than its block");
        if (i && interface_option(r, i, code, len, at))
            return -1;
        if (f && code == OPTION_COMMENT)
            packet_comment(r, f, len, at);
        at += padded;
    }
    return end == at ? 0 : reading_wrong(r, "%zu bytes after the options of a block", end - at);
}

static void section_comment(struct capture *c, const char *text, size_t len)
{
    if (!c->origin) {
        c->origin = text;
        c->origin_len = len;
    } else if (!c->scenario) {
        c->scenario = text;
        c->scenario_len = len;
    }
}

/* The comments of the section header that ends at `end`: the origin of drywire's own captures. */
static int section_options(struct reading *r, size_t end)
{
    size_t at = r->at + 24;

    while (end - at >= 4 && reading_16(r, at) != OPTION_END) {
        size_t len = reading_16(r, at + 2), padded = (len + 3) & ~(size_t)3;

        if (end - at - 4 < padded)
            return reading_wrong(r, "an option is longer than its block");
        if (reading_16(r, at) == OPTION_COMMENT)
            section_comment(r->c, (const char *)r->bytes + at + 4, len);
        at += 4 + padded;
    }
    return 0;
}

/* Read the header of a section, which sets the byte order. Returns the length of the block. */
static int section_start(struct reading *r, uint32_t *len)
{
    uint32_t magic;

    if (!reading_need(r, 28))
        return reading_wrong(r, "the file ends inside a section header");
    memcpy(&magic, r->bytes + r->at + 8, sizeof(magic));
    r->swapped = magic == __builtin_bswap32(BYTE_ORDER_MAGIC);
    if (!r->swapped && magic != BYTE_ORDER_MAGIC)
        return reading_wrong(r, "a section header without a byte-order mark");
    *len = reading_32(r, r->at + 4);
    if (*len < 28)
        return reading_wrong(r, "a section header of %" PRIu32 " bytes", *len);
    if (reading_16(r, r->at + 12) != 1)
        return reading_wrong(r, "unsupported pcapng version %u; 1 is supported",
                             reading_16(r, r->at + 12));
    r->interface_count = 0;
    return 0;
}

static int read_interface(struct reading *r, size_t end)
{
    struct interface *i = &r->interfaces[r->interface_count];
    size_t at = r->at + 8;

    if (end - at < 8)
        return reading_wrong(r, "an interface block is too short");
    if (r->interface_count == INTERFACES_MAX)
        return reading_wrong(r, "more than %d interfaces", INTERFACES_MAX);
    *i = (struct interface){.ticks = 1000000, /* unless an option says otherwise */
                            .snap_len = reading_32(r, at + 4),
                            .link = reading_16(r, at)};
    r->interface_count++;
    return capture_pcapng_read_options(r, at + 8, end, i, NULL);
}

static const struct interface *interface_of(struct reading *r, uint32_t number)
{
    char frame[40];

    snprintf(frame, sizeof(frame), "of frame %zu ", r->c->count + 1);
    if (number >= r->interface_count)
        reading_wrong(r, "frame %zu belongs to interface %" PRIu32 ", which is not described",
                      r->c->count + 1, number);
    else if (link_header(r->interfaces[number].link) < 0)
        reading_wrong_link(r, frame, r->interfaces[number].link);
    else
        return &r->interfaces[number];
    return NULL;
}

/* In an old packet the interface number has 16 bits, and a drop count follows it. */
static int read_packet(struct reading *r, size_t end, bool old)
{
    size_t at = r->at + 8, padded;
    const struct interface *i;
    struct capture_frame *f;
    uint64_t ticks, time_ns;
    uint32_t len, number;

    if (end - at < 20)
        return reading_wrong(r, "the block of frame %zu is too short", r->c->count + 1);
    number = old ? reading_16(r, at) : reading_32(r, at);
    if (number < r->interface_count && r->interfaces[number].link == LINKTYPE_USER0)
        return 0;
    i = interface_of(r, number);
    if (!i)
        return -1;
    ticks = (uint64_t)reading_32(r, at + 4) << 32 | reading_32(r, at + 8);
    len = reading_32(r, at + 12);
    padded = ((size_t)len + 3) & ~(size_t)3;
    if (end - at - 20 < padded)
        return reading_wrong(r, "frame %zu is longer than its block", r->c->count + 1);
    if (!time_of(i, ticks, &time_ns))
        return reading_wrong(r, "frame %zu has a time outside 1970 to 2554", r->c->count + 1);
    if (reading_add(r, i->link, time_ns, at + 20, len, reading_32(r, at + 16)))
        return -1;
    f = &r->c->frames[r->c->count - 1];
    f->lost = i->lost;
    return capture_pcapng_read_options(r, at + 20 + padded, end, NULL, f);
}

/* A packet without a time has the time of the one before it. */
static int read_simple_packet(struct reading *r, size_t end)
{
    const struct interface *i = interface_of(r, 0);
    size_t at = r->at + 8, count = r->c->count;
    uint32_t whole, len;

    if (!i)
        return -1;
    if (end - at < 4)
        return reading_wrong(r, "the block of frame %zu is too short", count + 1);
    whole = reading_32(r, at);
    len = i->snap_len && whole > i->snap_len ? i->snap_len : whole;
    if (end - at - 4 < (((size_t)len + 3) & ~(size_t)3))
        return reading_wrong(r, "frame %zu is longer than its block", count + 1);
    return reading_add(r, i->link, count ? r->c->frames[count - 1].time_ns : 0, at + 4, len, whole);
}

static int read_block(struct reading *r)
{
    uint32_t type, len;
    size_t end;
    int error = 0;

    if (!reading_need(r, BLOCK_MIN))
        return reading_wrong(
            r, "the file ends inside the header of a block; editcap keeps the complete frames");
    type = reading_32(r, r->at);
    len = reading_32(r, r->at + 4);
    if (type == BLOCK_SECTION && section_start(r, &len))
        return -1;
    if (len < BLOCK_MIN || len % 4)
        return reading_wrong(r, "a block of %" PRIu32 " bytes", len);
    if (!reading_need(r, len))
        return reading_wrong(r,
                             "the file ends inside a block of %" PRIu32
                             " bytes; editcap keeps the complete frames",
                             len);
    end = r->at + len - 4;
    if (reading_32(r, end) != len)
        return reading_wrong(
            r, "a block is %" PRIu32 " bytes long at its start and %" PRIu32 " at its end", len,
            reading_32(r, end));
    if (type == BLOCK_SECTION)
        error = section_options(r, end);
    else if (type == BLOCK_INTERFACE)
        error = read_interface(r, end);
    else if (type == BLOCK_PACKET || type == BLOCK_OLD_PACKET)
        error = read_packet(r, end, type == BLOCK_OLD_PACKET);
    else if (type == BLOCK_SIMPLE_PACKET)
        error = read_simple_packet(r, end);
    r->at = end + 4; /* other blocks (names, statistics, secrets) are skipped */
    return error;
}

int reading_pcapng(struct reading *r)
{
    while (r->at < r->len)
        if (read_block(r))
            return -1;
    return 0;
}
