/*
 * An external driver in many variants, each correct or wrong in one place (-DVARIANT=NAME): what
 * the fake device must accept, and what it must report. pytest/test_guest.py has the table and the
 * scenarios.
 *
 * It resolves the gateway, then pings it in bursts, and prints `guest: late` when a reply was
 * missing at the next burst. It accesses rings by plain pointers, as other drivers do, and includes
 * nothing of drywire but the interface of guests.
 */
#include "../../sim/machine/guest.h"
#include <string.h>

enum variant {
    RIGHT,
    /* right as well */
    DISABLED_AFTER_SIZE, /* QueueReady 0 after the size and addresses, which 4.2.2.2 keeps */
    ACCEPTS_ALL,         /* every feature that is offered, and uses none of them */
    CHECKSUM_OFFLOAD,    /* CSUM: the device completes the checksum of each ping */
    LAZY_REFILL,         /* receive buffers are posted again when half of them are free */
    SHARED_HEADER,       /* one header buffer for all receive chains */
    SPLIT_HEADER,        /* a header buffer for each chain */
    SHARED_SEND_HEADER,  /* one header of zeros for all transmit chains */
    ACK_THEN_DRAIN,      /* interrupts are acknowledged before the ring is looked at */
    NO_SEND_INTERRUPTS,  /* and the transmit queue asks for none */
    WAITS_FOR_ANSWER,    /* in place, as a boot loader does */
    WAITS_FOR_SEND,      /* for its transmit buffers */
    EVENT_INDEX,         /* used_event follows, avail_event is looked at */
    /* wrong */
    STATUS_IN_ONE_WRITE, /* ACKNOWLEDGE and DRIVER */
    FEATURES_UNREAD,     /* FEATURES_OK is not read back */
    BUFFERS_OF_512,      /* the largest frame does not fit */
    BUFFERS_OF_1514,     /* nor with its header */
    READABLE_RECEIVE,    /* receive descriptors without WRITE */
    WRITABLE_SEND,       /* transmit descriptors with it */
    ID_IGNORED,          /* used entries are taken to come in order */
    HEADER_IN_RECEIVED,  /* the transmit header lies in a receive buffer */
    NO_INDEX_BARRIER,    /* none between entry and index */
    NO_FLAGS_BARRIER,    /* none between index and the look at the flags */
    DRAIN_THEN_ACK,      /* what comes in between is acknowledged unseen */
    EVENT_INDEX_UNSET,   /* used_event stays 0 */
    NOT_POSTED_AGAIN,    /* receive buffers */
    NOT_RESET,           /* when the guest stops */
    HEADER_OF_10,        /* on a modern device */
    SEGMENTATION,        /* in the transmit header, not negotiated */
    CHECKSUM_UNASKED,    /* NEEDS_CSUM, not negotiated */
    CHECKSUM_OUTSIDE,    /* of the frame */
};

#define IS(v) (VARIANT == (v))

enum { SIZE = 16, SLOT = 2048, BURST = 3, BURSTS = 100, TICK_NS = 1000000, WAIT_TURNS = 2000 };
enum {
    HEADER = IS(HEADER_OF_10) ? 10 : 12,
    RECEIVE = IS(BUFFERS_OF_512)    ? 512
              : IS(BUFFERS_OF_1514) ? 1514
                                    : 1600,
    RX_CHAINS = IS(SHARED_HEADER) || IS(SPLIT_HEADER) ? SIZE / 2 : SIZE,
    TX_SPLIT = IS(SHARED_SEND_HEADER) || IS(HEADER_IN_RECEIVED),
    TX_CHAINS = TX_SPLIT ? SIZE / 2 : SIZE,
    WITH_EVENTS = IS(EVENT_INDEX) || IS(EVENT_INDEX_UNSET),
    FLAG_NEXT = 1,
    FLAG_WRITE = 2,
};

struct desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};

struct queue {
    volatile struct desc desc[SIZE];
    struct {
        volatile uint16_t flags, idx, ring[SIZE], used_event;
    } avail;
    struct {
        _Alignas(4) volatile uint16_t flags;
        volatile uint16_t idx;
        struct {
            volatile uint32_t id, len;
        } ring[SIZE];
        volatile uint16_t avail_event;
    } used;
    uint8_t buffer[SIZE][SLOT];
    uint8_t header[12];
};

