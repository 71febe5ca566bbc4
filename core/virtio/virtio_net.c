/* The virtio network device, driver side: see virtio_net.h. */
#include "virtio_net.h"
#include "../base/check.h"
#include "../base/minmax.h"
#include "../port/machine.h"
#include "../base/mem.h"
#include "../port/ring.h"
#include "../trace/trace.h"
#include "drivers.h"

VIRTIO_DRIVER_FITS(sizeof(struct virtio_net), VIRTIO_NET_DMA_SPARE);

/* A device that holds frames for this long and returns none does not see them. */
#define STALL_NS NS_PER_S

static uint64_t virtio_net_bus(const struct virtio_net *n, const void *ptr)
{
    const struct platform *p = n->dev.platform;

    return p->bus_address(p->ctx, ptr);
}

/* ---- receive ---- */

static void rx_post(struct virtio_net *n, uint8_t *slot)
{
    uint64_t at = virtio_net_bus(n, slot);
    struct virtq_seg seg[2] = {{at, VIRTIO_NET_RX_BUFFER_MIN}};
    unsigned count = 1;

    if (n->split_header) { /* section 5.1.6.6 */
        seg[0].len = n->header_len;
        seg[1] = (struct virtq_seg){at + n->header_len, VIRTIO_NET_RX_BUFFER_MIN - n->header_len};
        count = 2;
    }
    CHECK(virtq_add(&n->rx, seg, 0, count, slot) == 0);
}

static bool net_receive(void *ctx, struct frame_view *view)
{
    struct virtio_net *n = ctx;
    void *token;
    uint32_t len;

    while (virtq_get_used(&n->rx, &token, &len) == 1) {
        uint8_t *slot = token;

        n->netdev.frames_rx++;
        ring_take(n->dev.platform, slot, len);
        if (len < n->header_len || slot[VIRTIO_NET_HDR_GSO_TYPE] != VIRTIO_NET_HDR_GSO_NONE) {
            rx_post(n, slot); /* no frame, or one that was never negotiated: 5.1.6.4 */
            continue;
        }
        view->frame = slot + n->header_len;
        view->len = len - n->header_len;
        view->token = slot;
        return true;
    }
    return false;
}

static void net_recycle(void *ctx, struct frame_view *view)
{
    struct virtio_net *n = ctx;

    if (!n->dev.failed)
        rx_post(n, view->token);
}

/* ---- transmit ---- */

static void tx_freed(struct virtio_net *n, const uint8_t *slot)
{
    size_t at = (size_t)(slot - n->tx_slots);

    CHECK(n->tx_free_count < n->tx_count);
    CHECK(at % VIRTIO_NET_SLOT == 0);
    CHECK(at / VIRTIO_NET_SLOT < n->tx_count);
    n->tx_free[n->tx_free_count++] = (uint16_t)(at / VIRTIO_NET_SLOT);
}

static void tx_reclaim(struct virtio_net *n)
{
    void *token;
    uint32_t len;

    while (virtq_get_used(&n->tx, &token, &len) == 1) {
        tx_freed(n, token);
        n->tx_watch_ns = 0;
        n->tx_stalled = false;
    }
}

/* No timer for this: it is checked at polls that happen anyway. Traced once for each stall of the
 * queue. */
static void tx_watch(struct virtio_net *n, uint64_t now_ns)
{
    if (n->tx.in_flight == 0 || n->tx_stalled)
        return;
    if (n->tx_watch_ns == 0)
        n->tx_watch_ns = now_ns;
    if (now_ns - n->tx_watch_ns < STALL_NS)
        return;
    n->tx_stalled = true;
    TRACE(n->dev.platform, TRACE_VNET_STALLED, n->tx.in_flight);
}

