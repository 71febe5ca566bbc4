/* TCP output of the scripted peer: see native_tcp.h. */
#include "../../../core/base/minmax.h"
#include "native_tcp.h"
#include <string.h>

/* ---- segments ---- */

uint32_t native_tcp_window(const struct native_conn *c)
{
    const struct native_options *o = &c->world->scenario->native;
    uint32_t window = o->window;

    if (c->world->sim->now_ns < c->closed_until_ns)
        return 0;
    if (o->zero_window_ns)
        window = c->filled < window ? window - c->filled : 0;
    if (c->service && c->service->kind == SERVICE_TCP_ECHO) {
        uint32_t room = SERVICE_REQUEST_MAX - c->stream.request_len;

        window = min_u32(window, room);
    }
    return window;
}

/* ---- options ---- */

static uint8_t *put_stamps(uint8_t *p, const struct native_conn *c, bool ack)
{
    uint64_t ms = c->world->sim->now_ns / NS_PER_MS;

    put32(p, 0x0101080a);
    put32(p + 4, c->iss + (uint32_t)ms); /* a clock of its own for each connection */
    put32(p + 8, ack ? c->stamp_recent : 0);
    return p + NATIVE_STAMPS;
}

/* A SYN offers all, a SYN-ACK what the machine's SYN has. */
static uint8_t *put_offer(uint8_t *p, const struct native_conn *c, bool ack)
{
    bool first = !ack && c->world->scenario->native.tcp_options;

    put32(p, 0x02040000 | c->world->scenario->native.mss);
    p += 4;
    if (first || c->sacks) {
        put32(p, 0x01010402);
        p += 4;
    }
    if (first || c->stamps)
        p = put_stamps(p, c, ack);
    if (first || c->scales) {
        put32(p, 0x01030300 | NATIVE_SHIFT);
        p += 4;
    }
    return p;
}

/* All that came after a gap and adjoins what is stored at `s`. */
static struct early early_around(const struct native_conn *c, const struct stored *s)
{
    struct early e = {s->seq, s->seq + s->len};

    for (bool grown = true; grown;) {
        grown = false;
        for (unsigned i = 0; i < STORE; i++) {
            const struct stored *o = &c->store[i];
            uint32_t end = o->seq + o->len;

            if (!o->used || native_tcp_before(e.end, o->seq) || native_tcp_before(end, e.start))
                continue;
            grown |= native_tcp_before(o->seq, e.start) || native_tcp_before(e.end, end);
            if (native_tcp_before(o->seq, e.start))
                e.start = o->seq;
            if (native_tcp_before(e.end, end))
                e.end = end;
        }
    }
    return e;
}

/* Three blocks at most, with what came last first: RFC 2018 section 4. */
static uint8_t *put_blocks(uint8_t *p, const struct native_conn *c)
{
    uint8_t *block = p + 4;
    unsigned n = 0;
    struct early seen[BLOCKS];

    for (unsigned i = 0; i < STORE && n < BLOCKS; i++) {
        const struct stored *s = &c->store[(c->stored + i) % STORE];
        unsigned k = 0;

        if (!s->used)
            continue;
        seen[n] = early_around(c, s);
        while (k < n && seen[k].start != seen[n].start)
            k++;
        if (k < n)
            continue;
        put32(block, seen[n].start);
        put32(block + 4, seen[n].end);
        block += 8;
        n++;
    }
    if (!n)
        return p;
    put32(p, 0x01010500 | (2 + 8 * n));
    return block;
}

static uint8_t *native_tcp_put_options(uint8_t *p, const struct native_conn *c, uint8_t flags,
                                       uint32_t len)
{
    if (flags & SEG_SYN)
        return put_offer(p, c, flags & SEG_ACK);
    if (c->stamps)
        p = put_stamps(p, c, true);
    if (c->sacks && !len)
        p = put_blocks(p, c);
    return p;
}

