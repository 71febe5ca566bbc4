/*
 * Goodput in virtual time: 16 MiB from one stack to another over a line of 10 ms round trip that
 * loses frames, at random in both directions, in bursts, or on the way back only, or delivers them
 * out of order. The figures are exact: a change of TCP shows as a difference from the table below.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/base/array.h"
#include "../../core/base/minmax.h"
#include "../../core/base/rng.h"
#include "../../core/net/stack.h"
#include "../../core/net/tcp_internal.h"
#include "fake_platform.h"

enum { PAGES = 256, LINE_MAX = 4096, FRAME_MAX = 1536, SEEDS = 5, BUDGET = 64, PORT = 9 };
#define BYTES      (16u << 20)
#define MORE_BYTES (128u << 20)
#define DELAY_NS   (5 * NS_PER_MS)
#define FRAME_NS   1000
#define GIVE_UP_NS (600 * NS_PER_S)

struct line_frame {
    uint64_t at_ns;
    size_t len;
    uint8_t bytes[FRAME_MAX];
};

/* What a line does to frames, in parts of 65,536; how often the ends look, 0: at each frame. */
struct faults {
    uint32_t loss, ack_loss, burst, late;
    uint32_t poll_ns;
    uint32_t window, bytes; /* 0: 64 KiB, 16 MiB */
    bool reno;              /* not CUBIC */
};

struct end {
    struct fake_platform f;
    struct netdev dev;
    struct stack s;
    uint8_t *buffers;
    struct end *other;
    struct rng rng;
    struct faults faults;
    uint64_t now_ns, free_ns; /* when the line takes the next frame */
    unsigned burst_left;
    struct line_frame *line; /* on its way to the other end, by arrival */
    unsigned head, count;
    uint8_t frame[FRAME_MAX];
};

static uint8_t *end_alloc(void *ctx)
{
    return ((struct end *)ctx)->frame;
}

static void end_free(void *ctx, uint8_t *frame)
{
    (void)ctx, (void)frame;
}

static bool lost(struct end *e, size_t len)
{
    bool gone = rng_next(&e->rng) % 65536 < e->faults.loss;

    if (len < 100)
        gone |= rng_next(&e->rng) % 65536 < e->faults.ack_loss;
    if (e->burst_left == 0 && e->faults.burst && rng_next(&e->rng) % 65536 < e->faults.burst)
        e->burst_left = 8;
    if (e->burst_left) {
        e->burst_left--;
        gone = true;
    }
    return gone;
}

static void end_send(void *ctx, uint8_t *frame, size_t len)
{
    struct end *e = ctx;
    unsigned at = e->count;
    struct line_frame *slot;
    uint64_t when;

    e->dev.frames_tx++;
    e->free_ns = (e->free_ns > e->now_ns ? e->free_ns : e->now_ns) + FRAME_NS;
    if (lost(e, len))
        return;
    when = e->free_ns + DELAY_NS;
    if (e->faults.late && rng_next(&e->rng) % 65536 < e->faults.late)
        when += 2 * NS_PER_MS;
    assert_true(e->count < LINE_MAX && len <= FRAME_MAX);
    e->count++;
    for (; at && e->line[(e->head + at - 1) % LINE_MAX].at_ns > when; at--)
        e->line[(e->head + at) % LINE_MAX] = e->line[(e->head + at - 1) % LINE_MAX];
    slot = &e->line[(e->head + at) % LINE_MAX];
    slot->at_ns = when;
    slot->len = len;
    memcpy(slot->bytes, frame, len);
}

static unsigned timeouts; /* of both ends */
static uint64_t timeout_ns;

/* What is sent again within half a second is of the same one. */
static void count_timeouts(void *ctx, unsigned id, const uint64_t *args, unsigned count)
{
    const struct end *e = ctx;

    if (id != TRACE_TCP_RETRANSMIT || args[count - 1] != RETRANSMIT_RTO)
        return;
    timeouts += e->now_ns - timeout_ns > NS_PER_S / 2;
    timeout_ns = e->now_ns;
}