struct dma {
    struct queue rx, tx;
};

struct driver {
    const struct platform *p;
    uint64_t base;
    struct dma *dma;
    uint16_t rx_taken, tx_count;
    uint16_t spare[SIZE], spares; /* receive buffers that are not posted yet */
    uint8_t mac[6], gateway[6];
    bool live, found, late;
    unsigned sent, answered, bursts;
    uint64_t next_ns;
};

static uint32_t reg(struct driver *d, unsigned at, unsigned size)
{
    return d->p->reg_read(d->p->ctx, REG_MMIO, d->base + at, size);
}

static void set(struct driver *d, unsigned at, uint32_t value)
{
    d->p->reg_write(d->p->ctx, REG_MMIO, d->base + at, 4, value);
}

static uint64_t bus(struct driver *d, volatile void *p)
{
    return d->p->bus_address(d->p->ctx, (const void *)p);
}

static void barrier(struct driver *d)
{
    d->p->barrier(d->p->ctx, BARRIER_FULL);
}

static void print(struct driver *d, const char *line)
{
    d->p->line(d->p->ctx, line, strlen(line));
}

/* ---- queues ---- */

static void set64(struct driver *d, unsigned at, volatile void *p)
{
    set(d, at, (uint32_t)bus(d, p));
    set(d, at + 4, (uint32_t)(bus(d, p) >> 32));
}

static void queue_setup(struct driver *d, struct queue *q, unsigned index)
{
    memset(q, 0, sizeof(*q));
    set(d, 0x30, index);
    set(d, 0x38, SIZE);
    set64(d, 0x80, q->desc);
    set64(d, 0x90, &q->avail);
    set64(d, 0xa0, &q->used);
    if (IS(DISABLED_AFTER_SIZE))
        set(d, 0x44, 0);
    set(d, 0x44, 1);
}

static void fill(struct driver *d, struct queue *q, unsigned i, volatile void *at, uint32_t len,
                 unsigned flags)
{
    q->desc[i].addr = bus(d, at);
    q->desc[i].len = len;
    q->desc[i].flags = (uint16_t)flags;
    q->desc[i].next = (uint16_t)(i + SIZE / 2);
}

static void publish(struct driver *d, struct queue *q, unsigned id, unsigned index)
{
    uint16_t was = q->avail.idx;
    bool wanted;

    q->avail.ring[was % SIZE] = (uint16_t)id;
    if (!IS(NO_INDEX_BARRIER))
        barrier(d);
    q->avail.idx = (uint16_t)(was + 1);
    if (!IS(NO_FLAGS_BARRIER))
        barrier(d);
    wanted = WITH_EVENTS ? q->used.avail_event == was : !(q->used.flags & 1);
    if (wanted && d->live)
        set(d, 0x50, index);
}

static void post(struct driver *d, unsigned i)
{
    struct queue *q = &d->dma->rx;
    unsigned flags = IS(READABLE_RECEIVE) ? 0 : FLAG_WRITE;

    if (IS(SHARED_HEADER) || IS(SPLIT_HEADER)) {
        fill(d, q, i, IS(SHARED_HEADER) ? q->header : q->buffer[i], HEADER, flags | FLAG_NEXT);
        fill(d, q, i + SIZE / 2, q->buffer[i] + HEADER, RECEIVE - HEADER, flags);
    } else {
        fill(d, q, i, q->buffer[i], RECEIVE, flags);
    }
    publish(d, q, i, 0);
}

