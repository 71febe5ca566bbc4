/*
 * A peer and a program that do what they like with live connections, by seed. Segments are drawn
 * relative to a connection (its windows, edges, ranges, numbers long past or far ahead), between
 * them the program calls whatever it may call, time passes, the device has no room now and then,
 * and in every second life of the stack there are few or small pages. Then the peer is silent, the
 * program closes, and every resource must come back; then a peer by the book must be served. The
 * rules are in tcp_watch.h.
 *
 *     test_core_tcp_fuzz [SEGMENTS [SEED]]      that many segments; 500000 by default
 */
#include "../../core/base/minmax.h"
#include "tcp_watch.h"
#include <stdio.h>

enum { PEER_PORT = 50000, PEER_PORTS = 8, OWN_PORT = 7, OWN_PORTS = 5, TRANSFER = 20000 };

static uint64_t wanted = 500000, seed = 1;
static struct rng rng;

static uint32_t draw(uint32_t bound)
{
    return (uint32_t)rng_below(&rng, bound);
}

/* ---- segments ---- */

static uint32_t near(uint32_t at)
{
    switch (draw(8)) {
    case 0:
        return at + 1;
    case 1:
        return at - 1;
    case 2:
        return at + draw(3000);
    case 3:
        return at - draw(3000);
    default:
        return at;
    }
}

/* Where the peer starts: often where numbers wrap, or change their sign. */
static uint32_t draw_iss(void)
{
    static const uint32_t at[] = {0, 0x80000000, 0xfffff000, 0x7ffff000};

    return draw(4) ? near(at[draw(4)]) : (uint32_t)rng_next(&rng);
}

static uint32_t draw_seq(const struct tcp_conn *c)
{
    if (c->state == TCPS_SYN_SENT || c->state == TCPS_LISTEN)
        return draw_iss();
    switch (draw(14)) {
    case 0:
        return near(c->rcv_adv);
    case 1:
        return near(c->irs);
    case 2:
        return near(c->ooo ? c->ooo->range[draw(c->ooo->count)].start : c->rcv_read);
    case 3:
        return near(c->ooo ? c->ooo->range[draw(c->ooo->count)].end : c->fin_seq);
    case 4:
        return c->rcv_nxt + draw(70000) - 3000;
    case 5:
        return near(c->rcv_nxt + (draw(2) ? 0x80000000 : (uint32_t)-65535));
    case 6:
        return (uint32_t)rng_next(&rng);
    case 7:
    case 8:
        return near(c->rcv_nxt);
    default:
        return c->rcv_nxt;
    }
}

static uint32_t draw_ack(const struct tcp_conn *c)
{
    switch (draw(12)) {
    case 0:
        return near(c->snd_una);
    case 1:
        return near(c->snd_nxt);
    case 2:
        return near(c->iss);
    case 3:
        return near(c->snd_una - c->snd_wnd_max);
    case 4:
        return near(c->snd_una + 0x80000000);
    case 5:
        return (uint32_t)rng_next(&rng);
    case 6:
    case 7:
        return c->snd_una + draw(tcp_flight(c) + 1);
    case 8:
        return near(c->snd_max);
    default:
        return c->snd_max;
    }
}

static uint16_t draw_window(const struct tcp_conn *c)
{
    const uint32_t some[] = {0, 0, 1, 2, c->mss - 1, c->mss, c->mss + 1, 65535, c->snd_wnd};

    return (uint16_t)(draw(3) ? some[draw(9)] : draw(65536));
}

static uint32_t draw_len(const struct tcp_conn *c, uint32_t seq)
{
    uint32_t len = c->rcv_adv - seq + draw(3) - 1; /* to the edge of the window, or one off */

    switch (draw(6)) {
    case 0:
        return draw(1461);
    case 1:
        return 1460;
    case 2:
        return 1 + draw(3);
    case 3:
        return len <= 1460 ? len : 0;
    default:
        return 0;
    }
}

static uint8_t draw_flags(enum tcp_state state)
{
    static const uint8_t others[] = {TCP_ACK | TCP_FIN, TCP_RST,           TCP_RST | TCP_ACK,
                                     TCP_SYN,           TCP_SYN | TCP_ACK, 0,
                                     TCP_FIN,           TCP_ACK | TCP_URG};

    if (state == TCPS_LISTEN && draw(8))
        return TCP_SYN;
    if (state == TCPS_SYN_SENT && draw(3))
        return draw(4) ? TCP_SYN | TCP_ACK : TCP_SYN;
    if (state == TCPS_TIME_WAIT && draw(2))
        return TCP_SYN;
    if (draw(100) == 0)
        return (uint8_t)draw(256);
    return draw(4) ? TCP_ACK : others[draw(8)];
}

