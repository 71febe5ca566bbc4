/*
 * A machine whose devices are QEMU's: struct platform over the qtest protocol. DMA memory is a part
 * of the guest's RAM, mapped here as well (memory-backend-file, share=on), so the driver's ring
 * words are plain accesses to the device's memory. QEMU's processor sleeps in a loop of two
 * instructions; the guest runs here.
 *
 * Time is real, and no hash depends on it. Entropy is the simulator's for the same seed, so that
 * both send the same bytes.
 */
#ifndef DRYWIRE_QTEST_MACHINE_H
#define DRYWIRE_QTEST_MACHINE_H

#include "../../core/port/machine.h"
#include "../../core/base/rng.h"
#include "../../sim/machine/guest.h"
#include "../../sim/machine/processes.h"
#include "qtest.h"

/* One of QEMU's machines, with its network device at a known address. */
struct board {
    const char *name;         /* of --machine */
    const char *qemu;         /* the program */
    const char *machine;      /* -M */
    const char *device;       /* -device, with its bus */
    const char *rng;          /* the same for an additional entropy device */
    const char *global;       /* -global, or NULL */
    uint64_t nic;             /* address of its virtio-mmio registers; 0: on the PCI bus */
    uint64_t slot;            /* offset of those of the entropy device */
    uint64_t ram;             /* start of RAM */
    uint64_t ports;           /* I/O ports in memory; 0: the processor's own */
    uint64_t ecam;            /* PCI configuration space; 0: by ports 0xcf8 and 0xcfc */
    uint64_t pci_memory;      /* address range of BARs; firmware assigns none here */
    const char *firmware_hex; /* the processor's code */
    size_t firmware_at, firmware_size;
};

extern const struct board boards[]; /* ended by a NULL name */

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
    bool rng;              /* with an additional entropy device */
    void *state, *buffers; /* of the guest */
    uint64_t start_ns;
};

enum { KEYS_MAX = 1000 };

struct qtest_machine_config {
    const struct board *board;
    const char *user;   /* more keys of -netdev user, or NULL; at most KEYS_MAX characters */
    const char *device; /* more keys of -device, in the same form */
    bool packed;        /* packed=on */
    bool rng;           /* an additional entropy device */
    uint64_t seed;
};

/* Start QEMU. 0, or an exit code after a line on stderr: EXIT_CANNOT_TEST without a usable QEMU,
 * EXIT_USAGE when it rejected the caller's keys, EXIT_HARNESS for everything else. */
int qtest_machine_start(struct qtest_machine *m, const struct qtest_machine_config *c,
                        const struct qtest_listener *listener);

/* Power-on. Returns the result of the guest's boot(). */
int qtest_machine_boot(struct qtest_machine *m, const struct guest_ops *guest);

/* Nanoseconds; power-on is at QTEST_POWER_ON_NS, as in the simulator. */
#define QTEST_POWER_ON_NS NS_PER_S
uint64_t qtest_machine_now(const struct qtest_machine *m);

/* End QEMU; may be called at any time, also repeatedly. */
void qtest_machine_end(struct qtest_machine *m);

#endif
