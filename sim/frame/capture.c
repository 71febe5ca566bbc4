/*
 * The reader of captures: see capture.h. The formats are draft-ietf-opsawg-pcap and
 * draft-ietf-opsawg-pcapng; block and option numbers are theirs.
 *
 * Both are walked by one rule: `need()` says whether so many bytes are there before any of them is
 * read, and every step of a loop takes at least one header off what is left.
 */
#include "capture.h"
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
    BLOCK_INTERFACE = 1,
    BLOCK_OLD_PACKET = 2, /* of the format's beginnings; like a packet, but for the interface */
    BLOCK_SIMPLE_PACKET = 3,
    BLOCK_PACKET = 6,
    BLOCK_MIN = 12,
    OPTION_END = 0,
    OPTION_COMMENT = 1,
    OPTION_IF_NAME = 2,
    OPTION_IF_TSRESOL = 9,
    OPTION_IF_TSOFFSET = 14,
    LINKTYPE_NULL = 0, /* a loopback interface: the address family, then IP */
    LINKTYPE_ETHERNET = 1,
    LINKTYPE_RAW_OPENBSD = 12,
    LINKTYPE_RAW = 101,
    LINKTYPE_LOOP = 108,
    LINKTYPE_LINUX_SLL = 113, /* Linux cooked capture: tcpdump -i any */
    LINKTYPE_USER0 = 147,     /* ring events of our own captures */
    LINKTYPE_IPV4 = 228,
    LINKTYPE_IPV6 = 229,
    LINKTYPE_LINUX_SLL2 = 276,
    ETH_HEADER = 14,
    ETH_ARP = 0x0806,
    ETH_IPV4 = 0x0800,
    ETH_IPV6 = 0x86dd,
    INTERFACES_MAX = 64,
};

#define PCAP_MICROSECONDS UINT32_C(0xa1b2c3d4)
#define PCAP_NANOSECONDS  UINT32_C(0xa1b23c4d)
#define PCAP_MODIFIED     UINT32_C(0xa1b2cd34)
#define FCS_KNOWN         UINT32_C(0x04000000)
#define BYTE_ORDER_MAGIC  UINT32_C(0x1a2b3c4d)

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

/* Always -1, so that a step can return it. */
static int __attribute__((format(printf, 2, 3))) wrong(struct reading *r, const char *format, ...)
{
    int n = snprintf(r->problem, r->problem_size, "byte %zu: ", r->at);
    va_list args;

    va_start(args, format);
    if (n > 0 && (size_t)n < r->problem_size)
        vsnprintf(r->problem + n, r->problem_size - (size_t)n, format, args);
    va_end(args);
    return -1;
}

static bool need(const struct reading *r, size_t len)
{
    return r->len - r->at >= len;
}

/* ---- numbers ---- */

static uint32_t get32(const struct reading *r, size_t at)
{
    uint32_t n;

    memcpy(&n, r->bytes + at, sizeof(n));
    return r->swapped ? __builtin_bswap32(n) : n;
}

static uint64_t get64(const struct reading *r, size_t at)
{
    uint64_t n;

    memcpy(&n, r->bytes + at, sizeof(n));
    return r->swapped ? __builtin_bswap64(n) : n;
}

static uint16_t get16(const struct reading *r, size_t at)
{
    uint16_t n;

    memcpy(&n, r->bytes + at, sizeof(n));
    return r->swapped ? __builtin_bswap16(n) : n;
}

/* ---- link types ---- */

/* The bytes in front of what is in the frame; -1: no known link type. */
static int link_header(unsigned link)
{
    switch (link) {
    case LINKTYPE_ETHERNET:
    case LINKTYPE_RAW_OPENBSD:
    case LINKTYPE_RAW:
    case LINKTYPE_IPV4:
    case LINKTYPE_IPV6:
        return 0;
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP:
        return 4;
    case LINKTYPE_LINUX_SLL:
        return 16;
    case LINKTYPE_LINUX_SLL2:
        return 20;
    default:
        return -1;
    }
}

static int wrong_link(struct reading *r, const char *what, unsigned link)
{
    return wrong(
        r,
        "%sthe link type is %u; known are Ethernet (1), Linux cooked (113, 276), raw IP (101) "
        "and loopback (0)",
        what, link);
}

/* An address of the kind that nobody sells, of the last four bytes of another. */
static void made_address(uint8_t to[6], const uint8_t *from, size_t left)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    memcpy(to, "\x02\0\0\0\0", 6);
    if (left >= 4)
        memcpy(to + 2, from, 4);
    if (left >= 4 && !memcmp(from, broadcast, 4))
        memcpy(to, broadcast, 6);
}

/*
 * The Ethernet header that a frame of another link type has not: its type as the link's own header
 * or the version of IP says, its addresses made of those of IP or ARP. Of a cooked frame the
 * address of the sender is known, unless it came by a loopback.
 */