/* ---- options ---- */

static uint8_t *put32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        *at++ = (uint8_t)(value >> (24 - 8 * i));
    return at;
}

/* A timestamp: mostly the last one or a later one. */
static uint8_t *draw_stamp(uint8_t *at, const struct tcp_conn *c, struct watch_segment *g)
{
    uint32_t recent = c ? c->stamp_recent : 0;

    g->stamped = true;
    g->stamp = draw(8) ? recent + draw(3) : draw(2) ? near(recent) : (uint32_t)rng_next(&rng);
    *at++ = 1;
    *at++ = 1;
    *at++ = 8;
    *at++ = 10;
    return put32(put32(at, g->stamp), (uint32_t)rng_next(&rng));
}

/* Up to three blocks: of what is in flight, or of anything. */
static uint8_t *draw_blocks(uint8_t *at, const struct tcp_conn *c)
{
    unsigned count = 1 + draw(3);

    *at++ = 1;
    *at++ = 1;
    *at++ = 5;
    *at++ = (uint8_t)(2 + 8 * count);
    for (unsigned i = 0; i < count; i++) {
        uint32_t start = c->snd_una + draw(tcp_flight(c) + 1);
        uint32_t len = draw(2) ? draw(c->snd_max - start + 1) : draw(3 * c->mss);

        if (draw(10) == 0)
            start = near(c->snd_una - draw(5000));
        at = put32(put32(at, start), draw(30) ? start + len : (uint32_t)rng_next(&rng));
    }
    return at;
}

static const struct tcp_conn *conn_of(const struct watch_segment *g)
{
    return watch_find(g->own_port, g->peer_port);
}

/* Of a SYN: MSS, and more in every second one. */
static uint8_t *draw_syn_options(uint8_t *at, struct watch_segment *g)
{
    static const uint16_t mss[] = {1460, 1460, 1460, 536, 100, 1, 0, 65535};
    uint16_t size = mss[draw(8)];
    unsigned some = draw(2) ? draw(8) : 0;

    memcpy(at, (uint8_t[]){2, 4, (uint8_t)(size >> 8), (uint8_t)size}, 4);
    at += 4;
    if (some & 1) {
        memcpy(at, (uint8_t[]){1, 3, 3, (uint8_t)draw(18)}, 4);
        at += 4;
    }
    if (some & 2) {
        memcpy(at, (uint8_t[]){1, 1, 4, 2}, 4);
        at += 4;
    }
    return some & 4 ? draw_stamp(at, conn_of(g), g) : at;
}

/* Options of a multiple of 4 bytes; false: malformed. */
static bool draw_options(uint8_t *option, size_t *len, struct watch_segment *g)
{
    const struct tcp_conn *c = conn_of(g);
    uint8_t *at = option;

    if (g->flags & TCP_SYN) {
        if (draw(6))
            at = draw_syn_options(at, g);
    } else if (c) {
        if (c->stamps ? draw(30) : draw(30) == 0)
            at = draw_stamp(at, c, g);
        if (c->sacks ? draw(3) == 0 : draw(30) == 0)
            at = draw_blocks(at, c);
    }
    if (at - option < TCP_OPTIONS_MAX && draw(12) == 0) { /* one without a meaning */
        memcpy(at, (uint8_t[]){1, 1, 99, 2}, 4);
        at += 4;
    }
    *len = (size_t)(at - option);
    if (!*len || option[0] != 2 || draw(20))
        return true;
    option[1] = draw(2) ? 1 : 60; /* shorter than itself, or longer than all */
    return false;
}

static void send_segment(struct watch_segment g, bool by_the_book)
{
    static uint8_t data[1460];
    uint8_t frame[2048], option[TCP_OPTIONS_MAX];
    size_t option_len = 0, len;
    struct tcp_header h = {.src_port = be16_of(g.peer_port),
                           .dst_port = be16_of(g.own_port),
                           .seq = be32_of(g.seq),
                           .ack = be32_of(g.ack),
                           .flags = g.flags,
                           .window = be16_of(g.window)};

    if (!by_the_book)
        g.broken |= !draw_options(option, &option_len, &g);
    g.len = min_u32(g.len, (uint32_t)(1460 - option_len));
    for (uint32_t i = 0; i < g.len; i++)
        data[i] = peer_byte(g.peer_port, g.seq + !!(g.flags & TCP_SYN) + i);
    g.broken |= (g.flags & TCP_SYN) && (g.flags & (TCP_FIN | TCP_RST));
    len = build_tcp(frame, &h, option, option_len, data, g.len);
    if (g.broken && draw(2))
        frame[FRAME_IP_PAYLOAD + draw(20)] ^= (uint8_t)(1 + draw(255)); /* the checksum is wrong */
    watch_input(&g, frame, len);
}

