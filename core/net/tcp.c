/* The lifetime of a TCP connection: allocation, socket calls, end. See tcp.h. */
#include "tcp.h"
#include "../base/check.h"
#include "../base/mem.h"
#include "../base/minmax.h"
#include "../interface/syscall.h"
#include "../trace/trace.h"
#include "tcp_internal.h"

/* Ephemeral ports: the range without registered services (RFC 6056 section 3.2). */
enum { EPHEMERAL_FIRST = 1024, EPHEMERAL_COUNT = 65536 - EPHEMERAL_FIRST };

/* ---- the state ---- */

#define FROM(state) (1u << TCPS_##state)

/* Each state, and those that lead to it. */
static const uint16_t comes_from[] = {
    [TCPS_CLOSED] = UINT16_MAX,
    [TCPS_LISTEN] = FROM(CLOSED),
    [TCPS_SYN_SENT] = FROM(CLOSED),
    [TCPS_SYN_RECEIVED] = FROM(CLOSED) | FROM(SYN_SENT), /* a child, or simultaneous open */
    [TCPS_ESTABLISHED] = FROM(SYN_SENT) | FROM(SYN_RECEIVED),
    [TCPS_FIN_WAIT_1] = FROM(ESTABLISHED),
    [TCPS_FIN_WAIT_2] = FROM(FIN_WAIT_1),
    [TCPS_CLOSE_WAIT] = FROM(ESTABLISHED),
    [TCPS_CLOSING] = FROM(FIN_WAIT_1),
    [TCPS_LAST_ACK] = FROM(CLOSE_WAIT),
    [TCPS_TIME_WAIT] = FROM(FIN_WAIT_1) | FROM(FIN_WAIT_2) | FROM(CLOSING),
};

static bool is_open(enum tcp_state state)
{
    return state > TCPS_LISTEN;
}

void tcp_move(struct tcp_conn *c, enum tcp_state to)
{
    CHECK(comes_from[to] >> c->state & 1);
    TRACE(c->tcp->net->platform, TRACE_TCP_STATE, c->number, c->state, to);
    if (is_open(c->state) && !is_open(to))
        c->tcp->open--;
    else if (is_open(to) && !is_open(c->state))
        c->tcp->open++;
    if (to == TCPS_TIME_WAIT)
        c->tcp->waiting++;
    else if (c->state == TCPS_TIME_WAIT)
        c->tcp->waiting--;
    c->state = to;
    tcp_list_update(c);
}

static void timers_off(struct tcp_conn *c)
{
    c->rto_at_ns = c->persist_at_ns = c->delack_at_ns = c->linger_at_ns = DEADLINE_NEVER;
    c->keepalive_at_ns = DEADLINE_NEVER;
}

/* A block that nothing uses. Its place in the heap stays until the heap comes to it. */
static void conn_free(struct tcp_conn *c)
{
    struct tcp *t = c->tcp;

    *c = (struct tcp_conn){
        .tcp = t,
        .number = c->number,
        .heap_at = c->heap_at,
        .heap_ns = c->heap_ns,
    };
    timers_off(c);
    bitset_add(&t->free, c->number);
    t->free_count++;
}

void tcp_settle_received(struct tcp_conn *c)
{
    struct tcp_pages *p = &c->tcp->pages;

    if (c->ooo && !c->ooo->count) {
        tcp_page_return(p, PAGE_RECEIVES, tcp_page_of(p, c->ooo));
        c->ooo = 0;
    }
    if (tcp_unread(c) || c->ooo)
        tcp_buffer_advance(p, &c->rcv, PAGE_RECEIVES, c->rcv_read);
    else
        tcp_buffer_clear(p, &c->rcv, PAGE_RECEIVES);
}

void tcp_settle_sent(struct tcp_conn *c)
{
    struct tcp_pages *p = &c->tcp->pages;

    if (c->snd_len)
        tcp_buffer_advance(p, &c->snd, PAGE_SENDS, c->snd_start);
    else
        tcp_buffer_clear(p, &c->snd, PAGE_SENDS);
}