static void make_header(uint8_t eth[ETH_HEADER], unsigned link, const uint8_t *header,
                        const uint8_t *payload, size_t len)
{
    bool sll = link == LINKTYPE_LINUX_SLL, sll2 = link == LINKTYPE_LINUX_SLL2;
    const uint8_t *type = sll ? header + 14 : header, *sender = header + (sll ? 6 : 12);
    unsigned version = len ? payload[0] >> 4 : 0;
    unsigned eth_type = sll || sll2 ? type[0] << 8 | type[1] : version == 6 ? ETH_IPV6 : ETH_IPV4;
    unsigned from = eth_type == ETH_ARP ? 14 : eth_type == ETH_IPV6 ? 20 : 12;
    unsigned to = eth_type == ETH_ARP ? 24 : eth_type == ETH_IPV6 ? 36 : 16;

    made_address(eth, payload + (len > to ? to : len), len > to ? len - to : 0);
    made_address(eth + 6, payload + (len > from ? from : len), len > from ? len - from : 0);
    if (((sll && header[5] == 6) || (sll2 && header[11] == 6)) && memcmp(sender, "\0\0\0\0\0", 6))
        memcpy(eth + 6, sender, 6);
    eth[12] = (uint8_t)(eth_type >> 8);
    eth[13] = (uint8_t)eth_type;
}

/* The `len` bytes of a frame as an Ethernet frame, which is longer or shorter by *moved. The made
 * ones have room together: each is shorter than its record in the file. NULL after wrong(). */
static const uint8_t *as_ethernet(struct reading *r, unsigned link, const uint8_t *bytes,
                                  size_t len, int *moved)
{
    size_t skip = (size_t)link_header(link);
    uint8_t *made;

    *moved = 0;
    if (link == LINKTYPE_ETHERNET)
        return bytes;
    if (len < skip) {
        wrong(r, "frame %zu of %zu bytes is shorter than the header of its link type",
              r->c->count + 1, len);
        return NULL;
    }
    if (!r->c->made)
        r->c->made = memory_new(r->len, 1);
    *moved = ETH_HEADER - (int)skip;
    made = r->c->made + r->made_len;
    make_header(made, link, bytes, bytes + skip, len - skip);
    memcpy(made + ETH_HEADER, bytes + skip, len - skip);
    r->made_len += ETH_HEADER + len - skip;
    return made;
}

/* ---- frames ---- */