/* What the peer of a SYN-ACK of which nothing is kept could send. */
static void draw_cookie_ack(struct watch_segment *g)
{
    const struct watch_cookie *k = &watch.cookie[draw(min_u32(watch.cookie_count, WATCH_COOKIES))];

    g->peer_port = k->peer_port;
    g->flags = TCP_ACK | (draw(8) ? 0 : TCP_FIN);
    g->seq = draw(8) ? k->irs + 1 : near(k->irs + 1);
    g->ack = draw(8) ? k->iss + 1 : near(k->iss + 1);
}

/* A segment for a connection, or for a listener; often one that a good peer could send. */
static void draw_segment(const struct tcp_conn *c)
{
    struct watch_segment g = {
        .own_port = c->local_port,
        .peer_port = c->remote_port ? c->remote_port : (uint16_t)(PEER_PORT + draw(PEER_PORTS)),
        .flags = draw_flags(c->state),
        .ack = c->snd_max,
        .window = (uint16_t)(draw(2) ? 65535 : 4000 + draw(20000)),
    };

    if (c->state > TCPS_SYN_SENT && c->state != TCPS_TIME_WAIT && draw(2)) {
        g.seq = c->rcv_nxt - (draw(3) ? 0 : draw(1461)); /* or it sends something again */
        g.flags = TCP_ACK | (draw(16) ? 0 : TCP_FIN);
        g.len = draw(2) ? 0 : draw(1461);
    } else {
        g.seq = draw_seq(c);
        g.ack = draw_ack(c);
        g.window = draw_window(c);
        g.len = draw_len(c, g.seq);
    }
    if (c->state == TCPS_SYN_SENT && draw(4))
        g.ack = c->snd_max;
    if (c->state == TCPS_LISTEN && watch.cookie_count && draw(3) == 0)
        draw_cookie_ack(&g);
    if (!(g.flags & TCP_ACK))
        g.ack = 0;
    send_segment(g, false);
}

/* ---- the program ---- */

static void open_something(void)
{
    struct tcp_conn *c;

    if (tcp_open(&watch.x->s.tcp, &c))
        return;
    watch_blocks();
    if (draw(2))
        tcp_bind(c, (uint16_t)(OWN_PORT + draw(OWN_PORTS)));
    if (draw(2))
        tcp_listen(c, draw(3));
    else
        tcp_connect(c, PEER, (uint16_t)(PEER_PORT + draw(PEER_PORTS)));
    if (c->state == TCPS_CLOSED)
        tcp_close(c);
    watch_blocks();
}

static void call_something(struct tcp_conn *c)
{
    struct tcp_conn *child;

    switch (draw(20)) {
    case 0:
        if (c->state != TCPS_LISTEN || draw(8) == 0)
            tcp_close(c);
        break;
    case 1:
        tcp_shutdown(c);
        break;
    case 2:
        tcp_ready(c);
        if (c->state != TCPS_CLOSED) {
            must(tcp_bind(c, 99) < 0 && tcp_listen(c, 1) < 0 && tcp_connect(c, PEER, 99) < 0,
                 "a call in the wrong state");
        }
        break;
    case 3:
        program_write(c, UINT32_MAX);
        break;
    case 4:
        while (c->state != TCPS_LISTEN && program_read(c, UINT32_MAX) > 0)
            continue;
        break;
    default:
        if (c->state == TCPS_TIME_WAIT)
            tcp_close(c);
        else if (c->state == TCPS_LISTEN)
            tcp_accept(c, &child);
        else if (draw(2))
            program_write(c, 1 + draw(3000));
        else
            program_read(c, 1 + draw(3000));
        break;
    }
    watch_blocks();
}

static void pass_time(void)
{
    struct stack *s = &watch.x->s;
    uint64_t at = tcp_deadline(&s->tcp);

    switch (draw(8)) {
    case 0:
        watch_at(watch.now_ns + NS_PER_S);
        break;
    case 1:
        if (draw(10) == 0)
            watch_at(watch.now_ns + 2 * TCP_MSL_NS);
        break;
    case 2:
    case 3:
        if (at != DEADLINE_NEVER && at > watch.now_ns)
            watch_at(at - draw(2));
        break;
    default:
        watch_at(watch.now_ns + draw(50) * NS_PER_MS);
        break;
    }
}