void tcp_end(struct tcp_conn *c)
{
    if (c->state != TCPS_CLOSED)
        tcp_move(c, TCPS_CLOSED);
    tcp_hash_remove(c);
    timers_off(c);
    c->ack_now = c->resend = c->probe = c->override = c->keepalive = c->tail_probe = false;
    c->listener = 0;
    if (c->ooo)
        c->ooo->count = 0;
    if (c->board)
        tcp_recovery_close(c);
    c->snd_len = 0;
    if (!c->owned) /* what it has not read is lost */
        c->rcv_read = c->rcv_nxt - (c->fin_received ? 1 : 0);
    tcp_settle_received(c);
    tcp_settle_sent(c);
    if (!c->owned)
        conn_free(c);
    INVARIANTS(tcp_invariants(c));
}

void tcp_abort(struct tcp_conn *c, int error)
{
    TRACE(c->tcp->net->platform, TRACE_TCP_ABORTED, c->local_port, c->remote_addr, c->remote_port,
          (uint64_t)(int64_t)error);
    c->error = error;
    tcp_end(c);
}

void tcp_abort_from(struct tcp *t, uint32_t addr, int error)
{
    for (uint32_t i = 0; i < t->count; i++) {
        struct tcp_conn *c = &t->conn[i];

        if (is_open(c->state) && c->local_addr == addr)
            tcp_abort(c, error);
    }
}

void tcp_enter_time_wait(struct tcp_conn *c)
{
    if (c->state != TCPS_TIME_WAIT)
        tcp_move(c, TCPS_TIME_WAIT);
    timers_off(c);
    c->linger_at_ns = c->tcp->net->now_ns + 2 * TCP_MSL_NS;
    tcp_list_renew(c);
}

/* ---- opening ---- */

uint32_t tcp_isn(struct tcp_conn *c)
{
    uint64_t tuple[2] = {
        (uint64_t)c->local_addr << 32 | c->remote_addr,
        (uint64_t)c->local_port << 16 | c->remote_port,
    };
    uint32_t clock =
        (uint32_t)(c->tcp->net->now_ns / (4 * NS_PER_US)); /* M of RFC 6528 section 3 */

    uint64_t hash = rng_hash(c->tcp->net->key, tuple, 2);

    c->stamp_base = (uint32_t)(hash >> 32);
    return clock + (uint32_t)hash;
}

/* What a window is shifted by, so that it fits: RFC 7323 section 2.3. */
static uint8_t shift_of(uint32_t window)
{
    uint8_t shift = 0;

    while (window >> shift > TCP_WINDOW_UNSCALED)
        shift++;
    return shift;
}

void tcp_start(struct tcp_conn *c, uint32_t iss)
{
    CHECK(c->local_port != 0);
    CHECK(c->remote_port != 0);
    c->iss = iss;
    c->snd_una = c->snd_nxt = c->snd_max = c->iss;
    c->snd_start = c->iss + 1;
    c->rto_ns = TCP_RTO_INITIAL_NS;
    c->mss = TCP_DEFAULT_MSS;
    tcp_congestion_init(&c->cc, !c->tcp->reno, iss);
    c->first_unacked_ns = c->tcp->net->now_ns;
    tcp_touch(c);
}

int tcp_open(struct tcp *t, struct tcp_conn **out)
{
    struct tcp_conn *c = tcp_allocate(t, 0, 0);

    if (!c)
        return ERR_NFILE;
    tcp_own(c, true);
    *out = c;
    return 0;
}

/* A program has it. What programs have closed does not count, so that a server can start again: its
 * connections in TIME-WAIT are found by their peers' addresses, and nothing else can have those.
 * Asked only when a program binds. */
static bool port_taken(const struct tcp *t, uint16_t port)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (t->conn[i].local_port == port && t->conn[i].owned)
            return true;
    return false;
}

/* Has this port a connection to there? Over lo the other end may be known by another address of
 * ours, and its connection is not found by that. */
static bool pair_taken(const struct tcp *t, uint32_t addr, uint16_t port, uint16_t own)
{
    const struct tcp_conn *end;

    if (tcp_hash_find(t, addr, port, own))
        return true;
    if (!ipv4_is_loopback(addr))
        return false;
    end = tcp_hash_find(t, IPV4_LOOPBACK, own, port);
    return end && end->local_addr != addr;
}

/* May a connection to there have this port? Not one that is bound; never the peer's own port, which
 * over lo could be this socket. */
static bool port_free(const struct tcp *t, uint32_t addr, uint16_t port, uint16_t own)
{
    return own != port && !tcp_hash_find(t, 0, 0, own) && !pair_taken(t, addr, port, own);
}

/* RFC 6056 section 3.3.3: a keyed hash of the peer's endpoint plus a counter. Without an endpoint
 * one that no program has; 0: none is free. */