static uint8_t *net_alloc(void *ctx)
{
    struct virtio_net *n = ctx;
    unsigned need = virtq_descriptors(&n->tx, n->split_header ? 2 : 1);

    if (n->tx.free_count < need || n->tx_free_count == 0)
        tx_reclaim(n);
    if (n->dev.failed || n->tx.free_count < need || n->tx_free_count == 0) {
        n->tx_short = true;
        return 0;
    }

    uint8_t *slot = n->tx_slots + n->tx_free[--n->tx_free_count] * (size_t)VIRTIO_NET_SLOT;

    return slot + n->header_len;
}

static void net_free(void *ctx, uint8_t *frame)
{
    struct virtio_net *n = ctx;

    tx_freed(n, frame - n->header_len);
}

static void net_send(void *ctx, uint8_t *frame, size_t len)
{
    struct virtio_net *n = ctx;
    uint8_t *slot = frame - n->header_len;
    uint64_t at = virtio_net_bus(n, slot);
    struct virtq_seg seg[2] = {{at, (uint32_t)(n->header_len + len)}};
    unsigned count = 1;

    CHECK(len > 0);
    CHECK(len <= NETDEV_FRAME_MAX);
    mem_fill(slot, 0, n->header_len); /* no offload, num_buffers 0: section 5.1.6.2.1 */
    if (n->split_header) {
        seg[0].len = n->header_len;
        seg[1] = (struct virtq_seg){at + n->header_len, (uint32_t)len};
        count = 2;
    }
    if (n->dev.failed || virtq_add(&n->tx, seg, count, 0, slot)) {
        net_free(ctx, frame); /* a parked frame that was sent while the ring was full */
        return;
    }
    ring_give(n->dev.platform, slot, n->header_len + len);
    n->netdev.frames_tx++;
}

/* ---- bring-up ---- */

/* A random, locally administered unicast address (5.1.4.2). */
static void local_mac(uint8_t mac[MAC_LEN], struct rng *random)
{
    uint64_t r = rng_next(random);

    mem_copy(mac, &r, MAC_LEN);
    mac[0] = (uint8_t)((mac[0] & ~1u) | 2);
}

static int read_config(struct virtio_net *n, struct rng *random)
{
    uint8_t buf[MAC_LEN];
    static const uint8_t none[MAC_LEN];

    n->netdev.mtu = NETDEV_MTU_MAX;
    mem_fill(n->netdev.mac, 0, MAC_LEN);
    if (virtio_has(&n->dev, VIRTIO_NET_F_MAC) &&
        virtio_config_read(&n->dev, VIRTIO_NET_CONFIG_MAC, n->netdev.mac, MAC_LEN, 1))
        return ERR_DEVICE;
    if (n->netdev.mac[0] & 1 || mem_equal(n->netdev.mac, none, MAC_LEN))
        local_mac(n->netdev.mac, random);
    if (virtio_has(&n->dev, VIRTIO_NET_F_MTU)) {
        if (virtio_config_read(&n->dev, VIRTIO_NET_CONFIG_MTU, buf, 2, 2))
            return ERR_DEVICE;

        unsigned mtu = buf[0] | buf[1] << 8;

        if (mtu < NETDEV_MTU_MIN) /* a device may report 68 (5.1.4.1): too small for DHCP */
            return virtio_fail(&n->dev, VIRTIO_FAILURE_MTU, mtu);
        if (mtu < NETDEV_MTU_MAX)
            n->netdev.mtu = (uint16_t)mtu;
    }
    return 0;
}

static void read_link(struct virtio_net *n)
{
    uint8_t buf[2] = {VIRTIO_NET_S_LINK_UP, 0};
    bool was_up = n->netdev.link;

    if (virtio_has(&n->dev, VIRTIO_NET_F_STATUS) &&
        virtio_config_read(&n->dev, VIRTIO_NET_CONFIG_STATUS, buf, 2, 2))
        return;
    n->netdev.link = buf[0] & VIRTIO_NET_S_LINK_UP;
    if (n->netdev.link != was_up)
        TRACE(n->dev.platform, TRACE_VNET_LINK, n->netdev.link);
}