static struct end *end_new(uint8_t host, uint64_t seed, const struct faults *faults)
{
    struct end *e = calloc(1, sizeof(*e));

    assert_non_null(e);
    fake_platform_init(&e->f);
    e->f.platform.trace = count_timeouts;
    e->dev = (struct netdev){.ctx = e,
                             .mtu = 1500,
                             .mac = {2, 0, 0, 0, 0, host},
                             .alloc = end_alloc,
                             .send = end_send,
                             .free = end_free};
    e->buffers = malloc(STACK_MEMORY(2, PAGES, 16384));
    e->line = malloc(LINE_MAX * sizeof(*e->line));
    assert_true(e->buffers && e->line);
    e->now_ns = NS_PER_S;
    stack_init(&e->s,
               &(struct stack_config){
                   .platform = &e->f.platform,
                   .netdev = &e->dev,
                   .tcp = {2, PAGES, 16384, faults->window ? faults->window : 65535, faults->reno},
                   .memory = e->buffers},
               e->now_ns);
    e->s.dhcp.timer_ns = DEADLINE_NEVER;
    stack_set_address(&e->s, IPV4(10, 0, 0, host), IPV4(255, 255, 255, 0), 0, 0);
    e->s.arp.count = 1;
    e->s.arp.entry[0] = (struct arp_entry){.state = ARP_REACHABLE,
                                           .addr = IPV4(10, 0, 0, 3u - host),
                                           .mac = {2, 0, 0, 0, 0, (uint8_t)(3 - host)},
                                           .marked = true,
                                           .answered_ns = DEADLINE_NEVER / 2};
    e->faults = *faults;
    rng_init(&e->rng, seed, host);
    return e;
}

static void end_delete(struct end *e)
{
    free(e->buffers);
    free(e->line);
    free(e);
}

/* One poll of one end, as the kernel does it; `program` runs between input and output. */
static void end_poll(struct end *e, uint64_t now_ns, void (*program)(struct end *e))
{
    struct end *from = e->other;

    e->now_ns = now_ns;
    stack_begin(&e->s, now_ns);
    for (unsigned i = 0; i < BUDGET && from->count && from->line[from->head].at_ns <= now_ns; i++) {
        struct line_frame *f = &from->line[from->head];

        stack_input(&e->s, f->bytes, f->len);
        from->head = (from->head + 1) % LINE_MAX;
        from->count--;
    }
    stack_timers(&e->s);
    program(e);
    stack_output(&e->s);
}

static struct tcp_conn *sender, *listener, *receiver;
static uint32_t written, received, total;

static void send_program(struct end *e)
{
    uint8_t *to;
    int n;

    (void)e;
    while (written < total && (n = tcp_writable(sender, &to)) > 0) {
        n = (int)min_u32((uint32_t)n, total - written);
        for (int i = 0; i < n; i++)
            to[i] = (uint8_t)((written + (uint32_t)i) * 2654435761u >> 24);
        tcp_commit(sender, (size_t)n);
        written += (uint32_t)n;
    }
}

static void receive_program(struct end *e)
{
    const uint8_t *from;
    int n;

    (void)e;
    if (!receiver && tcp_accept(listener, &receiver))
        return;
    while ((n = tcp_readable(receiver, &from)) > 0) {
        for (int i = 0; i < n; i++)
            if (from[i] != (uint8_t)((received + (uint32_t)i) * 2654435761u >> 24))
                fail_msg("byte %u is wrong", received + (unsigned)i);
        tcp_consume(receiver, (size_t)n);
        received += (uint32_t)n;
    }
}

static uint64_t next_ns(const struct end *e)
{
    uint64_t at = stack_deadline(&e->s);
    const struct end *from = e->other;

    return from->count && from->line[from->head].at_ns < at ? from->line[from->head].at_ns : at;
}

