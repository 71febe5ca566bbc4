/*
 * A fake virtio device as the specification sees it: strict about the driver. It knows VirtIO 1.2
 * (core/virtio/virtio_spec.h) and nothing of the core. Three parts: a register front (mmio.c, or
 * pci.c with pci_config.c; front.c is common to them), the device side of a virtqueue
 * (vqueue.h), and a device body (net.c).
 *
 * Whatever a driver does wrong is reported once, with the name of an oracle and the clause.
 */
#ifndef DRYWIRE_FAKE_DEVICE_H
#define DRYWIRE_FAKE_DEVICE_H

#include "../../core/virtio/virtio_spec.h"
#include "../base/word.h"
#include "../engine/lie.h"
#include "../engine/oracle_table.h"
#include "vqueue.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a device reaches of its machine. */
struct fake_bus {
    void *ctx;

    /* DMA memory: `size` bytes from bus address `first` on. Buffers are read in `memory`, ring
     * words in `words`, which is another copy while stores of the driver may come late. Ring words
     * are written by store, buffers by write; both take checked addresses. */
    const uint8_t *memory, *words;
    uint64_t first;
    size_t size;
    void (*store)(void *ctx, uint64_t bus, unsigned size, uint64_t value);
    void (*write)(void *ctx, uint64_t bus, const uint8_t *bytes, size_t len);
    void (*attach_ring)(void *ctx, uint64_t bus, size_t len);
    void (*look)(void *ctx); /* before the device looks at a ring: late stores may cross */
    bool (*unpublished)(void *ctx, uint64_t bus, size_t len); /* asked while words != memory */
    void (*own)(void *ctx, uint64_t bus, size_t len, bool device);

    /* Look at every byte and every pair of buffers (sanitizer builds), or at samples of them. */
    bool thorough;

    /* Decisions. */
    bool (*chance)(void *ctx, const char *what, uint32_t per_65536);
    uint64_t (*pick)(void *ctx, const char *what, uint64_t bound);
    uint64_t key; /* 64 bits fixed for this run */

    /* Call device_event(d) at so many ns from now. */
    void (*later)(void *ctx, uint64_t delay_ns, unsigned what);

    /* The device has something for the driver: a used buffer or a changed configuration. Called for
     * every one of them when the driver polls, else only when an interrupt is due. */
    void (*interrupt)(void *ctx);

    /* A frame leaves through the wire. Borrowed. */
    void (*frame)(void *ctx, const uint8_t *frame, size_t len);

    /* A frame that came to the device, or that it was to send, is lost there: `why` is a literal.
     * Borrowed. */
    void (*lost)(void *ctx, bool transmitted, const uint8_t *frame, size_t len, const char *why);

    void (*hash)(void *ctx, const char *kind, const void *bytes, size_t len);

    /* What becomes of a queue and its chains, for who draws it; NULL: nobody. See vqueue.h. */
    void (*ring)(void *ctx, const struct vqueue *q, enum vqueue_event what, unsigned chain,
                 uint32_t value);

    struct oracle_set *looked; /* what these judge occurred: LOOK() */

    /* The driver broke a rule, a row of the table of oracles. */
    void (*violation)(void *ctx, const char *oracle, const char *site, const char *clause,
                      const char *format, ...) __attribute__((format(printf, 5, 6)));
};

/* Where bytes lie, NULL when not all of them are DMA memory. */
static inline const uint8_t *fake_bus_at(const struct fake_bus *b, uint64_t bus, size_t len)
{
    uint64_t offset = bus - b->first;

    return offset < b->size && len <= b->size - offset ? b->memory + offset : NULL;
}

/* A ring word of 2, 4 or 8 bytes, at an address that was checked. Inline, as fake_bus_at() is:
 * devices do little else. */
static inline uint64_t fake_bus_load(const struct fake_bus *b, uint64_t bus, unsigned size)
{
    return word_load(b->words + (bus - b->first), size);
}

/* Is there a store of the driver to these bytes that the device cannot see yet? */
static inline bool fake_bus_unpublished(const struct fake_bus *b, uint64_t bus, size_t len)
{
    return b->words != b->memory && b->unpublished(b->ctx, bus, len);
}

/* So that a compiler keeps what calls it out of the way of what does not. */
__attribute__((cold)) static inline void fake_cold(void)
{
}