static uint16_t pick_port(struct tcp *t, uint32_t addr, uint16_t port)
{
    uint64_t far[2] = {addr, port};
    uint32_t offset = (uint32_t)rng_hash(t->net->key, far, 2);

    for (unsigned i = 0; i < EPHEMERAL_COUNT; i++) {
        uint16_t at = (uint16_t)(EPHEMERAL_FIRST + (offset + t->next_port++) % EPHEMERAL_COUNT);

        if (port ? port_free(t, addr, port, at) : !port_taken(t, at))
            return at;
    }
    return 0;
}

int tcp_bind(struct tcp_conn *c, uint16_t port)
{
    if (c->local_port || c->state != TCPS_CLOSED)
        return ERR_INVAL;
    if (port ? port_taken(c->tcp, port) : !(port = pick_port(c->tcp, 0, 0)))
        return ERR_INUSE;
    c->local_port = port;
    tcp_hash_add(c);
    return 0;
}

int tcp_listen(struct tcp_conn *c, unsigned backlog)
{
    if (c->state != TCPS_CLOSED || !c->local_port || c->remote_port)
        return ERR_INVAL;
    c->listen.backlog = max_u32(1, min_u32(backlog, c->tcp->count / 2));
    tcp_move(c, TCPS_LISTEN);
    return 0;
}

int tcp_connect(struct tcp_conn *c, uint32_t addr, uint16_t port)
{
    struct tcp *t = c->tcp;
    uint16_t own;

    if (c->state == TCPS_LISTEN)
        return ERR_INVAL;
    if (c->state != TCPS_CLOSED || c->remote_port)
        return ERR_ISCONN;
    if (!ipv4_is_destination(t->net, addr) || port == 0) /* MUST-46 */
        return ERR_ADDR;
    if (!ipv4_has_route(t->ip, addr))
        return ERR_UNREACH;
    own = c->local_port ? c->local_port : pick_port(t, addr, port);
    if (!own || (c->local_port && pair_taken(t, addr, port, own)))
        return ERR_INUSE;
    tcp_hash_remove(c);
    c->local_addr = ipv4_source(t->net, addr);
    c->local_port = own;
    c->remote_addr = addr;
    c->remote_port = port;
    tcp_hash_add(c);
    tcp_start(c, tcp_isn(c));
    tcp_move(c, TCPS_SYN_SENT);
    return 0;
}

int tcp_connected(struct tcp_conn *c)
{
    switch (c->state) {
    case TCPS_SYN_SENT:
    case TCPS_SYN_RECEIVED:
        return ERR_AGAIN;
    case TCPS_CLOSED:
    case TCPS_LISTEN:
        return c->error ? c->error : ERR_NOTCONN;
    case TCPS_ESTABLISHED:
    case TCPS_FIN_WAIT_1:
    case TCPS_FIN_WAIT_2:
    case TCPS_CLOSE_WAIT:
    case TCPS_CLOSING:
    case TCPS_LAST_ACK:
    case TCPS_TIME_WAIT:
        break;
    }
    return 0;
}

int tcp_accept(struct tcp_conn *c, struct tcp_conn **out)
{
    struct tcp_conn *child = c->listen.ready.first;

    if (c->state != TCPS_LISTEN)
        return ERR_INVAL;
    if (!child)
        return ERR_AGAIN;
    child->listener = 0;
    tcp_own(child, true);
    *out = child;
    return 0;
}

int tcp_keepalive(struct tcp_conn *c, uint64_t idle_ns)
{
    if (idle_ns && (idle_ns < TCP_KEEPALIVE_MIN_NS || idle_ns > TCP_KEEPALIVE_MAX_NS))
        return ERR_INVAL;
    c->keepalive_ns = idle_ns;
    c->keepalives = 0;
    if (tcp_is_synchronised(c))
        tcp_keepalive_start(c);
    return 0;
}

/* ---- reading and writing ---- */

int tcp_readable(struct tcp_conn *c, const uint8_t **at)
{
    uint32_t len = tcp_unread(c);

    if (len) {
        *at = tcp_buffer_at(&c->tcp->pages, &c->rcv, c->rcv_read, &len);
        return (int)len;
    }
    if (c->fin_received)
        return 0;
    if (c->error)
        return c->error;
    if (c->state == TCPS_CLOSED || c->state == TCPS_LISTEN)
        return ERR_NOTCONN;
    return ERR_AGAIN;
}

