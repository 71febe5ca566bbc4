/*
 * The devices of a machine: their places, and which driver gets which device. See kernel.h.
 *
 * The first network device is the stack's. Others come up as well, with few buffers; what they
 * receive is dropped, as the stack has one interface besides loopback.
 */
#include "kernel.h"
#include "../base/minmax.h"
#include "../trace/trace.h"

static struct netdev *device_netdev(struct device *d)
{
    return d->driver->netdev ? d->driver->netdev(d->state) : 0;
}

/* ---- bring-up ---- */

struct device_setup {
    struct kernel *kernel;
    const struct kernel_config *config;
    struct dma_memory dma;
    struct netdev *nic; /* the stack's */
};

/* 0, or the error of the stack's device. */
static int devices_bring_up(struct device_setup *s, const struct virtio_driver *driver,
                            const struct virtio_place *place)
{
    struct kernel *k = s->kernel;
    struct device *d = k->devices[k->device_count];
    bool spare = driver->netdev && s->nic;
    struct netdev *nic;
    struct virtio_options options = {.interrupts = s->config->interrupts, .spare = spare};
    int err;

    d->driver = driver;
    d->place = *place;
    err = driver->init(d->state, k->platform, place, &s->dma, &k->rng, &options);
    if (err)
        return driver->netdev && !spare ? err : 0;
    k->device_count++;
    nic = device_netdev(d);
    if (nic && spare)
        TRACE(k->platform, TRACE_VNET_SPARE, trace_mac(nic->mac));
    else if (nic)
        s->nic = nic;
    return 0;
}

static int devices_start_mmio(struct device_setup *s)
{
    const struct device_places *places = &s->config->places;
    int err = 0;

    for (unsigned i = 0; !err && i < places->slot_count && s->kernel->device_count < KERNEL_DEVICES;
         i++) {
        struct virtio_place place = {
            .bus = VIRTIO_BUS_MMIO, .address = places->slots[i].base, .irq = places->slots[i].irq};
        struct virtio_device d;
        const struct virtio_driver *driver =
            virtio_driver_of(virtio_open(&d, s->kernel->platform, &place));

        if (driver)
            err = devices_bring_up(s, driver, &place);
    }
    return err;
}

/* The pin selects one of the four interrupts. */
static unsigned device_pci_irq(const struct platform *p, const struct virtio_place *place,
                               unsigned first)
{
    uint32_t pin = p->reg_read(p->ctx, REG_PCI, place->address + PCI_INTERRUPT_PIN, 1);

    return first + ((unsigned)(place->address >> 15) + pin - 1) % 4;
}

static int devices_start_pci(struct device_setup *s)
{
    const struct device_places *places = &s->config->places;
    const struct platform *p = s->kernel->platform;
    struct pci_host host = places->pci;
    struct pci_scan scan = {0};
    struct virtio_place place;
    int err = 0, type;

    while (!err && s->kernel->device_count < KERNEL_DEVICES &&
           (type = pci_next_virtio(p, &scan, &place)) >= 0) {
        const struct virtio_driver *driver = virtio_driver_of(type);

        if (!driver || pci_place(p, &host, &place))
            continue;
        if (places->pci_irq)
            place.irq = device_pci_irq(p, &place, places->pci_irq);
        place.msix = places->msix;
        err = devices_bring_up(s, driver, &place);
    }
    return err;
}

int devices_init(struct kernel *k, const struct kernel_config *config, struct netdev **out)
{
    struct device_setup s = {
        .kernel = k, .config = config, .dma = {.base = config->dma, .size = config->dma_size}};
    struct device *more = (void *)((uint8_t *)config->buffers + KERNEL_MORE_DEVICES);
    int err;

    for (unsigned i = 0; i < KERNEL_DEVICES; i++)
        k->devices[i] = i ? &more[i - 1] : &k->first;
    k->device_count = 0;
    err = devices_start_mmio(&s);
    if (!err && config->places.has_pci)
        err = devices_start_pci(&s);
    if (!err && !s.nic)
        err = ERR_NODEV;
    if (err) { /* no device may write to memory after this */
        devices_stop(k);
        return err;
    }
    *out = s.nic;
    return 0;
}

/* ---- a poll ---- */

void devices_seed(struct kernel *k)
{
    uint8_t seed[VIRTIO_SEED_SIZE];

    for (unsigned i = 0; i < k->device_count; i++) {
        struct device *d = k->devices[i];

        if (d->driver->seed && d->driver->seed(d->state, seed))
            stack_seed(&k->stack, seed);
    }
}

/* Drop frames received by an interface without a stack. Bounded by its number of buffers. */
static void device_drop(struct netdev *dev)
{
    struct frame_view view;

    for (unsigned i = 0; i < VIRTIO_NET_FRAMES_SPARE && dev->receive(dev->ctx, &view); i++)
        dev->recycle(dev->ctx, &view);
}

void devices_check(struct kernel *k, uint64_t now_ns)
{
    for (unsigned i = 0; i < k->device_count; i++) {
        struct device *d = k->devices[i];
        struct netdev *dev = device_netdev(d);

        d->driver->check(d->state, now_ns);
        if (dev && dev != k->stack.netdev)
            device_drop(dev);
    }
    devices_seed(k);
}

void devices_kick(struct kernel *k)
{
    for (unsigned i = 0; i < k->device_count; i++)
        k->devices[i]->driver->kick(k->devices[i]->state);
}

uint64_t devices_deadline(const struct kernel *k)
{
    uint64_t at = DEADLINE_NEVER;

    for (unsigned i = 0; i < k->device_count; i++)
        at = min_u64(at, k->devices[i]->driver->deadline(k->devices[i]->state));
    return at;
}

bool devices_sent(const struct kernel *k)
{
    for (unsigned i = 0; i < k->device_count; i++) {
        const struct device *d = k->devices[i];

        if (d->driver->sent && !d->driver->sent(d->state))
            return false;
    }
    return true;
}

void devices_stop(struct kernel *k)
{
    for (unsigned i = 0; i < k->device_count; i++)
        k->devices[i]->driver->stop(k->devices[i]->state);
}
