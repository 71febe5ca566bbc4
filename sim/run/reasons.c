/* The capture with its reasons: see reasons.h. */
#include "reasons.h"
#include "../../core/trace/trace.h"
#include "../base/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_SIZE = 44, RECORD_VERSION = 1, RECEIVE_QUEUE = 0 };

enum { CAUSE_USED = 1, CAUSE_CONFIG = 2 }; /* as in InterruptStatus */

/* The comment of a frame to the machine until a chain takes it; as long as the longest of the
 * others. */
#define RING_NOWHERE "ring: into no buffer     "

/* ---- records ---- */

static void put_le(uint8_t *to, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

/* The record of docs/wireshark.md. */
static void write_record(struct reasons *r, const struct ring_record *e)
{
    uint8_t record[RECORD_SIZE] = {RECORD_VERSION, (uint8_t)e->kind};

    put_le(record + 2, e->queue, 2);
    put_le(record + 4, e->id, 2);
    put_le(record + 6, e->slot, 2);
    put_le(record + 8, e->count, 4);
    put_le(record + 12, e->len, 4);
    put_le(record + 16, r->sim->now_ns, 8);
    put_le(record + 24, e->packet, 4);
    put_le(record + 28, e->value, 4);
    put_le(record + 32, e->address, 8);
    record[40] = e->size;
    record[41] = e->space;
    record[42] = e->device;
    pcapng_ring(&r->pcap, r->sim->now_ns, record, sizeof(record));
}

/* ---- packets ---- */

static bool is_segment(const struct decoded *d)
{
    return d->layer == LAYER_TCP && !d->error;
}

void reasons_sent(struct reasons *r, enum direction dir, const struct decoded *d)
{
    if (r->on && is_segment(d))
        tcp_view_sent(r->view, dir, d);
}

/* "tcp: conn=3 core=ESTABLISHED peer=SYN_RECEIVED"; `machine=` is the state derived from the
 * wire. */
static void connection_words(const struct reasons *r, enum direction dir, const struct decoded *d,
                             char *buf, size_t size)
{
    const struct tcp_flow *f = tcp_view_flow(r->view, dir, d);
    const struct capture_wish *w = &r->wish;
    const char *peer = trace_tcp_word(f ? f->end[DIRECTION_RX].state : 0), *word;
    bool tx = dir == DIRECTION_TX;
    unsigned number;

    if (!w->connection)
        snprintf(buf, size, "tcp: machine=%s peer=%s",
                 trace_tcp_word(f ? f->end[DIRECTION_TX].state : 0), peer);
    else if (w->connection(w->ctx, tx ? d->src_port : d->dst_port, tx ? d->ip_dst : d->ip_src,
                           tx ? d->dst_port : d->src_port, &number, &word))
        snprintf(buf, size, "tcp: conn=%u core=%s peer=%s", number, word, peer);
    else
        snprintf(buf, size, "tcp: core=CLOSED peer=%s", peer);
}

/* A packet on its way to the machine: its number, for its arrival at the device. */
static uint64_t packet_mark(struct reasons *r, uint64_t comment_at, size_t len)
{
    r->packets =
        memory_grow(r->packets, r->packet_count + 1, &r->packets_size, sizeof(*r->packets));
    r->packets[r->packet_count++] =
        (struct reasons_packet){r->pcap.packets, comment_at, (uint32_t)len};
    return r->packet_count;
}

/* The record of the chain that a frame is taken from; a duplicate has none. */
static void frame_leaves(struct reasons *r, size_t len)
{
    if (r->from_written)
        return;
    r->from_written = true;
    r->from.len = (uint32_t)len;
    r->from.packet = (uint32_t)r->pcap.packets + 2; /* this record, then the frame */
    write_record(r, &r->from);
}

uint64_t reasons_fate(struct reasons *r, enum direction dir, const uint8_t *frame, size_t len,
                      const struct decoded *d, const char *fate, bool lost)
{
    char fault[120], ring[64], connection[120];
    const char *comments[4];
    bool to_device = r->wish.rings && dir == DIRECTION_RX && !lost;
    unsigned n = 0;
    uint64_t at;

    if (!r->on)
        return 0;
    if (fate) {
        snprintf(fault, sizeof(fault), "fault: %s", fate);
        comments[n++] = fault;
    }
    if (is_segment(d)) {
        connection_words(r, dir, d, connection, sizeof(connection));
        comments[n++] = connection;
    }
    if (r->leaving && dir == DIRECTION_TX) {
        frame_leaves(r, len);
        snprintf(ring, sizeof(ring), "ring: from queue=%u id=%u", r->from.queue, r->from.id);
        comments[n++] = ring;
    }
    if (to_device && pcapng_can_amend(&r->pcap))
        comments[n++] = RING_NOWHERE;
    else
        to_device = false;
    comments[n] = NULL;
    at = pcapng_packet_comments(&r->pcap, lost ? CAPTURE_LOST : CAPTURE_WIRE, r->sim->now_ns,
                                dir == DIRECTION_TX, frame, len, comments);
    return r->wish.rings && dir == DIRECTION_RX ? packet_mark(r, to_device ? at : 0, len) : 0;
}

void reasons_arrived(struct reasons *r, enum direction dir, const struct decoded *d, uint64_t mark)
{
    if (!r->on)
        return;
    if (is_segment(d))
        tcp_view_arrived(r->view, dir, d);
    if (!mark)
        return;
    r->arrivals =
        memory_grow(r->arrivals, r->arrival_count + 1, &r->arrivals_size, sizeof(*r->arrivals));
    r->arrivals[r->arrival_count++] = r->packets[mark - 1];
}

void reasons_refused(struct reasons *r, const uint8_t *frame, size_t len, const char *why)
{
    if (r->on)
        pcapng_packet(&r->pcap, CAPTURE_LOST, r->sim->now_ns, 0, frame, len, why);
}

/* ---- rings ---- */

/* The buffers of a chain, those of an indirect table included. */
static void add_buffers(struct ring_record *e, const struct vqueue *q, unsigned chain, bool bytes)
{
    for (const struct vbuffer *b = q->chain[chain].first; b; b = b->next) {
        e->count += b->kind != VBUFFER_TABLE;
        e->len += b->kind != VBUFFER_TABLE && bytes ? b->len : 0;
    }
}

/* A chain takes a received frame: record it in the comment of its packet. */
static void frame_into(struct reasons *r, struct ring_record *e, uint32_t number)
{
    const struct reasons_packet *p = &r->arrivals[number];
    char words[64];

    if (number >= r->arrival_count)
        return;
    e->packet = (uint32_t)p->number;
    e->len = p->len;
    snprintf(words, sizeof(words), "ring: to queue=%u id=%u", e->queue, e->id);
    if (p->at)
        pcapng_amend(&r->pcap, p->at, words, sizeof(RING_NOWHERE) - 1);
}

static void chain_event(struct reasons *r, unsigned device, const struct vqueue *q,
                        enum vqueue_event what, unsigned chain, uint32_t value)
{
    struct ring_record e = {
        .queue = (uint16_t)q->index, .id = q->chain[chain].id, .device = (uint8_t)device};

    add_buffers(&e, q, chain, what == VQUEUE_AVAILABLE);
    if (what == VQUEUE_AVAILABLE) { /* a packed chain is already counted, a split one not yet */
        e.kind = RECORD_AVAILABLE;
        e.slot = (uint16_t)((q->seen + q->size - q->chain[chain].count) % q->size);
    } else if (what == VQUEUE_USED) {
        e.kind = RECORD_USED;
        e.slot = (uint16_t)(q->used_idx % q->size);
        e.len = value;
    } else if (what == VQUEUE_WORKING) {
        e.kind = RECORD_WORKING;
    } else if (device) { /* what it carries is no packet of the file */
        e.kind = RECORD_FRAME;
    } else if (e.queue == RECEIVE_QUEUE) {
        e.kind = RECORD_FRAME;
        frame_into(r, &e, value);
    } else { /* it follows at once with its length */
        e.kind = RECORD_FRAME;
        r->leaving = true;
        r->from_written = false;
        r->from = e;
        return;
    }
    write_record(r, &e);
}

void reasons_ring(struct reasons *r, unsigned device, const struct vqueue *q,
                  enum vqueue_event what, unsigned chain, uint32_t value)
{
    struct ring_record e = {.queue = (uint16_t)q->index, .device = (uint8_t)device};

    if (!r->on)
        return;
    r->leaving = false;
    switch (what) {
    case VQUEUE_AVAILABLE:
    case VQUEUE_WORKING:
    case VQUEUE_USED:
    case VQUEUE_FRAME:
        chain_event(r, device, q, what, chain, value);
        return;
    case VQUEUE_STARTED:
        e.kind = RECORD_LIVE;
        e.count = q->size;
        e.value = (q->packed ? 1 : 0) | (q->legacy ? 2 : 0) | (q->event_idx ? 4 : 0) |
                  (q->indirect ? 8 : 0);
        break;
    case VQUEUE_COLLECTED:
        e.kind = RECORD_COLLECTED;
        e.slot = (uint16_t)chain;
        e.id = (uint16_t)value;
        break;
    case VQUEUE_NOTIFIED:
        e.kind = RECORD_NOTIFY;
        break;
    case VQUEUE_INTERRUPTED:
    case VQUEUE_CONFIG:
        e.kind = RECORD_INTERRUPT;
        e.value = what == VQUEUE_CONFIG ? CAUSE_CONFIG : CAUSE_USED;
        e.queue = what == VQUEUE_CONFIG ? RECORD_NO_QUEUE : e.queue;
        break;
    case VQUEUE_STOPPED:
        e.kind = RECORD_STOPPED;
        break;
    }
    write_record(r, &e);
}

void reasons_register(struct reasons *r, bool write, enum reg_space space, uint64_t addr,
                      unsigned size, uint32_t value)
{
    struct ring_record e = {.kind = write ? RECORD_WRITE : RECORD_READ,
                            .queue = RECORD_NO_QUEUE,
                            .address = addr,
                            .value = value,
                            .size = (uint8_t)size,
                            .space = (uint8_t)space};

    if (r->on)
        write_record(r, &e);
}

/* ---- its life ---- */

void reasons_open(struct reasons *r, struct sim *sim, const struct capture_wish *wish)
{
    r->on = r->leaving = false;
    r->packet_count = r->arrival_count = 0;
    if (!wish || !wish->out)
        return;
    r->sim = sim;
    r->wish = *wish;
    free(r->view);
    r->view = memory_new(1, sizeof(*r->view));
    pcapng_start(&r->pcap, wish->out, wish->header.comments);
    r->on = true;
}

void reasons_close(struct reasons *r)
{
    char verdict[FAILURE_WORDS_MAX + 1];

    if (r->on && r->wish.header.verdict_at && pcapng_can_amend(&r->pcap)) {
        failure_words(verdict, &r->sim->failure);
        pcapng_amend(&r->pcap, r->pcap.comment_at + r->wish.header.verdict_at, verdict,
                     FAILURE_WORDS_MAX);
    }
    r->on = false;
}

void reasons_free(struct reasons *r)
{
    free(r->view);
    free(r->packets);
    free(r->arrivals);
    *r = (struct reasons){0};
}