void tcp_consume(struct tcp_conn *c, size_t len)
{
    uint32_t growth, left;

    CHECK(len <= tcp_unread(c));
    c->rcv_read += (uint32_t)len;
    tcp_settle_received(c);
    tcp_touch(c);
    if (c->state == TCPS_CLOSED || c->fin_received)
        return;

    /* Send a window update when the window has grown by enough: MUST-39. */
    growth = c->rcv_nxt + tcp_offered_window(c) - c->rcv_adv;
    left = c->rcv_adv - c->rcv_nxt;
    if (growth >= tcp_capacity(c) / 4 || (growth && left < 2 * c->mss))
        c->ack_now = true;
}

/* What tcp_writable() returns; 0: there is room. */
static int may_write(struct tcp_conn *c)
{
    if (c->error)
        return c->error;
    if (c->fin_queued)
        return ERR_PIPE;
    if (c->state != TCPS_ESTABLISHED && c->state != TCPS_CLOSE_WAIT)
        return tcp_connected(c) == ERR_AGAIN ? ERR_AGAIN : ERR_NOTCONN;
    if (c->snd_len == c->tcp->window)
        return ERR_AGAIN;
    if (tcp_snd_end(c) - c->snd.base < c->snd.count << c->tcp->pages.shift)
        return 0;
    return tcp_page_available(&c->tcp->pages, PAGE_SENDS, c->snd.count ? NEED_NEXT : NEED_FIRST)
               ? 0
               : ERR_AGAIN;
}

int tcp_writable(struct tcp_conn *c, uint8_t **at)
{
    struct tcp_pages *p = &c->tcp->pages;
    uint32_t end = tcp_snd_end(c), room = c->tcp->window - c->snd_len;
    int err = may_write(c);

    if (err)
        return err;
    tcp_buffer_extend(p, &c->snd, PAGE_SENDS, NEED_NEXT, end, end + 1);
    *at = tcp_buffer_at(p, &c->snd, end, &room);
    return (int)room;
}

void tcp_commit(struct tcp_conn *c, size_t len)
{
    CHECK(len <= c->tcp->window - c->snd_len);
    CHECK(tcp_snd_end(c) + (uint32_t)len - c->snd.base <= c->snd.count << c->tcp->pages.shift);
    c->snd_len += (uint32_t)len;
    if (!c->snd_len)
        tcp_settle_sent(c);
    tcp_touch(c);
}

unsigned tcp_ready(struct tcp_conn *c)
{
    const uint8_t *from;
    unsigned ready = 0;

    if (c->state == TCPS_LISTEN)
        return c->listen.ready.first ? READY_IN : 0;
    if (tcp_readable(c, &from) != ERR_AGAIN)
        ready |= READY_IN;
    if (may_write(c) != ERR_AGAIN)
        ready |= READY_OUT;
    if (c->error)
        ready |= READY_ERR;
    return ready;
}

/* ---- closing ---- */

/* FIN is sent after the queued data. */
static void queue_fin(struct tcp_conn *c)
{
    if (c->fin_queued)
        return;
    c->fin_queued = true;
    tcp_touch(c);
    tcp_move(c, c->state == TCPS_CLOSE_WAIT ? TCPS_LAST_ACK : TCPS_FIN_WAIT_1);
}

int tcp_shutdown(struct tcp_conn *c)
{
    if (c->error)
        return c->error;
    if (c->state != TCPS_ESTABLISHED && c->state != TCPS_CLOSE_WAIT)
        return c->fin_queued ? 0 : ERR_NOTCONN;
    queue_fin(c);
    return 0;
}

static void close_listener(struct tcp_conn *c)
{
    struct tcp_conn *child, *next;

    while ((child = c->listen.ready.first)) {
        tcp_send_reset(child);
        tcp_end(child);
    }
    for (child = c->tcp->half_open.first; child; child = next) {
        next = child->next;
        if (child->listener != c)
            continue;
        tcp_send_reset(child);
        tcp_end(child);
    }
    tcp_end(c);
}

/* No program waits for it, so it ends when the peer does nothing for it. */
static void orphan_start(struct tcp_conn *c)
{
    c->linger_at_ns = c->tcp->net->now_ns + TCP_ORPHAN_NS;
    tcp_touch(c);
}