#define DEVICE_STRING2(x) #x
#define DEVICE_STRING(x)  DEVICE_STRING2(x)
#define DEVICE_SITE       __FILE__ ":" DEVICE_STRING(__LINE__)
#define VIOLATION(bus, oracle, clause, ...)                                                        \
    (fake_cold(), (bus)->violation((bus)->ctx, (oracle), DEVICE_SITE, (clause), __VA_ARGS__))

/* What the oracle judges occurred: LOOK(bus, RING_INDEX). */
#define LOOK(bus, id) oracle_set_add((bus)->looked, (id))

/* ---- PCI ---- */

/* What the machine has: where BARs may lie. */
struct fake_pci_host {
    uint64_t mmio_base, mmio_size;
    uint32_t io_base, io_size;
};

/* The message that the machine takes for an interrupt. */
struct fake_msix {
    uint64_t address;
    uint32_t data;
};

/* Where the function lies: an odd place, behind a bridge's and another function's. */
enum { FAKE_PCI_DEVICE = 2, FAKE_PCI_FUNCTION = 1, FAKE_PCI_IRQ = 11 };

enum fake_space { FAKE_CONFIG, FAKE_MEMORY, FAKE_IO };

enum { FAKE_MSIX_VECTORS = 3, FAKE_PCI_QUEUES = 2 };

/* Where things lie: two capabilities in configuration space, the structures in BAR 4, table and
 * pending bits in BAR 1. */
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
    uint8_t config[PCI_CFG_SPACE_SIZE];
    uint32_t multiplier; /* of notify offsets */
    uint16_t notify_off[FAKE_PCI_QUEUES];
    uint32_t table[FAKE_MSIX_VECTORS * PCI_MSIX_ENTRY_SIZE / 4];
    uint16_t config_vector, queue_vector[FAKE_PCI_QUEUES];
    bool chosen;       /* a transitional device: its interface since the last reset */
    bool reset_unread; /* the driver has not seen that its reset is done */
};

/* ---- virtio-net ---- */

enum net_transport { NET_MMIO, NET_PCI_MODERN, NET_PCI_TRANSITIONAL, NET_PCI_LEGACY };

struct net_device_config {
    enum net_transport transport;
    bool legacy; /* its interface; a transitional PCI device learns it from its driver */
    uint32_t queue_size;
    bool any_layout, mrg_rxbuf;       /* offered */
    bool packed, event_idx, indirect; /* offered; packed by modern devices only */
    bool polled;                      /* the driver looks by itself: it is woken by everything */
    uint8_t mac[6];
    bool mac_feature;
    uint16_t mtu; /* 0: not offered */
    struct fake_pci_host host;
    struct fake_msix msix;
    bool lenient; /* as QEMU is: any features are accepted, num_buffers is not written */
    bool lively;  /* acts early, holds completions, suppresses notifications: by draw */
    bool refills; /* the driver posts each receive buffer again before it rests */
    enum device_lie lie;
};

enum { NET_QUEUES = 2, NET_BACKLOG = 256, NET_FRAME_MAX = 2048 };

struct net_device {
    const struct fake_bus *bus;
    struct net_device_config config;

    /* registers */
    uint8_t status;
    bool initialised;   /* reset was seen: nothing else may come first */
    bool features_said; /* FEATURES_OK was written, accepted or not */
    bool features_seen; /* the driver read the status after that */
    uint64_t features;
    uint32_t device_features_sel, driver_features_sel, queue_sel, generation;
    uint32_t guest_page_size;
    uint32_t interrupt_status;
    struct fake_pci pci;
    bool link_up, live; /* live: DRIVER_OK */
    bool hold_tx;       /* nothing is taken from the transmit queue */

    struct vqueue queue[NET_QUEUES];
    unsigned header_len;
    unsigned rx_posted; /* chains available at DRIVER_OK */
    bool tx_scheduled, rx_scheduled;
    unsigned suspended; /* queues whose notifications are switched off for a while */

    /* frames that came while no buffer was posted */
    unsigned backlog_head, backlog_count;
    uint32_t frames_in; /* frames that came since power-on, taken or not */
    struct {
        uint32_t number; /* which of them it is */
        uint16_t len;
        uint8_t bytes[NET_FRAME_MAX];
    } backlog[NET_BACKLOG];
};

