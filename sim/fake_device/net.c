/*
 * The body of the fake virtio-net device (VirtIO 1.2 section 5.1): frames from the transmit queue
 * to the wire, frames from the wire into posted buffers, configuration space. With `lively` on it
 * acts when it likes: early, late, a few at a time, out of order, with notifications switched off.
 */
#include "vqueue_internal.h"
#include <string.h>

enum { EVENT_TX, EVENT_RX, EVENT_RESUME_TX, EVENT_RESUME_RX };

/* How long the device takes to react to a notification. */
#define REACTION_NS UINT64_C(1000)
#define PAUSE_NS    UINT64_C(20000)

enum { NET_MTU = 1500, NET_ETH_HEADER = 14 };

/* Less than a device may have (5.1.4.1), and a number that is no power of two. */
enum { LIE_MTU_BYTES = 67, LIE_SIZE = 3 };

/* The lies that a queue tells itself. */
static void queue_lie(struct vqueue *q, enum device_lie lie)
{
    bool rx = q->index == VIRTIO_NET_RECEIVEQ1;

    q->lie = VQUEUE_HONEST;
    if (lie == LIE_QUEUE_ABSENT && !rx)
        q->size_max = 0;
    else if (lie == LIE_QUEUE_SIZE)
        q->size_max = LIE_SIZE;
    else if (lie == (rx ? LIE_RX_USED_INDEX : LIE_TX_USED_INDEX))
        q->lie = VQUEUE_LIE_INDEX;
    else if (lie == (rx ? LIE_RX_USED_ID : LIE_TX_USED_ID))
        q->lie = VQUEUE_LIE_ID;
    else if (lie == (rx ? LIE_RX_USED_TWICE : LIE_TX_USED_TWICE))
        q->lie = VQUEUE_LIE_TWICE;
    else if (rx && lie == LIE_RX_USED_LENGTH)
        q->lie = VQUEUE_LIE_LENGTH;
}

uint64_t net_device_features(const struct net_device *n)
{
    /* Two of them are of no use to the core, which must leave them alone. With GUEST_CSUM a device
     * may, but need not, leave checksums to the driver. */
    uint64_t f = VIRTIO_BIT(VIRTIO_NET_F_STATUS) | VIRTIO_BIT(VIRTIO_NET_F_CSUM) |
                 VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM);

    if (n->config.mac_feature)
        f |= VIRTIO_BIT(VIRTIO_NET_F_MAC);
    if (n->config.mtu)
        f |= VIRTIO_BIT(VIRTIO_NET_F_MTU);
    if (n->config.mrg_rxbuf)
        f |= VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF);
    if (n->config.event_idx)
        f |= VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
    if (n->config.indirect)
        f |= VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC);
    if (n->config.packed)
        f |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
    if (n->config.legacy) {
        f |= VIRTIO_BIT(VIRTIO_F_NOTIFY_ON_EMPTY);
        if (n->config.any_layout)
            f |= VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT);
    } else if (n->config.lie != LIE_VERSION_1) {
        f |= VIRTIO_BIT(VIRTIO_F_VERSION_1);
    }
    return f;
}

void net_device_start(struct net_device *n, const struct fake_bus *bus,
                      const struct net_device_config *config)
{
    n->bus = bus;
    n->config = *config;
    if (config->lie == LIE_MTU)
        n->config.mtu = LIE_MTU_BYTES;
    n->initialised = false;
    n->link_up = true;
    n->hold_tx = false;
    n->generation = 0;
    n->guest_page_size = 0;
    if (net_device_pci(n))
        pci_power_on(n);
    for (unsigned i = 0; i < NET_QUEUES; i++) {
        n->queue[i].ready = false;
        n->queue[i].bus = bus;
        n->queue[i].index = i;
        n->queue[i].size_max = config->queue_size;
        n->queue[i].legacy = config->legacy;
        queue_lie(&n->queue[i], config->lie);
    }
    net_device_reset(n);
    n->initialised = false;
    n->frames_in = 0;
}

