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

static bool tcp_may_move(enum tcp_state from, enum tcp_state to)
{
    switch (to) {
    case TCP_CLOSED:
        return true;
    case TCP_LISTEN:
    case TCP_SYN_SENT:
        return from == TCP_CLOSED;
    case TCP_SYN_RECEIVED:
        return from == TCP_CLOSED || from == TCP_SYN_SENT; /* a child, or simultaneous open */
    case TCP_ESTABLISHED:
        return from == TCP_SYN_SENT || from == TCP_SYN_RECEIVED;
    case TCP_FIN_WAIT_1:
        return from == TCP_ESTABLISHED;
    case TCP_FIN_WAIT_2:
    case TCP_CLOSING:
        return from == TCP_FIN_WAIT_1;
    case TCP_CLOSE_WAIT:
        return from == TCP_ESTABLISHED;
    case TCP_LAST_ACK:
        return from == TCP_CLOSE_WAIT;
    case TCP_TIME_WAIT:
        return from == TCP_FIN_WAIT_1 || from == TCP_FIN_WAIT_2 || from == TCP_CLOSING;
    }
    return false;
}

void tcp_move(struct tcp_conn *c, enum tcp_state to)
{
    CHECK(tcp_may_move(c->state, to));
    TRACE(c->tcp->net->platform, TRACE_TCP_STATE, c->number, c->state, to);
    c->state = to;
}

static void timers_off(struct tcp_conn *c)
{
    c->rto_at_ns = c->persist_at_ns = c->delack_at_ns = c->linger_at_ns = DEADLINE_NEVER;
}

void tcp_conn_init(struct tcp_conn *c, struct tcp *t, unsigned number, uint8_t *rcv_buf,
                   uint8_t *snd_buf)
{
    *c = (struct tcp_conn){
        .tcp = t,
        .number = number,
        .rcv_buf = rcv_buf,
        .snd_buf = snd_buf,
    };
    timers_off(c);
}

void tcp_end(struct tcp_conn *c)
{
    if (c->state != TCP_CLOSED)
        tcp_move(c, TCP_CLOSED);
    timers_off(c);
    c->ack_now = c->resend = c->probe = c->override = false;
    if (!c->owned)
        tcp_conn_init(c, c->tcp, c->number, c->rcv_buf, c->snd_buf);
    INVARIANTS(tcp_invariants(c));
}

void tcp_abort(struct tcp_conn *c, int error)
{
    TRACE(c->tcp->net->platform, TRACE_TCP_ABORTED, c->local_port, c->remote_addr, c->remote_port,
          (uint64_t)(int64_t)error);
    c->error = error;
    c->snd_len = 0;
    tcp_end(c);
}

void tcp_abort_from(struct tcp *t, uint32_t addr, int error)
{
    for (unsigned i = 0; i < TCP_CONNS; i++) {
        struct tcp_conn *c = &t->conn[i];

        if (c->state != TCP_CLOSED && c->state != TCP_LISTEN && c->local_addr == addr)
            tcp_abort(c, error);
    }
}

void tcp_enter_time_wait(struct tcp_conn *c)
{
    if (c->state != TCP_TIME_WAIT)
        tcp_move(c, TCP_TIME_WAIT);
    timers_off(c);
    c->linger_at_ns = c->tcp->net->now_ns + 2 * TCP_MSL_NS;
}

struct tcp_conn *tcp_find_free(struct tcp *t)
{
    struct tcp_conn *oldest = 0;

    for (unsigned i = 0; i < TCP_CONNS; i++) {
        struct tcp_conn *c = &t->conn[i];

        if (c->state == TCP_CLOSED && !c->owned) {
            INVARIANTS(tcp_invariants(c));
            tcp_conn_init(c, t, i, c->rcv_buf, c->snd_buf);
            return c;
        }
        if (c->state == TCP_TIME_WAIT && !c->owned &&
            (!oldest || c->linger_at_ns < oldest->linger_at_ns))
            oldest = c;
    }
    if (oldest)
        tcp_end(oldest); /* if the table is full, the oldest TIME_WAIT ends early */
    return oldest;
}