/* ---- the phases ---- */

/* Pages as the kernel has them, or fewer and smaller ones, and a smaller window. */
static void draw_pages(void)
{
    struct stack *s = &watch.x->s;
    bool few = draw(2);

    tcp_init(&s->tcp, &s->ip,
             &(struct tcp_config){CONNS, few ? 2 + draw(PAGES - 1) : PAGES,
                                  few ? TCP_PAGE_MIN << draw(4) : PAGE_SIZE,
                                  few       ? TCP_WINDOW_MIN + draw(WINDOW - TCP_WINDOW_MIN + 1)
                                  : draw(2) ? WINDOW
                                            : 1 + draw(1 << 20) + TCP_WINDOW_MIN},
             watch.x->buffers);
}

static void chaos(void)
{
    struct stack *s = &watch.x->s;
    unsigned steps = 100 + draw(900), crowd = 1 + draw(CONNS);

    for (unsigned i = 0; i < steps; i++) {
        struct tcp_conn *c = &s->tcp.conn[draw(crowd)];
        unsigned what = draw(100);

        if (what < 65 && c->state != TCPS_CLOSED)
            for (unsigned n = draw(4) ? 1 : 6; n && c->state != TCPS_CLOSED; n--)
                draw_segment(c);
        else if (what < 85 && c->owned)
            call_something(c);
        else if (what < 85 && c->state == TCPS_CLOSED)
            open_something();
        else if (what < 93)
            pass_time();
        else if (what < 95)
            watch.x->room = (int)draw(4);
        else if (what < 98)
            watch.x->room = ROOM_ALWAYS;
        if (draw(3) == 0)
            watch_run();
    }
    watch.x->room = ROOM_ALWAYS;
}

/* Until nothing is due any more, or for `limit_ns`. */
static void silence(uint64_t limit_ns)
{
    uint64_t end_ns = watch.now_ns + limit_ns;

    watch_run();
    while (tcp_deadline(&watch.x->s.tcp) <= end_ns) {
        watch_at(tcp_deadline(&watch.x->s.tcp));
        watch.x->room = ROOM_ALWAYS;
        watch_run();
    }
    watch_at(end_ns);
    watch_run();
}

static void all_is_back(void)
{
    const struct stack *s = &watch.x->s;

    for (unsigned i = 0; i < CONNS; i++)
        must(s->tcp.conn[i].state == TCPS_CLOSED && !s->tcp.conn[i].owned,
             "a connection was not given back");
    must(!s->tcp.pages.lent[PAGE_RECEIVES] && !s->tcp.pages.lent[PAGE_SENDS],
         "a page was not given back");
    must(!s->tcp.half_open.count && !s->tcp.orphans.count && !s->tcp.time_wait.count,
         "a list of nothing");
    must(watch.x->lent == 0, "a frame was not given back");
    must(tcp_deadline(&s->tcp) == DEADLINE_NEVER, "a timer of nothing");
}

/* After R2 nothing waits for a peer that is silent. */
static void nothing_is_in_flight(void)
{
    const struct tcp *t = &watch.x->s.tcp;

    for (unsigned i = 0; i < CONNS; i++)
        must(t->conn[i].rto_at_ns == DEADLINE_NEVER && t->conn[i].persist_at_ns == DEADLINE_NEVER,
             "a silent peer is waited for without an end");
}

static void close_all(void)
{
    struct stack *s = &watch.x->s;

    for (unsigned i = 0; i < CONNS; i++)
        if (s->tcp.conn[i].owned)
            tcp_close(&s->tcp.conn[i]);
    watch_blocks();
}

/* ---- a peer by the book ---- */

static struct good_peer {
    uint16_t own_port, port;
    uint32_t iss, next, una, window, rcv_nxt; /* next: to send */
    bool known, fin_in, owes;                 /* known: our SYN came */
} good;

static void good_frame(const struct decoded *d)
{
    if (d->dst_port != good.port || d->src_port != good.own_port)
        return;
    must(!(d->tcp_flags & TCP_RST), "a RST to a peer by the book");
    if (d->tcp_flags & TCP_SYN) {
        good.rcv_nxt = d->tcp_seq + 1;
        good.known = good.owes = true;
    } else if (d->tcp_seq == good.rcv_nxt) {
        good.rcv_nxt += (uint32_t)d->payload_len + !!(d->tcp_flags & TCP_FIN);
        good.fin_in |= d->tcp_flags & TCP_FIN;
        good.owes |= d->payload_len || (d->tcp_flags & TCP_FIN);
    }
    if (d->tcp_flags & TCP_ACK) {
        good.una = d->tcp_ack;
        good.window = d->tcp_window;
    }
}

