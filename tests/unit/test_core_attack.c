/*
 * A host under attack: a server that sends back what it receives, an attacker who sees every frame
 * but those to the good client, and that client, a stack of its own. Each attack is a function that
 * sends what it likes every 10 ms, by seed. Meanwhile the client connects, sends, receives and
 * closes, each time within 3 s; then the attacker is silent and the server closes, and 2 MSL later
 * every resource is back.
 *
 *     test_core_attack [SEED]
 */
#include <stdio.h>

#include "../../core/base/array.h"
#include "stack_fixture.h"
#include "stack_resources.h"

enum {
    QUEUE = 1024,
    PORT = 7,
    TICK_MS = 10,
    ATTACK_MS = 60000,
    CLIENT_EVERY_MS = 6000,
    SERVED_MS = 3000,
    REQUEST = 3000,
    BOTS = 40, /* connections that the attacker makes by the book at first */
};

#define SERVER  OWN
#define CLIENT  IPV4(10, 0, 2, 50)
#define BOT     IPV4(10, 0, 2, 99)
#define GATEWAY IPV4(10, 0, 2, 2)

static const uint8_t server_mac[6] = {2, 0, 0, 0, 0, 1}, client_mac[6] = {2, 0, 0, 0, 0, 2},
                     bot_mac[6] = {2, 0, 0, 0, 0, 3};

struct host {
    struct stack stack;
    struct fake_platform platform;
    struct netdev dev;
    void *memory;
    unsigned lent, count;
    size_t len[QUEUE];
    uint8_t in[QUEUE][NETDEV_FRAME_MAX];
};

static struct host server, client;
static uint64_t now_ns, seed = 1;
static struct rng rng;

static uint32_t draw(uint32_t bound)
{
    return (uint32_t)rng_below(&rng, bound);
}

/* ---- the link ---- */

static void bot_hears(const struct decoded *d);

static void put(struct host *to, const uint8_t *frame, size_t len)
{
    assert_true(to->count < QUEUE);
    memcpy(to->in[to->count], frame, len);
    to->len[to->count++] = len;
}

static uint8_t *wire_alloc(void *ctx)
{
    struct host *h = ctx;

    h->lent++;
    return malloc(NETDEV_FRAME_MAX);
}

static void wire_free(void *ctx, uint8_t *frame)
{
    free(frame);
    ((struct host *)ctx)->lent--;
}

static void wire_send(void *ctx, uint8_t *frame, size_t len)
{
    struct host *h = ctx, *other = h == &server ? &client : &server;
    bool group = frame[0] & 1;
    struct decoded d;

    h->lent--;
    if (group || !memcmp(frame, other->dev.mac, 6))
        put(other, frame, len);
    if (h == &server && (group || memcmp(frame, client_mac, 6))) {
        decode_frame(frame, len, &d);
        if (d.error)
            fail_msg("the server sends a malformed packet: %s", d.error);
        bot_hears(&d);
    }
    free(frame);
}

static void host_init(struct host *h, const uint8_t mac[6], uint32_t addr)
{
    fake_platform_init(&h->platform);
    h->platform.entropy = seed * 1000 + addr;
    h->lent = h->count = 0;
    h->dev = (struct netdev){.ctx = h,
                             .mtu = 1500,
                             .link = true,
                             .alloc = wire_alloc,
                             .send = wire_send,
                             .free = wire_free};
    memcpy(h->dev.mac, mac, 6);
    h->memory = malloc(STACK_TEST_MEMORY);
    stack_init(&h->stack,
               &(struct stack_config){.platform = &h->platform.platform,
                                      .netdev = &h->dev,
                                      .tcp = STACK_TEST_TCP,
                                      .memory = h->memory},
               now_ns);
    stack_set_address(&h->stack, addr, IPV4(255, 255, 255, 0), GATEWAY, 0);
}

static void receive(struct host *h)
{
    stack_begin(&h->stack, now_ns);
    for (unsigned i = 0; i < h->count; i++)
        input_copy(&h->stack, h->in[i], h->len[i]);
    h->count = 0;
    stack_timers(&h->stack);
}

/* ---- the server's program ---- */

static struct tcp_conn *listener, *served[CONNS];
static struct dgram_socket *datagrams;

static void server_starts(void)
{
    assert_int_equal(tcp_open(&server.stack.tcp, &listener), 0);
    assert_int_equal(tcp_bind(listener, PORT), 0);
    assert_int_equal(tcp_listen(listener, 4), 0);
    assert_int_equal(dgram_open(&server.stack.dgrams, false, &datagrams), 0);
    assert_int_equal(dgram_bind(datagrams, PORT), 0);
}