static void send(struct driver *d, const uint8_t *frame, uint32_t len)
{
    struct queue *q = &d->dma->tx;
    unsigned i = d->tx_count % TX_CHAINS, flags = IS(WRITABLE_SEND) ? FLAG_WRITE : 0;
    uint8_t *b = q->buffer[i];

    if ((uint16_t)(d->tx_count - q->used.idx) >= TX_CHAINS)
        return;
    d->tx_count++;
    memset(b, 0, HEADER + 60u);
    memcpy(b + HEADER, frame, len);
    len = len < 60 ? 60 : len;
    if (IS(SEGMENTATION))
        b[1] = 1;
    if (frame[12] == 8 && frame[13] == 0 &&
        (IS(CHECKSUM_OFFLOAD) || IS(CHECKSUM_UNASKED) || IS(CHECKSUM_OUTSIDE))) {
        b[0] = 1;
        b[6] = 34; /* where ICMP begins, where its checksum is */
        b[8] = IS(CHECKSUM_OUTSIDE) ? 200 : 2;
        b[HEADER + 36] = b[HEADER + 37] = 0;
    }
    if (TX_SPLIT) {
        fill(d, q, i, IS(HEADER_IN_RECEIVED) ? d->dma->rx.buffer[0] : q->header, HEADER, FLAG_NEXT);
        fill(d, q, i + SIZE / 2, b + HEADER, len, 0);
    } else {
        fill(d, q, i, b, HEADER + len, flags);
    }
    publish(d, q, i, 1);
}

/* ---- frames ---- */

static void ask_gateway(struct driver *d)
{
    uint8_t f[42] = {0xff, 0xff, 0xff, 0xff, 0xff,      0xff, [12] = 8, 6,  0,         1, 8, 0,
                     6,    4,    0,    1,    [28] = 10, 0,    2,        15, [38] = 10, 0, 2, 2};

    memcpy(f + 6, d->mac, 6);
    memcpy(f + 22, d->mac, 6);
    send(d, f, sizeof(f));
}

static void put_sum(uint8_t *at, const uint8_t *p, unsigned len)
{
    uint32_t s = 0;

    for (unsigned i = 0; i < len; i += 2)
        s += (uint32_t)p[i] << 8 | p[i + 1];
    s = ~((s & 0xffff) + (s >> 16));
    at[0] = (uint8_t)(s >> 8);
    at[1] = (uint8_t)s;
}

static void ping(struct driver *d)
{
    uint8_t f[60] = {[12] = 8, 0, 0x45, 0,  0, 46, [20] = 0x40, [22] = 64, 1,          [26] = 10,
                     0,        2, 15,   10, 0, 2,  2,           8,         [38] = 0x55};

    memcpy(f, d->gateway, 6);
    memcpy(f + 6, d->mac, 6);
    f[40] = (uint8_t)(++d->sent >> 8);
    f[41] = (uint8_t)d->sent;
    put_sum(f + 24, f + 14, 20);
    put_sum(f + 36, f + 34, 26);
    send(d, f, sizeof(f));
}

static void received(struct driver *d, const uint8_t *f, uint32_t len)
{
    if (len >= 42 && f[12] == 8 && f[13] == 6 && f[21] == 2) {
        memcpy(d->gateway, f + 22, 6);
        d->found = true;
        d->next_ns = 0; /* begin */
    } else if (len >= 42 && f[12] == 8 && f[13] == 0 && f[23] == 1 && f[34] == 0 && f[38] == 0x55) {
        d->answered++;
    }
}

/* ---- the guest ---- */

static int boot(void *state, const struct guest_config *c, uint64_t now_ns)
{
    struct driver *d = state;
    uint32_t low = IS(CHECKSUM_OFFLOAD) || IS(CHECKSUM_OUTSIDE) ? 1 : 0, high = 1;

    memset(d, 0, sizeof(*d));
    d->p = c->platform;
    d->base = c->places[0].address;
    d->dma = c->dma;
    d->next_ns = now_ns;
    set(d, 0x70, 0);
    if (!IS(STATUS_IN_ONE_WRITE))
        set(d, 0x70, 1);
    set(d, 0x70, 3);
    low |= 1u << 5 | (WITH_EVENTS ? 1u << 29 : 0);
    if (IS(ACCEPTS_ALL)) {
        set(d, 0x14, 0);
        low = reg(d, 0x10, 4);
    }
    set(d, 0x24, 0);
    set(d, 0x20, low);
    set(d, 0x24, 1);
    set(d, 0x20, high);
    set(d, 0x70, 11);
    if (!IS(FEATURES_UNREAD) && !(reg(d, 0x70, 4) & 8))
        return -1;
    for (unsigned i = 0; i < 6; i++)
        d->mac[i] = (uint8_t)reg(d, 0x100 + i, 1);
    queue_setup(d, &d->dma->rx, 0);
    queue_setup(d, &d->dma->tx, 1);
    if (IS(NO_SEND_INTERRUPTS))
        d->dma->tx.avail.flags = 1;
    for (unsigned i = 0; i < RX_CHAINS; i++)
        post(d, i);
    barrier(d);
    set(d, 0x70, 15);
    d->live = true;
    set(d, 0x50, 0);
    print(d, "guest: ready");
    return 0;
}

