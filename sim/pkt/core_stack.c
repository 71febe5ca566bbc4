/*
 * The stack of core/net under ladders: alone in this process on a link without Ethernet, without
 * kernel, processes and devices (docs/embedding.md).
 */
#include "stack.h"
#include "segment.h"
#include "../../core/net/stack.h"
#include "../base/memory.h"
#include "../engine/sim.h"
#include <stdlib.h>
#include <string.h>

/* As many as a machine of the kernel has: core/kernel/kernel.h. */
enum { CORE_CONNS = 16, CORE_PAGES = 256, CORE_PAGE_SIZE = 16384 };
enum { CORE_SOCKETS = 64 };

struct core_socket {
    struct tcp_conn *conn; /* NULL: closed */
    bool connecting, resets;
};

struct core_frame {
    size_t len;
    uint8_t bytes[PKT_FRAME_MAX];
};

struct core_stack {
    struct stack stack;
    struct netdev dev;
    struct platform platform;
    uint64_t seed, draws;
    uint8_t building[PKT_FRAME_MAX];
    struct core_frame *sent;
    size_t sent_count, sent_size, sent_taken;
    struct core_socket socket[CORE_SOCKETS];
    uint8_t *memory;
};

/* ---- what the stack needs ---- */

static uint64_t pkt_core_entropy(void *ctx)
{
    struct core_stack *c = ctx;

    return sim_mix(c->seed + sim_mix(++c->draws));
}

static void pkt_core_trace(void *ctx, unsigned id, const uint64_t *args, unsigned count)
{
    (void)ctx;
    (void)id;
    (void)args;
    (void)count;
}

static uint8_t *core_link_alloc(void *ctx)
{
    struct core_stack *c = ctx;

    return c->building;
}

static void core_link_free(void *ctx, uint8_t *frame)
{
    (void)ctx;
    (void)frame;
}

static void core_link_send(void *ctx, uint8_t *frame, size_t len)
{
    struct core_stack *c = ctx;
    struct core_frame *f;

    c->sent = memory_grow(c->sent, c->sent_count + 1, &c->sent_size, sizeof(*c->sent));
    f = &c->sent[c->sent_count++];
    f->len = len;
    memcpy(f->bytes, frame, len);
}

/* ---- time and packets ---- */

static void *pkt_core_start(const struct pkt_host *host, uint64_t now_ns)
{
    struct core_stack *c = memory_new(1, sizeof(*c));

    c->seed = host->seed;
    c->memory = memory_unset(STACK_MEMORY(CORE_CONNS, CORE_PAGES, CORE_PAGE_SIZE));
    c->platform = (struct platform){.ctx = c, .entropy = pkt_core_entropy, .trace = pkt_core_trace};
    c->dev = (struct netdev){.ctx = c,
                             .mtu = host->mtu,
                             .link = true,
                             .ip_only = true,
                             .alloc = core_link_alloc,
                             .send = core_link_send,
                             .free = core_link_free};
    stack_init(&c->stack,
               &(struct stack_config){.platform = &c->platform,
                                      .netdev = &c->dev,
                                      .tcp = {CORE_CONNS, CORE_PAGES, CORE_PAGE_SIZE, host->window},
                                      .memory = c->memory},
               now_ns);
    stack_set_address(&c->stack, host->addr, host->mask, host->gateway, 0);
    return c;
}

static void pkt_core_stop(void *ctx)
{
    struct core_stack *c = ctx;

    free(c->sent);
    free(c->memory);
    free(c);
}

static void pkt_core_advance(void *ctx, uint64_t now_ns)
{
    struct core_stack *c = ctx;

    stack_begin(&c->stack, now_ns);
    stack_timers(&c->stack);
    stack_output(&c->stack);
}

static uint64_t pkt_core_deadline(void *ctx)
{
    struct core_stack *c = ctx;

    return stack_deadline(&c->stack);
}

static void pkt_core_inject(void *ctx, const uint8_t *frame, size_t len)
{
    struct core_stack *c = ctx;

    stack_input(&c->stack, frame, len);
}

static size_t pkt_core_emitted(void *ctx, uint8_t *frame)
{
    struct core_stack *c = ctx;
    const struct core_frame *f = &c->sent[c->sent_taken];

    if (c->sent_taken == c->sent_count) {
        c->sent_taken = c->sent_count = 0;
        return 0;
    }
    c->sent_taken++;
    memcpy(frame, f->bytes, f->len);
    return f->len;
}

/* ---- sockets ---- */

static int pkt_core_new_socket(struct core_stack *c, struct tcp_conn *conn)
{
    for (int fd = 0; fd < CORE_SOCKETS; fd++)
        if (!c->socket[fd].conn) {
            c->socket[fd] = (struct core_socket){.conn = conn};
            return fd;
        }
    return ERR_NFILE;
}

static int64_t pkt_core_socket(struct core_stack *c)
{
    struct tcp_conn *conn;
    int err = tcp_open(&c->stack.tcp, &conn);

    return err ? err : pkt_core_new_socket(c, conn);
}

