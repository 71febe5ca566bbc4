/*
 * The format of a flight recorder's journal (docs/recorder.md), shared by its writer on metal
 * (targets/common/journal.c) and its readers (cmd/replay/journal.c, cmd/replay/replay_core.c). The
 * core itself does not use it.
 *
 * A journal holds the calls into the core and all results that the machine returned to the core.
 * Both are records: a tag, a check, the fields of the tag as LEB128 numbers and, for some, a count
 * and bytes. The check covers the output of the core so far (register writes are records
 * themselves; stores to rings, lines, trace events and frames are not): it is the lowest byte of a
 * sum over the present call, so that a replay detects a difference at the next record.
 */
#ifndef DRYWIRE_JOURNAL_H
#define DRYWIRE_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

enum { JOURNAL_VERSION = 2, JOURNAL_FIELDS_MAX = 10, JOURNAL_PROCESSES = 8 };

/*
 * X(tag, fields, has bytes). Calls into the core come first; all others happen during a call.
 * "where" is space << 2 | log2 of the size; "at" counts from the start of DMA memory; a result is
 * zigzag encoded; a process is a number from 0 to JOURNAL_PROCESSES - 1.
 */
#define JOURNAL_RECORDS(X)                                                                         \
    X(SLOT, 2, 0)       /* for kernel_init(): a virtio-mmio slot, its address and irq */           \
    X(BUS, 8, 0)        /* the same, PCI: memory base and size, I/O base and size, first irq; msix \
                           wanted, address, data */                                                \
    X(INIT, 4, 0)       /* kernel_init(): now, interrupts, DMA memory's bus address and size */    \
    X(START, 1, 1)      /* kernel_start(): words, each NUL-terminated */                           \
    X(POLL, 1, 0)       /* kernel_poll(): nanoseconds since the poll or INIT before */             \
    X(STOP, 0, 0)       /* kernel_stop() */                                                        \
    X(END, 4, 1)        /* why (enum journal_end), polls left out, both sums; panic: file:line */  \
    X(REG_READ, 3, 0)   /* where, address, value */                                                \
    X(REG_WRITE, 3, 0)  /* where, address, value */                                                \
    X(LOAD, 2, 0)       /* at << 2 | log2 of the size, value */                                    \
    X(TAKE, 1, 1)       /* a buffer was returned: at; the bytes the device wrote */                \
    X(ENTROPY, 1, 0)    /* value */                                                                \
    X(CREATE, 2, 0)     /* result, process */                                                      \
    X(SYSCALL, 7, 0)    /* process, nr, arguments */                                               \
    X(FAULT, 3, 0)      /* process, cause, address */                                              \
    X(TICK, 1, 0)       /* process */                                                              \
    X(USER_READ, 4, 1)  /* process, address, length, result; the bytes, none when it failed */     \
    X(USER_WRITE, 4, 0) /* process, address, length, result */

enum journal_tag {
    JOURNAL_NONE,
#define JOURNAL_ENUM(tag, fields, bytes) JOURNAL_##tag,
    JOURNAL_RECORDS(JOURNAL_ENUM)
#undef JOURNAL_ENUM
        JOURNAL_TAGS,
};

/* For a table by tag: the number of fields, and whether bytes follow them. */
#define JOURNAL_FIELD_COUNT(tag, fields, bytes) [JOURNAL_##tag] = (fields),
#define JOURNAL_HAS_BYTES(tag, fields, bytes)   [JOURNAL_##tag] = (bytes),

static inline int journal_is_call(enum journal_tag tag)
{
    return tag <= JOURNAL_END;
}

enum journal_end {
    JOURNAL_ASKED, /* the run ended */
    JOURNAL_FULL,  /* no room for the next record */
    JOURNAL_PANIC, /* the machine panicked */
};

/* Zigzag encoding: numbers near 0, also negative ones, become small unsigned numbers. */
static inline uint64_t journal_zigzag(int64_t n)
{
    return (uint64_t)n << 1 ^ (n < 0 ? UINT64_MAX : 0);
}

static inline int64_t journal_unzigzag(uint64_t n)
{
    return (int64_t)(n >> 1 ^ (~(n & 1) + 1));
}

/* ---- the sum over the output of the core ---- */

enum journal_output {
    OUTPUT_STORE,   /* at << 2 | log2 of the size, value */
    OUTPUT_GIVE,    /* at; bytes */
    OUTPUT_BARRIER, /* kind */
    OUTPUT_RELAX,
    OUTPUT_TRACE,   /* id; arguments */
    OUTPUT_LINE,    /* text */
    OUTPUT_RESUME,  /* process, result of its last call */
    OUTPUT_DESTROY, /* process */
    OUTPUT_WRITE,   /* bytes for a program */
    OUTPUT_RETURN,  /* the result of a call */
};

static inline uint64_t journal_mix(uint64_t sum, uint64_t value)
{
    sum = (sum ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return sum ^ sum >> 32;
}

static inline uint64_t journal_add(uint64_t sum, enum journal_output kind, uint64_t what,
                                   uint64_t value)
{
    return journal_mix(journal_mix(sum, what << 4 | kind), value);
}

static inline uint64_t journal_add_bytes(uint64_t sum, enum journal_output kind, uint64_t what,
                                         const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint64_t word;

    sum = journal_add(sum, kind, what, len);
    for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
        __builtin_memcpy(&word, at, sizeof(word));
        sum = journal_mix(sum, word);
    }
    word = 0;
    __builtin_memcpy(&word, at, len);
    return len ? journal_mix(sum, word) : sum;
}

#endif
