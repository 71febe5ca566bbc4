/*
 * A fake virtio device by the specification, strict with the driver. It depends on VirtIO 1.2
 * (core/virtio/virtio_spec.h) and not on the core. A device consists of
 *
 *   a transport   a register front (mmio.c; pci.c with pci_config.c, on a bus, pci_bus.c), what
 *                 fronts share (front.c), the queues (vqueue.h) and when they are worked on
 * (device.c) a body        what kind of device it is: a row of bodies.h
 *
 * joined by struct fake_body_ops. Their interface to the machine is in host.h.
 *
 * Each violation of a driver is reported once, with the name of an oracle and the clause.
 */
#ifndef DRYWIRE_FAKE_DEVICE_H
#define DRYWIRE_FAKE_DEVICE_H

#include "../../core/virtio/virtio_spec.h"
#include "../engine/lie.h"
#include "../text/values.h"
#include "host.h"
#include "vqueue.h"

struct fake_virtio;
struct fake_pci_bus;
struct fake_wire;

/* The reaction time of the device to a notification, and its pauses. */
#define FAKE_REACTION_NS UINT64_C(1000)
#define FAKE_PAUSE_NS    UINT64_C(20000)

enum { FAKE_QUEUES_MAX = 2 };

/* Room for the options of a body, as `device NAME KEY...` gives them, and how many keys there may
 * be. FAKE_BODY_FITS() proves in its file that they fit. */
enum { FAKE_OPTIONS_WORDS = 4, FAKE_KEYS_MAX = 8 };

#define FAKE_BODY_FITS(options, keys)                                                              \
    _Static_assert(sizeof(options) <= FAKE_OPTIONS_WORDS * sizeof(uint64_t) &&                     \
                       sizeof(keys) / sizeof(*(keys)) <= FAKE_KEYS_MAX + 1,                        \
                   "a body has more options than there is room for")

/* A kind of device: constants, and the operations of its body for the transport, of which only
 * run() is required. The body contains struct fake_virtio as its first member. */
struct fake_body_ops {
    const char *name;          /* in a scenario, and QEMU's: "virtio-net" */
    size_t size;               /* of the body */
    const struct key *keys;    /* of its options, NULL-terminated; NULL: it has none */
    uint16_t type;             /* VIRTIO_ID_* */
    uint16_t pci_transitional; /* the device id of its transitional function: 4.1.2.1 */
    uint16_t pci_class;
    unsigned queues;      /* FAKE_QUEUES_MAX at most */
    uint32_t config_size; /* bytes of device configuration, 0: none */

    /* Power-on, before reset(). The queues can be used, the body is unchanged since power-off, or
     * zero. `options` as in `keys`; all zero: the defaults. */
    void (*start)(struct fake_virtio *d, const void *options);
    /* The feature bits of its kind, 0 to 23. */
    uint64_t (*features)(const struct fake_virtio *d);
    /* Within the configuration. The body checks the width of the access: config_width(). */
    uint32_t (*config_read)(struct fake_virtio *d, uint32_t offset, unsigned size);
    void (*reset)(struct fake_virtio *d);
    void (*driver_ok)(struct fake_virtio *d);
    /* Process a queue: it was notified, or its time has passed. */
    void (*run)(struct fake_virtio *d, unsigned queue);
    /* While idle: check the owner of every buffer. All available chains were fetched. */
    void (*check_leaks)(struct fake_virtio *d);
};

/* ---- PCI ---- */

/* The address ranges of BARs. */
struct fake_pci_host {
    uint64_t mmio_base, mmio_size;
    uint32_t io_base, io_size;
};

/* The message that raises an interrupt. */
struct fake_msix {
    uint64_t address;
    uint32_t data;
};

/* A function's number on the bus. The first device is at an unusual number, after a bridge and
 * another function. */
#define FAKE_PCI_PLACE(device, function) ((device) << 3 | (function))
enum { FAKE_PCI_FIRST = FAKE_PCI_PLACE(2, 1), FAKE_PCI_NEXT = 2, FAKE_PCI_IRQ = 11 };

enum { FAKE_MSIX_VECTORS = 3 };

/* Offsets: two capabilities in configuration space, the structures in BAR 4, table and pending bits
 * in BAR 1. */
enum {
    FAKE_PCI_MSIX = 0x98,
    FAKE_PCI_NOTIFY = 0xe4,
    FAKE_PCI_MODERN_SIZE = 0x4000,
    FAKE_PCI_ISR_AT = 0x307,
    FAKE_PCI_DEVICE_AT = 0xb84,
    FAKE_PCI_COMMON_AT = 0x1424,
    FAKE_PCI_NOTIFY_AT = 0x2f02,
    FAKE_PCI_TABLE_AT = 0x200,
    FAKE_PCI_PBA_AT = 0x800,
};

struct fake_pci {
    struct fake_pci_bus *bus;
    uint8_t config[PCI_CFG_SPACE_SIZE];
    uint32_t multiplier; /* of notify offsets */
    uint16_t notify_off[FAKE_QUEUES_MAX];
    uint32_t table[FAKE_MSIX_VECTORS * PCI_MSIX_ENTRY_SIZE / 4];
    uint16_t config_vector, queue_vector[FAKE_QUEUES_MAX];
    bool chosen;       /* a transitional device: its interface is chosen since the last reset */
    bool reset_unread; /* the driver has not read the end of its reset */
};

/* ---- a device ---- */

enum fake_transport {
    FAKE_TRANSPORT_MMIO,
    FAKE_TRANSPORT_PCI_MODERN,
    FAKE_TRANSPORT_PCI_TRANSITIONAL,
    FAKE_TRANSPORT_PCI_LEGACY,
};