static int64_t pkt_core_accept(struct core_stack *c, struct core_socket *s, struct pkt_args *a)
{
    struct tcp_conn *child;
    int err = tcp_accept(s->conn, &child);

    if (err)
        return err;
    a->addr = (struct socket_address){.addr = child->remote_addr, .port = child->remote_port};
    return pkt_core_new_socket(c, child);
}

static int64_t pkt_core_connect(struct core_socket *s, const struct pkt_args *a)
{
    int err = s->connecting ? 0 : tcp_connect(s->conn, a->addr.addr, a->addr.port);

    if (err)
        return err;
    s->connecting = true;
    return tcp_connected(s->conn);
}

static int64_t pkt_core_read(struct core_socket *s, struct pkt_args *a)
{
    size_t done = 0;

    while (done < a->len) {
        const uint8_t *from;
        int n = tcp_readable(s->conn, &from);

        if (n <= 0)
            return done ? (int64_t)done : n;
        n = (int)min_u64((uint64_t)n, a->len - done);
        memcpy(a->bytes + done, from, (size_t)n);
        tcp_consume(s->conn, (size_t)n);
        done += (size_t)n;
    }
    return (int64_t)done;
}

static int64_t pkt_core_write(struct core_socket *s, const struct pkt_args *a)
{
    size_t done = 0;

    while (done < a->len) {
        uint8_t *to;
        int n = tcp_writable(s->conn, &to);

        if (n < 0)
            return done ? (int64_t)done : n;
        n = (int)min_u64((uint64_t)n, a->len - done);
        memcpy(to, a->bytes + done, (size_t)n);
        tcp_commit(s->conn, (size_t)n);
        done += (size_t)n;
    }
    return (int64_t)done;
}

static int64_t pkt_core_close(struct core_socket *s)
{
    if (s->resets)
        tcp_reset(s->conn);
    else
        tcp_close(s->conn);
    s->conn = NULL;
    return 0;
}

static int64_t pkt_core_call(void *ctx, enum syscall_nr nr, int fd, struct pkt_args *a)
{
    struct core_stack *c = ctx;
    struct core_socket *s = &c->socket[fd >= 0 && fd < CORE_SOCKETS ? fd : 0];

    if (nr == SYS_SOCKET)
        return pkt_core_socket(c);
    if (fd < 0 || fd >= CORE_SOCKETS || !s->conn)
        return ERR_BADF;
    if (nr == SYS_BIND)
        return tcp_bind(s->conn, a->addr.port);
    if (nr == SYS_LISTEN)
        return tcp_listen(s->conn, (unsigned)min_u64(a->number, UINT16_MAX));
    if (nr == SYS_ACCEPT)
        return pkt_core_accept(c, s, a);
    if (nr == SYS_CONNECT)
        return pkt_core_connect(s, a);
    if (nr == SYS_READ)
        return pkt_core_read(s, a);
    if (nr == SYS_WRITE)
        return pkt_core_write(s, a);
    if (nr == SYS_SHUTDOWN)
        return tcp_shutdown(s->conn);
    if (nr == SYS_CLOSE)
        return pkt_core_close(s);
    if (nr == SYS_POLL)
        return tcp_ready(s->conn);
    return ERR_NOSYS;
}

static int64_t pkt_core_option(void *ctx, int fd, enum pkt_socket_option option, bool set,
                               uint64_t *value)
{
    struct core_stack *c = ctx;
    struct core_socket *s = &c->socket[fd >= 0 && fd < CORE_SOCKETS ? fd : 0];

    if (fd < 0 || fd >= CORE_SOCKETS || !s->conn)
        return ERR_BADF;
    switch (option) {
    case PKT_SO_ERROR:
        *value = (uint64_t)(int64_t)s->conn->error;
        return set ? ERR_NOSYS : 0;
    case PKT_SO_REUSEADDR: /* a port is free when no program has it: always so */
    case PKT_SO_NODELAY:   /* all data is sent at once: no Nagle */
        return set && *value ? 0 : ERR_NOSYS;
    case PKT_SO_KEEPALIVE:
        return set ? tcp_keepalive(s->conn, *value * NS_PER_S) : ERR_NOSYS;
    case PKT_SO_LINGER:
        s->resets = true;
        return set && !*value ? 0 : ERR_NOSYS;
    case PKT_SO_MAXSEG:
        *value = s->conn->mss;
        return set ? ERR_NOSYS : 0;
    }
    return ERR_NOSYS;
}

const struct pkt_stack pkt_core_stack = {
    .abi = PKT_STACK_ABI,
    .start = pkt_core_start,
    .stop = pkt_core_stop,
    .advance = pkt_core_advance,
    .deadline = pkt_core_deadline,
    .inject = pkt_core_inject,
    .emitted = pkt_core_emitted,
    .call = pkt_core_call,
    .option = pkt_core_option,
};
