/*
 * The body of the fake virtio-net device: see net.h. If it is lively it takes a few frames at a
 * time, and returns buffers out of order.
 */
#include "../../core/base/minmax.h"
#include "net.h"
#include "bodies.h"
#include <stdlib.h>
#include <string.h>

enum { NET_MTU = 1500, NET_ETH_HEADER = 14 };

/* Less than a device may have: 5.1.4.1. */
enum { LIE_MTU_BYTES = 67 };

struct fake_net *fake_net_of(const struct fake_virtio *d)
{
    if (d->body != &fake_net_body)
        abort();
    return (struct fake_net *)d;
}

static uint64_t net_features(const struct fake_virtio *d)
{
    const struct fake_net_options *c = &fake_net_of(d)->options;
    /* The core does not use two of them, and must not accept them. With GUEST_CSUM a device may,
     * but need not, leave checksums to the driver. */
    uint64_t f = VIRTIO_BIT(VIRTIO_NET_F_STATUS) | VIRTIO_BIT(VIRTIO_NET_F_CSUM) |
                 VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM);

    if (c->mac_feature)
        f |= VIRTIO_BIT(VIRTIO_NET_F_MAC);
    if (c->mtu)
        f |= VIRTIO_BIT(VIRTIO_NET_F_MTU);
    if (c->mrg_rxbuf == TOGGLE_ON)
        f |= VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF);
    return f;
}

/* Frames without a buffer. */
static void backlog_drop(struct fake_net *n)
{
    for (unsigned i = 0; i < n->backlog_count; i++) {
        unsigned at = (n->backlog_head + i) % NET_BACKLOG;

        n->device.config.wire->lost(n->device.config.wire->ctx, false, n->backlog[at].bytes,
                                    n->backlog[at].len, "no receive buffer");
    }
    n->backlog_head = n->backlog_count = 0;
}

static void net_reset(struct fake_virtio *d)
{
    backlog_drop(fake_net_of(d));
}

static uint32_t net_config_read(struct fake_virtio *d, uint32_t offset, unsigned size)
{
    struct fake_net *n = fake_net_of(d);
    uint8_t config[VIRTIO_NET_CONFIG_SIZE] = {0};
    uint32_t value = 0;

    fake_virtio_config_width(d, offset, size, offset < VIRTIO_NET_CONFIG_STATUS ? 1 : 2);
    if (offset >= VIRTIO_NET_CONFIG_MTU)
        LOOK(d->host, CONFIG_FEATURE);
    if (offset >= VIRTIO_NET_CONFIG_MTU && !(d->features & VIRTIO_BIT(VIRTIO_NET_F_MTU)))
        VIOLATION(d->host, "config.feature", "2.5.1", "mtu is read without VIRTIO_NET_F_MTU");
    d->lied |= offset >= VIRTIO_NET_CONFIG_MTU && d->config.lie == LIE_MTU;
    memcpy(config + VIRTIO_NET_CONFIG_MAC, n->options.mac, 6);
    config[VIRTIO_NET_CONFIG_STATUS] = n->link_up ? VIRTIO_NET_S_LINK_UP : 0;
    config[VIRTIO_NET_CONFIG_MTU] = (uint8_t)n->options.mtu;
    config[VIRTIO_NET_CONFIG_MTU + 1] = (uint8_t)(n->options.mtu >> 8);
    for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)config[offset + i] << (8 * i);
    return value;
}

void fake_net_link(struct fake_net *n, bool up)
{
    if (n->link_up == up)
        return;
    n->link_up = up;
    fake_virtio_config_changed(&n->device);
}

void fake_net_hold_tx(struct fake_net *n, bool hold)
{
    fake_virtio_hold(&n->device, VIRTIO_NET_TRANSMITQ1, hold);
}

/* ---- live ---- */

/* Checks of a receive chain when it becomes available. */
static void rx_posted_check(struct fake_net *n, const struct vqueue *q, unsigned chain,
                            uint32_t need)
{
    if (q->chain[chain].readable)
        VIOLATION(n->device.host, "net.direction", "5.1.6.3",
                  "a device-readable buffer in the receive queue");
    else if (q->chain[chain].writable < need)
        VIOLATION(n->device.host, "net.rx_size", "5.1.6.3.1",
                  "a receive buffer has %u bytes, header included; the largest frame needs %u",
                  q->chain[chain].writable, need);
}