/* False: it has ended. */
static bool serve(struct tcp_conn *c)
{
    const uint8_t *from;
    uint8_t *to;
    int n = tcp_readable(c, &from), room;

    if (n == ERR_AGAIN)
        return true;
    if (n <= 0)
        return false;
    room = tcp_writable(c, &to);
    if (room == ERR_AGAIN)
        return true;
    if (room < 0)
        return false;
    n = n < room ? n : room;
    memcpy(to, from, (size_t)n);
    tcp_commit(c, (size_t)n);
    tcp_consume(c, (size_t)n);
    return true;
}

static void server_turn(void)
{
    for (unsigned i = 0; i < CONNS; i++) {
        if (!served[i] && tcp_accept(listener, &served[i]))
            continue;
        if (!serve(served[i])) {
            tcp_close(served[i]);
            served[i] = NULL;
        }
    }
    while (dgram_peek(datagrams))
        dgram_next(datagrams);
}

static void server_stops(void)
{
    for (unsigned i = 0; i < CONNS; i++)
        if (served[i])
            tcp_close(served[i]);
    memset(served, 0, sizeof(served));
    tcp_close(listener);
    dgram_close(datagrams);
}

/* ---- the good client's program ---- */

static struct good {
    struct tcp_conn *c;
    uint64_t start_ns;
    uint32_t written, read;
    unsigned times;
} good;

static void client_turn(const char *attack)
{
    const uint8_t *from;
    uint8_t *to;
    int n;

    if (!good.c)
        return;
    if (now_ns - good.start_ns > SERVED_MS * NS_PER_MS)
        fail_msg("%s, seed %llu: not served in %d ms (state %d, %u of %d bytes back, client %u)",
                 attack, (unsigned long long)seed, SERVED_MS, good.c->state, good.read, REQUEST,
                 good.times);
    while (good.written < REQUEST && (n = tcp_writable(good.c, &to)) > 0) {
        n = n < (int)(REQUEST - good.written) ? n : (int)(REQUEST - good.written);
        for (int i = 0; i < n; i++)
            to[i] = (uint8_t)(good.written++ * 7);
        tcp_commit(good.c, (size_t)n);
    }
    while ((n = tcp_readable(good.c, &from)) > 0) {
        for (int i = 0; i < n; i++)
            assert_int_equal(from[i], (uint8_t)(good.read++ * 7));
        tcp_consume(good.c, (size_t)n);
    }
    if (n != ERR_AGAIN)
        fail_msg("%s, seed %llu: the good client gets %d", attack, (unsigned long long)seed, n);
    if (good.read == REQUEST) {
        tcp_close(good.c);
        good.c = NULL;
        good.times++;
    }
}

static void client_starts(void)
{
    assert_null(good.c);
    assert_int_equal(tcp_open(&client.stack.tcp, &good.c), 0);
    assert_int_equal(tcp_connect(good.c, SERVER, PORT), 0);
    good.start_ns = now_ns;
    good.written = good.read = 0;
}

/* ---- the attacker ---- */

/* A packet to the server, from any address. */
static void send_ip(uint32_t src, uint32_t dst, uint8_t protocol, const void *payload, size_t len)
{
    uint8_t frame[NETDEV_FRAME_MAX];
    size_t total = build_ip(frame, src, dst, protocol, payload, len);

    memcpy(frame + 6, bot_mac, 6);
    put(&server, frame, total);
}

static void send_tcp(uint32_t src, struct tcp_header h, const void *data, size_t len)
{
    uint8_t segment[1480];

    h.offset = 0x50;
    h.checksum = be16_of(0);
    memcpy(segment, &h, 20);
    if (len)
        memcpy(segment + 20, data, len);
    h.checksum = checksum_finish(
        checksum_add(checksum_pseudo(src, SERVER, IP_PROTOCOL_TCP, 20 + len), segment, 20 + len));
    memcpy(segment, &h, 20);
    send_ip(src, SERVER, IP_PROTOCOL_TCP, segment, 20 + len);
}

static void send_udp(uint32_t src, uint16_t src_port, uint16_t dst_port, size_t len)
{
    uint8_t bytes[1000] = {0};
    struct udp_header h = {be16_of(src_port), be16_of(dst_port), be16_of((uint16_t)(8 + len)),
                           be16_of(0)};

    memcpy(bytes, &h, 8);
    send_ip(src, SERVER, IP_PROTOCOL_UDP, bytes, 8 + len);
}

