/* Records registers, rings and frames: see record.h. */
#include "record.h"
#include "../../core/base/minmax.h"
#include "../../core/virtio/virtio_spec.h"
#include "../../sim/frame/decode.h"
#include "registers.h"
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

enum { QUEUES = 3, SIZE_MAX_WATCHED = 1024, PACKET_MAX = 4096 };

struct watched {
    bool live;
    uint32_t size;
    uint64_t desc, avail, used;
    uint16_t avail_seen, used_seen;
};

/* One guest at a time: its platform has no second context pointer (in the simulator the hooks of
 * ring.h use the first). */
static struct {
    struct record_options options;
    const struct guest_ops *inner;
    struct guest_ops guest;
    const struct platform *below;
    struct platform platform;
    struct registers registers;
    bool pci, found; /* on a PCI bus; and their address is known */
    uint8_t *dma;
    uint64_t dma_bus;
    size_t dma_size;

    uint32_t features_select, queue_select, page_size, align;
    uint64_t features;
    struct watched queue[QUEUES];
} r;

__attribute__((format(printf, 1, 2))) static void record_say(const char *format, ...)
{
    va_list args;

    if (!r.options.out)
        return;
    va_start(args, format);
    vfprintf(r.options.out, format, args);
    va_end(args);
    putc('\n', r.options.out);
}

/* ---- DMA memory, by bus address ---- */

static const uint8_t *record_dma_at(uint64_t bus, size_t len)
{
    uint64_t offset = bus - r.dma_bus;

    return offset <= r.dma_size && len <= r.dma_size - offset ? r.dma + offset : NULL;
}

/* A word that the other side may write at the same time: one access of its width. */
static uint64_t record_dma_load(uint64_t bus, unsigned size)
{
    const uint8_t *p = record_dma_at(bus, size);

    if (!p || (uintptr_t)p % size)
        return 0;
    switch (size) {
    case 2:
        return *(const volatile uint16_t *)(const void *)p;
    case 4:
        return *(const volatile uint32_t *)(const void *)p;
    default:
        return *(const volatile uint64_t *)(const void *)p;
    }
}

/* ---- frames ---- */

static unsigned record_header_len(void)
{
    return r.features & (VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF))
               ? VIRTIO_NET_HDR_SIZE
               : VIRTIO_NET_HDR_SIZE_LEGACY;
}

/* FNV-1a of the bytes that two runs must have in common. */
static uint64_t record_frame_sum(const struct decoded *d, const uint8_t *frame, size_t len)
{
    enum { IP = 14, IP_ID = IP + 4, IP_CHECKSUM = IP + 10, ARP_END = IP + 28 };
    size_t end = d->ip_header_len ? d->ip_end : d->layer == LAYER_ARP ? ARP_END : len;
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < end && i < len; i++) {
        bool left_out = d->ip_header_len &&
                        (i == IP_ID || i == IP_ID + 1 || i == IP_CHECKSUM || i == IP_CHECKSUM + 1);

        sum = (sum ^ (left_out ? 0 : frame[i])) * UINT64_C(0x100000001b3);
    }
    return sum;
}

static void record_frame(bool outbound, const uint8_t *packet, size_t len)
{
    char what[200], header[2 * VIRTIO_NET_HDR_SIZE + 1] = "";
    unsigned skip = record_header_len();
    struct decoded d;

    if (len < skip) {
        record_say("frame %s short len=%zu", outbound ? "tx" : "rx", len);
        return;
    }
    for (unsigned i = 0; i < skip; i++)
        snprintf(header + 2 * i, 3, "%02x", packet[i]);
    decode_frame(packet + skip, len - skip, &d);
    record_say("frame %s header=%s len=%zu sum=%016" PRIx64 " %s", outbound ? "tx" : "rx", header,
               len - skip, record_frame_sum(&d, packet + skip, len - skip),
               decode_summary(&d, what, sizeof(what)));
    if (r.options.frame)
        r.options.frame(outbound, packet + skip, len - skip);
}