/* `len` bytes at `at`, which are there; `whole` bytes were on the wire. */
static int add_frame(struct reading *r, unsigned link, uint64_t time_ns, size_t at, uint32_t len,
                     uint32_t whole)
{
    struct capture *c = r->c;
    const uint8_t *bytes;
    int moved;

    if (len > CAPTURE_FRAME_MAX)
        return wrong(r, "frame %zu has %" PRIu32 " bytes, more than any frame", c->count + 1, len);
    if (len != whole && !(r->cut_allowed && len < whole))
        return wrong(r,
                     "frame %zu was cut when it was recorded: %" PRIu32 " of %" PRIu32
                     " bytes; record with -s 0",
                     c->count + 1, len, whole);
    bytes = as_ethernet(r, link, r->bytes + at, len, &moved);
    if (!bytes)
        return -1;
    if (len + (size_t)moved > CAPTURE_FRAME_MAX)
        return wrong(r, "frame %zu has %zu bytes with its header of Ethernet, more than any frame",
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

    if (!need(r, PCAP_HEADER))
        return wrong(r, "the file ends inside its header");
    if (get16(r, 4) != 2 || get16(r, 6) != 4)
        return wrong(r, "pcap of version %u.%u, 2.4 is known", get16(r, 4), get16(r, 6));
    link = get32(r, 20); /* above it: what is known of the frame check sequence */
    if (link_header(link & 0xffff) < 0)
        return wrong_link(r, "", link & 0xffff);
    if (link & FCS_KNOWN && link >> 28)
        return wrong(r, "frames with their check sequences are not supported");
    for (r->at = PCAP_HEADER; r->at < r->len;) {
        uint32_t seconds, fraction, len;

        if (!need(r, PCAP_RECORD))
            return wrong(
                r, "the file ends inside the header of frame %zu; editcap keeps what is whole",
                r->c->count + 1);
        seconds = get32(r, r->at);
        fraction = get32(r, r->at + 4);
        len = get32(r, r->at + 8);
        if (fraction >= 1000000000 / unit_ns)
            return wrong(r, "frame %zu has a fraction of a second of %" PRIu32, r->c->count + 1,
                         fraction);
        if (!need(r, (size_t)PCAP_RECORD + len))
            return wrong(r, "the file ends inside frame %zu; editcap keeps what is whole",
                         r->c->count + 1);
        if (add_frame(r, link & 0xffff, seconds * UINT64_C(1000000000) + fraction * unit_ns,
                      r->at + PCAP_RECORD, len, get32(r, r->at + 12)))
            return -1;
        r->at += (size_t)PCAP_RECORD + len;
    }
    return 0;
}

/* ---- pcapng ---- */

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

/* The offset is signed; a time before 1970 or behind 2554 is none. */
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
        return wrong(r, "a time resolution of 0x%02x and %u bytes", len ? r->bytes[at] : 0, len);
    if (code == OPTION_IF_TSOFFSET && len != 8)
        return wrong(r, "a time offset of %u bytes", len);
    if (code == OPTION_IF_TSOFFSET)
        i->offset_s = get64(r, at);
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
static int read_options(struct reading *r, size_t at, size_t end, struct interface *i,
                        struct capture_frame *f)
{
    while (end - at >= 4) {
        uint16_t code = get16(r, at), len = get16(r, at + 2);
        size_t padded = ((size_t)len + 3) & ~(size_t)3;

        if (code == OPTION_END)
            return 0;
        at += 4;
        if (end - at < padded)
            return wrong(r, "an option is longer than its block");
        if (i && interface_option(r, i, code, len, at))
            return -1;
        if (f && code == OPTION_COMMENT)
            packet_comment(r, f, len, at);
        at += padded;
    }
    return end == at ? 0 : wrong(r, "%zu bytes behind the options of a block", end - at);
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

/* The comments of the section header that ends at `end`: where our own captures say what made them.
 */
static int section_options(struct reading *r, size_t end)
{
    size_t at = r->at + 24;

    while (end - at >= 4 && get16(r, at) != OPTION_END) {
        size_t len = get16(r, at + 2), padded = (len + 3) & ~(size_t)3;

        if (end - at - 4 < padded)
            return wrong(r, "an option is longer than its block");
        if (get16(r, at) == OPTION_COMMENT)
            section_comment(r->c, (const char *)r->bytes + at + 4, len);
        at += 4 + padded;
    }
    return 0;
}

/* The header of a section: from here on its byte order counts. The length of the block. */
static int section_start(struct reading *r, uint32_t *len)
{
    uint32_t magic;

    if (!need(r, 28))
        return wrong(r, "the file ends inside a section header");
    memcpy(&magic, r->bytes + r->at + 8, sizeof(magic));
    r->swapped = magic == __builtin_bswap32(BYTE_ORDER_MAGIC);
    if (!r->swapped && magic != BYTE_ORDER_MAGIC)
        return wrong(r, "a section header without a byte order");
    *len = get32(r, r->at + 4);
    if (*len < 28)
        return wrong(r, "a section header of %" PRIu32 " bytes", *len);
    if (get16(r, r->at + 12) != 1)
        return wrong(r, "pcapng of version %u, 1 is known", get16(r, r->at + 12));
    r->interface_count = 0;
    return 0;
}

static int read_interface(struct reading *r, size_t end)
{
    struct interface *i = &r->interfaces[r->interface_count];
    size_t at = r->at + 8;

    if (end - at < 8)
        return wrong(r, "an interface without its fields");
    if (r->interface_count == INTERFACES_MAX)
        return wrong(r, "more than %d interfaces", INTERFACES_MAX);
    *i = (struct interface){.ticks = 1000000, /* unless an option says otherwise */
                            .snap_len = get32(r, at + 4),
                            .link = get16(r, at)};
    r->interface_count++;
    return read_options(r, at + 8, end, i, NULL);
}

static const struct interface *interface_of(struct reading *r, uint32_t number)
{
    char frame[40];

    snprintf(frame, sizeof(frame), "of frame %zu ", r->c->count + 1);
    if (number >= r->interface_count)
        wrong(r, "frame %zu is of interface %" PRIu32 ", which is not described", r->c->count + 1,
              number);
    else if (link_header(r->interfaces[number].link) < 0)
        wrong_link(r, frame, r->interfaces[number].link);
    else
        return &r->interfaces[number];
    return NULL;
}

/* In an old packet the number of the interface is half as long, and a count of drops behind it. */
static int read_packet(struct reading *r, size_t end, bool old)
{
    size_t at = r->at + 8, padded;
    const struct interface *i;
    struct capture_frame *f;
    uint64_t ticks, time_ns;
    uint32_t len, number;

    if (end - at < 20)
        return wrong(r, "frame %zu without its fields", r->c->count + 1);
    number = old ? get16(r, at) : get32(r, at);
    if (number < r->interface_count && r->interfaces[number].link == LINKTYPE_USER0)
        return 0;
    i = interface_of(r, number);
    if (!i)
        return -1;
    ticks = (uint64_t)get32(r, at + 4) << 32 | get32(r, at + 8);
    len = get32(r, at + 12);
    padded = ((size_t)len + 3) & ~(size_t)3;
    if (end - at - 20 < padded)
        return wrong(r, "frame %zu is longer than its block", r->c->count + 1);
    if (!time_of(i, ticks, &time_ns))
        return wrong(r, "frame %zu has a time that is not from 1970 to 2554", r->c->count + 1);
    if (add_frame(r, i->link, time_ns, at + 20, len, get32(r, at + 16)))
        return -1;
    f = &r->c->frames[r->c->count - 1];
    f->lost = i->lost;
    return read_options(r, at + 20 + padded, end, NULL, f);
}

/* A packet without a time: it counts as recorded when the one before it was. */
static int read_simple_packet(struct reading *r, size_t end)
{
    const struct interface *i = interface_of(r, 0);
    size_t at = r->at + 8, count = r->c->count;
    uint32_t whole, len;

    if (!i)
        return -1;
    if (end - at < 4)
        return wrong(r, "frame %zu without its fields", count + 1);
    whole = get32(r, at);
    len = i->snap_len && whole > i->snap_len ? i->snap_len : whole;
    if (end - at - 4 < (((size_t)len + 3) & ~(size_t)3))
        return wrong(r, "frame %zu is longer than its block", count + 1);
    return add_frame(r, i->link, count ? r->c->frames[count - 1].time_ns : 0, at + 4, len, whole);
}

static int read_block(struct reading *r)
{
    uint32_t type, len;
    size_t end;
    int error = 0;

    if (!need(r, BLOCK_MIN))
        return wrong(r, "the file ends inside the header of a block; editcap keeps what is whole");
    type = get32(r, r->at);
    len = get32(r, r->at + 4);
    if (type == BLOCK_SECTION && section_start(r, &len))
        return -1;
    if (len < BLOCK_MIN || len % 4)
        return wrong(r, "a block of %" PRIu32 " bytes", len);
    if (!need(r, len))
        return wrong(
            r, "the file ends inside a block of %" PRIu32 " bytes; editcap keeps what is whole",
            len);
    end = r->at + len - 4;
    if (get32(r, end) != len)
        return wrong(r, "a block is %" PRIu32 " bytes long at its start and %" PRIu32 " at its end",
                     len, get32(r, end));
    if (type == BLOCK_SECTION)
        error = section_options(r, end);
    else if (type == BLOCK_INTERFACE)
        error = read_interface(r, end);
    else if (type == BLOCK_PACKET || type == BLOCK_OLD_PACKET)
        error = read_packet(r, end, type == BLOCK_OLD_PACKET);
    else if (type == BLOCK_SIMPLE_PACKET)
        error = read_simple_packet(r, end);
    r->at = end + 4; /* names, statistics, secrets: other blocks are skipped, as the format asks */
    return error;
}

static int read_pcapng(struct reading *r)
{
    while (r->at < r->len)
        if (read_block(r))
            return -1;
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

static int parse(struct capture *c, const uint8_t *bytes, size_t len, bool cut_allowed,
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
        wrong(&r, len ? "the file is too short to be a capture" : "the file is empty");
        return -1;
    }
    memcpy(&magic, bytes, sizeof(magic));
    r.swapped = magic == __builtin_bswap32(PCAP_MICROSECONDS) ||
                magic == __builtin_bswap32(PCAP_NANOSECONDS) ||
                magic == __builtin_bswap32(PCAP_MODIFIED);
    magic = get32(&r, 0);
    if (magic == BLOCK_SECTION)
        error = read_pcapng(&r);
    else if (magic == PCAP_MICROSECONDS || magic == PCAP_NANOSECONDS)
        error = read_pcap(&r, magic == PCAP_NANOSECONDS);
    else if (magic == PCAP_MODIFIED)
        wrong(&r,
              "pcap as it was once modified for Linux; editcap FILE NEW makes one of today of it");
    else if (is_gzip(magic))
        wrong(&r, "compressed by gzip; gunzip it first");
    else
        wrong(&r, "neither pcap nor pcapng");
    if (error)
        capture_free(c);
    return error;
}

int capture_parse(struct capture *c, const uint8_t *bytes, size_t len, char *problem,
                  size_t problem_size)
{
    return parse(c, bytes, len, false, problem, problem_size);
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
        snprintf(problem, problem_size, "is larger than %d MiB; editcap -c cuts it in pieces",
                 CAPTURE_FILE_MAX >> 20);
    else
        error = parse(c, bytes, len, cut, problem, problem_size);
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

static int hex_digit(char c)
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
        bool escape = end - p >= 4 && p[0] == '\\' && p[1] == 'x' && hex_digit(p[2]) >= 0 &&
                      hex_digit(p[3]) >= 0;

        buf[n] = escape ? (char)(hex_digit(p[2]) * 16 + hex_digit(p[3])) : *p;
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