static void send_arp(uint16_t op, const uint8_t sha[6], uint32_t spa, uint32_t tpa)
{
    uint8_t frame[64];
    size_t len = build_arp(frame, op, sha, spa, tpa);

    memcpy(frame + 6, bot_mac, 6);
    put(&server, frame, len);
}

static uint32_t anybody(void)
{
    return draw(2) ? IPV4(10, 0, 2, 100 + draw(100)) : IPV4(1 + draw(100), draw(256), draw(256), 9);
}

/* Connections that start by the book; what they do then depends on the attack. */
static struct bot {
    uint16_t port;
    uint32_t next, ack; /* of the next segment; what it acknowledges */
    bool open;
    uint64_t next_ns; /* when a slow one speaks again */
} bot[BOTS];

static struct {
    uint16_t window;
    bool fin, acks, opens; /* opens: also again what was reset */
} bots;

static void bot_send(struct bot *b, uint8_t flags, const void *data, size_t len)
{
    send_tcp(BOT,
             (struct tcp_header){.src_port = be16_of(b->port),
                                 .dst_port = be16_of(PORT),
                                 .seq = be32_of(b->next),
                                 .ack = be32_of(flags & TCP_ACK ? b->ack : 0),
                                 .flags = flags,
                                 .window = be16_of(bots.window)},
             data, len);
    b->next += (uint32_t)len + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
    b->next_ns = now_ns + (3000 + draw(6000)) * NS_PER_MS;
}

static void bot_hears(const struct decoded *d)
{
    struct bot *b = &bot[d->dst_port % BOTS];

    if (d->layer == LAYER_ARP && d->arp_op == ARP_REQUEST &&
        (d->arp_tpa == BOT || d->arp_tpa == GATEWAY)) {
        send_arp(ARP_REPLY, bot_mac, d->arp_tpa, SERVER);
        return;
    }
    if (d->layer != LAYER_TCP || !bots.opens || d->ip_dst != BOT || d->dst_port != b->port)
        return;
    if (d->tcp_flags & TCP_RST) {
        b->open = false;
        b->port = 0;
    } else if (d->tcp_flags & TCP_SYN) {
        b->ack = d->tcp_seq + 1;
        bot_send(b, TCP_ACK, NULL, 0);
        b->open = true;
        bot_send(b, TCP_ACK | TCP_PSH, "hello", 5);
        if (bots.fin)
            bot_send(b, TCP_ACK | TCP_FIN, NULL, 0);
    } else if (bots.acks) {
        if (d->tcp_seq == b->ack && bots.window)
            b->ack += (uint32_t)d->payload_len + !!(d->tcp_flags & TCP_FIN);
        if (d->payload_len || (d->tcp_flags & TCP_FIN))
            bot_send(b, TCP_ACK, NULL, 0);
    }
}

/* Every tick one of them opens that is not, or is long silent without an answer. */
static void bots_open(uint16_t window, bool fin, bool acks)
{
    unsigned i = draw(BOTS);

    bots.window = window;
    bots.fin = fin;
    bots.acks = acks;
    bots.opens = true;
    if (bot[i].port)
        return;
    bot[i].port = (uint16_t)(20000 + BOTS * draw(1000) + i);
    bot[i].next = (uint32_t)rng_next(&rng);
    bot_send(&bot[i], TCP_SYN, NULL, 0);
}

/* ---- attacks ---- */

static void syn_flood(void)
{
    for (unsigned i = 0; i < 20; i++)
        send_tcp(anybody(),
                 (struct tcp_header){.src_port = be16_of((uint16_t)(1 + draw(65535))),
                                     .dst_port = be16_of(draw(4) ? PORT : (uint16_t)draw(65536)),
                                     .seq = be32_of((uint32_t)rng_next(&rng)),
                                     .flags = TCP_SYN,
                                     .window = be16_of((uint16_t)draw(65536))},
                 NULL, 0);
}

static void idle_connections(void)
{
    bots_open(65535, false, true);
}

static void closed_windows(void)
{
    bots_open(0, false, true);
}

static void windows_closed_and_never_a_word(void)
{
    bots_open(0, false, false);
}