/* What no buffer came for. */
static void backlog_drop(struct net_device *n)
{
    for (unsigned i = 0; i < n->backlog_count; i++) {
        unsigned at = (n->backlog_head + i) % NET_BACKLOG;

        n->bus->lost(n->bus->ctx, false, n->backlog[at].bytes, n->backlog[at].len,
                     "no receive buffer");
    }
    n->backlog_head = n->backlog_count = 0;
}

void net_device_reset(struct net_device *n)
{
    n->status = 0;
    n->initialised = true;
    n->features_said = n->features_seen = false;
    n->features = 0;
    n->device_features_sel = n->driver_features_sel = n->queue_sel = 0;
    n->interrupt_status = 0;
    n->live = false;
    n->tx_scheduled = n->rx_scheduled = false;
    n->suspended = 0;
    backlog_drop(n);
    for (unsigned i = 0; i < NET_QUEUES; i++)
        vqueue_reset(&n->queue[i]);
    pci_reset(n);
}

uint32_t net_device_config_read(struct net_device *n, uint32_t offset, unsigned size)
{
    uint8_t config[VIRTIO_NET_CONFIG_SIZE] = {0};
    uint32_t value = 0;
    unsigned width = offset < VIRTIO_NET_CONFIG_STATUS ? 1 : 2; /* of the field: 4.2.2.2 */

    LOOK(n->bus, CONFIG_WRITE); /* it is used, and never written */
    if (offset >= sizeof(config) || size > sizeof(config) - offset)
        return 0;
    if (size != width)
        VIOLATION(n->bus, net_device_pci(n) ? "pci.access" : "mmio.access",
                  net_device_pci(n) ? "4.1.3.1" : "4.2.2.2",
                  "configuration at %u is read %u bytes wide, the field has %u", offset, size,
                  width);
    if (offset >= VIRTIO_NET_CONFIG_MTU)
        LOOK(n->bus, CONFIG_FEATURE);
    if (offset >= VIRTIO_NET_CONFIG_MTU && !(n->features & VIRTIO_BIT(VIRTIO_NET_F_MTU)))
        VIOLATION(n->bus, "config.feature", "2.5.1", "mtu is read without VIRTIO_NET_F_MTU");
    memcpy(config + VIRTIO_NET_CONFIG_MAC, n->config.mac, 6);
    config[VIRTIO_NET_CONFIG_STATUS] = n->link_up ? VIRTIO_NET_S_LINK_UP : 0;
    config[VIRTIO_NET_CONFIG_MTU] = (uint8_t)n->config.mtu;
    config[VIRTIO_NET_CONFIG_MTU + 1] = (uint8_t)(n->config.mtu >> 8);
    for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)config[offset + i] << (8 * i);
    if (n->config.legacy && n->config.lie == LIE_CONFIG)
        value ^= front_generation(n) & 0xff; /* no two reads agree */
    return value;
}

static void schedule(struct net_device *n, bool *scheduled, unsigned what, uint64_t delay_ns)
{
    if (*scheduled)
        return;
    *scheduled = true;
    n->bus->later(n->bus->ctx, delay_ns, what);
}

void net_device_link(struct net_device *n, bool up)
{
    if (n->link_up == up)
        return;
    n->link_up = up;
    n->generation++;
    vqueue_tell(&n->queue[0], VQUEUE_CONFIG, 0, 0);
    front_interrupt(n, VIRTIO_MMIO_INT_CONFIG, 0);
}

void net_device_hold_tx(struct net_device *n, bool hold)
{
    n->hold_tx = hold;
    if (!hold && n->live)
        schedule(n, &n->tx_scheduled, EVENT_TX, REACTION_NS);
}

/* ---- live ---- */

/* What must hold of a receive chain from the moment that it is available. */
static void rx_posted_check(struct net_device *n, const struct vqueue *q, unsigned chain)
{
    uint32_t mtu = n->features & VIRTIO_BIT(VIRTIO_NET_F_MTU) ? n->config.mtu : NET_MTU;
    uint32_t need = n->header_len + NET_ETH_HEADER + (mtu < NET_MTU ? mtu : NET_MTU);

    LOOK(n->bus, NET_DIRECTION);
    if (!(n->features & VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF)))
        LOOK(n->bus, NET_RX_SIZE);
    if (vqueue_readable(q, chain))
        VIOLATION(n->bus, "net.direction", "5.1.6.3",
                  "a device-readable buffer in the receive queue");
    else if (n->features & VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF))
        return; /* a frame goes into as many as it needs */
    else if (vqueue_writable(q, chain) < need)
        VIOLATION(n->bus, "net.rx_size", "5.1.6.3.1",
                  "a receive buffer has %u bytes, header included; the largest frame needs %u",
                  vqueue_writable(q, chain), need);
}