/* No program has it: a child whose peer has not acknowledged our SYN, or one that the program has
 * closed and that has not ended yet. */
static bool without_program(const struct tcp_conn *c)
{
    if (c->owned || c->state == TCP_CLOSED)
        return false;
    return c->listener ? c->state == TCP_SYN_RECEIVED : c->state != TCP_LISTEN;
}

struct tcp_conn *tcp_allocate(struct tcp *t)
{
    struct tcp_conn *c = tcp_find_free(t), *oldest = 0;

    if (c)
        return c;
    for (unsigned i = 0; i < TCP_CONNS; i++) {
        c = &t->conn[i];
        if (without_program(c) && (!oldest || c->first_unacked_ns < oldest->first_unacked_ns))
            oldest = c;
    }
    if (oldest) {
        tcp_send_reset(oldest);
        tcp_end(oldest);
    }
    return oldest;
}

/* ---- opening ---- */

uint32_t tcp_isn(const struct tcp_conn *c)
{
    uint64_t tuple[2] = {
        (uint64_t)c->local_addr << 32 | c->remote_addr,
        (uint64_t)c->local_port << 16 | c->remote_port,
    };
    uint32_t clock =
        (uint32_t)(c->tcp->net->now_ns / (4 * NS_PER_US)); /* M of RFC 6528 section 3 */

    return clock + (uint32_t)rng_hash(c->tcp->net->key, tuple, 2);
}

void tcp_start(struct tcp_conn *c, uint32_t iss)
{
    CHECK(c->local_port != 0);
    CHECK(c->remote_port != 0);
    c->iss = iss;
    c->snd_una = c->snd_nxt = c->snd_max = c->iss;
    c->snd_start = c->iss + 1;
    c->rto_ns = TCP_RTO_INITIAL_NS;
    c->mss = TCP_MSS_DEFAULT;
    tcp_congestion_init(&c->cc, iss);
    c->first_unacked_ns = c->tcp->net->now_ns;
}

int tcp_open(struct tcp *t, struct tcp_conn **out)
{
    struct tcp_conn *c = tcp_allocate(t);

    if (!c)
        return ERR_NFILE;
    c->owned = true;
    *out = c;
    return 0;
}

static bool port_taken(const struct tcp *t, uint16_t port)
{
    for (unsigned i = 0; i < TCP_CONNS; i++)
        if (t->conn[i].local_port == port && (t->conn[i].owned || t->conn[i].state != TCP_CLOSED))
            return true;
    return false;
}

/* RFC 6056 section 3.3.3: a keyed hash of the peer's endpoint plus a counter. At most TCP_CONNS
 * ports are taken, so the search ends. Never the peer's own port: over lo that could be this
 * socket. */
static uint16_t pick_port(struct tcp *t, uint32_t addr, uint16_t port)
{
    uint64_t far[2] = {addr, port};
    uint32_t offset = (uint32_t)rng_hash(t->net->key, far, 2);

    for (;;) {
        uint16_t at = (uint16_t)(EPHEMERAL_FIRST + (offset + t->next_port++) % EPHEMERAL_COUNT);

        if (at != port && !port_taken(t, at))
            return at;
    }
}

int tcp_bind(struct tcp_conn *c, uint16_t port)
{
    if (c->local_port || c->state != TCP_CLOSED)
        return ERR_INVAL;
    if (port && port_taken(c->tcp, port))
        return ERR_INUSE;
    c->local_port = port ? port : pick_port(c->tcp, 0, 0);
    return 0;
}

int tcp_listen(struct tcp_conn *c, unsigned backlog)
{
    if (c->state != TCP_CLOSED || !c->local_port)
        return ERR_INVAL;
    c->backlog = max_u32(1, min_u32(backlog, TCP_BACKLOG_MAX));
    tcp_move(c, TCP_LISTEN);
    return 0;
}

