/*
 * An external guest: a small ARP and ping responder with its own virtio-net driver. It includes
 * nothing of drywire but the two headers of the guest interface, and is not written in its style:
 * it shows that other code can replace the core and gets the same device, worlds, faults and
 * oracles (docs/guest.md).
 *
 * It has the fixed address 10.0.2.15, resolves the gateway 10.0.2.2, pings it once a second, and
 * replies to ARP requests and pings. GUEST_BUG plants a driver bug that the fake device must find:
 * 1 writes to a receive buffer that it has given back, 2 forgets to notify, 3 writes FEATURES_OK
 * before the features, 4 posts buffers by their pointer.
 */
#include "../../sim/machine/guest.h"
#include <string.h>

#ifndef GUEST_BUG
#define GUEST_BUG 0
#endif

#define QSZ 16
#define HDR 12

struct desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};
struct ring {
    uint16_t flags, idx, slot[QSZ];
};
struct uring {
    uint16_t flags, idx;
    struct {
        uint32_t id, len;
    } slot[QSZ];
};

struct queue {
    volatile struct desc *d;
    volatile struct ring *avail;
    volatile struct uring *used;
    uint16_t taken, tail;
};

struct nic {
    const struct platform *p;
    uint64_t base;
    struct queue rx, tx;
    uint8_t *rxbuf, *txbuf; /* QSZ buffers of 2048 bytes each */
    uint8_t mac[6], gw[6];
    int gw_known;
    uint8_t *late;
    uint16_t seq, replies;
    uint64_t next_ns;
};

static uint32_t rd(struct nic *n, uint32_t off)
{
    return n->p->reg_read(n->p->ctx, REG_MMIO, n->base + off, 4);
}
static void wr(struct nic *n, uint32_t off, uint32_t v)
{
    n->p->reg_write(n->p->ctx, REG_MMIO, n->base + off, 4, v);
}
static uint64_t bus(struct nic *n, volatile void *ptr)
{
    return n->p->bus_address(n->p->ctx, (const void *)ptr);
}
static void mb(struct nic *n)
{
    n->p->barrier(n->p->ctx, BARRIER_FULL);
}
static void say(struct nic *n, const char *s)
{
    n->p->line(n->p->ctx, s, strlen(s));
}

static void setup_queue(struct nic *n, struct queue *q, int index, uint8_t *mem)
{
    memset(mem, 0, 4096);
    q->d = (void *)mem;
    q->avail = (void *)(mem + 1024);
    q->used = (void *)(mem + 2048);
    q->taken = q->tail = 0;
    wr(n, 0x30, index);
    wr(n, 0x38, QSZ);
    wr(n, 0x80, (uint32_t)bus(n, q->d));
    wr(n, 0x84, (uint32_t)(bus(n, q->d) >> 32));
    wr(n, 0x90, (uint32_t)bus(n, q->avail));
    wr(n, 0x94, (uint32_t)(bus(n, q->avail) >> 32));
    wr(n, 0xa0, (uint32_t)bus(n, q->used));
    wr(n, 0xa4, (uint32_t)(bus(n, q->used) >> 32));
    wr(n, 0x44, 1);
}

static void push(struct nic *n, struct queue *q, int id, void *buf, uint32_t len, int write)
{
    q->d[id].addr = GUEST_BUG == 4 ? (uintptr_t)buf : bus(n, buf);
    q->d[id].len = len;
    q->d[id].flags = write ? 2 : 0;
    q->avail->slot[q->avail->idx % QSZ] = (uint16_t)id;
    mb(n);
    q->avail->idx++;
    mb(n);
}

static void send_frame(struct nic *n, const uint8_t *frame, uint32_t len)
{
    uint8_t *b;
    int id = n->tx.tail++ % QSZ;

    if ((uint16_t)(n->tx.tail - n->tx.used->idx) > QSZ)
        return; /* ring full: drop */
    b = n->txbuf + id * 2048;
    memset(b, 0, HDR + 60);
    memcpy(b + HDR, frame, len);
    push(n, &n->tx, id, b, HDR + (len < 60 ? 60 : len), 0);
    if (GUEST_BUG != 2 && !(n->tx.used->flags & 1))
        wr(n, 0x50, 1);
}

static uint16_t sum(const uint8_t *p, uint32_t len)
{
    uint32_t s = 0;

    for (uint32_t i = 0; i < len; i += 2)
        s += (uint32_t)p[i] << 8 | (i + 1 < len ? p[i + 1] : 0);
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return (uint16_t)~s;
}

static const uint8_t me[4] = {10, 0, 2, 15}, gateway[4] = {10, 0, 2, 2};