static void rx_fetch(struct net_device *n, struct vqueue *q)
{
    unsigned before = q->held_count;

    vqueue_fetch(q);
    for (unsigned i = before; q->ready && i < q->held_count; i++)
        rx_posted_check(n, q, vqueue_held(q, i));
}

void net_device_driver_ok(struct net_device *n)
{
    bool modern = n->features & VIRTIO_BIT(VIRTIO_F_VERSION_1);
    struct vqueue *rx = &n->queue[VIRTIO_NET_RECEIVEQ1];

    n->live = true;
    n->header_len = modern || (n->features & VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF))
                        ? VIRTIO_NET_HDR_SIZE
                        : VIRTIO_NET_HDR_SIZE_LEGACY;
    rx->shared = n->header_len;
    rx_fetch(n, rx);
    n->rx_posted = rx->held_count;
    LOOK(n->bus, NET_RX_NOT_POSTED);
    if (!rx->held_count)
        VIOLATION(n->bus, "net.rx_not_posted", "3.1.1",
                  "DRIVER_OK is set while no receive buffer is available; population of the "
                  "queues belongs to step 7, before it");
}

static uint64_t reaction(struct net_device *n)
{
    return REACTION_NS +
           (n->config.lively ? n->bus->pick(n->bus->ctx, "device.delay", PAUSE_NS) : 0);
}

void net_device_notify(struct net_device *n, uint32_t index)
{
    struct vqueue *q = index < NET_QUEUES ? &n->queue[index] : 0;

    LOOK(n->bus, NOTIFY_BEFORE_DRIVER_OK);
    LOOK(n->bus, NOTIFY_QUEUE);
    if (!n->live) {
        VIOLATION(n->bus, "notify.before_driver_ok", "3.1.1",
                  "queue %u is notified before DRIVER_OK", index);
        return;
    }
    if (!q || !q->ready) {
        VIOLATION(n->bus, "notify.queue", "4.2.2", "queue %u is notified, which is not live",
                  index);
        return;
    }
    vqueue_check_kick(q);
    vqueue_tell(q, VQUEUE_NOTIFIED, 0, 0);
    if (index == VIRTIO_NET_TRANSMITQ1)
        schedule(n, &n->tx_scheduled, EVENT_TX, reaction(n));
    else
        schedule(n, &n->rx_scheduled, EVENT_RX, reaction(n));
}

/* A buffer was used: an interrupt, if the driver wants one; who polls comes round by itself. */
static void used_interrupt(struct net_device *n, struct vqueue *q)
{
    if (vqueue_wants_interrupt(q)) {
        vqueue_tell(q, VQUEUE_INTERRUPTED, 0, 0);
        front_interrupt(n, VIRTIO_MMIO_INT_VRING, q->index);
    } else if (n->config.polled)
        n->bus->interrupt(n->bus->ctx);
}

/* ---- transmit ---- */

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

/* The driver left a checksum to the device: it is over all from csum_start on, and its field has
 * the sum of the pseudo-header already. */
static void checksum_complete(struct net_device *n, const uint8_t *h, uint8_t *frame, uint32_t len)
{
    uint32_t from = get16(h + VIRTIO_NET_HDR_CSUM_START);
    uint32_t at = from + get16(h + VIRTIO_NET_HDR_CSUM_OFFSET);
    uint32_t sum = 0;

    if (at + 2 > len) {
        VIOLATION(n->bus, "net.tx_header", "5.1.6.2.1",
                  "csum_start and csum_offset give byte %u of a frame of %u", at, len);
        return;
    }
    for (uint32_t i = from; i < len; i++)
        sum += (i - from) % 2 ? frame[i] : (uint32_t)frame[i] << 8;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~(sum + (sum >> 16));
    frame[at] = (uint8_t)(sum >> 8);
    frame[at + 1] = (uint8_t)sum;
}