int tcp_connect(struct tcp_conn *c, uint32_t addr, uint16_t port)
{
    struct tcp *t = c->tcp;

    if (c->state == TCP_LISTEN)
        return ERR_INVAL;
    if (c->state != TCP_CLOSED || c->remote_port)
        return ERR_ISCONN;
    if (!ipv4_is_destination(t->net, addr) || port == 0) /* MUST-46 */
        return ERR_ADDR;
    if (!ipv4_has_route(t->ip, addr))
        return ERR_UNREACH;
    c->local_addr = ipv4_source(t->net, addr);
    c->remote_addr = addr;
    c->remote_port = port;
    if (!c->local_port)
        c->local_port = pick_port(t, addr, port);
    tcp_start(c, tcp_isn(c));
    tcp_move(c, TCP_SYN_SENT);
    return 0;
}

int tcp_connected(struct tcp_conn *c)
{
    switch (c->state) {
    case TCP_SYN_SENT:
    case TCP_SYN_RECEIVED:
        return ERR_AGAIN;
    case TCP_CLOSED:
    case TCP_LISTEN:
        return c->error ? c->error : ERR_NOTCONN;
    case TCP_ESTABLISHED:
    case TCP_FIN_WAIT_1:
    case TCP_FIN_WAIT_2:
    case TCP_CLOSE_WAIT:
    case TCP_CLOSING:
    case TCP_LAST_ACK:
    case TCP_TIME_WAIT:
        break;
    }
    return 0;
}

static struct tcp_conn *ready_child(const struct tcp_conn *listener)
{
    struct tcp *t = listener->tcp;

    for (unsigned i = 0; i < TCP_CONNS; i++) {
        struct tcp_conn *c = &t->conn[i];

        if (c->listener == listener && (c->state == TCP_ESTABLISHED || c->state == TCP_CLOSE_WAIT))
            return c;
    }
    return 0;
}

int tcp_accept(struct tcp_conn *c, struct tcp_conn **out)
{
    struct tcp_conn *child;

    if (c->state != TCP_LISTEN)
        return ERR_INVAL;
    child = ready_child(c);
    if (!child)
        return ERR_AGAIN;
    child->listener = 0;
    child->owned = true;
    *out = child;
    return 0;
}

/* ---- reading and writing ---- */

/* Bytes that the program may read now. */
static uint32_t unread(const struct tcp_conn *c)
{
    return c->rcv_nxt - c->rcv_read - (c->fin_received ? 1 : 0);
}

int tcp_readable(struct tcp_conn *c, const uint8_t **at)
{
    uint32_t len = unread(c), index = c->rcv_read & (TCP_RCV_BUFFER - 1);

    if (len) {
        *at = c->rcv_buf + index;
        return (int)min_u32(len, TCP_RCV_BUFFER - index);
    }
    if (c->fin_received)
        return 0;
    if (c->error)
        return c->error;
    if (c->state == TCP_CLOSED || c->state == TCP_LISTEN)
        return ERR_NOTCONN;
    return ERR_AGAIN;
}

void tcp_consume(struct tcp_conn *c, size_t len)
{
    uint32_t growth, left;

    CHECK(len <= unread(c));
    c->rcv_read += (uint32_t)len;
    if (c->state == TCP_CLOSED || c->fin_received)
        return;

    /* Send a window update when the window has grown by enough: MUST-39. */
    growth = c->rcv_nxt + tcp_offered_window(c) - c->rcv_adv;
    left = c->rcv_adv - c->rcv_nxt;
    if (growth >= TCP_RCV_BUFFER / 4 || (growth && left < 2 * c->mss))
        c->ack_now = true;
}

int tcp_writable(struct tcp_conn *c, uint8_t **at)
{
    uint32_t room = TCP_SND_BUFFER - c->snd_len;
    uint32_t index = tcp_snd_end(c) & (TCP_SND_BUFFER - 1);

    if (c->error)
        return c->error;
    if (c->fin_queued)
        return ERR_PIPE;
    if (c->state != TCP_ESTABLISHED && c->state != TCP_CLOSE_WAIT)
        return tcp_connected(c) == ERR_AGAIN ? ERR_AGAIN : ERR_NOTCONN;
    if (!room)
        return ERR_AGAIN;
    *at = c->snd_buf + index;
    return (int)min_u32(room, TCP_SND_BUFFER - index);
}

void tcp_commit(struct tcp_conn *c, size_t len)
{
    CHECK(len <= TCP_SND_BUFFER - c->snd_len);
    c->snd_len += (uint32_t)len;
}