/* Copy the readable or the writable part of a chain, at most `limit` bytes. */
static size_t record_gather(const struct watched *q, unsigned head, unsigned flag, size_t limit,
                            uint8_t *out)
{
    uint64_t table = q->desc;
    uint32_t entries = q->size;
    size_t len = 0;
    unsigned at = head;

    for (unsigned turn = 0; turn < SIZE_MAX_WATCHED && at < entries; turn++) {
        uint64_t desc = table + at * (uint64_t)VIRTQ_DESC_SIZE;
        uint64_t addr = record_dma_load(desc + VIRTQ_DESC_ADDR, 8);
        uint32_t n = (uint32_t)record_dma_load(desc + VIRTQ_DESC_LEN, 4);
        unsigned flags = (unsigned)record_dma_load(desc + VIRTQ_DESC_FLAGS, 2);
        const uint8_t *bytes;

        if (flags & VIRTQ_DESC_F_INDIRECT) { /* 2.7.5.3: the chain continues there, from entry 0 */
            table = addr;
            entries = n / VIRTQ_DESC_SIZE;
            at = 0;
            continue;
        }
        n = (uint32_t)min_u64(n, limit - len);
        bytes = record_dma_at(addr, n);
        if ((flags & VIRTQ_DESC_F_WRITE) == flag && bytes) {
            memcpy(out + len, bytes, n);
            len += n;
        }
        if (!(flags & VIRTQ_DESC_F_NEXT))
            break;
        at = (unsigned)record_dma_load(desc + VIRTQ_DESC_NEXT, 2);
    }
    return len;
}

/* ---- rings ---- */

/* A frame is sent when the driver publishes it; the device does not access it before. */
static void record_look_at_avail(struct watched *q)
{
    static uint8_t packet[PACKET_MAX];
    uint16_t idx = (uint16_t)record_dma_load(q->avail + VIRTQ_AVAIL_IDX, 2);

    while (q->avail_seen != idx) {
        unsigned slot = q->avail_seen++ % q->size;
        unsigned head = (unsigned)record_dma_load(
            q->avail + VIRTQ_AVAIL_RING + VIRTQ_AVAIL_ELEM_SIZE * (uint64_t)slot, 2);

        record_frame(true, packet, record_gather(q, head, 0, sizeof(packet), packet));
    }
}

static void record_look_at_used(unsigned index)
{
    static uint8_t packet[PACKET_MAX];
    struct watched *q = &r.queue[index];
    uint16_t idx = (uint16_t)record_dma_load(q->used + VIRTQ_USED_IDX, 2);

    __atomic_thread_fence(__ATOMIC_ACQUIRE); /* entries after idx: 2.7.14 */
    while (q->used_seen != idx) {
        uint64_t at =
            q->used + VIRTQ_USED_RING + VIRTQ_USED_ELEM_SIZE * (uint64_t)(q->used_seen++ % q->size);
        uint32_t id = (uint32_t)record_dma_load(at + VIRTQ_USED_ELEM_ID, 4);
        uint32_t len = (uint32_t)record_dma_load(at + VIRTQ_USED_ELEM_LEN, 4);

        record_say("used %u id=%u len=%u", index, id, len);
        if (index == VIRTIO_NET_RECEIVEQ1)
            record_frame(
                false, packet,
                record_gather(q, id, VIRTQ_DESC_F_WRITE, min_u32(len, PACKET_MAX), packet));
    }
}

/* Called at every barrier of the driver: there always is one between a load of a used index and its
 * entries, and between an available entry and the next change of its buffers. Sent frames are
 * checked first, since they may be the cause of received ones. */
static void record_look(void)
{
    if (r.queue[VIRTIO_NET_TRANSMITQ1].live)
        record_look_at_avail(&r.queue[VIRTIO_NET_TRANSMITQ1]);
    for (unsigned i = 0; i <= VIRTIO_NET_TRANSMITQ1; i++)
        if (r.queue[i].live)
            record_look_at_used(i);
}