static void slow_writers(void)
{
    bots_open(65535, false, true);
    for (unsigned i = 0; i < BOTS; i++)
        if (bot[i].open && now_ns >= bot[i].next_ns)
            bot_send(&bot[i], TCP_ACK, "x", 1);
}

static void orphans_whose_fin_is_never_acknowledged(void)
{
    bots_open(65535, true, false);
}

static void orphans_at_closed_windows(void)
{
    bots_open(0, true, true);
}

static void holes(void)
{
    bots_open(65535, false, true);
    for (unsigned i = 0; i < BOTS; i++)
        if (bot[i].open && now_ns >= bot[i].next_ns) {
            bot[i].next += 100;
            bot_send(&bot[i], TCP_ACK, "x", 1);
            bot[i].next -= 101;
        }
}

/* Blind: the ports are known, the numbers are not. */
static void forged_segments(void)
{
    static const uint8_t flags[] = {TCP_RST, TCP_RST | TCP_ACK, TCP_ACK,
                                    TCP_SYN, TCP_ACK | TCP_FIN, TCP_SYN | TCP_ACK};

    for (unsigned i = 0; i < 20 && good.c; i++)
        send_tcp(CLIENT,
                 (struct tcp_header){.src_port = be16_of(good.c->local_port),
                                     .dst_port = be16_of(PORT),
                                     .seq = be32_of((uint32_t)rng_next(&rng)),
                                     .ack = be32_of((uint32_t)rng_next(&rng)),
                                     .flags = flags[draw(ARRAY_COUNT(flags))],
                                     .window = be16_of((uint16_t)draw(65536))},
                 "forged", draw(7));
}

static void forged_icmp(void)
{
    for (unsigned i = 0; i < 20 && good.c; i++) {
        uint8_t m[36] = {(uint8_t)(draw(2) ? 3 : draw(20)), (uint8_t)draw(16)};
        struct ipv4_header ip = {.version_ihl = 0x45,
                                 .total_len = be16_of(1500),
                                 .protocol = IP_PROTOCOL_TCP,
                                 .src = be32_of(SERVER),
                                 .dst = be32_of(CLIENT)};
        struct tcp_header tcp = {.src_port = be16_of(PORT),
                                 .dst_port = be16_of(good.c->local_port),
                                 .seq = be32_of((uint32_t)rng_next(&rng))};
        be16 sum, mtu = be16_of((uint16_t)draw(1500));

        memcpy(m + 6, &mtu, 2);
        memcpy(m + 8, &ip, 20);
        memcpy(m + 28, &tcp, 8);
        sum = checksum_finish(checksum_add(0, m, sizeof(m)));
        memcpy(m + 2, &sum, 2);
        send_ip(anybody(), SERVER, IP_PROTOCOL_ICMP, m, sizeof(m));
    }
}

static void arp_flood(void)
{
    for (unsigned i = 0; i < 50; i++) {
        uint32_t spa = IPV4(10, 0, 2, draw(256));
        uint8_t mac[6] = {0x52, (uint8_t)draw(256), (uint8_t)draw(256)};

        if (spa != CLIENT)
            send_arp((uint16_t)(1 + draw(2)), mac, spa, draw(2) ? SERVER : spa);
    }
}

static void datagrams_of_all_kinds(void)
{
    for (unsigned i = 0; i < 20; i++)
        send_udp(draw(4) ? anybody() : SERVER, draw(4) ? (uint16_t)draw(65536) : PORT,
                 draw(2) ? PORT : (uint16_t)draw(65536), draw(200));
}

static void port_0_and_ourselves(void)
{
    for (unsigned i = 0; i < 10; i++)
        send_tcp(draw(2) ? SERVER : anybody(),
                 (struct tcp_header){.src_port = be16_of(draw(2) ? 0 : PORT),
                                     .dst_port = be16_of(draw(2) ? 0 : PORT),
                                     .seq = be32_of((uint32_t)rng_next(&rng)),
                                     .flags = (uint8_t)draw(256)},
                 NULL, 0);
}