void tcp_close(struct tcp_conn *c)
{
    tcp_own(c, false);
    switch (c->state) {
    case TCPS_LISTEN:
        close_listener(c);
        break;
    case TCPS_CLOSED:
    case TCPS_SYN_SENT:
        tcp_end(c);
        break;
    case TCPS_SYN_RECEIVED:
        c->fin_queued = true; /* until the peer has acknowledged our SYN: section 3.10.4 */
        orphan_start(c);
        break;
    case TCPS_ESTABLISHED:
    case TCPS_FIN_WAIT_1:
    case TCPS_FIN_WAIT_2:
    case TCPS_CLOSE_WAIT:
    case TCPS_CLOSING:
    case TCPS_LAST_ACK:
        if (tcp_unread(c)) {
            tcp_send_reset(c);
            tcp_end(c);
        } else {
            queue_fin(c);
            orphan_start(c);
        }
        break;
    case TCPS_TIME_WAIT:
        break;
    }
}

void tcp_reset(struct tcp_conn *c)
{
    if (c->state == TCPS_LISTEN) {
        tcp_close(c);
        return;
    }
    if (is_open(c->state) && c->state != TCPS_SYN_SENT && c->state != TCPS_TIME_WAIT)
        tcp_send_reset(c);
    tcp_own(c, false);
    tcp_end(c);
}

/* ---- all of them ---- */

/* The hash has at least as many buckets as there are connections. */
static uint32_t buckets(uint32_t connections)
{
    uint32_t n = 1;

    while (n < connections)
        n *= 2;
    return n;
}

void tcp_init(struct tcp *t, struct ipv4 *ip, const struct tcp_config *config, void *memory)
{
    static const uint64_t labels[2] = {1, 2};
    uint32_t connections = config->connections, *numbers;
    uint64_t *words;
    uint8_t *at = memory;

    CHECK(connections >= 1);
    CHECK(connections <= TCP_CONNS_MAX);
    CHECK(config->page_size >= TCP_PAGE_MIN);
    CHECK(config->page_size <= TCP_PAGE_MAX);
    CHECK(config->window >= TCP_WINDOW_MIN);
    CHECK(config->window <= TCP_WINDOW_MAX);
    *t = (struct tcp){
        .net = ip->net,
        .ip = ip,
        .next_port = (uint16_t)rng_next(&ip->net->rng),
        .conn = memory,
        .recent = memory,
        .count = connections,
        .reserve = connections / TCP_RESERVE_PART,
        .bucket_mask = buckets(connections) - 1,
        .window = config->window,
        .shift = shift_of(config->window),
        .reno = config->reno,
    };
    for (unsigned i = 0; i < 2; i++)
        t->hash_key[i] = rng_hash(t->net->key, &labels[i], 1) | 1;
    at += connections * sizeof(struct tcp_conn);
    words = (uint64_t *)(void *)at;
    bitset_init(&t->free, words, connections);
    bitset_init(&t->due, words + BITSET_WORDS(connections), connections);
    bitset_init(&t->blocked, words + 2 * BITSET_WORDS(connections), connections);
    at += 3 * sizeof(uint64_t) * BITSET_WORDS(connections);
    numbers = (uint32_t *)(void *)(at + (size_t)config->pages * config->page_size);
    tcp_pages_init(&t->pages, at, numbers, config->pages, config->page_size);
    t->bucket = numbers + config->pages;
    mem_fill(t->bucket, 0, (t->bucket_mask + 1) * sizeof(t->bucket[0]));
    t->heap = t->bucket + t->bucket_mask + 1;
    for (uint32_t i = 0; i < connections; i++) {
        t->conn[i] = (struct tcp_conn){.tcp = t, .number = i};
        conn_free(&t->conn[i]);
    }
}

static void output_due(struct tcp *t)
{
    for (uint32_t i = 0; bitset_next(&t->due, i, &i); i++) {
        struct tcp_conn *c = &t->conn[i];

        if (is_open(c->state) && !tcp_output(c)) {
            bitset_add(&t->blocked, i);
            t->any_blocked = true;
        }
        tcp_deadline_changed(c);
        bitset_remove(&t->due, i);
        INVARIANTS(tcp_invariants(c));
    }
}

void tcp_output_all(struct tcp *t)
{
    if (!bitset_is_empty(&t->due))
        output_due(t);
    if (t->heap_count)
        tcp_deadlines_settle(t);
}

bool tcp_used(const struct tcp *t)
{
    return t->owned > 0;
}

bool tcp_idle(const struct tcp *t)
{
    return t->open == 0;
}

bool tcp_settled(const struct tcp *t)
{
    return t->open == t->waiting;
}
