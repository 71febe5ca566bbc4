/* The core's TCP at the far end of the wire: see native_core.h. */
#include "native_core.h"
#include "../../../core/net/stack.h"
#include "../../base/memory.h"
#include "../service.h"
#include <stdlib.h>
#include <string.h>

/* Both directions of every connection may hold a whole window: no page is ever missing. */
enum { CONNS = 64, STREAMS = 32, PAGE_SIZE = 16384 };

#define LINGER_NS (60 * NS_PER_S)  /* for the machine to close after us */
#define DEAD_NS   (300 * NS_PER_S) /* silent for longer than the machine's own R2: dead */

/* A connection of a service or of a dial. */
struct core_stream {
    struct tcp_conn *conn; /* NULL: free */
    struct stream stream;
    struct native_dial *dial; /* NULL: of a service */
    size_t dial_sent;
    bool full;         /* there was no room for its bytes: an ACK makes some */
    uint64_t until_ns; /* our end is closed: then the connection ends; SIM_NEVER: it is open */
};

struct native_core {
    struct world *world;
    struct stack stack;
    struct netdev dev;
    struct platform platform;
    struct draw_stream entropy;
    struct sim_timer timer;
    struct tcp_conn **listeners; /* by service, NULL: it accepts no connection */
    struct core_stream streams[STREAMS];
    uint8_t *memory;
};

/* ---- what the stack needs ---- */

static uint64_t native_core_entropy(void *ctx)
{
    struct native_core *k = ctx;

    return sim_draw(k->world->sim, &k->entropy);
}

static void native_core_trace(void *ctx, unsigned id, const uint64_t *args, unsigned count)
{
    (void)ctx, (void)id, (void)args, (void)count;
}

static struct native_frame *frame_around(uint8_t *bytes)
{
    return (struct native_frame *)(void *)(bytes - offsetof(struct native_frame, bytes));
}

static uint8_t *native_core_alloc(void *ctx)
{
    return native_frame_new(((struct native_core *)ctx)->world)->bytes;
}

static void native_core_release(void *ctx, uint8_t *bytes)
{
    struct world *w = ((struct native_core *)ctx)->world;
    struct native_frame *f = frame_around(bytes);

    f->next = w->spare;
    w->spare = f;
}

static void native_core_send(void *ctx, uint8_t *bytes, size_t len)
{
    struct world *w = ((struct native_core *)ctx)->world;
    struct native_frame *f = frame_around(bytes);

    memcpy(bytes, w->machine_mac, 6);
    native_mac(NATIVE_GATEWAY, bytes + 6);
    put16(bytes + 12, 0x0800);
    f->len = len;
    native_send(w, f, 0);
}

/* ---- a service or a dial on its connection ---- */

static size_t core_stream_take(struct core_stream *s, const uint8_t *from, size_t len, uint64_t now)
{
    struct native_dial *dial = s->dial;

    if (!dial)
        return stream_input(&s->stream, from, len, now);
    for (size_t i = 0; i < len; i++, dial->got++)
        if (dial->got < dial->dial->expect_len && (uint8_t)dial->dial->expect[dial->got] != from[i])
            dial->mismatch = true;
    return len;
}

static size_t core_stream_give(struct core_stream *s, uint8_t *to, size_t room, uint64_t now)
{
    size_t n;

    if (!s->dial)
        return stream_output(&s->stream, to, room, now);
    n = min_u64(room, s->dial->dial->send_len - s->dial_sent);
    memcpy(to, s->dial->dial->send + s->dial_sent, n);
    s->dial_sent += n;
    return n;
}

static enum stream_end core_stream_ending(const struct core_stream *s, uint64_t now)
{
    const struct scenario_dial *d;

    if (!s->dial)
        return stream_ending(&s->stream, now);
    d = s->dial->dial;
    return s->stream.peer_closed || (s->dial_sent == d->send_len && s->dial->got >= d->expect_len)
               ? STREAM_FIN
               : STREAM_OPEN;
}