void native_tcp_segment_at(const struct native_conn *c, uint32_t seq, uint32_t ack, uint8_t flags,
                           unsigned window, const void *data, uint32_t len)
{
    struct native_frame *f = native_frame_new(c->world);
    uint8_t *p = native_payload(f);
    unsigned header = (unsigned)(native_tcp_put_options(p + 20, c, flags, len) - p);

    memset(p, 0, 20);
    put16(p, c->local_port);
    put16(p + 2, c->remote_port);
    put32(p + 4, seq);
    put32(p + 8, flags & SEG_ACK ? ack : 0);
    p[12] = (uint8_t)(header / 4 << 4);
    p[13] = flags;
    put16(p + 14, window);
    if (len)
        memcpy(p + header, data, len);
    native_ip(f, c->world->machine_mac, c->local, c->remote, 6, header + len);
    native_send(c->world, f, c->late_ns);
}

void native_tcp_segment(struct native_conn *c, uint32_t seq, uint8_t flags, const uint8_t *data,
                        uint32_t len)
{
    unsigned shift = c->scales && !(flags & SEG_SYN) ? NATIVE_SHIFT : 0;
    uint32_t unit = 1u << shift;

    c->offered = native_tcp_window(c);
    native_tcp_segment_at(c, seq, c->rcv_nxt, flags, (c->offered + unit - 1) >> shift, data, len);
    if (flags & SEG_ACK) {
        c->ack = false;
        c->acked = c->rcv_nxt;
    }
}

void native_tcp_reset(struct world *w, const struct decoded *d, uint64_t more_ns)
{
    struct native_frame *f;
    bool ack = d->tcp_flags & SEG_ACK;
    uint32_t len =
        (uint32_t)d->payload_len + !!(d->tcp_flags & SEG_SYN) + !!(d->tcp_flags & SEG_FIN);
    uint8_t *p;

    if (d->tcp_flags & SEG_RST)
        return;
    f = native_frame_new(w);
    p = native_payload(f);
    memset(p, 0, 20);
    put16(p, d->dst_port);
    put16(p + 2, d->src_port);
    put32(p + 4, ack ? d->tcp_ack : 0);
    put32(p + 8, ack ? 0 : d->tcp_seq + len);
    p[12] = 5 << 4;
    p[13] = SEG_RST | (ack ? 0 : SEG_ACK);
    native_ip(f, d->eth_src, d->ip_dst, d->ip_src, 6, 20);
    native_send(w, f, more_ns);
}

/* ---- what is to be sent ---- */

void native_tcp_over(struct native_conn *c)
{
    if (c->dial)
        c->dial->done = true;
    c->state = OVER;
    sim_timer_set(&c->timer, SIM_NEVER);
}

/* Mark the script lines from `first` on as used. */
static void use_steps(struct native_conn *c, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end && i < c->service->step_count; i++)
        native_used(c->world, c->service->steps[i].line);
}

/* The peer closes or resets: by a line of the script, which is used then, or because the machine
 * closed before that line. */
static void use_end(struct native_conn *c)
{
    if (c->stream.due_ns != SIM_NEVER)
        use_steps(c, c->stream.step, c->stream.step + 1);
}

/* Copy bytes of the service or the dial into the buffer. */
static void pull(struct native_conn *c)
{
    uint64_t now = c->world->sim->now_ns;
    uint8_t chunk[2048];

    while (c->service && !c->fin_queued && c->len < NATIVE_BUFFER - sizeof(chunk)) {
        unsigned step = c->stream.step;
        size_t n = stream_output(&c->stream, chunk, sizeof(chunk), now);

        use_steps(c, step, c->stream.step);
        for (size_t i = 0; i < n; i++)
            c->buf[(native_tcp_data_end(c) + i) % NATIVE_BUFFER] = chunk[i];
        c->len += (uint32_t)n;
        if (n)
            continue;
        switch (stream_ending(&c->stream, now)) {
        case STREAM_OPEN:
            return;
        case STREAM_FIN:
            use_end(c);
            c->fin_queued = true;
            return;
        case STREAM_RESET:
            if (c->len) /* bytes before it are delivered first */
                return;
            use_end(c);
            native_tcp_segment(c, c->nxt, SEG_RST | SEG_ACK, NULL, 0);
            native_tcp_over(c);
            return;
        }
    }
    if (c->dial && !c->service) {
        const struct scenario_dial *d = c->dial->dial;

        while (c->dial_sent < d->send_len && c->len < NATIVE_BUFFER) {
            c->buf[native_tcp_data_end(c) % NATIVE_BUFFER] = (uint8_t)d->send[c->dial_sent++];
            c->len++;
        }
        if (c->dial_sent == d->send_len && c->dial->got >= d->expect_len)
            c->fin_queued = true;
    }
}

