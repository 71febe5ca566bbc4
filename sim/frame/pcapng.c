/*
 * Writer of pcapng captures (draft-ietf-opsawg-pcapng): section header, interfaces, enhanced packet
 * blocks. Numbers are in this machine's byte order, which the magic of the section header marks.
 * See pcapng.h.
 */
#include "pcapng.h"
#include "../../core/base/minmax.h"
#include "../base/memory.h"
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    OPTION_END = 0,
    OPTION_COMMENT = 1,
    OPTION_IF_NAME = 2,
    OPTION_IF_DESCRIPTION = 3,
    OPTION_IF_TSRESOL = 9,
    OPTION_EPB_FLAGS = 2,
    OPTION_SHB_USERAPPL = 4,
    FLAG_INBOUND = 1,
    FLAG_OUTBOUND = 2,
};

/* A block is built here and written at once: a capture always ends with a whole block. */
struct block {
    uint8_t *bytes;
    size_t len, size;
};

static void pcapng_put(struct block *b, const void *bytes, size_t len)
{
    b->bytes = memory_grow(b->bytes, b->len + len, &b->size, 1);
    if (len)
        memcpy(b->bytes + b->len, bytes, len);
    b->len += len;
}

static void pcapng_put32(struct block *b, uint32_t n)
{
    pcapng_put(b, &n, sizeof(n));
}

static void put16(struct block *b, uint16_t n)
{
    pcapng_put(b, &n, sizeof(n));
}

static void put_padding(struct block *b)
{
    static const uint8_t zeros[4];

    pcapng_put(b, zeros, -b->len & 3);
}

static void pcapng_put_option(struct block *b, uint16_t code, const void *value, size_t len)
{
    uint16_t shown = (uint16_t)min_u64(len, PCAPNG_COMMENT_MAX);

    put16(b, code);
    put16(b, shown);
    pcapng_put(b, value, shown);
    put_padding(b);
}

static void pcapng_put_text(struct block *b, uint16_t code, const char *text)
{
    if (text && *text)
        pcapng_put_option(b, code, text, strlen(text));
}

static struct block block_start(uint32_t type)
{
    struct block b = {0};

    pcapng_put32(&b, type);
    pcapng_put32(&b, 0); /* the length, set later */
    return b;
}

/* Close the options, fill in the length at both ends, write. */
static void block_write(struct block *b, struct pcapng *p)
{
    uint32_t len = (uint32_t)b->len + 8;

    pcapng_put32(b, OPTION_END);
    pcapng_put32(b, len);
    memcpy(b->bytes + 4, &len, sizeof(len));
    p->out.write(p->out.ctx, b->bytes, b->len);
    p->at += b->len;
    free(b->bytes);
}

static void write_section(struct pcapng *p, const char *const *comments)
{
    struct block b = block_start(BLOCK_SECTION);
    uint64_t length_unknown = UINT64_MAX;

    pcapng_put32(&b, BYTE_ORDER_MAGIC);
    put16(&b, 1); /* version 1.0 */
    put16(&b, 0);
    pcapng_put(&b, &length_unknown, sizeof(length_unknown));
    p->comment_at = b.len + 4;
    for (; comments && *comments; comments++)
        pcapng_put_text(&b, OPTION_COMMENT, *comments);
    pcapng_put_text(&b, OPTION_SHB_USERAPPL, "drywire");
    block_write(&b, p);
}

static void write_interface(struct pcapng *p, uint16_t link, const char *name,
                            const char *description)
{
    struct block b = block_start(BLOCK_INTERFACE);
    uint8_t nanoseconds = 9;

    put16(&b, link);
    put16(&b, 0);
    pcapng_put32(&b, 0); /* no limit on captured length */
    pcapng_put_text(&b, OPTION_IF_NAME, name);
    pcapng_put_text(&b, OPTION_IF_DESCRIPTION, description);
    pcapng_put_option(&b, OPTION_IF_TSRESOL, &nanoseconds, 1);
    block_write(&b, p);
}

void pcapng_start(struct pcapng *p, const struct sink *out, const char *const *comments)
{
    *p = (struct pcapng){.out = *out};
    write_section(p, comments);
    write_interface(p, LINKTYPE_ETHERNET, "wire", NULL);
    write_interface(p, LINKTYPE_ETHERNET, "lost", NULL);
}

static struct block packet_start(enum capture_interface where, uint64_t time_ns,
                                 const uint8_t *bytes, size_t len)
{
    struct block b = block_start(BLOCK_PACKET);

    pcapng_put32(&b, where);
    pcapng_put32(&b, (uint32_t)(time_ns >> 32));
    pcapng_put32(&b, (uint32_t)time_ns);
    pcapng_put32(&b, (uint32_t)len); /* captured */
    pcapng_put32(&b, (uint32_t)len); /* on the wire */
    pcapng_put(&b, bytes, len);
    put_padding(&b);
    return b;
}

uint64_t pcapng_packet_comments(struct pcapng *p, enum capture_interface where, uint64_t time_ns,
                                int outbound, const uint8_t *frame, size_t len,
                                const char *const *comments)
{
    struct block b = packet_start(where, time_ns, frame, len);
    uint32_t flags = outbound ? FLAG_OUTBOUND : FLAG_INBOUND;
    uint64_t last_at = 0;

    pcapng_put_option(&b, OPTION_EPB_FLAGS, &flags, sizeof(flags));
    for (; *comments; comments++) {
        last_at = p->at + b.len + 4; /* after code and length */
        pcapng_put_text(&b, OPTION_COMMENT, *comments);
    }
    block_write(&b, p);
    p->packets++;
    return last_at;
}

void pcapng_packet(struct pcapng *p, enum capture_interface where, uint64_t time_ns, int outbound,
                   const uint8_t *frame, size_t len, const char *comment)
{
    const char *const comments[] = {comment, NULL};

    pcapng_packet_comments(p, where, time_ns, outbound, frame, len, comments);
}

void pcapng_ring(struct pcapng *p, uint64_t time_ns, const uint8_t *record, size_t len)
{
    struct block b;

    if (!p->rings)
        write_interface(p, LINKTYPE_USER0, "ring", "ring events of drywire's device");
    p->rings = true;
    b = packet_start(CAPTURE_RING, time_ns, record, len);
    block_write(&b, p);
    p->packets++;
}

bool pcapng_can_amend(const struct pcapng *p)
{
    return p->out.overwrite != NULL;
}

void pcapng_amend(struct pcapng *p, uint64_t at, const char *text, unsigned width)
{
    size_t len = strnlen(text, width);

    p->out.overwrite(p->out.ctx, at, text, len);
    for (; len < width; len++)
        p->out.overwrite(p->out.ctx, at + len, " ", 1);
}
