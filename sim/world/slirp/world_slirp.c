/*
 * The world `slirp`: libslirp, the user network of QEMU, in virtual time.
 *
 * The library is called as documented: slirp_pollfds_fill(), then slirp_pollfds_poll(). Both are
 * called at the same virtual time, since its sockets are simulated (host_socket.h) and their state
 * is known without waiting; when none is ready, one timer waits for the library's timers or the
 * next event of a socket, whichever is first.
 *
 * Two properties of the library matter here. Its clock is a process-wide variable that only
 * slirp_pollfds_poll() sets, so that is called before every slirp_input() for which the clock has
 * moved. And some frames crash or confuse the versions in use: guard() drops them, and adds that to
 * the run's hash.
 */
#include "host_socket.h"
#include "../../../core/base/minmax.h"
#include "../world.h"
#include "../../../core/base/check.h"
#include "../../text/values.h"
#include <inttypes.h>
#include <libslirp.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum {
    MTU = 1500,
    ETH_HEADER_LEN = 14,
    IP_HEADER_LEN = 20,
    ARP_LEN = 28,
    ROUNDS_MAX = 1000,         /* of filling and polling at one time */
    IDLE_MS = 1000,            /* the library's value when none of its timers runs */
    ARP_PATIENCE_S = 2,        /* after that it drops a packet without a reply to its ARP request */
    VERSION_FRAGMENTS = 40800, /* 4.8.0 takes fragments in any order */
    VERSION_URGENT = 40902,    /* 4.9.2 has CVE-2026-9539 fixed */
};

#define ADDRESS_NETWORK  UINT32_C(0x0a000200) /* 10.0.2.0/24, as in QEMU */
#define ADDRESS_MASK     UINT32_C(0xffffff00)
#define ADDRESS_HOST     UINT32_C(0x0a000202)
#define ADDRESS_RESOLVER UINT32_C(0x0a000203)
#define ADDRESS_MACHINE  UINT32_C(0x0a00020f) /* the first address of its DHCP server */
#define ADDRESS_LOOPBACK UINT32_C(0x7f000001)

struct world {
    struct sim *sim;
    const struct scenario *scenario;
    struct world_port port;
    Slirp *slirp;
    unsigned version; /* 4.7.0 is 40700 */
    struct sim_timer timer;

    /* One round of filling and polling. */
    uint64_t polled_ns; /* time of the last one */
    uint64_t ahead_ns;  /* the library's clock minus ours: only at the end, to expire packets */
    unsigned asked, answered; /* sockets in the round, and those that are ready */
    uint64_t next_ns;         /* when one of the others may be */
    uint32_t timeout_ms;      /* the library's own */

    size_t frames_len;
    bool sending;

    unsigned forwarded; /* dials that have a host forwarding */
    uint64_t guarded_fragment, guarded_urgent, guarded_oversize;
    char guest_error[80]; /* the library's last error message */
    char description[160];

    struct host_sockets host;   /* unused parts of its table are not accessed */
    int ready[HOST_SOCKET_MAX]; /* of the sockets asked, by index in the round */

    /* Frames from the library to the port: length (4 bytes), bytes, length, ... */
    uint8_t *frames;
    size_t frames_size;
};

/* The memory of the last world, with that of its frames, for the next one. */
static struct world *spare;

/* ---- called by the library ---- */

/* The library is not reentrant, so the frame waits until it has returned. */
static ssize_t queue_frame(const void *buf, size_t len, void *opaque)
{
    struct world *w = opaque;
    uint32_t len32 = (uint32_t)len;
    size_t need = w->frames_len + sizeof(len32) + len;

    if (need > w->frames_size) {
        while (need > w->frames_size)
            w->frames_size *= 2;
        w->frames = realloc(w->frames, w->frames_size);
        CHECK(w->frames);
    }
    memcpy(w->frames + w->frames_len, &len32, sizeof(len32));
    memcpy(w->frames + w->frames_len + sizeof(len32), buf, len);
    w->frames_len = need;
    return (ssize_t)len;
}