struct fake_virtio_config {
    enum fake_transport transport;
    bool legacy; /* its interface; on transitional PCI set by the driver's first access */
    uint32_t queue_size;
    bool any_layout;                  /* offered, on a legacy interface */
    bool packed, event_idx, indirect; /* offered; packed by modern devices only */
    bool polled;                      /* the driver polls: it is woken by every event */
    bool refills;                     /* the driver posts a buffer again before it rests */
    const struct fake_wire *wire;     /* of a network device: where its cable goes (net.h) */
    struct fake_pci_bus *bus;         /* PCI: that it is on */
    unsigned place;                   /* PCI: FAKE_PCI_PLACE() */
    struct fake_msix msix;
    bool lenient; /* like QEMU: any features are accepted, num_buffers is not written */
    bool lively;  /* acts early, holds completions, suppresses notifications: by draw */
    enum device_lie lie;
};

struct fake_virtio {
    const struct fake_body_ops *body;
    const struct fake_memory *memory;
    const struct fake_host *host;
    struct fake_virtio_config config;

    /* registers */
    uint8_t status;
    bool initialised;   /* the driver has reset it, which must be first */
    bool features_said; /* FEATURES_OK was written, accepted or not */
    bool features_seen; /* the driver read the status after that */
    bool live;          /* DRIVER_OK */
    bool lied;          /* the driver has read or done what its lie is about; fake_virtio_lied() */
    uint64_t features;
    uint32_t device_features_sel, driver_features_sel, queue_sel, generation;
    uint32_t guest_page_size;
    uint32_t interrupt_status;
    struct fake_pci pci;

    unsigned scheduled,
        held;           /* a bit for each queue: processing is scheduled; the queue is stopped */
    unsigned suspended; /* queues with notifications suppressed for a while */
    struct vqueue queue[FAKE_QUEUES_MAX];
};

/* Power-on of a device in body->size bytes, which are zero the first time. `memory`, `host` and the
 * wire must not move while it exists; `options` is read by body->start(). */
void fake_virtio_start(struct fake_virtio *d, const struct fake_body_ops *body,
                       const struct fake_memory *memory, const struct fake_host *host,
                       const struct fake_virtio_config *config, const void *options);
void fake_virtio_reset(struct fake_virtio *d);

/* True if its lie has come to the driver since power-on. That of a used entry must have been
 * written; any other has also when the device is live, as the driver has not looked. */
bool fake_virtio_lied(const struct fake_virtio *d);

/* The MMIO front, VirtIO 1.2 section 4.2: offset within the device, size 1, 2 or 4. The PCI front
 * is reached through its bus: pci_bus.h. */
uint32_t fake_mmio_read(struct fake_virtio *d, uint32_t offset, unsigned size);
void fake_mmio_write(struct fake_virtio *d, uint32_t offset, unsigned size, uint32_t value);

/* The event of later(). */
void fake_virtio_event(struct fake_virtio *d, unsigned what);

/* The device acts on its own, between two accesses of the driver. */
void fake_virtio_poke(struct fake_virtio *d);

/* Stop a queue, so that it fills up; or continue. */
void fake_virtio_hold(struct fake_virtio *d, unsigned queue, bool hold);

/* The driver is idle. */
void fake_virtio_check_idle(struct fake_virtio *d);

/* The driver is idle and will not poll by itself; no interrupt is pending. */
void fake_virtio_check_asleep(struct fake_virtio *d);

/* End of the run: check that every buffer was returned (before the final reset). */
void fake_virtio_check_leaks(struct fake_virtio *d);

/* The driver has stopped, and its memory may be reused: check that the device was reset. */
void fake_virtio_check_quiet(struct fake_virtio *d);

/* True if its interrupt line is asserted. */
static inline bool fake_virtio_interrupting(const struct fake_virtio *d)
{
    return d->interrupt_status != 0;
}

/* True if it sends interrupts as messages, which are not lost. */
bool fake_virtio_messages(const struct fake_virtio *d);

/* True if it has scheduled work. */
static inline bool fake_virtio_busy(const struct fake_virtio *d)
{
    return d->scheduled || d->suspended || d->held;
}

static inline bool fake_virtio_pci(const struct fake_virtio *d)
{
    return d->config.transport != FAKE_TRANSPORT_MMIO;
}

/* ---- for bodies ---- */

/* Process a queue after a delay; work that is already scheduled is not delayed. */
void fake_virtio_schedule(struct fake_virtio *d, unsigned queue, uint64_t delay_ns);

/* The reaction time of the device: constant, or drawn if it is lively. */
uint64_t fake_virtio_reaction(struct fake_virtio *d);

/* Buffers of a queue were used: interrupt, if the driver requests it; a polling driver needs
 * none. */
void fake_virtio_used(struct fake_virtio *d, struct vqueue *q);

/* The configuration changes. */
void fake_virtio_config_changed(struct fake_virtio *d);

/* A field of `width` bytes was read with `size` of them: 4.1.3.1, 4.2.2.2. */
void fake_virtio_config_width(struct fake_virtio *d, uint32_t offset, unsigned size,
                              unsigned width);

/* Whether to continue with the next chain, or leave the rest for later: more often when the driver
 * sleeps, which must then find the rest when it enables interrupts, or be woken again. */
static inline bool fake_virtio_pause(struct fake_virtio *d)
{
    return d->config.lively &&
           d->host->chance(d->host->ctx, "device.pause", d->config.polled ? 65536 / 16 : 65536 / 4);
}

/* Buffers may be used in any order: 2.7.9. */
static inline bool fake_virtio_reorder(struct fake_virtio *d)
{
    return d->config.lively && d->host->chance(d->host->ctx, "device.reorder", 65536 / 16);
}

#endif