static int make_slots(struct virtio_net *n, struct dma_memory *memory, unsigned max)
{
    unsigned per_frame = virtq_descriptors(&n->rx, n->split_header ? 2 : 1);
    unsigned rx = n->rx.size / per_frame, tx = n->tx.size / per_frame;

    if (rx == 0 || tx == 0)
        return virtio_fail(&n->dev, VIRTIO_FAILURE_QUEUE_SIZE, rx ? n->tx.size : n->rx.size);
    n->rx_count = (uint16_t)min_u32(rx, max);
    tx = min_u32(tx, max);
    n->tx_count = (uint16_t)(tx + NETDEV_PARKED_MAX + 1);
    n->rx_slots = dma_take(memory, n->rx_count * (size_t)VIRTIO_NET_SLOT, VIRTIO_NET_SLOT);
    n->tx_slots = dma_take(memory, n->tx_count * (size_t)VIRTIO_NET_SLOT, VIRTIO_NET_SLOT);
    if (!n->rx_slots || !n->tx_slots)
        return virtio_fail(&n->dev, VIRTIO_FAILURE_MEMORY, memory->size);
    n->tx_free_count = n->tx_count;
    for (unsigned i = 0; i < n->tx_count; i++)
        n->tx_free[i] = (uint16_t)(n->tx_count - 1 - i);
    return 0;
}

static void rx_fill(struct virtio_net *n)
{
    for (unsigned i = 0; i < n->rx_count; i++)
        rx_post(n, n->rx_slots + i * (size_t)VIRTIO_NET_SLOT);
}

/* Traced only for features beyond the plain split ring. */
static void trace_ring(const struct virtio_net *n)
{
    if (n->rx.packed || n->rx.event_idx || n->rx.tables || n->interrupts)
        TRACE(n->dev.platform, TRACE_VNET_RING, n->rx.packed, n->rx.event_idx, n->rx.tables != 0,
              n->interrupts);
}

int virtio_net_init(struct virtio_net *n, const struct platform *p,
                    const struct virtio_place *place, struct dma_memory *memory, struct rng *random,
                    const struct virtio_options *options)
{
    uint64_t wanted = VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT) |
                      VIRTIO_BIT(VIRTIO_F_RING_PACKED) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX) |
                      VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC) | VIRTIO_BIT(VIRTIO_NET_F_MAC) |
                      VIRTIO_BIT(VIRTIO_NET_F_STATUS) | VIRTIO_BIT(VIRTIO_NET_F_MTU);
    int type = virtio_open(&n->dev, p, place);

    if (type < 0)
        return type;
    if (type != VIRTIO_ID_NET)
        return ERR_NODEV;
    if (virtio_reset(&n->dev) || virtio_negotiate(&n->dev, wanted & ~options->refuse))
        return ERR_DEVICE;

    bool modern = virtio_has(&n->dev, VIRTIO_F_VERSION_1);

    n->header_len = modern ? VIRTIO_NET_HDR_SIZE : VIRTIO_NET_HDR_SIZE_LEGACY;
    n->split_header = !modern && !virtio_has(&n->dev, VIRTIO_F_ANY_LAYOUT);
    n->netdev = (struct netdev){
        .ctx = n,
        .receive = net_receive,
        .recycle = net_recycle,
        .alloc = net_alloc,
        .send = net_send,
        .free = net_free,
        .link = true,
    };
    n->interrupts = options->interrupts;
    n->tx_short = n->more = n->tx_stalled = false;
    n->tx_watch_ns = 0;
    if (read_config(n, random))
        return ERR_DEVICE;
    read_link(n);
    if (n->dev.failed || virtq_setup(&n->rx, &n->dev, VIRTIO_NET_RECEIVEQ1, memory) ||
        virtq_setup(&n->tx, &n->dev, VIRTIO_NET_TRANSMITQ1, memory) ||
        make_slots(n, memory, options->spare ? VIRTIO_NET_FRAMES_SPARE : VIRTIO_NET_FRAMES_MAX))
        return ERR_DEVICE;

    /* The queue is filled before DRIVER_OK, and notified after it: 3.1.1 step 7. */
    rx_fill(n);
    virtq_publish(&n->rx);
    virtio_driver_ok(&n->dev);
    virtq_kick(&n->rx);

    if (place->bus == VIRTIO_BUS_PCI)
        TRACE(p, TRACE_VNET_PCI, place->address, place->irq, trace_mac(n->netdev.mac),
              n->netdev.mtu, n->dev.legacy, n->rx.size);
    else
        TRACE(p, TRACE_VNET_DEVICE, place->address, place->irq, trace_mac(n->netdev.mac),
              n->netdev.mtu,
              n->dev.legacy ? VIRTIO_MMIO_VERSION_LEGACY : VIRTIO_MMIO_VERSION_MODERN, n->rx.size);
    trace_ring(n);
    TRACE0(p, TRACE_VNET_READY);
    return n->dev.failed ? ERR_DEVICE : 0;
}

