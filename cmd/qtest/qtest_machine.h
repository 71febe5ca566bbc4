/*
 * A machine whose devices are QEMU's: struct platform over the qtest protocol. DMA memory is a part
 * of the guest's RAM, mapped here as well (memory-backend-file, share=on), so the driver's ring
 * words are plain accesses to what the device reads. QEMU's processor sleeps in a loop of two
 * instructions; the guest runs here.
 *
 * Time is real, and nothing of it is in any hash. Entropy is the simulator's for the same seed, so
 * that both send the same bytes.
 */
#ifndef DRYWIRE_QTEST_MACHINE_H
#define DRYWIRE_QTEST_MACHINE_H

#include "../../core/port/machine.h"
#include "../../core/base/rng.h"
#include "../../sim/machine/guest.h"
#include "../../sim/machine/processes.h"
#include "qtest.h"

/* One of QEMU's machines with its network device in a known place. */
struct board {
    const char *name;         /* of --machine */
    const char *qemu;         /* the program */
    const char *machine;      /* -M */
    const char *device;       /* -device, with its bus */
    const char *rng;          /* the same of an entropy device besides */
    const char *global;       /* -global, or NULL */
    uint64_t nic;             /* where its virtio-mmio registers are; 0: it is on the PCI bus */
    uint64_t slot;            /* from there to those of the entropy device */
    uint64_t ram;             /* where RAM begins */
    uint64_t ports;           /* I/O ports in memory; 0: the processor's own */
    uint64_t ecam;            /* PCI configuration space; 0: by ports 0xcf8 and 0xcfc */
    uint64_t pci_memory;      /* where BARs may lie; firmware assigns none here */
    const char *firmware_hex; /* what the processor does */
    size_t firmware_at, firmware_size;
};

extern const struct board boards[]; /* NULL name at the end */

struct qtest_listener {
    void (*trace)(unsigned id, const uint64_t *args, unsigned count);
    void (*line)(const char *text, size_t len);
};

struct qtest_machine {
    const struct board *board;
    struct qtest qemu;
    char version[32];
    struct platform platform;
    struct qtest_listener listener;
    struct processes processes;
    uint8_t *dma;
    uint64_t dma_bus;
    struct rng entropy;
    bool rng;              /* there is an entropy device besides */
    void *state, *buffers; /* of the guest */
    uint64_t start_ns;
};

enum { KEYS_MAX = 1000 };

struct qtest_machine_config {
    const struct board *board;
    const char *user;   /* more keys of -netdev user, or NULL; at most KEYS_MAX characters */
    const char *device; /* more keys of -device, alike */
    bool packed;        /* packed=on */
    bool rng;           /* an entropy device besides */
    uint64_t seed;
};

/* Start QEMU. An exit code after a line on stderr, or 0: EXIT_CANNOT_TEST without a QEMU that will
 * do, EXIT_USAGE when it refused keys that the caller gave, EXIT_HARNESS for everything else. */
int qtest_machine_start(struct qtest_machine *m, const struct qtest_machine_config *c,
                        const struct qtest_listener *listener);

/* Power-on. What the guest's boot() returns. */
int qtest_machine_boot(struct qtest_machine *m, const struct guest_ops *guest);

/* Nanoseconds; power-on is at QTEST_POWER_ON_NS, as in the simulator. */
#define QTEST_POWER_ON_NS NS_PER_S
uint64_t qtest_machine_now(const struct qtest_machine *m);

/* End QEMU; may be called at any time, and again. */
void qtest_machine_end(struct qtest_machine *m);

#endif