static void record_queue_live(uint32_t index)
{
    struct watched *q = &r.queue[index];

    if (r.features & VIRTIO_BIT(VIRTIO_F_RING_PACKED)) /* 2.8: not understood here */
        return;
    if (q->size == 0 || q->size > SIZE_MAX_WATCHED || (q->size & (q->size - 1)))
        return;
    q->live = true;
    q->avail_seen = q->used_seen = 0;
    record_say("queue %u size=%u desc=%#" PRIx64 " avail=%#" PRIx64 " used=%#" PRIx64, index,
               q->size, q->desc - r.dma_bus, q->avail - r.dma_bus, q->used - r.dma_bus);
}

/* The one area of a legacy queue: 2.7.2. */
static void record_queue_legacy(uint32_t index, uint32_t pfn)
{
    struct watched *q = &r.queue[index];
    uint64_t end;

    q->live = false;
    if (!pfn || !r.align)
        return;
    q->desc = pfn * (uint64_t)r.page_size;
    q->avail = q->desc + VIRTQ_DESC_SIZE * (uint64_t)q->size;
    end = q->avail + VIRTQ_AVAIL_RING + VIRTQ_AVAIL_ELEM_SIZE * (uint64_t)q->size + 2;
    q->used = (end + r.align - 1) & ~(uint64_t)(r.align - 1);
    record_queue_live(index);
}

/* ---- registers ---- */

static void record_half(uint64_t *address, bool high, uint32_t value)
{
    unsigned shift = high ? 32 : 0;

    *address = (*address & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)value << shift;
}

static void record_device_reset(void)
{
    for (unsigned i = 0; i < QUEUES; i++)
        r.queue[i].live = false;
    r.features = 0;
    r.features_select = r.queue_select = 0;
}

static void record_queue_written(enum meaning m, bool high, uint32_t value)
{
    struct watched *q = &r.queue[r.queue_select];

    switch (m) {
    case MEANS_QUEUE_SIZE:
        q->size = value;
        break;
    case MEANS_QUEUE_PFN:
        record_queue_legacy(r.queue_select, value);
        break;
    case MEANS_QUEUE_READY:
        q->live = false;
        if (value == 1)
            record_queue_live(r.queue_select);
        break;
    case MEANS_DESC:
        record_half(&q->desc, high, value);
        break;
    case MEANS_AVAIL:
        record_half(&q->avail, high, value);
        break;
    case MEANS_USED:
        record_half(&q->used, high, value);
        break;
    case MEANS_NOTHING:
    case MEANS_STATUS:
    case MEANS_FEATURES_SELECT:
    case MEANS_FEATURES:
    case MEANS_QUEUE_SELECT:
    case MEANS_QUEUE_ALIGN:
    case MEANS_PAGE_SIZE:
        break;
    }
}

static void record_written(enum meaning m, bool high, uint32_t value)
{
    if (m == MEANS_FEATURES_SELECT)
        r.features_select = value;
    else if (m == MEANS_FEATURES)
        record_half(&r.features, r.features_select, value);
    else if (m == MEANS_PAGE_SIZE)
        r.page_size = value;
    else if (m == MEANS_QUEUE_ALIGN)
        r.align = value;
    else if (m == MEANS_QUEUE_SELECT)
        r.queue_select = value;
    else if (m == MEANS_STATUS && value == 0)
        record_device_reset();
    else if (r.queue_select < QUEUES)
        record_queue_written(m, high, value);
}

/* ---- the wrapped platform ---- */

/* On a PCI bus the registers have an address after the driver has assigned one. */
static enum meaning record_find(enum reg_space space, uint64_t addr, enum block *block,
                                uint32_t *offset, bool *high)
{
    if (r.pci && !r.found && space != REG_PCI) {
        registers_pci(&r.registers, r.below);
        r.found = true;
    }
    *block = registers_find(&r.registers, space, addr, offset);
    return registers_meaning(*block, *offset, high);
}

