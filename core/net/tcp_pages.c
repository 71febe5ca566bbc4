/* The memory of all connections: see tcp_pages.h. */
#include "tcp_pages.h"
#include "../base/check.h"
#include "../base/mem.h"
#include "../base/minmax.h"

void tcp_pages_init(struct tcp_pages *p, uint8_t *memory, uint32_t *next, uint32_t count,
                    uint32_t size)
{
    CHECK(count >= 2);
    CHECK((size & (size - 1)) == 0);
    *p = (struct tcp_pages){.memory = memory, .next = next, .count = count};
    while (tcp_page_size(p) < size)
        p->shift++;
}

/* ---- pages ---- */

uint32_t tcp_page_lend(struct tcp_pages *p, enum tcp_page_use use, enum tcp_page_need need)
{
    uint32_t page = p->free;

    if (!tcp_page_available(p, use, need))
        return 0;
    if (page) {
        CHECK(page <= p->fresh);
        p->free = p->next[page - 1];
    } else {
        CHECK(p->fresh < p->count);
        page = ++p->fresh;
    }
    p->next[page - 1] = 0;
    p->lent[use]++;
    return page;
}

void tcp_page_return(struct tcp_pages *p, enum tcp_page_use use, uint32_t page)
{
    CHECK(p->lent[use] > 0);
    CHECK(page - 1 < p->fresh);
    p->next[page - 1] = p->free;
    p->free = page;
    p->lent[use]--;
}

/* ---- buffers ---- */

uint32_t tcp_buffer_grow(struct tcp_pages *p, struct tcp_buffer *b, enum tcp_page_use use,
                         enum tcp_page_need need, uint32_t seq, uint32_t end)
{
    uint32_t page, pages;

    if (!b->count)
        b->base = b->near_at = seq;
    pages = (end - b->base + tcp_page_size(p) - 1) >> p->shift;
    while (b->count < pages) {
        page = tcp_page_lend(p, use, b->count || need == NEED_GAP ? need : NEED_FIRST);
        if (!page)
            return b->base + (b->count << p->shift);
        if (b->count)
            p->next[b->last - 1] = page;
        else
            b->first = b->near = page;
        b->last = page;
        b->count++;
    }
    return end;
}

/* `near` becomes the page of the byte with this number. */
static void seek(const struct tcp_pages *p, struct tcp_buffer *b, uint32_t seq)
{
    if (seq - b->base < b->near_at - b->base) {
        b->near = b->first;
        b->near_at = b->base;
    }
    while (seq - b->near_at >= tcp_page_size(p)) {
        b->near = p->next[b->near - 1];
        b->near_at += tcp_page_size(p);
    }
}

uint8_t *tcp_buffer_at(const struct tcp_pages *p, struct tcp_buffer *b, uint32_t seq, uint32_t *len)
{
    uint32_t size = tcp_page_size(p), at;

    CHECK(seq - b->base < b->count << p->shift);
    if (seq - b->near_at >= size)
        seek(p, b, seq);
    at = seq - b->near_at;
    *len = min_u32(*len, size - at);
    return tcp_page_bytes(p, b->near) + at;
}

void tcp_buffer_write_far(const struct tcp_pages *p, struct tcp_buffer *b, uint32_t seq,
                          const uint8_t *from, uint32_t len)
{
    while (len) {
        uint32_t part = len;
        uint8_t *to = tcp_buffer_at(p, b, seq, &part);

        mem_copy(to, from, part);
        seq += part;
        from += part;
        len -= part;
    }
}

void tcp_buffer_read_far(const struct tcp_pages *p, struct tcp_buffer *b, uint32_t seq, uint8_t *to,
                         uint32_t len)
{
    while (len) {
        uint32_t part = len;
        const uint8_t *from = tcp_buffer_at(p, b, seq, &part);

        mem_copy(to, from, part);
        seq += part;
        to += part;
        len -= part;
    }
}

static void drop_first(struct tcp_pages *p, struct tcp_buffer *b, enum tcp_page_use use)
{
    uint32_t page = b->first;

    b->first = p->next[page - 1];
    b->base += tcp_page_size(p);
    b->count--;
    if (b->near == page) {
        b->near = b->first;
        b->near_at = b->base;
    }
    tcp_page_return(p, use, page);
}

void tcp_buffer_drop(struct tcp_pages *p, struct tcp_buffer *b, enum tcp_page_use use,
                     uint32_t count)
{
    while (count--)
        drop_first(p, b, use);
}