/* The connection is the stack's alone from now on, or gone. */
static void core_stream_leave(struct core_stream *s, void (*how)(struct tcp_conn *c))
{
    how(s->conn);
    s->conn = NULL;
    if (s->dial)
        s->dial->done = true;
}

/* What the machine sent, as far as the service takes it. False: the connection has ended. */
static bool core_stream_read(struct core_stream *s, uint64_t now)
{
    const uint8_t *from;
    int n;

    while ((n = tcp_readable(s->conn, &from)) > 0) {
        size_t taken = core_stream_take(s, from, (size_t)n, now);

        tcp_consume(s->conn, taken);
        if (taken < (size_t)n)
            return true;
    }
    if (n == 0 && !s->stream.peer_closed)
        stream_input_end(&s->stream, now);
    return n == 0 || n == ERR_AGAIN;
}

/* What is due, as far as there is room; true if there was something. */
static bool core_stream_write(struct core_stream *s, uint64_t now)
{
    bool some = false;
    uint8_t *to;
    int n;

    while ((n = tcp_writable(s->conn, &to)) > 0) {
        size_t len = core_stream_give(s, to, (size_t)n, now);

        tcp_commit(s->conn, len);
        if (!len)
            break;
        some = true;
    }
    s->full = n <= 0;
    return some;
}

static void core_stream_close(struct core_stream *s, uint64_t now)
{
    switch (core_stream_ending(s, now)) {
    case STREAM_OPEN:
        break;
    case STREAM_FIN:
        tcp_shutdown(s->conn);
        s->until_ns = now + LINGER_NS;
        break;
    case STREAM_RESET:
        if (s->conn->snd_len) /* bytes before it are delivered first */
            s->full = true;
        else
            core_stream_leave(s, tcp_reset);
        break;
    }
}

/* A connection that waits for the machine alone is given up some time. */
static uint64_t core_stream_dead_ns(const struct core_stream *s, uint64_t now)
{
    bool waits = s->dial || stream_deadline(&s->stream, now) == SIM_NEVER;

    return waits && s->conn->state != TCPS_SYN_SENT ? s->conn->heard_ns + DEAD_NS : SIM_NEVER;
}

static void core_stream_turn(struct core_stream *s, uint64_t now)
{
    bool more = s->until_ns == SIM_NEVER;

    if (s->dial && tcp_connected(s->conn) == ERR_AGAIN)
        return;
    do
        if (!core_stream_read(s, now)) {
            core_stream_leave(s, tcp_close);
            return;
        }
    while (more && core_stream_write(s, now));
    if (more && !s->full)
        core_stream_close(s, now);
    if (!s->conn)
        return;
    if (s->until_ns != SIM_NEVER && (s->stream.peer_closed || s->until_ns <= now))
        core_stream_leave(s, tcp_close);
    else if (core_stream_dead_ns(s, now) <= now)
        core_stream_leave(s, tcp_reset);
}

static uint64_t core_stream_deadline(const struct core_stream *s, uint64_t now)
{
    uint64_t at = s->full || s->dial || s->until_ns != SIM_NEVER ? SIM_NEVER
                                                                 : stream_deadline(&s->stream, now);

    at = min_u64(at, s->until_ns);
    return min_u64(at, core_stream_dead_ns(s, now));
}

/* ---- turns ---- */

static struct core_stream *core_stream_new(struct native_core *k)
{
    for (unsigned i = 0; i < STREAMS; i++)
        if (!k->streams[i].conn) {
            k->streams[i].dial = NULL;
            k->streams[i].dial_sent = 0;
            k->streams[i].full = false;
            k->streams[i].until_ns = SIM_NEVER;
            k->streams[i].stream.peer_closed = false;
            return &k->streams[i];
        }
    return NULL;
}

static void native_core_accept(struct native_core *k)
{
    const struct scenario *sc = k->world->scenario;

    for (unsigned i = 0; i < sc->service_count; i++) {
        struct core_stream *s;

        while (k->listeners[i] && (s = core_stream_new(k)) &&
               tcp_accept(k->listeners[i], &s->conn) == 0)
            stream_open(&s->stream, &sc->services[i]);
    }
}

