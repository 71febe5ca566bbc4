/*
 * Many connections on one stack: two hosts, joined by queues of packets, one of which sends back
 * what it receives. What a packet costs is counted in instructions, which a parent process steps
 * through one at a time: the same count in every run.
 *
 *     test_core_scale CONNECTIONS       print the counts beside that many connections
 */
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../core/base/array.h"
#include "../../core/interface/syscall.h"
#include "../../core/net/stack.h"
#include "fake_platform.h"
#include "stack_resources.h"

enum { MANY = 10000, QUEUE = 512, PORT = 7 };

#define CLIENT_ADDR IPV4(10, 0, 0, 1)
#define SERVER_ADDR IPV4(10, 0, 0, 2)

struct host {
    struct stack stack;
    struct fake_platform platform;
    struct netdev dev;
    struct host *peer;
    void *memory;
    unsigned lent, count; /* frames being built; packets that came */
    size_t len[QUEUE];
    uint8_t out[NETDEV_FRAME_MAX], in[QUEUE][NETDEV_FRAME_MAX];
    unsigned conns;
    struct tcp_conn **conn; /* those that its program has */
};

static struct host client, server;
static struct tcp_conn *listener;
static uint64_t now_ns;

/* ---- the link ---- */

static uint8_t *link_alloc(void *ctx)
{
    struct host *h = ctx;

    if (h->peer->count == QUEUE)
        return NULL;
    h->lent++;
    return h->out;
}

static void link_free(void *ctx, uint8_t *frame)
{
    struct host *h = ctx;

    (void)frame;
    h->lent--;
}

static void link_send(void *ctx, uint8_t *frame, size_t len)
{
    struct host *h = ctx, *to = h->peer;

    h->lent--;
    memcpy(to->in[to->count], frame, len);
    to->len[to->count++] = len;
}

/* Packets and timers; the caller's program and stack_output() follow. */
static void receive(struct host *h)
{
    stack_begin(&h->stack, now_ns);
    for (unsigned i = 0; i < h->count; i++)
        stack_input(&h->stack, h->in[i], h->len[i]);
    h->count = 0;
    stack_timers(&h->stack);
}

/* A poll without a program. */
static void poll_host(struct host *h)
{
    receive(h);
    stack_output(&h->stack);
}

/* ---- setting up ---- */

static void host_init(struct host *h, struct host *peer, uint32_t addr, uint32_t conns,
                      uint32_t pages)
{
    size_t size = STACK_MEMORY(conns, pages, TCP_PAGE_MIN) / 64 * 64 + 64;

    fake_platform_init(&h->platform);
    h->peer = peer;
    h->count = h->lent = h->conns = 0;
    h->dev = (struct netdev){.ctx = h,
                             .mtu = 1500,
                             .link = true,
                             .ip_only = true,
                             .alloc = link_alloc,
                             .send = link_send,
                             .free = link_free};
    h->memory = aligned_alloc(64, size);
    memset(h->memory, 0xa5, size);
    h->conn = calloc(conns, sizeof(*h->conn));
    stack_init(&h->stack,
               &(struct stack_config){.platform = &h->platform.platform,
                                      .netdev = &h->dev,
                                      .tcp = {conns, pages, TCP_PAGE_MIN, TCP_WINDOW_MIN},
                                      .memory = h->memory},
               now_ns);
    stack_set_address(&h->stack, addr, IPV4(255, 255, 255, 0), 0, 0);
}

static void set_up(uint32_t conns, uint32_t client_pages, uint32_t server_pages)
{
    now_ns = 1000 * NS_PER_S;
    host_init(&client, &server, CLIENT_ADDR, conns + 2 + conns / 7, client_pages);
    host_init(&server, &client, SERVER_ADDR, conns + 2 + conns / 7, server_pages);
    assert_int_equal(tcp_open(&server.stack.tcp, &listener), 0);
    assert_int_equal(tcp_bind(listener, PORT), 0);
    assert_int_equal(tcp_listen(listener, 16), 0);
}

static void tear_down(void)
{
    free(client.memory);
    free(server.memory);
    free(client.conn);
    free(server.conn);
}

static struct tcp_conn *open_one(void)
{
    struct tcp_conn *c;

    assert_int_equal(tcp_open(&client.stack.tcp, &c), 0);
    assert_int_equal(tcp_connect(c, SERVER_ADDR, PORT), 0);
    client.conn[client.conns++] = c;
    poll_host(&client);
    receive(&server);
    stack_output(&server.stack);
    poll_host(&client);
    receive(&server);
    assert_int_equal(tcp_accept(listener, &server.conn[server.conns++]), 0);
    stack_output(&server.stack);
    return c;
}

