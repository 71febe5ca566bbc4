/*
 * The simulated computer: a register bus with virtio devices (devices.c), DMA memory, user
 * programs, and a guest that is polled after an event (or, with interrupts, on an interrupt) or at
 * its deadline. Every register access and ring load costs virtual time, and between any two of them
 * a device may act.
 */
#ifndef DRYWIRE_MACHINE_SIM_H
#define DRYWIRE_MACHINE_SIM_H

#include "../../core/base/rng.h"
#include "dma_memory.h"
#include "../fake_device/pci_bus.h"
#include "guest.h"
#include "processes.h"
#include "ring_access.h"
#include "../scenario/scenario.h"
#include <setjmp.h>

/* The cost of one access, in virtual nanoseconds. */
enum { COST_REGISTER_NS = 500, COST_RING_NS = 10, COST_BARRIER_NS = 20, COST_RELAX_NS = 1000 };

/* Accesses of one poll; more is a spin. */
enum { POLL_CALLS_MAX = 200000 };

/* The slots of virtio-mmio devices. */
#define MACHINE_MMIO_BASE UINT64_C(0x10001000)
enum { MACHINE_MMIO_STEP = 0x2000, MACHINE_MMIO_IRQ = 1 };

/* The address ranges of BARs, and the message of an interrupt, on a machine with a PCI bus. */
#define MACHINE_PCI_MMIO_BASE UINT64_C(0xc0000000)
#define MACHINE_PCI_MMIO_SIZE UINT64_C(0x100000)
#define MACHINE_MSIX_ADDRESS  UINT64_C(0xfee01000)
enum { MACHINE_PCI_IO_BASE = 0x1000, MACHINE_PCI_IO_SIZE = 0x1000, MACHINE_MSIX_DATA = 0x41 };

enum { MACHINE_STREAMS = 12, MACHINE_DEVICES = SCENARIO_DEVICES_MAX };

/* Callbacks of the machine. */
struct machine_listener {
    void *ctx;
    void (*booted)(void *ctx); /* the guest has booted, or given up */
    void (*frame)(void *ctx, const uint8_t *frame, size_t len);
    void (*trace)(void *ctx, unsigned id, const uint64_t *args, unsigned count);
    void (*line)(void *ctx, const char *text, size_t len);
    /* NULL, or as in struct fake_host, with the number of the device. */
    void (*ring)(void *ctx, unsigned device, const struct vqueue *q, enum vqueue_event what,
                 unsigned chain, uint32_t value);
    /* A frame is lost at the device: as in struct fake_wire. */
    void (*lost)(void *ctx, bool transmitted, const uint8_t *frame, size_t len, const char *why);
    /* The guest accesses a register of the device; may be NULL. */
    void (*access)(void *ctx, bool write, enum reg_space space, uint64_t addr, unsigned size,
                   uint32_t value);
};

/* One device, and its interface to the machine. */
struct machine_device {
    struct machine *machine;
    unsigned index;
    struct fake_virtio *virtio; /* in its body; the last one's memory is used again if it can be */
    struct fake_host host;
    struct fake_wire wire;
    struct {
        struct draw_stream draw;
        const char *what;
        char name[32];          /* unused for the first device */
    } streams[MACHINE_STREAMS]; /* of the device, by name */
    unsigned stream_count;
};

struct machine {
    struct ring_access ring; /* first: what the core's platform has as ctx */
    struct sim *sim;
    struct machine_listener listener;
    struct platform platform;
    struct fake_memory memory;
    struct fake_pci_bus pci;
    struct dma dma;
    struct processes processes;
    struct machine_device devices[MACHINE_DEVICES]; /* the first is the NIC at the wire */
    unsigned device_count;
    struct {
        struct vqueue *queue;
        struct fake_virtio *device;
    } queues[MACHINE_DEVICES * FAKE_QUEUES_MAX]; /* of all devices */
    unsigned queue_count;
    const struct guest_ops *guest;
    void *state; /* of the guest */
    size_t state_size;
    uint8_t *buffers;
    size_t buffers_size;
    bool weak;
    bool lively;     /* the device acts at any time: with weak memory, and with an external guest */
    bool lenient;    /* the device is as lenient as QEMU's */
    bool msix;       /* the guest must use messages */
    bool interrupts; /* the guest sleeps until one arrives; else it polls after every device
                      * event */
    uint32_t window; /* for struct guest_config */

    struct sim_timer timer; /* the next poll */
    bool running, woken;    /* inside guest->poll; an event occurred meanwhile */
    bool waking;            /* there are events since the last poll */
    bool powered;
    bool booted;          /* its state is valid */
    bool gave_up;         /* its bring-up failed, as it may: the device lies */
    unsigned calls;       /* accesses in this poll */
    unsigned calls_quiet; /* of them, those in which only events happen: 0 if lively */
    jmp_buf escape;       /* leaves a guest that spins */
    struct rng entropy;   /* the core's */
    struct draw_stream poke;
    struct draw_stream form;
    uint8_t *tree; /* the end of this memory, so that a sanitizer detects reads beyond it */
};

struct machine_config {
    const struct guest_ops *guest;
    const struct device_options *device; /* the NIC at the wire */
    const struct device_options *more;   /* further devices, at most MACHINE_DEVICES - 1 */
    unsigned more_count;
    bool weak;
    uint32_t window;          /* for struct guest_config */
    struct draw_stream place; /* bus address of DMA memory */
    struct draw_stream form;  /* of the device tree */
    uint64_t secret;          /* the seed of the core's entropy */
    bool fill; /* fill ordinary memory, so that data of an earlier run is not visible */
};

int machine_allocate(struct machine *m); /* once: 0 or -1 */
void machine_free(struct machine *m);

/* Power-on at the present virtual time. */
void machine_start(struct machine *m, struct sim *sim, const struct machine_config *config,
                   const struct machine_listener *listener);

/* Stop the guest, check buffers, clear memory for the next run. */
void machine_stop(struct machine *m);

/* A frame arrives from the wire. */
void machine_frame(struct machine *m, const uint8_t *frame, size_t len);

/* Poll the guest soon. */
void machine_wake(struct machine *m);

/* True if neither a device nor the guest has work to do now. */
static inline bool machine_resting(const struct machine *m)
{
    bool busy = false;

    for (unsigned i = 0; i < m->device_count; i++)
        busy |= fake_virtio_busy(m->devices[i].virtio);
    return (m->booted || m->gave_up) && !m->running && !m->waking && !busy;
}

/* True while the guest is polled (so that it must not be called). */
static inline bool machine_busy(const struct machine *m)
{
    return m->running;
}

#endif