static void rx_fetch(struct fake_net *n, struct vqueue *q)
{
    uint64_t features = n->device.features;
    uint32_t mtu = features & VIRTIO_BIT(VIRTIO_NET_F_MTU) ? n->options.mtu : NET_MTU;
    uint32_t need = n->header_len + NET_ETH_HEADER + min_u32(mtu, NET_MTU);
    unsigned before = q->held_count;

    vqueue_fetch(q);
    if (!q->ready || q->held_count == before)
        return;
    LOOK(n->device.host, NET_DIRECTION);
    if (features & VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF))
        need = 0; /* a frame uses as many buffers as it needs */
    else
        LOOK(n->device.host, NET_RX_SIZE);
    for (unsigned i = before; i < q->held_count; i++)
        rx_posted_check(n, q, vqueue_held(q, i), need);
}

static void net_driver_ok(struct fake_virtio *d)
{
    struct fake_net *n = fake_net_of(d);
    bool modern = n->device.features & VIRTIO_BIT(VIRTIO_F_VERSION_1);
    struct vqueue *rx = &n->device.queue[VIRTIO_NET_RECEIVEQ1];

    n->header_len = modern || (n->device.features & VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF))
                        ? VIRTIO_NET_HDR_SIZE
                        : VIRTIO_NET_HDR_SIZE_LEGACY;
    rx->shared = n->header_len;
    rx_fetch(n, rx);
    n->rx_posted = rx->held_count;
    LOOK(n->device.host, NET_RX_NOT_POSTED);
    if (!rx->held_count)
        VIOLATION(n->device.host, "net.rx_not_posted", "3.1.1",
                  "DRIVER_OK is set while no receive buffer is available; population of the "
                  "queues belongs to step 7, before it");
}

/* ---- transmit ---- */

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

/* The driver left a checksum to the device: it covers all bytes from csum_start on, and its field
 * already has the sum of the pseudo-header. */