static void good_send(uint8_t flags, uint32_t len)
{
    uint32_t seq = good.next;

    good.next += len + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
    good.owes = false;
    send_segment((struct watch_segment){.own_port = good.own_port,
                                        .peer_port = good.port,
                                        .seq = seq,
                                        .ack = good.known ? good.rcv_nxt : 0,
                                        .window = 30000,
                                        .flags = flags,
                                        .len = len},
                 true);
}

/* One turn: SYN, what the window allows, FIN after the last byte if it is time, or an ACK. */
static void good_turn(bool fin_now)
{
    uint32_t sent = good.next - good.iss - 1, len;

    if (good.next == good.iss) {
        good_send(TCP_SYN | (good.known ? TCP_ACK : 0), 0);
        return;
    }
    if (!good.known || seq_lt(good.una, good.iss + 1)) {
        if (good.owes)
            good_send(TCP_ACK, 0);
        return;
    }
    len = TRANSFER - (sent < TRANSFER ? sent : TRANSFER);
    len = min_u32(len, 1460);
    if (len && good.next + len - good.una <= good.window)
        good_send(TCP_ACK, len);
    else if (sent == TRANSFER && fin_now)
        good_send(TCP_ACK | TCP_FIN, 0);
    else if (good.owes)
        good_send(TCP_ACK, 0);
}

/* Both ways, then both close; 2 MSL later nothing is left. */
static void good_peer_is_served(void)
{
    struct tcp_conn *listener = 0, *c = 0;
    struct watch_flow *f;
    bool we_open = draw(2), we_close = draw(2), ended = false;

    good = (struct good_peer){.port = 80, .iss = draw_iss()};
    good.next = good.una = good.iss;
    watch.on_frame = good_frame;
    must(tcp_open(&watch.x->s.tcp, we_open ? &c : &listener) == 0, "no block for a new connection");
    if (we_open) {
        must(tcp_connect(c, PEER, good.port) == 0, "connect failed");
        good.own_port = c->local_port;
    } else {
        must(!tcp_bind(listener, 7) && !tcp_listen(listener, 1), "listen failed");
        good.own_port = 7;
    }
    watch_blocks();
    for (unsigned i = 0; i < 1000 && !(ended && good.fin_in && good.una == good.next); i++) {
        watch_at(watch.now_ns + 5 * NS_PER_MS);
        if (!we_open || good.known)
            good_turn(!we_close || good.fin_in);
        if (!c)
            tcp_accept(listener, &c);
        if (c) {
            f = &watch.flow[c->number];
            program_write(c, TRANSFER - (f->written < TRANSFER ? f->written : TRANSFER));
            ended |= program_read(c, UINT32_MAX) == 0;
            if (f->written == TRANSFER && (we_close || ended))
                tcp_shutdown(c);
        }
        watch_run();
    }
    must(ended && good.fin_in && good.una == good.next, "a peer by the book was not served");
    if (good.owes)
        good_send(TCP_ACK, 0);
    watch.on_frame = 0;
    close_all();
    silence(2 * TCP_MSL_NS);
    all_is_back();
}

static void whatever_a_peer_and_a_program_do_the_next_peer_is_served(void **state)
{
    watch.x = *state;
    watch.x->dev.send = watch_send;
    watch_at(watch.x->start_ns);
    for (uint64_t episode = 0; watch.segments < wanted; episode++) {
        rng_init(&rng, seed, episode);
        snprintf(watch.where, sizeof(watch.where), "seed %llu, episode %llu",
                 (unsigned long long)seed, (unsigned long long)episode);
        draw_pages();
        chaos();
        if (draw(2))
            close_all();
        silence(400 * NS_PER_S);
        nothing_is_in_flight();
        close_all();
        silence(400 * NS_PER_S);
        all_is_back();
        good_peer_is_served();
    }
    printf("%llu segments in, %llu frames out\n", (unsigned long long)watch.segments,
           (unsigned long long)watch.frames);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whatever_a_peer_and_a_program_do_the_next_peer_is_served,
                                        stack_setup_bound, stack_teardown),
    };

    if (argc > 1)
        wanted = strtoull(argv[1], NULL, 0);
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
