/*
 * One machine: its devices, its network, its programs. The only folder that knows both a NIC and a
 * stack; only virtio/drivers.h lists the drivers.
 *
 * kernel_init(), then kernel_poll() whenever kernel_deadline() has passed or a device did
 * something. A poll is bounded and never waits. Everything is in struct kernel, which its caller
 * provides.
 */
#ifndef DRYWIRE_KERNEL_H
#define DRYWIRE_KERNEL_H

#include "../interface/file.h"
#include "../port/machine.h"
#include "../net/stack.h"
#include "../virtio/discover.h"
#include "../virtio/virtio_net.h"
#include "../virtio/drivers.h"

enum { TASKS = 8, TASK_NAME_MAX = 16, CONSOLE_LINE_MAX = 160, KERNEL_DEVICES = 4 };

/* What a program writes to the console, until the line is complete. */
struct console {
    struct task *task;
    bool report; /* FD_REPORT; else FD_OUTPUT: lines are marked with '|' */
    size_t len;
    uint8_t line[CONSOLE_LINE_MAX];
};

/* A system call that could not finish yet, as it was set at entry. */
struct call {
    uint64_t nr;
    uint64_t args[SYSCALL_ARGS];
    uint64_t deadline_ns; /* DEADLINE_NEVER: none */
    uint64_t progress;
};

enum task_state {
    TASK_FREE,
    TASK_RUNNABLE, /* resume it with `result` */
    TASK_WAITING,  /* for `call` */
};

struct task {
    struct kernel *kernel;
    enum task_state state;
    unsigned pid;
    char name[TASK_NAME_MAX];
    struct process *process;
    int64_t result;
    struct call call;
    unsigned waits; /* calls that had to wait so far */
    struct console output, report;
    struct file files[PROCESS_FDS];
};

/* A device that was found and brought up. */
struct device {
    const struct virtio_driver *driver;
    struct virtio_place place;
    _Alignas(8) uint8_t state[VIRTIO_STATE_MAX]; /* of its driver */
};

/* Ordinary memory for the stack and for all devices but the first, which is in struct kernel: the
 * simulator pays only for the part of this memory that is used. */
enum { KERNEL_CONNS = 16, KERNEL_PAGES = 128, KERNEL_PAGE_SIZE = 16384, KERNEL_WINDOW = 65535 };

#define KERNEL_STACK_MEMORY STACK_MEMORY(KERNEL_CONNS, KERNEL_PAGES, KERNEL_PAGE_SIZE)
#define KERNEL_BUFFERS_SIZE (KERNEL_MORE_DEVICES + (KERNEL_DEVICES - 1) * sizeof(struct device))

/* Where those devices begin in the buffers. */
#define KERNEL_MORE_DEVICES (KERNEL_STACK_MEMORY / 64 * 64 + 64)

_Static_assert((int)VIRTIO_SEED_SIZE == (int)STACK_SEED_SIZE, "one seed");

/* The most DMA memory that the devices need. */
enum { KERNEL_DMA_SIZE = VIRTIO_NET_DMA_SIZE + (KERNEL_DEVICES - 1) * VIRTIO_DMA_MAX };

struct kernel_config {
    const struct platform *platform;
    const struct process_ops *processes;
    struct device_places places;
    bool interrupts; /* of devices; else the machine polls by itself */
    uint32_t window; /* of struct tcp_config; at most half of the pages; 0: KERNEL_WINDOW */
    void *dma;       /* 4096-byte aligned */
    size_t dma_size;
    void *buffers; /* KERNEL_BUFFERS_SIZE, 64-byte aligned, not cleared */
};

struct kernel {
    const struct platform *platform;
    const struct process_ops *processes;
    uint64_t now_ns;
    struct rng rng;
    struct device first, *devices[KERNEL_DEVICES]; /* the first network device is the stack's */
    unsigned device_count;
    struct stack stack;
    struct network_ops network;
    struct task tasks[TASKS];
    unsigned next_pid;
    bool more; /* the last poll stopped at a bound */
};

/* Bring the machine up: 0; ERR_NODEV: no network device for the stack; ERR_DEVICE: its bring-up
 * failed. */
int kernel_init(struct kernel *k, const struct kernel_config *config, uint64_t now_ns);

void kernel_poll(struct kernel *k, uint64_t now_ns);

uint64_t kernel_deadline(const struct kernel *k, uint64_t now_ns);

/* Start a program: its pid (> 0), or an error. */
int kernel_start(struct kernel *k, const char *const *words, unsigned count);

/* End a program, whatever it is doing; its descriptors are closed. ERR_NOENT. */
int kernel_kill(struct kernel *k, unsigned pid);

/* True while the program has not ended. */
bool kernel_alive(const struct kernel *k, unsigned pid);

/* Programs that have not ended. */
unsigned kernel_programs(const struct kernel *k);

/* True when nothing is left to do except by programs. */
bool kernel_idle(const struct kernel *k);

/* The same, but connections in TIME-WAIT are ignored; and every frame has left, so that
 * kernel_stop() loses none. */
bool kernel_settled(const struct kernel *k);

/* Power off: reset the devices. */
void kernel_stop(struct kernel *k);

/* ---- between the files of the kernel ---- */

/* The invariants at the end of a poll, whatever programs requested. */
void kernel_invariants(const struct kernel *k);

/* devices.c: find all devices that have a driver and bring them up. *out is the stack's network
 * device; returns the errors of kernel_init(). Other devices that fail are left out. Then the two
 * steps of a poll, and when the next poll is due. */
int devices_init(struct kernel *k, const struct kernel_config *config, struct netdev **out);
void devices_seed(struct kernel *k); /* once the stack is up */
void devices_check(struct kernel *k, uint64_t now_ns);
void devices_kick(struct kernel *k);
uint64_t devices_deadline(const struct kernel *k);
bool devices_sent(const struct kernel *k); /* no frame is left in the ring of a device */
void devices_stop(struct kernel *k);

/* process.c */
void task_run_all(struct kernel *k);
void task_end(struct task *t, const char *how, int64_t status);

/* syscall.c: the result, or ERR_AGAIN when the call must wait. */
int64_t syscall_dispatch(struct task *t, struct call *call);
/* Set deadline and progress of a new call. */
void syscall_enter(struct task *t, struct call *call);

/* fd.c */
int fd_add(struct task *t, struct file f);        /* the lowest free descriptor, or ERR_NFILE */
bool fd_free(const struct task *t);               /* true if there is one */
struct file *fd_get(struct task *t, uint64_t fd); /* NULL: not open */
void fd_close_all(struct task *t);
void fd_open_console(struct task *t);
void console_flush(struct console *c);

#endif