void net_device_start(struct net_device *n, const struct fake_bus *bus,
                      const struct net_device_config *config);

/* The MMIO front, VirtIO 1.2 section 4.2: offset within the device, size 1, 2 or 4. */
uint32_t net_device_read(struct net_device *n, uint32_t offset, unsigned size);
void net_device_write(struct net_device *n, uint32_t offset, unsigned size, uint32_t value);

/* The PCI front, section 4.1: an address in one of three spaces, FAKE_CONFIG as in ECAM (bus << 20
 * | device << 15 | function << 12 | register). There is a whole bus, with the device on it. */
uint32_t net_device_pci_read(struct net_device *n, enum fake_space space, uint64_t address,
                             unsigned size);
void net_device_pci_write(struct net_device *n, enum fake_space space, uint64_t address,
                          unsigned size, uint32_t value);

/* What later() asked for. */
void net_device_event(struct net_device *n, unsigned what);

/* The device acts on its own, between two accesses of the driver. */
void net_device_poke(struct net_device *n);

/* A frame arrives from the wire. Borrowed. */
void net_device_frame(struct net_device *n, const uint8_t *frame, size_t len);

void net_device_link(struct net_device *n, bool up);

/* Stop taking frames from the transmit queue, so that it fills up; or go on. */
void net_device_hold_tx(struct net_device *n, bool hold);

/* The driver is at rest. */
void net_device_check_idle(struct net_device *n);

/* The driver is at rest and will not look again by itself; no interrupt is pending. */
void net_device_check_asleep(struct net_device *n);

/* Is its interrupt line up? */
static inline bool net_device_interrupting(const struct net_device *n)
{
    return n->interrupt_status != 0;
}

/* Does it interrupt by messages, each of which is seen? */
bool net_device_messages(const struct net_device *n);

/* Will it still do something by itself? */
bool net_device_busy(const struct net_device *n);

/* End of the run: is every buffer home? (before the final reset) */
void net_device_check_leaks(struct net_device *n);

/* The driver stopped, and its memory is anybody's from now on: is the device quiet? */
void net_device_check_quiet(struct net_device *n);

/* ---- between the register fronts and net.c ---- */

static inline bool net_device_pci(const struct net_device *n)
{
    return n->config.transport != NET_MMIO;
}

/* front.c: status and features; the selected queue (NULL: no such queue), whether it may be set up
 * now, and whether it is idle, or `name` is written while it is live. */
uint32_t front_status_read(struct net_device *n);
void front_status_write(struct net_device *n, uint32_t value);
uint32_t front_features_read(const struct net_device *n);
void front_features_write(struct net_device *n, uint32_t value);
struct vqueue *front_queue(struct net_device *n);
bool front_queue_ready(const struct net_device *n, const struct vqueue *q); /* as it reads back */
uint32_t front_generation(struct net_device *n);
void front_set_up(struct net_device *n);
bool front_queue_idle(struct net_device *n, const char *name);
void front_set_half(uint64_t *address, bool high, uint32_t value);

/* Tell the driver: `cause` is VIRTIO_MMIO_INT_*, of `queue` if it is INT_VRING. */
void front_interrupt(struct net_device *n, uint32_t cause, unsigned queue);

/* pci_config.c: configuration space of the bus; a BAR (kind as in `space`). */
void pci_power_on(struct net_device *n);
uint32_t pci_config_read(struct net_device *n, uint64_t address, unsigned size);
void pci_config_write(struct net_device *n, uint64_t address, unsigned size, uint32_t value);
uint16_t pci_command(const struct net_device *n);
bool pci_msix_enabled(const struct net_device *n);
/* The BAR that `address` lies in, -1: none; what is wrong is reported. */
int pci_bar_decode(struct net_device *n, enum fake_space space, uint64_t address, unsigned size,
                   uint32_t *offset);

/* pci.c */
void pci_reset(struct net_device *n);
void pci_message(struct net_device *n, unsigned vector);

uint64_t net_device_features(const struct net_device *n);
void net_device_reset(struct net_device *n);
void net_device_driver_ok(struct net_device *n);
void net_device_notify(struct net_device *n, uint32_t queue);
uint32_t net_device_config_read(struct net_device *n, uint32_t offset, unsigned size);

#endif
