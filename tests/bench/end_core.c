/* An end with core/net, as docs/embedding.md describes it. */
#include <stdlib.h>
#include <string.h>

#include "core/net/stack.h"
#include "end.h"

enum { CONNS = 16, PAGES = 16, PAGE_SIZE = 65536, EARLY = NETDEV_PARKED_MAX };

static struct {
    struct stack stack;
    struct netdev dev;
    struct platform platform;
    struct link link;
    enum side side;
    enum work work;
    struct tcp_conn *listener, *conn;
    struct dgram_socket *dgram;
    bool asked;
    unsigned early_count;
    uint8_t early[EARLY][FRAME_SIZE], data[WRITE_MAX];
} e;

static uint64_t entropy(void *ctx)
{
    static uint64_t n;

    (void)ctx;
    return ++n * UINT64_C(0x9e3779b97f4a7c15);
}

static void trace(void *ctx, unsigned id, const uint64_t *args, unsigned count)
{
    (void)ctx, (void)id, (void)args, (void)count;
}

/* Frames are built in the slot in which they leave, but the first ones: they may be parked until
 * the neighbour is found, while others leave. */
static uint8_t *dev_alloc(void *ctx)
{
    (void)ctx;
    return e.early_count < EARLY ? e.early[e.early_count++] : link_room(&e.link);
}

static void dev_send(void *ctx, uint8_t *frame, size_t len)
{
    (void)ctx;
    if (frame >= e.early[0] && frame < e.early[EARLY])
        memcpy(link_room(&e.link), frame, len);
    link_send(&e.link, len);
}

static void dev_free(void *ctx, uint8_t *frame)
{
    (void)ctx, (void)frame;
}

static void start(const struct link *link, enum side side, enum work work)
{
    struct stack_config config = {
        .platform = &e.platform,
        .netdev = &e.dev,
        .tcp = {CONNS, PAGES, PAGE_SIZE, TCP_WINDOW_UNSCALED},
        .memory = aligned_alloc(64, STACK_MEMORY(CONNS, PAGES, PAGE_SIZE) / 64 * 64 + 64),
    };

    e.link = *link, e.side = side, e.work = work;
    e.platform = (struct platform){.entropy = entropy, .trace = trace};
    e.dev = (struct netdev){
        .mac = {2, 0, 0, 0, 0, (uint8_t)(1 + side)},
        .mtu = NETDEV_MTU_MAX,
        .link = true,
        .alloc = dev_alloc,
        .send = dev_send,
        .free = dev_free,
    };
    stack_init(&e.stack, &config, 0);
    stack_set_address(&e.stack, IPV4(10, 0, 0, 1 + (unsigned)side), IPV4(255, 255, 255, 0), 0, 0);
    if (work == WORK_ECHO) {
        dgram_open(&e.stack.dgrams, false, &e.dgram);
        if (side == SERVER)
            dgram_bind(e.dgram, PORT);
        else
            dgram_connect(e.dgram, IPV4(10, 0, 0, 1), PORT);
    } else if (side == SERVER) {
        tcp_open(&e.stack.tcp, &e.listener);
        tcp_bind(e.listener, PORT);
        tcp_listen(e.listener, 8);
    }
}

/* ---- the programs ---- */

/* Bytes read, 0 at the end of the stream, or an error. */
static int read_some(void)
{
    const uint8_t *from;
    int n = tcp_readable(e.conn, &from);

    if (n <= 0)
        return n;
    n = n < WRITE_MAX ? n : WRITE_MAX;
    memcpy(e.data, from, (size_t)n);
    tcp_consume(e.conn, (size_t)n);
    return n;
}

static int write_some(int most)
{
    uint8_t *to;
    int n = tcp_writable(e.conn, &to);

    if (n <= 0)
        return n;
    n = n < most ? n : most;
    memcpy(to, e.data, (size_t)n);
    tcp_commit(e.conn, (size_t)n);
    return n;
}

static void close_conn(void)
{
    tcp_close(e.conn);
    e.conn = 0;
    e.asked = false;
}

static void serve(void)
{
    int n;

    if (!e.conn && tcp_accept(e.listener, &e.conn) != 0)
        return;
    while ((n = read_some()) > 0)
        if (e.work == WORK_BULK)
            *e.link.done += (unsigned)n;
        else
            write_some(n);
    if (n == 0)
        close_conn();
}

static void ask(void)
{
    if (!e.conn) {
        tcp_open(&e.stack.tcp, &e.conn);
        tcp_connect(e.conn, IPV4(10, 0, 0, 1), PORT);
    }
    if (e.work == WORK_BULK) {
        while (write_some(WRITE_MAX) > 0)
            ;
        return;
    }
    if (!e.asked && write_some(MESSAGE) > 0)
        e.asked = true;
    if (e.asked && read_some() == MESSAGE) {
        ++*e.link.done;
        close_conn();
    }
}

static void send_datagram(uint32_t addr, uint16_t port)
{
    uint8_t *to = dgram_begin(&e.stack.dgrams, addr);

    memcpy(to, e.data, MESSAGE);
    dgram_send(e.dgram, to, MESSAGE, addr, port);
}

static void echo(void)
{
    const struct dgram *d = dgram_peek(e.dgram);
    uint32_t addr;
    uint16_t port;

    if (!d) {
        if (e.side == CLIENT && !e.asked)
            send_datagram(IPV4(10, 0, 0, 1), PORT), e.asked = true;
        return;
    }
    memcpy(e.data, d->bytes, d->len);
    addr = d->addr, port = d->port;
    dgram_next(e.dgram);
    if (e.side == CLIENT)
        ++*e.link.done;
    send_datagram(addr, port);
}

static void turn(uint64_t now_ns)
{
    const uint8_t *frame;
    uint32_t len;

    stack_begin(&e.stack, now_ns);
    while ((frame = link_next(&e.link, &len)))
        stack_input(&e.stack, frame, len);
    stack_timers(&e.stack);
    if (e.work == WORK_ECHO)
        echo();
    else if (e.side == SERVER)
        serve();
    else
        ask();
    stack_output(&e.stack);
}

__attribute__((visibility("default"))) const struct end end = {start, turn};