unsigned tcp_ready(struct tcp_conn *c)
{
    const uint8_t *from;
    uint8_t *to;
    unsigned ready = 0;

    if (c->state == TCP_LISTEN)
        return ready_child(c) ? POLL_IN : 0;
    if (tcp_readable(c, &from) != ERR_AGAIN)
        ready |= POLL_IN;
    if (tcp_writable(c, &to) != ERR_AGAIN)
        ready |= POLL_OUT;
    if (c->error)
        ready |= POLL_ERR;
    return ready;
}

/* ---- closing ---- */

/* FIN is sent after the queued data. */
static void queue_fin(struct tcp_conn *c)
{
    if (c->fin_queued)
        return;
    c->fin_queued = true;
    tcp_move(c, c->state == TCP_CLOSE_WAIT ? TCP_LAST_ACK : TCP_FIN_WAIT_1);
}

int tcp_shutdown(struct tcp_conn *c)
{
    if (c->error)
        return c->error;
    if (c->state != TCP_ESTABLISHED && c->state != TCP_CLOSE_WAIT)
        return c->fin_queued ? 0 : ERR_NOTCONN;
    queue_fin(c);
    return 0;
}

static void close_listener(struct tcp_conn *c)
{
    struct tcp *t = c->tcp;

    for (unsigned i = 0; i < TCP_CONNS; i++) {
        struct tcp_conn *child = &t->conn[i];

        if (child->listener != c)
            continue;
        child->listener = 0;
        tcp_send_reset(child);
        tcp_end(child);
    }
    tcp_end(c);
}

void tcp_close(struct tcp_conn *c)
{
    c->owned = false;
    switch (c->state) {
    case TCP_LISTEN:
        close_listener(c);
        break;
    case TCP_CLOSED:
    case TCP_SYN_SENT:
        tcp_end(c);
        break;
    case TCP_SYN_RECEIVED:
        c->fin_queued = true; /* until the peer has acknowledged our SYN: section 3.10.4 */
        break;
    case TCP_ESTABLISHED:
    case TCP_FIN_WAIT_1:
    case TCP_FIN_WAIT_2:
    case TCP_CLOSE_WAIT:
    case TCP_CLOSING:
    case TCP_LAST_ACK:
        if (unread(c)) {
            tcp_send_reset(c);
            tcp_end(c);
        } else if (c->state == TCP_FIN_WAIT_2) {
            c->linger_at_ns = c->tcp->net->now_ns + TCP_FIN_WAIT_NS;
        } else {
            queue_fin(c);
        }
        break;
    case TCP_TIME_WAIT:
        break;
    }
}

/* ---- all of them ---- */

void tcp_init(struct tcp *t, struct ipv4 *ip, uint8_t *rings)
{
    t->net = ip->net;
    t->ip = ip;
    t->next_port = (uint16_t)rng_next(&t->net->rng);
    t->resets = (struct rate){0};
    for (unsigned i = 0; i < TCP_CONNS; i++) {
        tcp_conn_init(&t->conn[i], t, i, rings, rings + TCP_RCV_BUFFER);
        rings += TCP_RCV_BUFFER + TCP_SND_BUFFER;
    }
}

void tcp_output_all(struct tcp *t)
{
    for (unsigned i = 0; i < TCP_CONNS; i++)
        if (t->conn[i].state != TCP_CLOSED)
            tcp_output(&t->conn[i]);
}

bool tcp_used(const struct tcp *t)
{
    for (unsigned i = 0; i < TCP_CONNS; i++)
        if (t->conn[i].owned)
            return true;
    return false;
}

static bool all_over(const struct tcp *t, enum tcp_state also)
{
    for (unsigned i = 0; i < TCP_CONNS; i++) {
        enum tcp_state state = t->conn[i].state;

        if (state != TCP_CLOSED && state != TCP_LISTEN && state != also)
            return false;
    }
    return true;
}

bool tcp_idle(const struct tcp *t)
{
    return all_over(t, TCP_CLOSED);
}

bool tcp_settled(const struct tcp *t)
{
    return all_over(t, TCP_TIME_WAIT);
}