/* What section 5.1.6.2.1 says about the header: there is no offload but the checksum. */
static void tx_header_check(struct net_device *n, const uint8_t *h)
{
    uint8_t allowed = n->features & VIRTIO_BIT(VIRTIO_NET_F_CSUM) ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0;

    LOOK(n->bus, NET_TX_HEADER);
    if ((h[VIRTIO_NET_HDR_FLAGS] & ~allowed) ||
        h[VIRTIO_NET_HDR_GSO_TYPE] != VIRTIO_NET_HDR_GSO_NONE)
        VIOLATION(n->bus, "net.tx_header", "5.1.6.2.1",
                  "flags %#x, gso_type %#x in a transmit header, which were not negotiated",
                  h[VIRTIO_NET_HDR_FLAGS], h[VIRTIO_NET_HDR_GSO_TYPE]);
    if (n->header_len == VIRTIO_NET_HDR_SIZE &&
        (h[VIRTIO_NET_HDR_NUM_BUFFERS] || h[VIRTIO_NET_HDR_NUM_BUFFERS + 1]))
        VIOLATION(n->bus, "net.tx_header", "5.1.6.2.1", "num_buffers is not 0 on transmit");
}

static void layout_check(struct net_device *n, const struct vqueue *q, unsigned head)
{
    if (!n->config.legacy || (n->features & VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT)))
        return;
    LOOK(n->bus, NET_LAYOUT);
    if (vqueue_first_len(q, head) != n->header_len)
        VIOLATION(n->bus, "net.layout", "5.1.6.6",
                  "queue %u: the first descriptor has %u bytes; without ANY_LAYOUT it is the "
                  "header alone, %u",
                  q->index, vqueue_first_len(q, head), n->header_len);
}

/* Does what is transmitted lie where the device receives? The driver wrote into a buffer that it
 * had given away. A scan: of the first frames, then of samples. */
static void tx_place_check(struct net_device *n, const struct vqueue *q, unsigned head)
{
    enum { FIRST = 64, SAMPLE = 16 };

    if (!n->bus->thorough && q->taken > FIRST && (n->bus->key + q->taken) % SAMPLE)
        return;
    for (const struct vbuffer *b = q->chain[head].first; b; b = b->next)
        if (vqueue_owns(&n->queue[VIRTIO_NET_RECEIVEQ1], b->addr, b->len))
            VIOLATION(n->bus, "ring.ownership", "2.7.13",
                      "what is transmitted at %#llx lies in a receive buffer that the device has",
                      (unsigned long long)b->addr);
}