static int64_t clock_ns(void *opaque)
{
    const struct world *w = opaque;

    return (int64_t)(w->sim->now_ns + w->ahead_ns);
}

static void guest_error(const char *message, void *opaque)
{
    struct world *w = opaque;

    snprintf(w->guest_error, sizeof(w->guest_error), "%s", message);
    sim_hash(w->sim, "slirp.error", message, strlen(message));
}

static void poll_fd_changed(int fd, void *opaque)
{
    (void)fd;
    (void)opaque;
}

static void can_take_more(void *opaque)
{
    (void)opaque;
}

/* No timers: the only one belongs to IPv6, which is off. */
static const SlirpCb callbacks = {
    .send_packet = queue_frame,
    .guest_error = guest_error,
    .clock_get_ns = clock_ns,
    .register_poll_fd = poll_fd_changed,
    .unregister_poll_fd = poll_fd_changed,
    .notify = can_take_more,
};

static int ask(int fd, int events, void *opaque)
{
    struct world *w = opaque;
    int ready = host_poll(&w->host, fd, events, &w->next_ns);

    CHECK(w->asked < HOST_SOCKET_MAX);
    w->ready[w->asked] = w->ahead_ns ? 0 : ready;
    w->answered += ready != 0;
    return (int)w->asked++;
}

static int answer(int index, void *opaque)
{
    const struct world *w = opaque;

    CHECK(index >= 0 && (unsigned)index < w->asked);
    return w->ready[index];
}

/* ---- the loop ---- */

static void send_frames(struct world *w)
{
    size_t at = 0;

    w->sending = true;
    while (at < w->frames_len) {
        uint32_t len;

        memcpy(&len, w->frames + at, sizeof(len));
        at += sizeof(len);
        w->port.send(w->port.ctx, w->frames + at, len);
        at += len;
    }
    w->frames_len = 0;
    w->sending = false;
}

/* Get the library's sockets and report which are ready, at the present time. */
static void poll_round(struct world *w)
{
    w->asked = 0;
    w->answered = 0;
    w->next_ns = SIM_NEVER;
    w->timeout_ms = UINT32_MAX;
    w->host.resets_held = false;
    w->polled_ns = w->sim->now_ns;
    host_enter(&w->host);
    slirp_pollfds_fill(w->slirp, &w->timeout_ms, ask, w);
    slirp_pollfds_poll(w->slirp, 0, answer, w);
    host_leave();
}

/*
 * The library drops unsent bytes when a connection is reset. reset-after= counts bytes that arrive,
 * so a reset is delayed until the machine has acknowledged the bytes before it: the last column of
 * the library's table of connections, SendQ, is 0. True when one is released.
 */