static void open_many(unsigned count)
{
    while (client.conns < count)
        open_one();
    now_ns += NS_PER_S;
    poll_host(&client);
    poll_host(&server);
}

/* ---- programs ---- */

/* What fits of `len` bytes at `from`, now. */
static size_t write_some(struct tcp_conn *c, const uint8_t *from, size_t len)
{
    uint8_t *to;
    int n = tcp_writable(c, &to);

    if (n <= 0)
        return 0;
    n = (size_t)n < len ? n : (int)len;
    memcpy(to, from, (size_t)n);
    tcp_commit(c, (size_t)n);
    return (size_t)n;
}

/* Send back what came and fits. */
static void echo(struct tcp_conn *c)
{
    const uint8_t *from;
    int n = tcp_readable(c, &from);

    if (n > 0)
        tcp_consume(c, write_some(c, from, (size_t)n));
}

/* 64 bytes there and back on one connection. */
static void exchange(unsigned number)
{
    static const uint8_t bytes[64] = {1, 2, 3};
    const uint8_t *at;

    receive(&client);
    assert_int_equal(write_some(client.conn[number], bytes, 64), 64);
    stack_output(&client.stack);
    receive(&server);
    echo(server.conn[number]);
    stack_output(&server.stack);
    receive(&client);
    assert_int_equal(tcp_readable(client.conn[number], &at), 64);
    assert_memory_equal(at, bytes, 64);
    tcp_consume(client.conn[number], 64);
    stack_output(&client.stack);
    poll_host(&server);
}

/* ---- what is counted ---- */

static void exchanges(void)
{
    for (unsigned i = 0; i < 10; i++)
        exchange(i * (client.conns / 10));
}

static void polls(void)
{
    for (unsigned i = 0; i < 10; i++) {
        now_ns += NS_PER_MS;
        poll_host(&server);
    }
}

/* A connection opens, asks, and both sides close. */
static void cycle(void)
{
    struct tcp_conn *c = open_one();

    exchange(client.conns - 1);
    tcp_close(c);
    poll_host(&client);
    receive(&server);
    tcp_close(server.conn[--server.conns]);
    client.conns--;
    stack_output(&server.stack);
    poll_host(&client);
    poll_host(&server);
}

/* The instructions of `what`, in a process of its own. */
static uint64_t instructions(void (*what)(void))
{
    pid_t child = fork();
    uint64_t count = 0;
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
            _exit(1);
        what(); /* once before, so that what is set up at the first time is */
        raise(SIGSTOP);
        what();
        raise(SIGSTOP);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    do {
        count++;
        assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSTOPPED(status));
    } while (WSTOPSIG(status) == SIGTRAP);
    assert_int_equal(WSTOPSIG(status), SIGSTOP);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return count / 10;
}

static const struct {
    const char *name;
    void (*run)(void);
} counted[] = {{"exchange of 64 bytes", exchanges}, {"poll without packets", polls}};

static void count_beside(unsigned conns, uint64_t out[ARRAY_COUNT(counted)])
{
    set_up(conns, 64, 64);
    open_many(conns);
    for (unsigned i = 0; i < ARRAY_COUNT(counted); i++) {
        out[i] = instructions(counted[i].run);
        printf("%s beside %u connections: %llu instructions\n", counted[i].name, conns,
               (unsigned long long)out[i]);
    }
    tear_down();
}

/* ---- tests ---- */

static void a_packet_and_a_poll_cost_the_same_beside_many_connections(void **state)
{
    uint64_t few[ARRAY_COUNT(counted)], many[ARRAY_COUNT(counted)];

    (void)state;
    count_beside(10, few);
    count_beside(MANY, many);
    for (unsigned i = 0; i < ARRAY_COUNT(counted); i++)
        assert_true(many[i] <= few[i] + few[i] / 2);
}

static void a_hundred_thousand_cycles_leave_nothing(void **state)
{
    struct resources first[2], last[2];

    (void)state;
    set_up(1000, 64, 64);
    first[0] = resources_of(&client.stack, client.lent + client.count);
    first[1] = resources_of(&server.stack, server.lent + server.count);
    for (unsigned i = 0; i < 100000; i++) {
        cycle();
        now_ns += NS_PER_MS;
    }
    assert_int_equal(client.stack.tcp.time_wait.count, client.stack.tcp.count); /* in turn */
    now_ns += 2 * TCP_MSL_NS;
    poll_host(&client);
    poll_host(&server);
    last[0] = resources_of(&client.stack, client.lent + client.count);
    last[1] = resources_of(&server.stack, server.lent + server.count);
    assert_memory_equal(first, last, sizeof(first));
    assert_int_equal(client.stack.net.drops_total, 0);
    assert_int_equal(server.stack.net.drops_total, 0);
    tear_down();
}