/* The frame of a chain goes out; the chain is still the device's. */
static void tx_frame(struct net_device *n, struct vqueue *q, unsigned head)
{
    uint8_t packet[VIRTIO_NET_HDR_SIZE + NET_FRAME_MAX];
    uint32_t len = vqueue_readable(q, head);

    layout_check(n, q, head);
    if (vqueue_writable(q, head))
        VIOLATION(n->bus, "net.direction", "5.1.6.2",
                  "a device-writable buffer in the transmit queue");
    LOOK(n->bus, NET_TX_LENGTH);
    if (len < n->header_len + 14 || len > sizeof(packet)) {
        VIOLATION(n->bus, "net.tx_length", "5.1.6.2", "%u bytes are transmitted, header included",
                  len);
        return;
    }
    tx_place_check(n, q, head);
    vqueue_read(q, head, 0, packet, len);
    tx_header_check(n, packet);
    if (packet[VIRTIO_NET_HDR_FLAGS] & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        checksum_complete(n, packet, packet + n->header_len, len - n->header_len);
    vqueue_tell(q, VQUEUE_FRAME, head, 0);
    if (n->link_up)
        n->bus->frame(n->bus->ctx, packet + n->header_len, len - n->header_len);
    else
        n->bus->lost(n->bus->ctx, true, packet + n->header_len, len - n->header_len, "link down");
    vqueue_check_untouched(q, head);
}

/* Whether to go on with the next chain, or leave the rest for later: more often when the driver
 * sleeps, who must then find the rest while it asks for interrupts, or be woken again. */
static bool pause(struct net_device *n)
{
    return n->config.lively &&
           n->bus->chance(n->bus->ctx, "device.pause", n->config.polled ? 65536 / 16 : 65536 / 4);
}

/* Buffers may be used in any order: 2.7.9. */
static bool reorder(struct net_device *n)
{
    return n->config.lively && n->bus->chance(n->bus->ctx, "device.reorder", 65536 / 16);
}

static void tx_run(struct net_device *n)
{
    struct vqueue *q = &n->queue[VIRTIO_NET_TRANSMITQ1];
    bool done = false;
    int head;

    if (n->hold_tx)
        return;
    vqueue_fetch(q);
    while ((head = vqueue_next(q)) >= 0) {
        int second = -1;

        if (reorder(n))
            second = vqueue_next(q);
        tx_frame(n, q, (unsigned)head); /* frames keep their order, used entries need not */
        if (second >= 0) {
            tx_frame(n, q, (unsigned)second);
            vqueue_complete(q, (unsigned)second, 0);
        }
        vqueue_complete(q, (unsigned)head, 0);
        done = true;
        if (q->held_count && pause(n)) {
            schedule(n, &n->tx_scheduled, EVENT_TX, PAUSE_NS);
            break;
        }
    }
    if (done)
        used_interrupt(n, q);
}

/* ---- receive ---- */

static void rx_one(struct net_device *n, struct vqueue *q, unsigned head, unsigned at)
{
    uint32_t len = n->backlog[at].len;
    uint8_t packet[VIRTIO_NET_HDR_SIZE + NET_FRAME_MAX];

    memset(packet, 0, n->header_len);
    layout_check(n, q, head);
    vqueue_check_untouched(q, head);
    if (n->header_len == VIRTIO_NET_HDR_SIZE &&
        !n->config.lenient) /* 5.1.6.4.1: the one buffer that is used */
        packet[VIRTIO_NET_HDR_NUM_BUFFERS] = 1;
    memcpy(packet + n->header_len, n->backlog[at].bytes, len);
    vqueue_tell(q, VQUEUE_FRAME, head, n->backlog[at].number);
    vqueue_write(q, head, 0, packet, n->header_len + len);
    vqueue_complete(q, head, n->header_len + len);
}

static void rx_run(struct net_device *n)
{
    struct vqueue *q = &n->queue[VIRTIO_NET_RECEIVEQ1];
    bool done = false;
    int head;

    rx_fetch(n, q);
    while (n->backlog_count && vqueue_peek(q) >= 0) {
        unsigned at = n->backlog_head;
        uint32_t len = n->backlog[at].len;

        if (q->held_count > 1 && reorder(n))
            vqueue_swap(q);
        head = vqueue_peek(q);

        n->backlog_head = (at + 1) % NET_BACKLOG;
        n->backlog_count--;
        if (n->header_len + len > vqueue_writable(q, (unsigned)head)) {
            /* 5.1.6.4.1 */
            n->bus->lost(n->bus->ctx, false, n->backlog[at].bytes, len, "receive buffer too small");
            continue;
        }
        vqueue_next(q);
        rx_one(n, q, (unsigned)head, at);
        done = true;
        if (n->backlog_count && pause(n)) {
            schedule(n, &n->rx_scheduled, EVENT_RX, PAUSE_NS);
            break;
        }
    }
    if (done)
        used_interrupt(n, q);
}

void net_device_frame(struct net_device *n, const uint8_t *frame, size_t len)
{
    unsigned at = (n->backlog_head + n->backlog_count) % NET_BACKLOG;
    uint32_t number = n->frames_in++;

    const char *why = !n->live                          ? "device not in use"
                      : !n->link_up                     ? "link down"
                      : len > NET_FRAME_MAX             ? "longer than a frame can be"
                      : n->backlog_count == NET_BACKLOG ? "no receive buffer"
                                                        : NULL;

    if (why) {
        n->bus->lost(n->bus->ctx, false, frame, len, why);
        return;
    }
    n->backlog[at].number = number;
    n->backlog[at].len = (uint16_t)len;
    memcpy(n->backlog[at].bytes, frame, len);
    n->backlog_count++;
    /* A driver that sleeps finds it while it asks for interrupts, or is woken by it. */
    if (n->config.lively && !n->config.polled &&
        n->bus->chance(n->bus->ctx, "device.late", 65536 / 2))
        schedule(n, &n->rx_scheduled, EVENT_RX, reaction(n));
    if (!n->rx_scheduled)
        rx_run(n);
}

/* ---- a life of its own ---- */

/* Switch notifications off for a while, and look again after switching them on (2.7.10.2). */
static void suppress(struct net_device *n, unsigned queue, unsigned resume)
{
    if (!n->config.lively || !n->bus->chance(n->bus->ctx, "device.suppress", 65536 / 4))
        return;
    n->suspended++;
    vqueue_notifications(&n->queue[queue], false);
    n->bus->later(n->bus->ctx, PAUSE_NS, resume);
}

void net_device_event(struct net_device *n, unsigned what)
{
    if (!n->live)
        return;
    switch (what) {
    case EVENT_TX:
        n->tx_scheduled = false;
        suppress(n, VIRTIO_NET_TRANSMITQ1, EVENT_RESUME_TX);
        tx_run(n);
        break;
    case EVENT_RX:
        n->rx_scheduled = false;
        suppress(n, VIRTIO_NET_RECEIVEQ1, EVENT_RESUME_RX);
        rx_run(n);
        break;
    case EVENT_RESUME_TX:
        n->suspended--;
        vqueue_notifications(&n->queue[VIRTIO_NET_TRANSMITQ1], true);
        tx_run(n);
        break;
    default:
        n->suspended--;
        vqueue_notifications(&n->queue[VIRTIO_NET_RECEIVEQ1], true);
        rx_run(n);
    }
}

void net_device_poke(struct net_device *n)
{
    if (!n->live || !n->config.lively)
        return;
    for (unsigned i = 0; i < NET_QUEUES; i++)
        if (n->queue[i].notify_off && n->bus->chance(n->bus->ctx, "device.resume", 65536 / 2))
            vqueue_notifications(&n->queue[i], true);
    tx_run(n);
    rx_run(n);
}

bool net_device_busy(const struct net_device *n)
{
    return n->tx_scheduled || n->rx_scheduled || n->suspended || n->hold_tx;
}

void net_device_check_idle(struct net_device *n)
{
    if (!n->live)
        return;
    for (unsigned i = 0; i < NET_QUEUES; i++) {
        bool scheduled =
            i == VIRTIO_NET_TRANSMITQ1 ? n->tx_scheduled || n->hold_tx : n->rx_scheduled;

        if (!scheduled)
            vqueue_check_notified(&n->queue[i]);
    }
}

void net_device_check_asleep(struct net_device *n)
{
    for (unsigned i = 0; n->live && i < NET_QUEUES; i++)
        vqueue_check_asleep(&n->queue[i]);
}

void net_device_check_leaks(struct net_device *n)
{
    struct vqueue *rx = &n->queue[VIRTIO_NET_RECEIVEQ1], *tx = &n->queue[VIRTIO_NET_TRANSMITQ1];

    if (!n->live)
        return;
    vqueue_fetch(rx);
    vqueue_fetch(tx);
    LOOK(n->bus, RING_LEAK);
    if (rx->ready && rx->held_count < (n->config.refills ? n->rx_posted : 1))
        VIOLATION(n->bus, "ring.leak", "2.7.13",
                  "at rest %u receive buffers are posted, %u were at the start", rx->held_count,
                  n->rx_posted);
    if (tx->ready && tx->held_count)
        VIOLATION(n->bus, "ring.leak", "2.7.13", "at rest %u transmit chains are not done",
                  tx->held_count);
    vqueue_check_held_untouched(rx);
}

void net_device_check_quiet(struct net_device *n)
{
    LOOK(n->bus, RING_LEFT_LIVE);
    for (unsigned i = 0; i < NET_QUEUES; i++)
        if (n->queue[i].ready)
            VIOLATION(n->bus, "ring.left_live", "3.3.1",
                      "queue %u is live although the driver stopped: the device may still write to "
                      "memory that is used for something else",
                      i);
}
