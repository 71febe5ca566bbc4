/*
 * Captures out, in pcapng (draft-ietf-opsawg-pcapng): section header, two interface blocks with
 * nanosecond time, enhanced packet blocks with direction and comment. See pcapng.h.
 */
#include "pcapng.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    LINK_ETHERNET = 1,
    SNAP_LENGTH = 65535,
    OPTION_END = 0,
    OPTION_COMMENT = 1,
    OPTION_IF_NAME = 2,
    OPTION_IF_TSRESOL = 9,
    OPTION_SHB_USERAPPL = 4,
    OPTION_EPB_FLAGS = 2,
    FLAG_INBOUND = 1,
    FLAG_OUTBOUND = 2,
};

/* A block is put together here; the longest is a packet of 2048 bytes with its comment. */
struct block {
    uint8_t bytes[8192];
    size_t len;
};

static void put(struct block *b, const void *bytes, size_t len)
{
    if (len > sizeof(b->bytes) - b->len)
        len = sizeof(b->bytes) - b->len;
    memcpy(b->bytes + b->len, bytes, len);
    b->len += len;
    while (b->len % 4)
        b->bytes[b->len++] = 0;
}

static void put32(struct block *b, uint32_t n)
{
    put(b, &n, sizeof(n));
}

static void put_option(struct block *b, uint16_t code, const void *value, size_t len)
{
    uint16_t head[2] = {code, (uint16_t)len};

    put(b, head, sizeof(head));
    put(b, value, len);
}

static void block_begin(struct block *b, uint32_t type)
{
    b->len = 0;
    put32(b, type);
    put32(b, 0); /* the length, known at the end */
}

static void block_write(struct pcapng *p, struct block *b)
{
    uint32_t total;

    put32(b, 0);
    total = (uint32_t)b->len;
    memcpy(b->bytes + 4, &total, 4);
    memcpy(b->bytes + b->len - 4, &total, 4);
    fwrite(b->bytes, 1, b->len, p->file); /* an error stays in the stream until it is closed */
}

static void write_section(struct pcapng *p, const char *comment)
{
    static const uint16_t version[2] = {1, 0};
    static const uint64_t unknown_length = UINT64_MAX;
    struct block b;

    block_begin(&b, BLOCK_SECTION);
    put32(&b, BYTE_ORDER_MAGIC);
    put(&b, version, sizeof(version));
    put(&b, &unknown_length, sizeof(unknown_length));
    if (comment)
        put_option(&b, OPTION_COMMENT, comment, strlen(comment));
    put_option(&b, OPTION_SHB_USERAPPL, "drywire", strlen("drywire"));
    put_option(&b, OPTION_END, "", 0);
    block_write(p, &b);
}

static void write_interface(struct pcapng *p, const char *name)
{
    static const uint16_t link[2] = {LINK_ETHERNET, 0};
    static const uint8_t nanoseconds = 9;
    struct block b;

    block_begin(&b, BLOCK_INTERFACE);
    put(&b, link, sizeof(link));
    put32(&b, SNAP_LENGTH);
    put_option(&b, OPTION_IF_NAME, name, strlen(name));
    put_option(&b, OPTION_IF_TSRESOL, &nanoseconds, 1);
    put_option(&b, OPTION_END, "", 0);
    block_write(p, &b);
}

int pcapng_open(struct pcapng *p, const char *path, const char *comment)
{
    size_t size = strlen(path) + sizeof(".partial");

    memset(p, 0, sizeof(*p));
    p->path = strdup(path);
    p->temporary = malloc(size);
    if (!p->path || !p->temporary) {
        errno = ENOMEM;
        goto failed;
    }
    snprintf(p->temporary, size, "%s.partial", path);
    p->file = fopen(p->temporary, "wb");
    if (!p->file)
        goto failed;
    setvbuf(p->file, NULL, _IONBF, 0); /* whole blocks reach the disk even if the run crashes */
    write_section(p, comment);
    write_interface(p, "wire");
    write_interface(p, "lost");
    return 0;
failed:
    free(p->path);
    free(p->temporary);
    memset(p, 0, sizeof(*p));
    return -1;
}

void pcapng_packet(struct pcapng *p, enum capture_interface where, uint64_t time_ns, int outbound,
                   const uint8_t *frame, size_t len, const char *comment)
{
    uint32_t flags = outbound ? FLAG_OUTBOUND : FLAG_INBOUND;
    struct block b;

    block_begin(&b, BLOCK_PACKET);
    put32(&b, (uint32_t)where);
    put32(&b, (uint32_t)(time_ns >> 32));
    put32(&b, (uint32_t)time_ns);
    put32(&b, (uint32_t)len);
    put32(&b, (uint32_t)len);
    put(&b, frame, len);
    if (comment)
        put_option(&b, OPTION_COMMENT, comment, strlen(comment));
    put_option(&b, OPTION_EPB_FLAGS, &flags, sizeof(flags));
    put_option(&b, OPTION_END, "", 0);
    block_write(p, &b);
}

static void forget(struct pcapng *p)
{
    free(p->path);
    free(p->temporary);
    memset(p, 0, sizeof(*p));
}

int pcapng_close(struct pcapng *p)
{
    int bad = ferror(p->file), error;

    if (fclose(p->file) || bad || rename(p->temporary, p->path)) {
        error = errno;
        unlink(p->temporary);
        forget(p);
        errno = error;
        return -1;
    }
    forget(p);
    return 0;
}

void pcapng_discard(struct pcapng *p)
{
    if (!p->file)
        return;
    fclose(p->file);
    unlink(p->temporary);
    forget(p);
}