static void give_back(struct driver *d, unsigned id)
{
    if (IS(NOT_POSTED_AGAIN))
        return;
    d->spare[d->spares++] = (uint16_t)id;
    if (IS(LAZY_REFILL) && d->spares < SIZE / 2)
        return;
    while (d->spares)
        post(d, d->spare[--d->spares]);
}

static void acknowledge(struct driver *d)
{
    uint32_t pending = reg(d, 0x60, 4);

    if (pending)
        set(d, 0x64, pending);
}

/* Ask for the next interrupt, then look once more: 2.7.14. */
static bool more(struct driver *d)
{
    struct queue *q = &d->dma->rx;

    if (IS(EVENT_INDEX)) {
        q->avail.used_event = d->rx_taken;
        d->dma->tx.avail.used_event = d->dma->tx.used.idx;
        barrier(d);
    }
    return d->rx_taken != q->used.idx;
}

static void drain(struct driver *d)
{
    struct queue *q = &d->dma->rx;

    while (more(d)) {
        unsigned at = d->rx_taken++ % SIZE, id;
        uint32_t len;

        barrier(d);
        id = IS(ID_IGNORED) ? at : q->used.ring[at].id;
        len = q->used.ring[at].len;
        if (len > HEADER && len <= RECEIVE && id < SIZE)
            received(d, q->buffer[id] + HEADER, len - HEADER);
        give_back(d, id);
    }
}

static void burst(struct driver *d)
{
    if (!d->found) {
        ask_gateway(d);
        return;
    }
    if (d->bursts == BURSTS) {
        print(d, "guest: done");
        d->bursts++;
    }
    for (unsigned i = 0; d->bursts < BURSTS && i < BURST; i++)
        ping(d);
    d->bursts += d->bursts < BURSTS;
    for (unsigned i = 0; IS(WAITS_FOR_ANSWER) && d->answered < d->sent && i < WAIT_TURNS; i++) {
        d->p->relax(d->p->ctx);
        drain(d);
    }
    for (unsigned i = 0; IS(WAITS_FOR_SEND) && d->dma->tx.used.idx != d->tx_count; i++)
        d->p->relax(d->p->ctx);
}

static void poll(void *state, uint64_t now_ns)
{
    struct driver *d = state;

    if (now_ns >= d->next_ns && d->answered < d->sent && !d->late) { /* before the timer helps */
        d->late = true;
        print(d, "guest: late");
    }
    if (!IS(DRAIN_THEN_ACK))
        acknowledge(d);
    barrier(d);
    drain(d);
    if (IS(DRAIN_THEN_ACK))
        acknowledge(d);
    if (now_ns < d->next_ns)
        return;
    d->next_ns = now_ns + (d->found ? TICK_NS : 1000 * (uint64_t)TICK_NS);
    burst(d);
}

static uint64_t deadline(void *state, uint64_t now_ns)
{
    struct driver *d = state;

    (void)now_ns;
    return d->bursts > BURSTS ? UINT64_MAX : d->next_ns;
}

static void stop(void *state, uint64_t now_ns)
{
    (void)now_ns;
    if (!IS(NOT_RESET))
        set(state, 0x70, 0);
}

static const struct guest_ops ops = {
    .abi = GUEST_ABI,
    .name = "driver",
    .size = sizeof(struct driver),
    .boot = boot,
    .poll = poll,
    .deadline = deadline,
    .stop = stop,
};

const struct guest_ops *drywire_guest(void);
const struct guest_ops *drywire_guest(void)
{
    return &ops;
}
