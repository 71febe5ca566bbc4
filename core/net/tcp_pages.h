/*
 * The memory of all connections, as pages: a connection has as many as its data needs at present,
 * within its window, and none when it holds nothing. The page given back last is lent next, since
 * its lines are still in the cache.
 *
 * A buffer is a chain of pages, indexed by sequence number: its first page holds `base` and what
 * follows. When there are fewer pages than connections could fill, three rules keep all of them
 * going: neither direction gets the last quarter, since a program that sends back what it received
 * would else wait for a page to send, while what it has not read yet holds them all; only the first
 * page of a buffer comes from the last quarter that is free; and what was received after a gap gets
 * none from the last half.
 */
#ifndef DRYWIRE_TCP_PAGES_H
#define DRYWIRE_TCP_PAGES_H

#include "../base/check.h"
#include "../base/mem.h"
#include "../base/minmax.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tcp_page_use { PAGE_RECEIVES, PAGE_SENDS, PAGE_USES };

enum tcp_page_need {
    NEED_FIRST, /* the first of a buffer */
    NEED_NEXT,  /* data that follows what it holds */
    NEED_GAP,   /* data after a gap, and its description */
};

struct tcp_pages {
    uint8_t *memory;       /* count * size bytes */
    uint32_t *next;        /* of each page in a chain, or of one that is free: 1 + its number */
    uint32_t shift, count; /* the size is 1 << shift */
    uint32_t fresh;        /* pages that were never lent: fresh..count-1 */
    uint32_t free;         /* 1 + the first page that was given back; 0: none */
    uint32_t lent[PAGE_USES];
};

struct tcp_buffer {
    uint32_t first, last; /* 1 + a page number; 0: it has none */
    uint32_t base;        /* the number of the first byte of `first` */
    uint32_t count;       /* of its pages */
    uint32_t near;        /* 1 + the page that was read last */
    uint32_t near_at;     /* the number of that page's first byte */
};

/* `count`: 2 or more; `next`: room for that many; `size`: a power of two. Not cleared. */
void tcp_pages_init(struct tcp_pages *p, uint8_t *memory, uint32_t *next, uint32_t count,
                    uint32_t size);

static inline uint32_t tcp_page_size(const struct tcp_pages *p)
{
    return UINT32_C(1) << p->shift;
}

/* Is there a page? Then tcp_page_lend() returns it, 1 + its number, else 0. */
static inline bool tcp_page_available(const struct tcp_pages *p, enum tcp_page_use use,
                                      enum tcp_page_need need)
{
    uint32_t left = p->count - p->lent[PAGE_RECEIVES] - p->lent[PAGE_SENDS];
    uint32_t kept = need == NEED_FIRST ? 0 : need == NEED_NEXT ? p->count / 4 : p->count / 2;

    return left > kept && p->lent[use] < p->count - max_u32(p->count / 4, 1);
}

uint32_t tcp_page_lend(struct tcp_pages *p, enum tcp_page_use use, enum tcp_page_need need);
void tcp_page_return(struct tcp_pages *p, enum tcp_page_use use, uint32_t page);

static inline uint8_t *tcp_page_bytes(const struct tcp_pages *p, uint32_t page)
{
    return p->memory + ((size_t)(page - 1) << p->shift);
}

/* The page that begins there. */
static inline uint32_t tcp_page_of(const struct tcp_pages *p, const void *bytes)
{
    return 1 + (uint32_t)((size_t)((const uint8_t *)bytes - p->memory) >> p->shift);
}

uint32_t tcp_buffer_grow(struct tcp_pages *p, struct tcp_buffer *b, enum tcp_page_use use,
                         enum tcp_page_need need, uint32_t seq, uint32_t end);

/* Pages for [seq, end), as far as there are any; an empty buffer begins at `seq`. The number after
 * what it has room for, `end` or less. */
static inline uint32_t tcp_buffer_extend(struct tcp_pages *p, struct tcp_buffer *b,
                                         enum tcp_page_use use, enum tcp_page_need need,
                                         uint32_t seq, uint32_t end)
{
    bool has_room = b->count && end - b->base <= b->count << p->shift;

    return has_room ? end : tcp_buffer_grow(p, b, use, need, seq, end);
}

/* The byte with this number, in one of its pages, and how many follow it in that page: *len is
 * reduced to that. */
uint8_t *tcp_buffer_at(const struct tcp_pages *p, struct tcp_buffer *b, uint32_t seq,
                       uint32_t *len);

/* Where [seq, seq + len) is, if all of it is in the page that was used last, or NULL. */
static inline uint8_t *tcp_buffer_near(const struct tcp_pages *p, const struct tcp_buffer *b,
                                       uint32_t seq, uint32_t len)
{
    uint32_t at = seq - b->near_at;

    CHECK(seq - b->base < b->count << p->shift);
    return (uint64_t)at + len <= tcp_page_size(p) ? tcp_page_bytes(p, b->near) + at : 0;
}

/* Copy to or from a buffer that has room for all of it, one byte or more. */
void tcp_buffer_write_far(const struct tcp_pages *p, struct tcp_buffer *b, uint32_t seq,
                          const uint8_t *from, uint32_t len);
void tcp_buffer_read_far(const struct tcp_pages *p, struct tcp_buffer *b, uint32_t seq, uint8_t *to,
                         uint32_t len);

/* The same, fast within a page. */
static inline void tcp_buffer_write(const struct tcp_pages *p, struct tcp_buffer *b, uint32_t seq,
                                    const uint8_t *from, uint32_t len)
{
    uint8_t *to = tcp_buffer_near(p, b, seq, len);

    if (to)
        mem_copy(to, from, len);
    else
        tcp_buffer_write_far(p, b, seq, from, len);
}

static inline void tcp_buffer_read(const struct tcp_pages *p, struct tcp_buffer *b, uint32_t seq,
                                   uint8_t *to, uint32_t len)
{
    const uint8_t *from = tcp_buffer_near(p, b, seq, len);

    if (from)
        mem_copy(to, from, len);
    else
        tcp_buffer_read_far(p, b, seq, to, len);
}

/* Give back the first `count` pages, of which the buffer has as many. */
void tcp_buffer_drop(struct tcp_pages *p, struct tcp_buffer *b, enum tcp_page_use use,
                     uint32_t count);

/* Those that lie before `seq` as a whole, or all of them. */
static inline void tcp_buffer_advance(struct tcp_pages *p, struct tcp_buffer *b,
                                      enum tcp_page_use use, uint32_t seq)
{
    uint32_t before = min_u32((seq - b->base) >> p->shift, b->count);

    if (before)
        tcp_buffer_drop(p, b, use, before);
}

static inline void tcp_buffer_clear(struct tcp_pages *p, struct tcp_buffer *b,
                                    enum tcp_page_use use)
{
    if (b->count)
        tcp_buffer_drop(p, b, use, b->count);
}

#endif