static void send_arp(struct nic *n, int op, const uint8_t *dst, const uint8_t *ip)
{
    static const uint8_t all[6] = {255, 255, 255, 255, 255, 255};
    uint8_t f[42] = {0};

    memcpy(f, op == 1 ? all : dst, 6);
    memcpy(f + 6, n->mac, 6);
    memcpy(f + 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00", 9);
    f[21] = (uint8_t)op;
    memcpy(f + 22, n->mac, 6);
    memcpy(f + 28, me, 4);
    if (op == 2)
        memcpy(f + 32, dst, 6);
    memcpy(f + 38, ip, 4);
    send_frame(n, f, sizeof(f));
}

static void finish_ip(uint8_t *f, uint32_t len)
{
    uint16_t c;

    f[24] = f[25] = 0;
    c = sum(f + 14, 20);
    f[24] = c >> 8;
    f[25] = (uint8_t)c;
    f[36] = f[37] = 0;
    c = sum(f + 34, len - 34);
    f[36] = c >> 8;
    f[37] = (uint8_t)c;
}

static void send_ping(struct nic *n)
{
    uint8_t f[14 + 20 + 8 + 32] = {0};

    memcpy(f, n->gw, 6);
    memcpy(f + 6, n->mac, 6);
    memcpy(f + 12, "\x08\x00\x45\x00\x00\x3c", 6);
    f[20] = 0x40; /* DF */
    f[22] = 64;
    f[23] = 1;
    memcpy(f + 26, me, 4);
    memcpy(f + 30, gateway, 4);
    f[34] = 8;
    f[38] = 0x77;
    n->seq++;
    f[40] = n->seq >> 8;
    f[41] = (uint8_t)n->seq;
    finish_ip(f, sizeof(f));
    send_frame(n, f, sizeof(f));
}

static void got_frame(struct nic *n, const uint8_t *f, uint32_t len)
{
    uint8_t r[1600];

    if (len >= 42 && f[12] == 8 && f[13] == 6 && memcmp(f + 38, me, 4) == 0) {
        if (f[21] == 1)
            send_arp(n, 2, f + 22, f + 28);
        if (memcmp(f + 28, gateway, 4) == 0 && !n->gw_known) {
            memcpy(n->gw, f + 22, 6);
            n->gw_known = 1;
            say(n, "guest: gateway found");
        }
        return;
    }
    if (len < 42 || len > sizeof(r) || f[12] != 8 || f[13] != 0 || f[14] != 0x45 || f[23] != 1 ||
        memcmp(f + 30, me, 4) != 0 || sum(f + 14, 20) != 0)
        return;
    len = 14u + (uint32_t)(f[16] << 8 | f[17]) <= len ? 14u + (uint32_t)(f[16] << 8 | f[17]) : len;
    if (sum(f + 34, len - 34) != 0)
        return;
    if (f[34] == 0 && f[38] == 0x77 && n->replies++ == 0)
        say(n, "guest: reply");
    if (f[34] == 8) {
        memcpy(r, f, len);
        memcpy(r, f + 6, 6);
        memcpy(r + 6, n->mac, 6);
        memcpy(r + 26, f + 30, 4);
        memcpy(r + 30, f + 26, 4);
        r[22] = 64;
        r[34] = 0;
        finish_ip(r, len);
        send_frame(n, r, len);
        say(n, "guest: answered");
    }
}

static int guest_boot(void *state, const struct guest_config *c, uint64_t now_ns)
{
    struct nic *n = state;
    uint8_t *mem = c->dma;

    memset(n, 0, sizeof(*n));
    n->p = c->platform;
    n->base = c->places[0].address;
    n->next_ns = now_ns;
    if (rd(n, 0) != 0x74726976 || rd(n, 4) != 2 || rd(n, 8) != 1)
        return -1;
    wr(n, 0x70, 0);
    wr(n, 0x70, 1);
    wr(n, 0x70, 3);
    if (GUEST_BUG == 3)
        wr(n, 0x70, 11);
    wr(n, 0x24, 0);
    wr(n, 0x20, 1u << 5); /* MAC */
    wr(n, 0x24, 1);
    wr(n, 0x20, 1); /* VERSION_1 */
    wr(n, 0x70, 11);
    if (!(rd(n, 0x70) & 8))
        return -1;
    for (int i = 0; i < 6; i++)
        n->mac[i] = (uint8_t)n->p->reg_read(n->p->ctx, REG_MMIO, n->base + 0x100 + (unsigned)i, 1);
    setup_queue(n, &n->rx, 0, mem);
    setup_queue(n, &n->tx, 1, mem + 4096);
    n->rxbuf = mem + 8192;
    n->txbuf = n->rxbuf + QSZ * 2048;
    for (int i = 0; i < QSZ; i++)
        push(n, &n->rx, i, n->rxbuf + i * 2048, 1600, 1);
    wr(n, 0x70, 15);
    wr(n, 0x50, 0);
    say(n, "guest: ready");
    return 0;
}

static void guest_poll(void *state, uint64_t now_ns)
{
    struct nic *n = state;
    uint8_t frame[1600];

    mb(n);
    if (GUEST_BUG == 1 && n->late)
        n->late[8] ^= 1;
    while (n->rx.taken != n->rx.used->idx) {
        uint32_t id = n->rx.used->slot[n->rx.taken % QSZ].id;
        uint32_t len = n->rx.used->slot[n->rx.taken % QSZ].len;
        uint8_t *b = n->rxbuf + id * 2048;

        n->rx.taken++;
        n->late = b;
        len = len > 1600 ? 1600 : len;
        memcpy(frame, b, len);
        push(n, &n->rx, (int)id, b, 1600, 1);
        if (!(n->rx.used->flags & 1))
            wr(n, 0x50, 0);
        if (len > HDR)
            got_frame(n, frame + HDR, len - HDR);
    }
    if (now_ns >= n->next_ns) {
        n->next_ns = now_ns + 1000000000;
        if (n->gw_known)
            send_ping(n);
        else
            send_arp(n, 1, 0, gateway);
    }
}

static uint64_t guest_deadline(void *state, uint64_t now_ns)
{
    struct nic *n = state;

    (void)now_ns;
    return n->next_ns;
}

static void guest_stop(void *state, uint64_t now_ns)
{
    (void)now_ns;
    wr(state, 0x70, 0);
}

static const struct guest_ops ops = {
    .abi = GUEST_ABI,
    .name = "ping",
    .size = sizeof(struct nic),
    .boot = guest_boot,
    .poll = guest_poll,
    .deadline = guest_deadline,
    .stop = guest_stop,
};

const struct guest_ops *drywire_guest(void);
const struct guest_ops *drywire_guest(void)
{
    return &ops;
}
