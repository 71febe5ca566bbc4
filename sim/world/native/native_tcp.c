/*
 * A small TCP for the scripted peer: both ends of a connection, retransmission with back-off, fast
 * retransmit, an out-of-order store, zero windows both ways. It is written for a lossy wire and a
 * peer that is under test: whatever comes, it stays bounded and ends. It shares nothing with
 * core/net and knows no congestion control.
 */
#include "native.h"
#include "../service.h"
#include "../../base/memory.h"
#include <stdlib.h>
#include <string.h>

#define RTO_FIRST_NS (300 * NS_PER_MS)
#define RTO_LAST_NS  (10 * NS_PER_S)
#define LINGER_NS    (2 * NS_PER_S)   /* a short TIME_WAIT */
#define DEAD_NS      (300 * NS_PER_S) /* silent for longer than the machine's own R2: it is gone */

enum { TRIES_MAX = 25, STORE = 32, STORE_BYTES = 1500, FLIGHT_MAX = 32768 };

enum native_state { SYN_SENT, SYN_RECEIVED, OPEN, OVER };

struct stored { /* a segment that came too early */
    bool used;
    uint32_t seq, len;
    uint8_t bytes[STORE_BYTES];
};

struct native_conn {
    struct world *world;
    enum native_state state;
    uint32_t local, remote;
    uint16_t local_port, remote_port;
    const struct service *service; /* NULL: a dial */
    struct stream stream;
    struct native_dial *dial;
    size_t dial_sent;
    uint64_t late_ns; /* of the segment that is sent now */

    uint32_t iss, una, nxt, max; /* send sequence space; max is the highest sent */
    uint32_t window, mss;
    uint32_t len;    /* bytes in buf from una on (from iss + 1 while the SYN is out) */
    bool fin_queued; /* FIN follows them */
    bool fin_acked;
    uint8_t buf[NATIVE_BUFFER];
    unsigned dup_acks, tries;
    uint64_t rto_ns, rto_at_ns;

    uint32_t rcv_nxt, offered;
    uint32_t filled;          /* of the window, in zero-window mode */
    uint64_t closed_until_ns; /* the window stays 0 until then */
    bool fin_received, ack;
    uint64_t linger_ns;
    uint64_t heard_ns; /* when the machine last said something */
    struct stored store[STORE];
    struct sim_timer timer;
};

static bool before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

/* ---- segments ---- */

/* What may come in: the option, less what the service cannot take now. */
static uint32_t window_now(const struct native_conn *c)
{
    const struct native_options *o = &c->world->scenario->native;
    uint32_t window = o->window;

    if (c->world->sim->now_ns < c->closed_until_ns)
        return 0;
    if (o->zero_window_ns)
        window = c->filled < window ? window - c->filled : 0;
    if (c->service && c->service->kind == SERVICE_TCP_ECHO) {
        uint32_t room = SERVICE_REQUEST_MAX - c->stream.request_len;

        window = window < room ? window : room;
    }
    return window;
}

static void segment_send(const struct native_conn *c, uint32_t seq, uint32_t ack, uint8_t flags,
                         unsigned window, const void *data, uint32_t len)
{
    struct native_frame *f = native_frame_new(c->world);
    uint8_t *p = native_payload(f);
    unsigned header = flags & SEG_SYN ? 24 : 20;

    memset(p, 0, header);
    put16(p, c->local_port);
    put16(p + 2, c->remote_port);
    put32(p + 4, seq);
    put32(p + 8, flags & SEG_ACK ? ack : 0);
    p[12] = (uint8_t)(header / 4 << 4);
    p[13] = flags;
    put16(p + 14, window);
    if (flags & SEG_SYN) {
        put16(p + 20, 0x0204);
        put16(p + 22, c->world->scenario->native.mss);
    }
    if (len)
        memcpy(p + header, data, len);
    native_ip(f, c->world->machine_mac, c->local, c->remote, 6, header + len);
    native_send(c->world, f, c->late_ns);
}

static void segment(struct native_conn *c, uint32_t seq, uint8_t flags, const uint8_t *data,
                    uint32_t len)
{
    c->offered = window_now(c);
    segment_send(c, seq, c->rcv_nxt, flags, c->offered, data, len);
    if (flags & SEG_ACK)
        c->ack = false;
}

/* A reset in answer to a segment without a connection: RFC 9293 section 3.10.7.1. */
static void reset_reply(struct world *w, const struct decoded *d, uint64_t more_ns)
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

static uint32_t data_start(const struct native_conn *c)
{
    return c->una == c->iss ? c->iss + 1 : c->una;
}