static void checksum_complete(struct fake_net *n, const uint8_t *h, uint8_t *frame, uint32_t len)
{
    uint32_t from = get16(h + VIRTIO_NET_HDR_CSUM_START);
    uint32_t at = from + get16(h + VIRTIO_NET_HDR_CSUM_OFFSET);
    uint32_t sum = 0;

    if (at + 2 > len) {
        VIOLATION(n->device.host, "net.tx_header", "5.1.6.2.1",
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

/* Checks the header by section 5.1.6.2.1: no offload but the checksum. */
static void tx_header_check(struct fake_net *n, const uint8_t *h)
{
    uint8_t allowed =
        n->device.features & VIRTIO_BIT(VIRTIO_NET_F_CSUM) ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0;

    LOOK(n->device.host, NET_TX_HEADER);
    if ((h[VIRTIO_NET_HDR_FLAGS] & ~allowed) ||
        h[VIRTIO_NET_HDR_GSO_TYPE] != VIRTIO_NET_HDR_GSO_NONE)
        VIOLATION(n->device.host, "net.tx_header", "5.1.6.2.1",
                  "flags %#x, gso_type %#x in a transmit header, which were not negotiated",
                  h[VIRTIO_NET_HDR_FLAGS], h[VIRTIO_NET_HDR_GSO_TYPE]);
    if (n->header_len == VIRTIO_NET_HDR_SIZE &&
        (h[VIRTIO_NET_HDR_NUM_BUFFERS] || h[VIRTIO_NET_HDR_NUM_BUFFERS + 1]))
        VIOLATION(n->device.host, "net.tx_header", "5.1.6.2.1", "num_buffers is not 0 on transmit");
}

static void layout_check(struct fake_net *n, const struct vqueue *q, unsigned head)
{
    if (!n->device.config.legacy || (n->device.features & VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT)))
        return;
    LOOK(n->device.host, NET_LAYOUT);
    if (vqueue_first_len(q, head) != n->header_len)
        VIOLATION(n->device.host, "net.layout", "5.1.6.6",
                  "queue %u: the first descriptor has %u bytes; without ANY_LAYOUT it is the "
                  "header alone, %u",
                  q->index, vqueue_first_len(q, head), n->header_len);
}

/* Checks that a transmitted frame is not in a receive buffer of the device: the driver would have
 * written into it. A scan: of the first frames, then of samples. */
static void tx_place_check(struct fake_net *n, const struct vqueue *q, unsigned head)
{
    enum { FIRST = 64, SAMPLE = 16 };

    if (!n->device.host->thorough && q->taken > FIRST && (n->device.host->key + q->taken) % SAMPLE)
        return;
    for (const struct vbuffer *b = q->chain[head].first; b; b = b->next)
        if (vqueue_owns(&n->device.queue[VIRTIO_NET_RECEIVEQ1], b->addr, b->len))
            VIOLATION(n->device.host, "ring.ownership", "2.7.13",
                      "what is transmitted at %#llx lies in a receive buffer that the device has",
                      (unsigned long long)b->addr);
}

/* Send the frame of a chain; the chain is still the device's. */
static void tx_frame(struct fake_net *n, struct vqueue *q, unsigned head)
{
    uint8_t packet[VIRTIO_NET_HDR_SIZE + NET_FRAME_MAX];
    uint32_t len = q->chain[head].readable;

    layout_check(n, q, head);
    if (q->chain[head].writable)
        VIOLATION(n->device.host, "net.direction", "5.1.6.2",
                  "a device-writable buffer in the transmit queue");
    LOOK(n->device.host, NET_TX_LENGTH);
    if (len < n->header_len + 14 || len > sizeof(packet)) {
        VIOLATION(n->device.host, "net.tx_length", "5.1.6.2",
                  "%u bytes are transmitted, header included", len);
        return;
    }
    tx_place_check(n, q, head);
    vqueue_read(q, head, 0, packet, len);
    tx_header_check(n, packet);
    if (packet[VIRTIO_NET_HDR_FLAGS] & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        checksum_complete(n, packet, packet + n->header_len, len - n->header_len);
    vqueue_tell(q, VQUEUE_FRAME, head, 0);
    if (n->link_up)
        n->device.config.wire->frame(n->device.config.wire->ctx, packet + n->header_len,
                                     len - n->header_len);
    else
        n->device.config.wire->lost(n->device.config.wire->ctx, true, packet + n->header_len,
                                    len - n->header_len, "link down");
    vqueue_check_untouched(q, head);
}

static void tx_run(struct fake_net *n)
{
    struct vqueue *q = &n->device.queue[VIRTIO_NET_TRANSMITQ1];
    bool done = false;
    int head;

    vqueue_fetch(q);
    while ((head = vqueue_next(q)) >= 0) {
        int second = -1;

        if (fake_virtio_reorder(&n->device))
            second = vqueue_next(q);
        tx_frame(n, q, (unsigned)head); /* frames keep their order, used entries need not */
        if (second >= 0) {
            tx_frame(n, q, (unsigned)second);
            vqueue_complete(q, (unsigned)second, 0);
        }
        vqueue_complete(q, (unsigned)head, 0);
        done = true;
        if (q->held_count && fake_virtio_pause(&n->device)) {
            fake_virtio_schedule(&n->device, VIRTIO_NET_TRANSMITQ1, FAKE_PAUSE_NS);
            break;
        }
    }
    if (done)
        fake_virtio_used(&n->device, q);
}

/* ---- receive ---- */

static void rx_one(struct fake_net *n, struct vqueue *q, unsigned head, unsigned at)
{
    uint32_t len = n->backlog[at].len;
    uint8_t packet[VIRTIO_NET_HDR_SIZE + NET_FRAME_MAX];

    memset(packet, 0, n->header_len);
    layout_check(n, q, head);
    vqueue_check_untouched(q, head);
    if (n->header_len == VIRTIO_NET_HDR_SIZE &&
        !n->device.config.lenient) /* 5.1.6.4.1: the one buffer that is used */
        packet[VIRTIO_NET_HDR_NUM_BUFFERS] = 1;
    memcpy(packet + n->header_len, n->backlog[at].bytes, len);
    vqueue_tell(q, VQUEUE_FRAME, head, n->backlog[at].number);
    vqueue_write(q, head, 0, packet, n->header_len + len);
    vqueue_complete(q, head, n->header_len + len);
}

static void rx_run(struct fake_net *n)
{
    struct vqueue *q = &n->device.queue[VIRTIO_NET_RECEIVEQ1];
    bool done = false;
    int head;

    rx_fetch(n, q);
    while (n->backlog_count && vqueue_peek(q) >= 0) {
        unsigned at = n->backlog_head;
        uint32_t len = n->backlog[at].len;

        if (q->held_count > 1 && fake_virtio_reorder(&n->device))
            vqueue_swap(q);
        head = vqueue_peek(q);

        n->backlog_head = (at + 1) % NET_BACKLOG;
        n->backlog_count--;
        if (n->header_len + len > q->chain[head].writable) {
            /* 5.1.6.4.1 */
            n->device.config.wire->lost(n->device.config.wire->ctx, false, n->backlog[at].bytes,
                                        len, "receive buffer too small");
            continue;
        }
        vqueue_next(q);
        rx_one(n, q, (unsigned)head, at);
        done = true;
        if (n->backlog_count && fake_virtio_pause(&n->device)) {
            fake_virtio_schedule(&n->device, VIRTIO_NET_RECEIVEQ1, FAKE_PAUSE_NS);
            break;
        }
    }
    if (done)
        fake_virtio_used(&n->device, q);
}

void fake_net_frame(struct fake_net *n, const uint8_t *frame, size_t len)
{
    unsigned at = (n->backlog_head + n->backlog_count) % NET_BACKLOG;
    uint32_t number = n->frames_in++;

    const char *why = !n->device.live                   ? "device not in use"
                      : !n->link_up                     ? "link down"
                      : len > NET_FRAME_MAX             ? "longer than a frame can be"
                      : n->backlog_count == NET_BACKLOG ? "no receive buffer"
                                                        : NULL;

    if (why) {
        n->device.config.wire->lost(n->device.config.wire->ctx, false, frame, len, why);
        return;
    }
    n->backlog[at].number = number;
    n->backlog[at].len = (uint16_t)len;
    memcpy(n->backlog[at].bytes, frame, len);
    n->backlog_count++;
    /* A sleeping driver finds it when it enables interrupts, or is woken by it. */
    if (n->device.config.lively && !n->device.config.polled &&
        n->device.host->chance(n->device.host->ctx, "device.late", 65536 / 2))
        fake_virtio_schedule(&n->device, VIRTIO_NET_RECEIVEQ1, fake_virtio_reaction(&n->device));
    if (!(n->device.scheduled >> VIRTIO_NET_RECEIVEQ1 & 1))
        rx_run(n);
}

/* ---- the device ---- */

static void net_run(struct fake_virtio *d, unsigned queue)
{
    if (queue == VIRTIO_NET_TRANSMITQ1)
        tx_run(fake_net_of(d));
    else
        rx_run(fake_net_of(d));
}

static void net_check_leaks(struct fake_virtio *d)
{
    struct fake_net *n = fake_net_of(d);
    struct vqueue *rx = &n->device.queue[VIRTIO_NET_RECEIVEQ1],
                  *tx = &n->device.queue[VIRTIO_NET_TRANSMITQ1];

    if (rx->ready && rx->held_count < (n->device.config.refills ? n->rx_posted : 1))
        VIOLATION(n->device.host, "ring.leak", "2.7.13",
                  "at rest %u receive buffers are posted, %u were at the start", rx->held_count,
                  n->rx_posted);
    if (tx->ready && tx->held_count)
        VIOLATION(n->device.host, "ring.leak", "2.7.13", "at rest %u transmit chains are not done",
                  tx->held_count);
    vqueue_check_held_untouched(rx);
}

/* Power-on. mac= has a form of its own, which the scenario reader knows. */
static void net_start(struct fake_virtio *d, const void *options)
{
    struct fake_net *n = fake_net_of(d);

    memcpy(&n->options, options, sizeof(n->options));
    if (d->config.lie == LIE_MTU)
        n->options.mtu = LIE_MTU_BYTES;
    n->link_up = true;
    n->frames_in = 0;
}

static const struct key net_keys[] = {
    {"mtu", VALUE_NUMBER, FIELD(fake_net_options, mtu), NUMBERS(68, UINT16_MAX)},
    {"mrg-rxbuf", VALUE_TOGGLE, FIELD(fake_net_options, mrg_rxbuf)},
    {0},
};
FAKE_BODY_FITS(struct fake_net_options, net_keys);

const struct fake_body_ops fake_net_body = {
    .name = "virtio-net",
    .size = sizeof(struct fake_net),
    .keys = net_keys,
    .type = VIRTIO_ID_NET,
    .pci_transitional = VIRTIO_PCI_DEVICE_TRANSITIONAL,
    .pci_class = 0x0200, /* Ethernet */
    .queues = 2,
    .config_size = VIRTIO_NET_CONFIG_SIZE,
    .start = net_start,
    .features = net_features,
    .config_read = net_config_read,
    .reset = net_reset,
    .driver_ok = net_driver_ok,
    .run = net_run,
    .check_leaks = net_check_leaks,
};