void virtio_net_check(struct virtio_net *n, uint64_t now_ns)
{
    if (n->dev.failed)
        return;
    if (n->interrupts) {
        n->dev.transport->interrupt_ack(
            &n->dev); /* before the queues are read, or an interrupt is lost */
        virtq_interrupts(&n->rx, false);
        if (n->tx_short)
            virtq_interrupts(&n->tx, false);
        n->tx_short = false;
    }
    tx_reclaim(n);
    if (n->dev.failed)
        return;
    tx_watch(n, now_ns);
    if (virtio_check(&n->dev, now_ns))
        read_link(n);
}

uint64_t virtio_net_deadline(const struct virtio_net *n)
{
    if (n->dev.failed)
        return DEADLINE_NEVER;
    return n->more ? 0 : virtio_check_deadline(&n->dev);
}

void virtio_net_kick(struct virtio_net *n)
{
    INVARIANTS(virtio_net_invariants(n));
    if (n->dev.failed)
        return;
    virtq_kick(&n->rx);
    virtq_kick(&n->tx);
    if (!n->interrupts)
        return;
    n->more = virtq_interrupts(&n->rx, true);
    if (n->tx_short)
        n->more |= virtq_interrupts(&n->tx, true);
}

bool virtio_net_sent(const struct virtio_net *n)
{
    return n->dev.failed || n->tx.in_flight == 0;
}

void virtio_net_stop(struct virtio_net *n)
{
    if (!n->dev.failed)
        virtio_reset(&n->dev);
}

/* ---- as a row of the kernel's table ---- */

static int net_init(void *state, const struct platform *p, const struct virtio_place *place,
                    struct dma_memory *memory, struct rng *random,
                    const struct virtio_options *options)
{
    return virtio_net_init(state, p, place, memory, random, options);
}

static void net_check(void *state, uint64_t now_ns)
{
    virtio_net_check(state, now_ns);
}

static void net_kick(void *state)
{
    virtio_net_kick(state);
}

static uint64_t net_deadline(const void *state)
{
    return virtio_net_deadline(state);
}

static bool net_sent(const void *state)
{
    return virtio_net_sent(state);
}

static void net_stop(void *state)
{
    virtio_net_stop(state);
}

static struct netdev *net_netdev(void *state)
{
    struct virtio_net *n = state;

    return &n->netdev;
}

const struct virtio_driver virtio_net_driver = {
    .type = VIRTIO_ID_NET,
    .failed = TRACE_VNET_FAILED,
    .init = net_init,
    .check = net_check,
    .kick = net_kick,
    .deadline = net_deadline,
    .stop = net_stop,
    .netdev = net_netdev,
    .sent = net_sent,
};