static uint32_t data_end(const struct native_conn *c)
{
    return data_start(c) + c->len;
}

static void conn_over(struct native_conn *c)
{
    if (c->dial)
        c->dial->done = true;
    c->state = OVER;
    sim_timer_set(&c->timer, SIM_NEVER);
}

/* The script says what its lines from `first` on say, as far as there are lines. */
static void use_steps(struct native_conn *c, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end && i < c->service->step_count; i++)
        native_used(c->world, c->service->steps[i].line);
}

/* It closes or resets: because a line says so, or because the machine closed before that. */
static void use_end(struct native_conn *c)
{
    if (c->stream.due_ns != SIM_NEVER)
        use_steps(c, c->stream.step, c->stream.step + 1);
}

/* Take what the service or the dial has to say, into the buffer. */
static void pull(struct native_conn *c)
{
    uint64_t now = c->world->sim->now_ns;
    uint8_t chunk[2048];

    while (c->service && !c->fin_queued && c->len < NATIVE_BUFFER - sizeof(chunk)) {
        unsigned step = c->stream.step;
        size_t n = stream_output(&c->stream, chunk, sizeof(chunk), now);

        use_steps(c, step, c->stream.step);
        for (size_t i = 0; i < n; i++)
            c->buf[(data_end(c) + i) % NATIVE_BUFFER] = chunk[i];
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
            if (c->len) /* what was said before it is delivered first */
                return;
            use_end(c);
            segment(c, c->nxt, SEG_RST | SEG_ACK, NULL, 0);
            conn_over(c);
            return;
        }
    }
    if (c->dial && !c->service) {
        const struct scenario_dial *d = c->dial->dial;

        while (c->dial_sent < d->send_len && c->len < NATIVE_BUFFER) {
            c->buf[data_end(c) % NATIVE_BUFFER] = (uint8_t)d->send[c->dial_sent++];
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

/* A segment from nxt on: what a script says about it holds for its first sending. */
static void segment_next(struct native_conn *c, const struct script_step *step, uint8_t flags,
                         const uint8_t *data, uint32_t len)
{
    bool first = step && !before(c->nxt, c->max);

    if (first && step->lost)
        return;
    c->late_ns = first ? step->late_ns : 0;
    segment(c, c->nxt, flags, data, len);
    c->late_ns = 0;
    if (first && step->twice)
        segment(c, c->nxt, flags, data, len);
}

/* Send [nxt, ...) as far as the machine's window allows. */
static void push(struct native_conn *c)
{
    uint32_t end = data_end(c);
    uint8_t bytes[NATIVE_MSS];

    for (;;) {
        uint32_t used = c->nxt - c->una, limit = c->window < FLIGHT_MAX ? c->window : FLIGHT_MAX;
        uint32_t room = used < limit ? limit - used : 0, len = end - c->nxt;
        const struct script_step *step = script_line(c);
        bool fin;

        if (before(end, c->nxt) || c->fin_acked) /* FIN is out */
            return;
        len = len < room ? len : room;
        len = len < c->mss ? len : c->mss;
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
        if (before(c->max, c->nxt))
            c->max = c->nxt;
        if (c->rto_at_ns == SIM_NEVER)
            c->rto_at_ns = c->world->sim->now_ns + c->rto_ns;
        if (fin)
            return;
    }
}

/* When the service may have something to say. */
static uint64_t service_deadline(const struct native_conn *c)
{
    bool waits = c->service && !c->fin_queued && c->len < NATIVE_BUFFER / 2;

    return waits ? stream_deadline(&c->stream, c->world->sim->now_ns) : SIM_NEVER;
}

/* When a connection on which only the machine could still speak is given up: it may have ended
 * there without a word. */
static uint64_t dead_deadline(const struct native_conn *c)
{
    bool quiet = c->rto_at_ns == SIM_NEVER && service_deadline(c) == SIM_NEVER;

    return quiet ? c->heard_ns + DEAD_NS : SIM_NEVER;
}

static void set_timer(struct native_conn *c)
{
    uint64_t now = c->world->sim->now_ns, at = c->rto_at_ns;
    uint64_t service = service_deadline(c), dead;

    /* Something to send, nothing in flight, and a closed window: probe. */
    if (c->nxt == c->una && (c->len || c->fin_queued) && at == SIM_NEVER && !c->fin_acked)
        at = c->rto_at_ns = now + c->rto_ns;
    if (service <= now)
        service = now + NS_PER_US;
    at = service < at ? service : at;
    if (c->closed_until_ns && c->closed_until_ns < at)
        at = c->closed_until_ns;
    at = c->linger_ns < at ? c->linger_ns : at;
    dead = dead_deadline(c);
    at = dead < at ? dead : at;
    sim_timer_set(&c->timer, at);
}

static void conn_output(struct native_conn *c)
{
    if (c->state == OVER)
        return;
    if (c->state == OPEN) {
        pull(c);
        if (c->state == OVER)
            return;
        push(c);
    }
    if (c->ack || window_now(c) > c->offered + 1000)
        segment(c, c->nxt, SEG_ACK, NULL, 0);
    set_timer(c);
}

/* ---- time ---- */

static void send_syn(struct native_conn *c)
{
    segment(c, c->iss, SEG_SYN | (c->state == SYN_RECEIVED ? SEG_ACK : 0), NULL, 0);
    c->nxt = c->max = c->iss + 1;
}

static void rto_due(struct native_conn *c)
{
    uint32_t end = data_end(c);

    if (++c->tries > TRIES_MAX) {
        conn_over(c); /* half-open and dead connections are given up */
        return;
    }
    c->rto_ns = c->rto_ns * 2 < RTO_LAST_NS ? c->rto_ns * 2 : RTO_LAST_NS;
    c->rto_at_ns = c->world->sim->now_ns + c->rto_ns;
    c->dup_acks = 0;
    if (c->state != OPEN) {
        send_syn(c);
        return;
    }
    c->nxt = c->una;
    if (c->window == 0) { /* a probe of one byte, or FIN */
        uint8_t byte = c->buf[c->una % NATIVE_BUFFER];

        if (c->len)
            segment(c, c->una, SEG_ACK, &byte, 1);
        else if (c->fin_queued)
            segment(c, end, SEG_ACK | SEG_FIN, NULL, 0);
        if (c->max == c->una)
            c->max = c->una + 1;
        c->tries--;
    }
}

static void conn_timer(void *ctx, uint64_t arg)
{
    struct native_conn *c = ctx;
    uint64_t now = c->world->sim->now_ns;

    (void)arg;
    if (c->state == OVER)
        return;
    if (now >= c->linger_ns || now >= dead_deadline(c)) {
        conn_over(c);
        return;
    }
    if (c->closed_until_ns && now >= c->closed_until_ns) {
        c->closed_until_ns = 0;
        c->filled = 0;
        c->ack = true;
    }
    if (now >= c->rto_at_ns)
        rto_due(c);
    conn_output(c);
}

/* ---- input ---- */

/* The application takes bytes in order; how many it took. */
static uint32_t deliver(struct native_conn *c, const uint8_t *bytes, uint32_t len)
{
    struct native_dial *dial = c->dial;

    if (c->service)
        return (uint32_t)stream_input(&c->stream, bytes, len, c->world->sim->now_ns);
    for (uint32_t i = 0; i < len; i++, dial->got++)
        if (dial->got < dial->dial->expect_len &&
            (uint8_t)dial->dial->expect[dial->got] != bytes[i])
            dial->mismatch = true;
    return len;
}

static void received(struct native_conn *c, const uint8_t *bytes, uint32_t len)
{
    const struct native_options *o = &c->world->scenario->native;
    uint32_t n = deliver(c, bytes, len);

    c->rcv_nxt += n;
    c->filled += n;
    if (o->zero_window_ns && c->filled >= o->window && c->closed_until_ns == 0) {
        native_fault(c->world, PEER_ZERO_WINDOW);
        c->closed_until_ns = c->world->sim->now_ns + o->zero_window_ns;
    }
}

static void store_early(struct native_conn *c, const struct decoded *d)
{
    if (d->payload_len > STORE_BYTES)
        return;
    for (unsigned i = 0; i < STORE; i++) {
        struct stored *s = &c->store[i];

        if (s->used)
            continue;
        s->used = true;
        s->seq = d->tcp_seq;
        s->len = (uint32_t)d->payload_len;
        memcpy(s->bytes, d->payload, s->len);
        return;
    }
}

static void drain_store(struct native_conn *c)
{
    for (bool again = true; again;) {
        again = false;
        for (unsigned i = 0; i < STORE; i++) {
            struct stored *s = &c->store[i];
            uint32_t skip = c->rcv_nxt - s->seq;

            if (!s->used || before(c->rcv_nxt, s->seq))
                continue;
            s->used = false;
            if (skip < s->len) {
                received(c, s->bytes + skip, s->len - skip);
                again = true;
            }
        }
    }
}

static void input_data(struct native_conn *c, const struct decoded *d)
{
    uint32_t seq = d->tcp_seq, len = (uint32_t)d->payload_len, skip = c->rcv_nxt - seq;

    if (!len)
        return;
    c->ack = true;
    if (before(c->rcv_nxt, seq)) {
        if (seq - c->rcv_nxt < NATIVE_BUFFER)
            store_early(c, d);
        return;
    }
    if (skip >= len || window_now(c) == 0)
        return; /* old, or a probe of our closed window */
    received(c, d->payload + skip, len - skip);
    drain_store(c);
}

static void input_fin(struct native_conn *c, const struct decoded *d)
{
    if (!(d->tcp_flags & SEG_FIN))
        return;
    c->ack = true;
    if (c->fin_received || d->tcp_seq + d->payload_len != c->rcv_nxt)
        return;
    c->rcv_nxt++;
    c->fin_received = true;
    if (c->service)
        stream_input_end(&c->stream, c->world->sim->now_ns);
    if (c->dial && !c->service)
        c->fin_queued = true;
}

static void input_ack(struct native_conn *c, const struct decoded *d)
{
    uint32_t ack = d->tcp_ack, acked = ack - c->una, data;
    bool fin = c->fin_queued && !c->fin_acked && ack == data_end(c) + 1;

    if (before(c->max, ack) || before(ack, c->una))
        return;
    if (ack == c->una) {
        bool duplicate = !d->payload_len && d->tcp_window == c->window && c->max != c->una;

        c->window = d->tcp_window;
        if (duplicate && ++c->dup_acks == 3)
            c->nxt = c->una; /* go back: the machine keeps what it has */
        return;
    }
    c->window = d->tcp_window;
    data = acked - (c->una == c->iss) - fin;
    c->len -= data < c->len ? data : c->len;
    c->una = ack;
    if (before(c->nxt, ack))
        c->nxt = ack;
    c->dup_acks = 0;
    c->tries = 0;
    c->rto_ns = RTO_FIRST_NS;
    c->rto_at_ns = c->una == c->max ? SIM_NEVER : c->world->sim->now_ns + c->rto_ns;
    if (fin) {
        c->len = 0;
        c->fin_acked = true;
        c->linger_ns = c->world->sim->now_ns + (c->fin_received ? LINGER_NS : 60 * NS_PER_S);
    }
}

static void conn_input(struct native_conn *c, const struct decoded *d)
{
    c->heard_ns = c->world->sim->now_ns;
    if (d->tcp_flags & SEG_RST) {
        if (d->tcp_seq == c->rcv_nxt || c->state == SYN_SENT)
            conn_over(c);
        return;
    }
    if (c->state == SYN_SENT) {
        if ((d->tcp_flags & (SEG_SYN | SEG_ACK)) != (SEG_SYN | SEG_ACK) || d->tcp_ack != c->iss + 1)
            return;
        c->rcv_nxt = d->tcp_seq + 1;
        c->state = OPEN;
        c->ack = true;
    } else if (d->tcp_flags & SEG_SYN) {
        if (c->state == SYN_RECEIVED)
            send_syn(c);
        else
            c->ack = true;
        conn_output(c);
        return;
    }
    if (d->tcp_flags & SEG_SYN && d->tcp_mss)
        c->mss = d->tcp_mss < NATIVE_MSS ? d->tcp_mss : NATIVE_MSS;
    if (d->tcp_flags & SEG_ACK) {
        if (c->state == SYN_RECEIVED && d->tcp_ack == c->iss + 1)
            c->state = OPEN;
        input_ack(c, d);
    }
    if (c->state == OPEN) {
        input_data(c, d);
        input_fin(c, d);
        if (c->fin_received && c->linger_ns != SIM_NEVER)
            c->linger_ns = c->world->sim->now_ns + LINGER_NS;
    }
    conn_output(c);
}

/* ---- connections ---- */

static struct native_conn *conn_new(struct world *w)
{
    for (unsigned i = 0; i < NATIVE_CONNS; i++) {
        struct native_conn *c = w->conns[i];

        if (c && c->state != OVER)
            continue;
        if (!c)
            c = w->conns[i] = memory_unset(sizeof(*c));
        memset(c, 0, offsetof(struct native_conn, buf));
        memset((uint8_t *)c + offsetof(struct native_conn, dup_acks), 0,
               offsetof(struct native_conn, store) - offsetof(struct native_conn, dup_acks));
        for (unsigned k = 0; k < STORE; k++)
            c->store[k].used = false;
        c->world = w;
        c->iss = (uint32_t)sim_draw(w->sim, &w->iss);
        c->una = c->nxt = c->max = c->iss;
        c->mss = 536;
        c->rto_ns = RTO_FIRST_NS;
        c->rto_at_ns = c->linger_ns = SIM_NEVER;
        c->heard_ns = w->sim->now_ns;
        sim_timer_init(&c->timer, w->sim, EVENT_TIMER, conn_timer, c);
        return c;
    }
    return NULL;
}

static struct native_conn *conn_find(struct world *w, const struct decoded *d)
{
    for (unsigned i = 0; i < NATIVE_CONNS; i++) {
        struct native_conn *c = w->conns[i];

        if (c && c->state != OVER && c->local == d->ip_dst && c->remote == d->ip_src &&
            c->local_port == d->dst_port && c->remote_port == d->src_port)
            return c;
    }
    return NULL;
}

static void accept_syn(struct world *w, const struct service *s, const struct decoded *d)
{
    struct native_conn *c = conn_new(w);

    if (!c)
        return; /* the machine will ask again */
    c->local = d->ip_dst;
    c->local_port = d->dst_port;
    c->remote = d->ip_src;
    c->remote_port = d->src_port;
    c->service = s;
    c->window = d->tcp_window;
    c->rcv_nxt = d->tcp_seq + 1;
    if (d->tcp_mss)
        c->mss = d->tcp_mss < NATIVE_MSS ? d->tcp_mss : NATIVE_MSS;
    c->state = SYN_RECEIVED;
    stream_open(&c->stream, s);
    c->rto_at_ns = w->sim->now_ns + c->rto_ns;
    if (s->latency_ns) { /* the SYN-ACK is the first retransmission */
        c->rto_at_ns = w->sim->now_ns + s->latency_ns;
        c->nxt = c->max = c->iss + 1;
    } else {
        send_syn(c);
    }
    set_timer(c);
}

void native_tcp_input(struct world *w, const uint8_t *frame, const struct decoded *d)
{
    struct native_conn *c = conn_find(w, d);
    const struct service *s;

    if (c) {
        conn_input(c, d);
        return;
    }
    s = native_service(w, d->ip_dst, d->dst_port, false);
    if (s && s->kind == SERVICE_BLACKHOLE)
        return;
    if (s && s->kind == SERVICE_UNREACHABLE) {
        native_icmp_error(w, frame, d, 1, NATIVE_GATEWAY, s->latency_ns);
        return;
    }
    if (s && s->kind != SERVICE_REFUSE && (d->tcp_flags & (SEG_SYN | SEG_ACK)) == SEG_SYN)
        accept_syn(w, s, d);
    else if (s || native_is_ours(w, d->ip_dst))
        reset_reply(w, d, s ? s->latency_ns : 0);
}

void native_tcp_dial(struct world *w, struct native_dial *dial)
{
    struct native_conn *c = conn_new(w);

    if (!c) {
        dial->done = true;
        return;
    }
    c->service = native_service(w, dial->dial->from_addr, dial->dial->from_port, false);
    c->local = c->service ? c->service->addr : NATIVE_GATEWAY;
    c->local_port = c->service ? c->service->port : w->next_port++;
    c->remote = w->dhcp.addr;
    c->remote_port = dial->dial->port;
    c->dial = dial;
    if (c->service)
        stream_open(&c->stream, c->service);
    c->state = SYN_SENT;
    c->rto_at_ns = w->sim->now_ns + c->rto_ns;
    send_syn(c);
    set_timer(c);
}

void native_tcp_forge(struct world *w, const struct scenario_dial *s)
{
    struct native_conn *last = NULL;

    for (unsigned i = 0; i < NATIVE_CONNS; i++) {
        struct native_conn *c = w->conns[i];

        if (c && c->local == s->from_addr && c->local_port == s->from_port &&
            c->state != SYN_SENT && (!last || c->heard_ns > last->heard_ns))
            last = c;
    }
    if (!last)
        return;
    native_used(w, s->line);
    segment_send(last, last->max + s->seq_offset, last->rcv_nxt + s->ack_offset, s->flags,
                 s->window, s->send, (uint32_t)s->send_len);
}

bool native_tcp_busy(const struct world *w)
{
    for (unsigned i = 0; i < NATIVE_CONNS; i++) {
        const struct native_conn *c = w->conns[i];

        /* Lingering at the end, or nobody there any more: that is no business to wait for. */
        if (c && c->state != OVER && c->linger_ns == SIM_NEVER && c->state != SYN_RECEIVED)
            return true;
    }
    return false;
}

unsigned native_tcp_open(const struct world *w)
{
    unsigned n = 0;

    for (unsigned i = 0; i < NATIVE_CONNS; i++)
        n += w->conns[i] && w->conns[i]->state != OVER;
    return n;
}

void native_tcp_free(struct world *w)
{
    for (unsigned i = 0; i < NATIVE_CONNS; i++)
        free(w->conns[i]);
}
