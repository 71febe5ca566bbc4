/* The capture with its reasons: see reasons.h. */
#include "reasons.h"
#include "../core/trace.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORD_SIZE = 44, RECORD_VERSION = 1, RECEIVE_QUEUE = 0 };

/* What a frame to the machine says until a chain takes it; as long as the longest of the others. */
#define RING_NOWHERE "ring: into no buffer     "

static void need_room(struct reasons_packet **list, size_t count, size_t *size)
{
    if (count < *size)
        return;
    *size = *size ? *size * 2 : 1024;
    *list = realloc(*list, *size * sizeof(**list));
    if (!*list) {
        fprintf(stderr, "drywire: out of memory\n");
        exit(4);
    }
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

/* "tcp: conn=3 core=ESTABLISHED peer=SYN_RECEIVED"; `machine=` is what the wire shows of it. */
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

/* A packet on its way to the machine: which one it is, for when it comes to the device. */
static uint64_t packet_mark(struct reasons *r, uint64_t comment_at)
{
    need_room(&r->packets, r->packet_count, &r->packets_size);
    r->packets[r->packet_count++] =
        (struct reasons_packet){.number = r->pcap.packets, .at = comment_at};
    return r->packet_count;
}

uint64_t reasons_fate(struct reasons *r, enum direction dir, const uint8_t *frame, size_t len,
                      const struct decoded *d, const char *fate, bool lost)
{
    char fault[120], ring[64], connection[120];
    const char *comments[4];
    bool to_device = r->rings && dir == DIRECTION_RX && !lost;
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
    return r->rings && dir == DIRECTION_RX ? packet_mark(r, to_device ? at : 0) : 0;
}

void reasons_arrived(struct reasons *r, enum direction dir, const struct decoded *d, uint64_t mark)
{
    if (!r->on)
        return;
    if (is_segment(d))
        tcp_view_arrived(r->view, dir, d);
    if (!mark)
        return;
    need_room(&r->arrivals, r->arrival_count, &r->arrivals_size);
    r->arrivals[r->arrival_count++] = r->packets[mark - 1];
}

void reasons_refused(struct reasons *r, const uint8_t *frame, size_t len, const char *why)
{
    if (r->on)
        pcapng_packet(&r->pcap, CAPTURE_LOST, r->sim->now_ns, 0, frame, len, why);
}

/* ---- rings ---- */

static void put_le(uint8_t *to, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

/* The record of docs/wireshark.md. */
static void write_record(struct reasons *r, const struct ring_event *e, uint64_t packet)
{
    uint8_t record[RECORD_SIZE] = {RECORD_VERSION, (uint8_t)e->kind};

    put_le(record + 2, e->queue, 2);
    put_le(record + 4, e->id, 2);
    put_le(record + 6, e->slot, 2);
    put_le(record + 8, e->count, 4);
    put_le(record + 12, e->len, 4);
    put_le(record + 16, r->sim->now_ns, 8);
    put_le(record + 24, packet, 4);
    put_le(record + 28, e->value, 4);
    put_le(record + 32, e->address, 8);
    record[40] = e->size;
    record[41] = e->space;
    pcapng_ring(&r->pcap, r->sim->now_ns, record, sizeof(record));
}

/* A chain takes the frame that came as this one: its packet says so from now on. */
static uint64_t frame_into(struct reasons *r, const struct ring_event *e)
{
    const struct reasons_packet *p = &r->arrivals[e->number];
    char words[64];

    if (e->number >= r->arrival_count)
        return 0;
    snprintf(words, sizeof(words), "ring: to queue=%u id=%u", e->queue, e->id);
    if (p->at)
        pcapng_amend(&r->pcap, p->at, words, sizeof(RING_NOWHERE) - 1);
    return p->number;
}

void reasons_ring(struct reasons *r, const struct ring_event *e)
{
    uint64_t packet = 0;

    if (!r->on || ((e->kind == RING_READ || e->kind == RING_WRITE) && !r->wish.registers))
        return;
    r->rings = true;
    r->leaving = false;
    if (e->kind == RING_FRAME && e->queue == RECEIVE_QUEUE) {
        packet = frame_into(r, e);
    } else if (e->kind == RING_FRAME) {
        packet = r->pcap.packets + 2; /* this record, then the frame */
        r->leaving = true;
        r->from = *e;
    }
    write_record(r, e, packet);
}

/* ---- its life ---- */

int reasons_open(struct reasons *r, struct sim *sim, const struct capture_wish *wish)
{
    r->on = r->rings = r->leaving = false;
    r->packet_count = r->arrival_count = 0;
    if (!wish || !wish->path)
        return 0;
    r->sim = sim;
    r->wish = *wish;
    free(r->view);
    r->view = calloc(1, sizeof(*r->view));
    if (!r->view)
        return -1;
    if (pcapng_open(&r->pcap, wish->path, wish->origin))
        return -1;
    r->on = true;
    return 0;
}

int reasons_close(struct reasons *r)
{
    if (!r->on)
        return 0;
    r->on = false;
    return pcapng_close(&r->pcap);
}

void reasons_free(struct reasons *r)
{
    free(r->view);
    free(r->packets);
    free(r->arrivals);
    *r = (struct reasons){0};
}