static bool release_resets(struct world *w)
{
    bool released = false;

    host_enter(&w->host);

    char *table = slirp_connection_info(w->slirp);

    host_leave();
    for (char *save, *line = strtok_r(table, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        const char *send_queue = strrchr(line, ' ');
        int fd;

        if (sscanf(line, " TCP[%*[^]]] %d", &fd) == 1 && strcmp(send_queue, " 0") == 0)
            released |= host_release_reset(&w->host, fd);
    }
    free(table);
    return released;
}

static struct in_addr in_addr(uint32_t address)
{
    return (struct in_addr){htonl(address)};
}

/* A forwarding is needed until the connection is accepted, or the datagram has its reply. */
static void remove_forwardings(struct world *w)
{
    for (unsigned i = 0; i < w->scenario->dial_count && w->forwarded; i++) {
        struct host_dial *d = &w->host.dials[i];

        if (!d->forwarded || d->state == DIAL_CALLING)
            continue;
        if (d->line->datagram && d->state != DIAL_DONE)
            continue;
        host_enter(&w->host);
        slirp_remove_hostfwd(w->slirp, d->line->datagram, in_addr(ADDRESS_LOOPBACK),
                             HOST_DIAL_PORT + (int)i);
        host_leave();
        d->forwarded = false;
        w->forwarded--;
    }
}

/*
 * Poll until nothing is ready, then set the timer. An earlier setting is kept: waking up early is
 * harmless, and one event per frame would fill the queue. An idle library needs no timer: its clock
 * is set before the next frame.
 */
static void run(struct world *w)
{
    unsigned rounds = 0;

    do {
        poll_round(w);
        send_frames(w);
        if (++rounds == ROUNDS_MAX) {
            sim_fail(w->sim, FAILURE_HARNESS, "world.poll", SIM_SITE,
                     "a host socket stays ready forever");
            return;
        }
    } while (w->answered || (w->host.resets_held && release_resets(w)));
    if (w->forwarded)
        remove_forwardings(w);

    uint64_t at_ns = w->next_ns;

    if (w->timeout_ms < IDLE_MS) {
        uint64_t timer_ns = w->sim->now_ns + w->timeout_ms * NS_PER_MS;

        at_ns = min_u64(timer_ns, at_ns);
    }
    if (at_ns < w->timer.at_ns)
        sim_timer_set(&w->timer, at_ns);
}

static void timer_fires(void *ctx, uint64_t arg)
{
    (void)arg;
    run(ctx);
}

/* ---- frames from the machine ---- */

/* The reason why this version of the library must not get this frame, a name for the hash, or
 * NULL. */
static const char *guard(struct world *w, const uint8_t *frame, size_t len)
{
    const uint8_t *ip = frame + ETH_HEADER_LEN;

    if (len > ETH_HEADER_LEN + MTU) {
        w->guarded_oversize++;
        return "guard.oversize";
    }
    if (len < ETH_HEADER_LEN + IP_HEADER_LEN || frame[12] != 0x08 || frame[13] != 0x00)
        return NULL;
    if (w->version < VERSION_FRAGMENTS && (ip[6] & 0x3f || ip[7])) { /* MF, fragment offset */
        w->guarded_fragment++;
        return "guard.fragment";
    }

    size_t flags = ETH_HEADER_LEN + (ip[0] & 15u) * 4 + 13;

    if (w->version < VERSION_URGENT && ip[9] == 6 && flags < len && frame[flags] & 0x20) {
        w->guarded_urgent++;
        return "guard.urgent";
    }
    return NULL;
}

/* In the library's units. */
static bool clock_moved(const struct world *w)
{
    return w->polled_ns / NS_PER_MS != w->sim->now_ns / NS_PER_MS;
}

static void slirp_world_input(struct world *w, const uint8_t *frame, size_t len)
{
    const char *guarded = guard(w, frame, len);

    CHECK(!w->sending);
    if (guarded) {
        sim_hash(w->sim, guarded, frame, len);
        return;
    }
    if (clock_moved(w) || w->next_ns <= w->sim->now_ns) {
        poll_round(w);
        send_frames(w);
    }
    host_enter(&w->host);
    slirp_input(w->slirp, frame, (int)len);
    host_leave();
    send_frames(w);
    run(w);
}

/* ---- dials ---- */

static void dial(void *ctx, uint64_t index)
{
    struct world *w = ctx;
    struct host_dial *d = &w->host.dials[index];

    host_enter(&w->host);

    int error =
        slirp_add_hostfwd(w->slirp, d->line->datagram, in_addr(ADDRESS_LOOPBACK),
                          HOST_DIAL_PORT + (int)index, in_addr(ADDRESS_MACHINE), d->line->port);

    host_leave();
    if (error || host_dial(&w->host, (unsigned)index) < 0) {
        sim_fail(w->sim, FAILURE_HARNESS, "world.dial", SIM_SITE,
                 "libslirp cannot add a host forwarding");
        return;
    }
    d->forwarded = true;
    w->forwarded++;
    run(w);
}

static void check_dials(struct world *w)
{
    for (unsigned i = 0; i < w->scenario->dial_count; i++) {
        const struct host_dial *d = &w->host.dials[i];
        char site[160];

        if (d->matched == d->line->expect_len && !d->mismatched)
            continue;
        snprintf(site, sizeof(site), "%s:%u", w->scenario->path, d->line->line);
        sim_fail(w->sim, FAILURE_EXPECT, "world.dial", site,
                 d->mismatched
                     ? "port %u answered %zu of the %zu bytes of expect=, then different ones"
                     : "port %u answered %zu of the %zu bytes of expect=",
                 d->line->port, d->matched, d->line->expect_len);
    }
}

/* ---- the life of a world ---- */

static unsigned version_number(const char *text)
{
    unsigned number = 0;

    for (int part = 0; part < 3; part++) {
        char *end;

        number = number * 100 + (unsigned)strtoul(text, &end, 10);
        text = *end == '.' ? end + 1 : end;
    }
    return number;
}

static struct world *world_take(void)
{
    struct world *w = spare;

    spare = NULL;
    if (w)
        return w;
    w = malloc(sizeof(*w));
    CHECK(w);
    w->frames_size = 65536;
    w->frames = malloc(w->frames_size);
    CHECK(w->frames);
    return w;
}

static void world_give(struct world *w)
{
    CHECK(!spare);
    spare = w;
}

static int slirp_world_open(struct sim *sim, const struct scenario *sc, struct world_port port,
                            struct world **out)
{
    if (sc->dial_count > HOST_DIAL_MAX) {
        sim_fail(sim, FAILURE_HARNESS, "world.dial", sc->path, "more than %d dials", HOST_DIAL_MAX);
        return -1;
    }

    struct world *w = world_take();
    SlirpConfig config = {
        .version = min_u32(SLIRP_CONFIG_VERSION_MAX, 4),
        .restricted = sc->slirp.restricted == TOGGLE_ON,
        .in_enabled = true,
        .vnetwork = in_addr(ADDRESS_NETWORK),
        .vnetmask = in_addr(ADDRESS_MASK),
        .vhost = in_addr(ADDRESS_HOST),
        .vdhcp_start = in_addr(ADDRESS_MACHINE),
        .vnameserver = in_addr(ADDRESS_RESOLVER),
        .if_mtu = MTU,
        .if_mru = MTU,
    };

    memset(w, 0, offsetof(struct world, host));
    w->sim = sim;
    w->scenario = sc;
    w->port = port;
    w->version = version_number(slirp_version_string());
    sim_timer_init(&w->timer, sim, EVENT_TIMER, timer_fires, w);
    host_open(&w->host, sim, sc);
    host_enter(&w->host);
    w->slirp = slirp_new(&config, &callbacks, w);
    host_leave();
    if (!w->slirp) {
        sim_fail(sim, FAILURE_HARNESS, "world.slirp", SIM_SITE, "slirp_new() failed");
        host_close(&w->host);
        world_give(w);
        return -1;
    }
    for (unsigned i = 0; i < sc->dial_count; i++)
        sim_at(sim, SIM_POWER_ON_NS + sc->dials[i].at_ns, EVENT_TIMER, dial, w, i);
    run(w); /* sets the library's clock, which another world of this process may have moved */
    *out = w;
    return 0;
}

static bool slirp_world_busy(const struct world *w)
{
    for (unsigned i = 0; i < w->scenario->dial_count; i++)
        if (w->host.dials[i].state != DIAL_DONE)
            return true;
    return host_connections(&w->host) > 0;
}

static const char *slirp_world_describe(const struct world *w)
{
    /* The buffer is reused by the next world. */
    char *text = ((struct world *)(uintptr_t)w)->description;

    snprintf(text, sizeof(w->description),
             "slirp: connections=%u guard.fragment=%" PRIu64 " guard.urgent=%" PRIu64
             " guard.oversize=%" PRIu64 " error=%s",
             host_connections(&w->host), w->guarded_fragment, w->guarded_urgent,
             w->guarded_oversize, w->guest_error[0] ? w->guest_error : "none");
    return text;
}

/* Reply to the ARP requests among the waiting frames (RFC 826), with any MAC. */
static void answer_arp(struct world *w)
{
    for (size_t at = 0; at < w->frames_len;) {
        const uint8_t *frame = w->frames + at + sizeof(uint32_t);
        uint8_t reply[ETH_HEADER_LEN + ARP_LEN] = {0};
        uint32_t len;

        memcpy(&len, w->frames + at, sizeof(len));
        at += sizeof(len) + len;
        if (len < sizeof(reply) || frame[12] != 0x08 || frame[13] != 0x06 || frame[21] != 1)
            continue;
        memcpy(reply, frame, sizeof(reply));
        reply[21] = 2;
        reply[22] = 2;                     /* the MAC, 02:... */
        memcpy(reply + 28, frame + 38, 4); /* its sender is the address requested */
        host_enter(&w->host);
        slirp_input(w->slirp, reply, sizeof(reply));
        host_leave();
    }
}

/*
 * slirp_cleanup() leaks packets that wait to be sent, mostly for an ARP reply. Move the library's
 * clock so that they expire, and send those after them: each round takes one packet per connection,
 * and a round that only drops packets has no frame.
 */
static void drain(struct world *w)
{
    unsigned quiet = 0;

    w->ahead_ns = ARP_PATIENCE_S * NS_PER_S;
    for (unsigned round = 0; round < ROUNDS_MAX && quiet < 2; round++) {
        w->frames_len = 0;
        poll_round(w);
        quiet = w->frames_len ? 0 : quiet + 1;
        answer_arp(w);
    }
}

static void slirp_world_close(struct world *w)
{
    check_dials(w);
    drain(w);
    host_enter(&w->host);
    slirp_cleanup(w->slirp);
    host_leave();
    sim_timer_set(&w->timer, SIM_NEVER);

    uint64_t passed = w->host.passed;
    unsigned leaked = host_close(&w->host);

    if (passed)
        sim_fail(w->sim, FAILURE_HARNESS, "world.host", SIM_SITE,
                 "libslirp made %" PRIu64 " calls to the real system", passed);
    if (leaked)
        sim_fail(w->sim, FAILURE_RESOURCE, "world.fd", SIM_SITE,
                 "libslirp left %u descriptors open", leaked);
    world_give(w);
}

const struct world_ops world_slirp = {
    .name = "slirp",
    .open = slirp_world_open,
    .input = slirp_world_input,
    .busy = slirp_world_busy,
    .close = slirp_world_close,
    .describe = slirp_world_describe,
};

const char *world_slirp_version(void)
{
    return slirp_version_string();
}

/* ---- the self-test ---- */

static void no_port(void *ctx, const uint8_t *frame, size_t len)
{
    (void)ctx;
    (void)frame;
    (void)len;
}

/* A host forwarding makes the library open a socket, which must be virtual. */
static bool library_uses_virtual_sockets(void)
{
    struct sim sim = {0};
    const struct scenario sc = {.path = "self-test"};
    struct world *w;
    bool ours = false;

    sim_start(&sim, 1);
    if (slirp_world_open(&sim, &sc, (struct world_port){no_port, NULL, NULL, NULL}, &w) == 0) {
        host_enter(&w->host);
        ours = slirp_add_hostfwd(w->slirp, 0, in_addr(ADDRESS_LOOPBACK), HOST_DIAL_PORT,
                                 in_addr(ADDRESS_MACHINE), 7) == 0;
        host_leave();
        ours = ours && w->host.used == 1 && w->host.sockets[0].kind == HOST_LISTENER;
        slirp_world_close(w);
        ours = ours && !sim_failed(&sim);
    }
    sim_free(&sim);
    return ours;
}

int world_slirp_self_test(void)
{
    /* Each connection of the library allocates and frees 256 KiB: keep them instead of returning
     * them to the system. */
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
    unsetenv("SLIRP_DEBUG");
    if (version_number(slirp_version_string()) / 10000 != 4) {
        value_message(stderr, "drywire: unsupported libslirp version %s; version 4 is needed\n",
                      slirp_version_string());
        return 4;
    }
    if (!host_interposed() || !library_uses_virtual_sockets()) {
        value_message(stderr,
                      "drywire: libslirp does not use the simulated host sockets and would use "
                      "the real network\n");
        return 4;
    }
    return 0;
}