/* Kilobits a second. */
static unsigned transfer(uint64_t seed, const struct faults *faults)
{
    struct end *a = end_new(1, seed, faults), *b = end_new(2, seed, faults);
    uint64_t start_ns = NS_PER_S, now_ns = start_ns;

    a->other = b;
    b->other = a;
    receiver = NULL;
    written = received = 0;
    timeout_ns = 0;
    total = faults->bytes ? faults->bytes : BYTES;
    assert_int_equal(tcp_open(&b->s.tcp, &listener), 0);
    assert_int_equal(tcp_bind(listener, PORT), 0);
    assert_int_equal(tcp_listen(listener, 1), 0);
    assert_int_equal(tcp_open(&a->s.tcp, &sender), 0);
    assert_int_equal(tcp_connect(sender, IPV4(10, 0, 0, 2), PORT), 0);
    while (received < total && now_ns < start_ns + GIVE_UP_NS) {
        uint64_t at_ns;

        end_poll(a, now_ns, send_program);
        end_poll(b, now_ns, receive_program);
        at_ns = next_ns(a) < next_ns(b) ? next_ns(a) : next_ns(b);
        now_ns = at_ns > now_ns ? at_ns : now_ns + FRAME_NS;
        if (faults->poll_ns)
            now_ns += faults->poll_ns - now_ns % faults->poll_ns;
    }
    end_delete(a);
    end_delete(b);
    return (unsigned)(received * UINT64_C(8000000) / (now_ns - start_ns));
}

#define PER_MILLE(n) ((n)*65536 / 1000)

static const struct {
    const char *name;
    struct faults faults;
    unsigned kbps, timeouts; /* mean and sum of the seeds */
} table[] = {
    {"no loss", {0}, 51805, 0},
    {"0.1 % loss", {.loss = PER_MILLE(1)}, 41166, 0},
    {"1 % loss", {.loss = PER_MILLE(10)}, 15759, 0},
    {"3 % loss", {.loss = PER_MILLE(30)}, 8367, 1},
    {"1 % loss, poll of 1 ms", {.loss = PER_MILLE(10), .poll_ns = 1000000}, 9735, 0},
    {"bursts of 8", {.burst = PER_MILLE(1)}, 36903, 2},
    {"20 % of ACKs lost", {.ack_loss = PER_MILLE(200)}, 51166, 0},
    {"1 MiB, no loss, 128 MiB", {.window = 1 << 20, .bytes = MORE_BYTES}, 795205, 0},
    {"1 MiB, 0.1 % loss", {.loss = PER_MILLE(1), .window = 1 << 20}, 83709, 0},
    {"1 MiB, 1 % loss", {.loss = PER_MILLE(10), .window = 1 << 20}, 16120, 0},
    {"1 MiB, 1 % loss, RFC 5681",
     {.loss = PER_MILLE(10), .window = 1 << 20, .reno = true},
     13921,
     0},
    {"1 MiB, 3 % loss", {.loss = PER_MILLE(30), .window = 1 << 20}, 8391, 1},
    {"1 MiB, bursts of 8", {.burst = PER_MILLE(1), .window = 1 << 20}, 91495, 0},
    {"1 MiB, 20 % of ACKs lost", {.ack_loss = PER_MILLE(200), .window = 1 << 20}, 559089, 0},
    {"1 MiB, 2 % late by 2 ms", {.late = PER_MILLE(20), .window = 1 << 20}, 80092, 0},
    {"2 % late by 2 ms", {.late = PER_MILLE(20)}, 44401, 0},
};

static void goodput_is_what_the_table_says(void **state)
{
    bool same = true;

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(table); i++) {
        unsigned kbps = 0;

        timeouts = 0;
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
            kbps += transfer(seed, &table[i].faults) / SEEDS;
        printf("%-26s %7u kbit/s %3u timeouts\n", table[i].name, kbps, timeouts);
        same &= kbps == table[i].kbps && timeouts == table[i].timeouts;
    }
    assert_true(same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(goodput_is_what_the_table_says)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