/* After stack_begin() and input. */
static void native_core_turn(struct native_core *k)
{
    uint64_t now = k->world->sim->now_ns, at;

    stack_timers(&k->stack);
    native_core_accept(k);
    for (unsigned i = 0; i < STREAMS; i++)
        if (k->streams[i].conn)
            core_stream_turn(&k->streams[i], now);
    stack_output(&k->stack);
    at = stack_deadline(&k->stack);
    for (unsigned i = 0; i < STREAMS; i++)
        if (k->streams[i].conn)
            at = min_u64(at, core_stream_deadline(&k->streams[i], now));
    sim_timer_set(&k->timer, at == SIM_NEVER || at > now ? at : now + NS_PER_US);
}

static void native_core_timer(void *ctx, uint64_t arg)
{
    struct native_core *k = ctx;

    (void)arg;
    stack_begin(&k->stack, k->world->sim->now_ns);
    native_core_turn(k);
}

void native_core_input(struct world *w, const uint8_t *frame, size_t len)
{
    struct native_core *k = w->core;

    stack_begin(&k->stack, w->sim->now_ns);
    stack_input(&k->stack, frame, len);
    native_core_turn(k);
}

void native_core_dial(struct world *w, struct native_dial *dial)
{
    struct native_core *k = w->core;
    struct core_stream *s = core_stream_new(k);

    stack_begin(&k->stack, w->sim->now_ns);
    if (!s || tcp_open(&k->stack.tcp, &s->conn)) {
        dial->done = true;
        return;
    }
    s->dial = dial;
    tcp_connect(s->conn, w->dhcp.addr, dial->dial->port);
    native_core_turn(k);
}

/* ---- its life ---- */

static void native_core_listen(struct native_core *k, unsigned i)
{
    const struct service *s = &k->world->scenario->services[i];

    if (s->kind != SERVICE_HTTP && s->kind != SERVICE_TCP_ECHO && s->kind != SERVICE_SINK)
        return;
    tcp_open(&k->stack.tcp, &k->listeners[i]);
    tcp_bind(k->listeners[i], s->port);
    tcp_listen(k->listeners[i], STREAMS);
}

void native_core_start(struct world *w)
{
    struct native_core *k = memory_new(1, sizeof(*k));
    uint32_t window = w->scenario->peer.window;
    uint32_t pages = 2 * STREAMS * (window / PAGE_SIZE + 2);

    w->core = k;
    k->world = w;
    k->memory = memory_unset(STACK_MEMORY(CONNS, pages, PAGE_SIZE));
    k->listeners = memory_new(w->scenario->service_count, sizeof(struct tcp_conn *));
    k->platform =
        (struct platform){.ctx = k, .entropy = native_core_entropy, .trace = native_core_trace};
    k->dev = (struct netdev){.ctx = k,
                             .mtu = NETDEV_MTU_MAX,
                             .link = true,
                             .ip_only = true,
                             .alloc = native_core_alloc,
                             .send = native_core_send,
                             .free = native_core_release};
    draw_stream_init(&k->entropy, "peer.entropy");
    sim_timer_init(&k->timer, w->sim, EVENT_TIMER, native_core_timer, k);
    stack_init(&k->stack,
               &(struct stack_config){.platform = &k->platform,
                                      .netdev = &k->dev,
                                      .tcp = {CONNS, pages, PAGE_SIZE, window, false},
                                      .memory = k->memory},
               w->sim->now_ns);
    stack_set_address(&k->stack, NATIVE_GATEWAY, NATIVE_MASK, 0, 0);
    for (unsigned i = 0; i < w->scenario->service_count; i++)
        native_core_listen(k, i);
}

bool native_core_busy(const struct world *w)
{
    return native_core_open(w) != 0;
}

unsigned native_core_open(const struct world *w)
{
    return w->core->stack.tcp.open - w->core->stack.tcp.waiting;
}

void native_core_free(struct world *w)
{
    if (!w->core)
        return;
    free(w->core->listeners);
    free(w->core->memory);
    free(w->core);
}