/* ---- fewer pages than connections ---- */

enum { CROWD = 32, STREAM = 9000 };

static uint8_t stream_byte(unsigned number, size_t at)
{
    return (uint8_t)((number * 31 + at) * 2654435761u >> 24);
}

struct talk {
    size_t sent, received;
};

/* One turn of a client that writes and reads as far as it can. */
static void talk_turn(unsigned number, struct talk *k)
{
    uint8_t bytes[512];
    const uint8_t *from;
    size_t len = STREAM - k->sent < sizeof(bytes) ? STREAM - k->sent : sizeof(bytes);
    int n;

    for (size_t i = 0; i < len; i++)
        bytes[i] = stream_byte(number, k->sent + i);
    if (len)
        k->sent += write_some(client.conn[number], bytes, len);
    n = tcp_readable(client.conn[number], &from);
    if (n <= 0)
        return;
    for (int i = 0; i < n; i++)
        assert_int_equal(from[i], stream_byte(number, k->received + (size_t)i));
    tcp_consume(client.conn[number], (size_t)n);
    k->received += (size_t)n;
}

static void with_few_pages_all_is_served_in_time(void **state)
{
    enum { ENOUGH = 2 * (CROWD + 2) };
    static const struct {
        uint32_t client, server;
    } pages[] = {{ENOUGH, 5}, {ENOUGH, 16}, {2, 2}, {3, 16}, {16, 3}, {ENOUGH, ENOUGH}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(pages); i++) {
        struct talk talk[CROWD] = {{0}};
        unsigned done = 0;

        set_up(CROWD, pages[i].client, pages[i].server);
        open_many(CROWD);
        for (unsigned turns = 0; done < CROWD; turns++) {
            assert_true(turns < 20000);
            now_ns += 10 * NS_PER_MS;
            receive(&client);
            for (unsigned c = done = 0; c < CROWD; c++) {
                talk_turn(c, &talk[c]);
                done += talk[c].received == STREAM;
            }
            stack_output(&client.stack);
            receive(&server);
            for (unsigned c = 0; c < CROWD; c++)
                echo(server.conn[c]);
            stack_output(&server.stack);
        }
        printf("%u and %u pages: %llu segments dropped, %llu ms\n", pages[i].client,
               pages[i].server,
               (unsigned long long)(server.stack.net.drops[DROP_TCP_BUFFER] +
                                    client.stack.net.drops[DROP_TCP_BUFFER]),
               (unsigned long long)((now_ns - 1000 * NS_PER_S) / NS_PER_MS));
        if (pages[i].client == ENOUGH)
            assert_true(!server.stack.net.drops[DROP_TCP_BUFFER] == (pages[i].server == ENOUGH));
        assert_int_equal(server.stack.net.drops[DROP_TCP_BUFFER], server.stack.net.drops_total);
        tear_down();
    }
}

static void a_program_that_gets_no_page_waits_for_one(void **state)
{
    static const uint8_t bytes[100] = {1};
    uint8_t *to;

    (void)state;
    set_up(2, 2, 2);
    open_many(2);
    assert_int_equal(write_some(client.conn[0], bytes, 100), 100);
    assert_int_equal(tcp_ready(client.conn[1]), 0);
    assert_int_equal(tcp_writable(client.conn[1], &to), ERR_AGAIN);
    poll_host(&client);
    poll_host(&server);
    now_ns += NS_PER_S; /* the server acknowledges */
    poll_host(&server);
    poll_host(&client);
    assert_int_equal(tcp_ready(client.conn[1]), READY_OUT);
    assert_int_equal(write_some(client.conn[1], bytes, 100), 100);
    tear_down();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_and_a_poll_cost_the_same_beside_many_connections),
        cmocka_unit_test(a_hundred_thousand_cycles_leave_nothing),
        cmocka_unit_test(with_few_pages_all_is_served_in_time),
        cmocka_unit_test(a_program_that_gets_no_page_waits_for_one),
    };
    uint64_t out[ARRAY_COUNT(counted)];

    if (argc > 1) {
        count_beside((unsigned)strtoul(argv[1], NULL, 0), out);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