/* A good packet of any kind, damaged anywhere; and bytes without sense. */
static void malformed(void)
{
    for (unsigned i = 0; i < 3; i++) {
        uint8_t frame[600];
        unsigned at = server.count;
        size_t len = draw(sizeof(frame));

        switch (draw(5)) {
        case 0:
            for (size_t k = 0; k < len; k++)
                frame[k] = (uint8_t)draw(256);
            memcpy(frame, server_mac, 6);
            put(&server, frame, len);
            continue;
        case 1:
            syn_flood();
            break;
        case 2:
            arp_flood();
            break;
        case 3:
            forged_icmp();
            break;
        default:
            datagrams_of_all_kinds();
            break;
        }
        for (; at < server.count; at++) {
            bool arp =
                server.in[at][13] == 6; /* without a checksum: else it lies about the client */

            for (unsigned n = 1 + draw(4); n && !arp; n--)
                server.in[at][draw((uint32_t)server.len[at])] ^= (uint8_t)(1 + draw(255));
            if (arp || draw(4) == 0)
                server.len[at] = draw((uint32_t)server.len[at]);
        }
    }
}

static void connections_reset_at_once(void)
{
    bots_open(65535, false, true);
    for (unsigned i = 0; i < BOTS; i++)
        if (bot[i].open) {
            bot_send(&bot[i], TCP_RST, NULL, 0);
            bot[i].open = false;
            bot[i].port = 0;
        }
}

static void pings(void)
{
    uint8_t m[1400] = {8};
    be16 sum = checksum_finish(checksum_add(0, m, sizeof(m)));

    memcpy(m + 2, &sum, 2);
    for (unsigned i = 0; i < 20; i++)
        send_ip(anybody(), SERVER, IP_PROTOCOL_ICMP, m, sizeof(m));
}

static const struct {
    const char *name;
    void (*tick)(void);
} attacks[] = {
    {"SYN flood", syn_flood},
    {"idle connections", idle_connections},
    {"closed windows", closed_windows},
    {"closed windows, never a word", windows_closed_and_never_a_word},
    {"slow writers", slow_writers},
    {"orphans whose FIN is never acknowledged", orphans_whose_fin_is_never_acknowledged},
    {"orphans at closed windows", orphans_at_closed_windows},
    {"holes in data", holes},
    {"connections reset at once", connections_reset_at_once},
    {"forged segments", forged_segments},
    {"forged ICMP errors", forged_icmp},
    {"ARP flood", arp_flood},
    {"datagrams of all kinds", datagrams_of_all_kinds},
    {"port 0 and ourselves", port_0_and_ourselves},
    {"malformed packets", malformed},
    {"pings", pings},
};

/* ---- a run ---- */

static void turn(const char *attack)
{
    receive(&server);
    if (listener)
        server_turn();
    stack_output(&server.stack);
    receive(&client);
    client_turn(attack);
    stack_output(&client.stack);
    now_ns += TICK_MS * NS_PER_MS;
}

static void one_attack(unsigned i)
{
    struct resources first, last;

    rng_init(&rng, seed, i);
    now_ns = 1000 * NS_PER_S;
    memset(bot, 0, sizeof(bot));
    memset(&bots, 0, sizeof(bots));
    memset(&good, 0, sizeof(good));
    host_init(&server, server_mac, SERVER);
    host_init(&client, client_mac, CLIENT);
    first = resources_of(&server.stack, server.lent);
    server_starts();
    for (unsigned ms = TICK_MS; ms < ATTACK_MS; ms += TICK_MS) {
        if (ms % CLIENT_EVERY_MS == 0)
            client_starts();
        attacks[i].tick();
        turn(attacks[i].name);
    }
    assert_null(good.c);
    assert_int_equal(good.times, ATTACK_MS / CLIENT_EVERY_MS - 1);
    bots.opens = false;
    turn(attacks[i].name);
    server_stops();
    listener = NULL;
    for (uint64_t end_ns = now_ns + 2 * TCP_MSL_NS; now_ns <= end_ns;)
        turn(attacks[i].name);
    last = resources_of(&server.stack, server.lent);
    if (memcmp(&first, &last, sizeof(first)))
        fail_msg("%s, seed %llu: free %u of %u, hashed %u, heap %u, rings %u, open %u, lists %u, "
                 "frames %u, parked %u",
                 attacks[i].name, (unsigned long long)seed, last.free, first.free, last.hashed,
                 last.heap, last.lent, last.open,
                 (last.half_open + last.orphans + last.time_wait + last.served), last.frames,
                 last.parked);
    arp_flush(&server.stack.arp);
    arp_flush(&client.stack.arp);
    free(server.memory);
    free(client.memory);
}

static void under_attack_the_good_client_is_served_and_all_comes_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(attacks); i++)
        one_attack(i);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(under_attack_the_good_client_is_served_and_all_comes_back),
    };

    if (argc > 1)
        seed = strtoull(argv[1], NULL, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