static void record_say_access(char how, enum reg_space space, uint64_t addr, unsigned size,
                              uint32_t value)
{
    static const char *const spaces[] = {
        [REG_MMIO] = "mmio", [REG_PORT] = "port", [REG_PCI] = "pci"};
    enum block block;
    uint32_t offset;
    bool high;
    enum meaning m = record_find(space, addr, &block, &offset, &high);
    const char *name = block < BLOCKS ? block_names[block] : spaces[space];
    uint64_t shown = block < BLOCKS ? offset : addr;

    if ((m == MEANS_QUEUE_PFN && value) || m >= MEANS_DESC)
        record_say("%s %c 0x%03" PRIx64 " %u dma", name, how, shown, size);
    else
        record_say("%s %c 0x%03" PRIx64 " %u %#x", name, how, shown, size, value);
}

static uint32_t record_read(void *ctx, enum reg_space space, uint64_t addr, unsigned size)
{
    uint32_t value = r.below->reg_read(ctx, space, addr, size), offset;
    enum block block;
    bool high;

    /* Over PCI a driver may leave the size unchanged. */
    if (record_find(space, addr, &block, &offset, &high) == MEANS_QUEUE_SIZE &&
        r.queue_select < QUEUES)
        r.queue[r.queue_select].size = value;
    record_say_access('r', space, addr, size, value);
    return value;
}

static void record_write(void *ctx, enum reg_space space, uint64_t addr, unsigned size,
                         uint32_t value)
{
    enum block block;
    uint32_t offset;
    bool high;
    enum meaning m = record_find(space, addr, &block, &offset, &high);
    int bit = r.options.withhold;

    if (m == MEANS_FEATURES && bit >= 0 && r.features_select == (uint32_t)bit / 32)
        value &= ~(UINT32_C(1) << bit % 32);
    record_say_access('w', space, addr, size, value);
    record_written(m, high, value);
    r.below->reg_write(ctx, space, addr, size, value);
}

static void record_barrier(void *ctx, enum barrier kind)
{
    record_look();
    r.below->barrier(ctx, kind);
}

/* ---- the wrapped guest ---- */

static int record_boot(void *state, const struct guest_config *c, uint64_t now_ns)
{
    struct guest_config config = *c;

    r.below = c->platform;
    r.platform = *c->platform;
    r.platform.reg_read = record_read;
    r.platform.reg_write = record_write;
    r.platform.barrier = record_barrier;
    r.pci = c->pci;
    registers_mmio(&r.registers, c->place_count && !c->places[0].pci ? c->places[0].address : 0);
    r.page_size = r.align = VIRTQ_LEGACY_ALIGN; /* fixed over PCI: 4.1.5.1.3.1 */
    r.dma = c->dma;
    r.dma_size = c->dma_size;
    r.dma_bus = c->platform->bus_address(c->platform->ctx, c->dma);
    config.platform = &r.platform;
    record_say("phase boot");

    int err = r.inner->boot(state, &config, now_ns);

    record_say("phase run");
    return err;
}

static void record_poll(void *state, uint64_t now_ns)
{
    record_look();
    r.inner->poll(state, now_ns);
}

static void record_stop(void *state, uint64_t now_ns)
{
    record_look();
    record_say("phase stop");
    r.inner->stop(state, now_ns);
}

const struct guest_ops *record_guest(const struct guest_ops *inner, const struct record_options *o)
{
    memset(&r, 0, sizeof(r));
    r.options = *o;
    r.inner = inner;
    r.guest = *inner;
    r.guest.boot = record_boot;
    r.guest.poll = record_poll;
    r.guest.stop = inner->stop ? record_stop : NULL;
    return &r.guest;
}

uint64_t record_features(void)
{
    return r.features;
}