/* The line of a script that the byte at nxt belongs to, NULL: none. */
static const struct script_step *script_line(const struct native_conn *c)
{
    bool script = c->service && c->service->kind == SERVICE_SCRIPT;

    return script ? script_step_at(c->service, c->nxt - c->iss - 1) : NULL;
}

/* A segment from nxt on: its script line applies to the first transmission. */
static void segment_next(struct native_conn *c, const struct script_step *step, uint8_t flags,
                         const uint8_t *data, uint32_t len)
{
    bool first = step && !native_tcp_before(c->nxt, c->max);

    if (first && step->lost)
        return;
    c->late_ns = first ? step->late_ns : 0;
    native_tcp_segment(c, c->nxt, flags, data, len);
    c->late_ns = 0;
    if (first && step->twice)
        native_tcp_segment(c, c->nxt, flags, data, len);
}

/* Send from nxt on as far as the machine's window allows. */
static void push(struct native_conn *c)
{
    uint32_t end = native_tcp_data_end(c);
    uint8_t bytes[NATIVE_MSS];

    for (;;) {
        uint32_t used = c->nxt - c->una, limit = min_u32(c->window, FLIGHT_MAX);
        uint32_t room = used < limit ? limit - used : 0, len = end - c->nxt;
        const struct script_step *step = script_line(c);
        bool fin;

        if (native_tcp_before(end, c->nxt) || c->fin_acked) /* FIN is out */
            return;
        len = min_u32(len, room);
        len = min_u32(len, c->mss);
        if (step && len > step->at + step->len - (c->nxt - c->iss - 1))
            len = (uint32_t)(step->at + step->len - (c->nxt - c->iss - 1));
        fin = c->fin_queued && c->nxt + len == end && len < room;
        if (!len && !fin)
            return;
        for (uint32_t i = 0; i < len; i++)
            bytes[i] = c->buf[(c->nxt + i) % NATIVE_BUFFER];
        segment_next(c, step, (uint8_t)(SEG_ACK | (fin ? SEG_FIN : 0) | (len ? SEG_PSH : 0)), bytes,
                     len);
        c->nxt += len + fin;
        if (native_tcp_before(c->max, c->nxt))
            c->max = c->nxt;
        if (c->rto_at_ns == SIM_NEVER)
            c->rto_at_ns = c->world->sim->now_ns + c->rto_ns;
        if (fin)
            return;
    }
}

/* The next time when the service may have output. */
static uint64_t native_tcp_service_deadline(const struct native_conn *c)
{
    bool waits = c->service && !c->fin_queued && c->len < NATIVE_BUFFER / 2;

    return waits ? stream_deadline(&c->stream, c->world->sim->now_ns) : SIM_NEVER;
}

uint64_t native_tcp_dead_deadline(const struct native_conn *c)
{
    bool quiet = c->rto_at_ns == SIM_NEVER && native_tcp_service_deadline(c) == SIM_NEVER;

    return quiet ? c->heard_ns + DEAD_NS : SIM_NEVER;
}

void native_tcp_set_timer(struct native_conn *c)
{
    uint64_t now = c->world->sim->now_ns, at = c->rto_at_ns;
    uint64_t service = native_tcp_service_deadline(c), dead;

    /* Data to send, none in flight, and a closed window: probe. */
    if (c->nxt == c->una && (c->len || c->fin_queued) && at == SIM_NEVER && !c->fin_acked)
        at = c->rto_at_ns = now + c->rto_ns;
    if (service <= now)
        service = now + NS_PER_US;
    at = min_u64(service, at);
    if (c->closed_until_ns && c->closed_until_ns < at)
        at = c->closed_until_ns;
    at = min_u64(c->linger_ns, at);
    dead = native_tcp_dead_deadline(c);
    at = min_u64(dead, at);
    sim_timer_set(&c->timer, at);
}

void native_tcp_output(struct native_conn *c)
{
    if (c->state == OVER)
        return;
    if (c->state == OPEN) {
        pull(c);
        if (c->state == OVER)
            return;
        push(c);
    }
    if (c->ack || native_tcp_window(c) > c->offered + 1000)
        native_tcp_segment(c, c->nxt, SEG_ACK, NULL, 0);
    native_tcp_set_timer(c);
}
