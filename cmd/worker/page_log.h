/*
 * The events of a run, stored for a page (page.h): every trace line, frame and ring event in order,
 * and the decisions drawn. The log is a mapping shared by child and parent, so that the events
 * before a crash can be shown too.
 */
#ifndef DRYWIRE_PAGE_LOG_H
#define DRYWIRE_PAGE_LOG_H

#include "../../sim/run/run.h"

/* Stored bytes of a frame: headers and the start of the payload; fewer when the log is large. */
enum { PAGE_SNAP = 256, PAGE_SNAP_SHORT = 64 };

/* Maximum bytes of all records, bytes of frames before they are cut short, and decisions: about
 * 640,000 events. A larger page would be too slow in a browser. */
enum { PAGE_LOG_BYTES = 64 << 20, PAGE_SNAPS_BYTES = 1 << 20, PAGE_DECISIONS = 100000 };

enum page_kind { PAGE_LINE, PAGE_FRAME, PAGE_RING, PAGE_KINDS };

/* Before each record; `len` bytes of it follow, rounded up to 8. */
struct page_record {
    uint64_t time_ns;
    uint32_t len;
    uint32_t kind;
};

/* PAGE_LINE: its text. */

/* PAGE_FRAME: `snap` bytes of it, then the words of its fate without a NUL. */
struct page_frame {
    struct decoded decoded; /* of the whole frame; without its payload */
    uint64_t arrival_ns;    /* SIM_NEVER: lost */
    uint32_t frame_len;
    uint16_t snap, fate_len;
    uint8_t direction;
    uint8_t padding[7];
};

/* PAGE_RING: `count` descriptors of a chain that was made available. */
struct page_ring {
    _Alignas(8) uint32_t value;
    uint16_t chain; /* the id in its used entry, or a slot (VQUEUE_COLLECTED) */
    uint16_t slot;  /* slot of its used entry (VQUEUE_USED) */
    uint16_t slots; /* packed: number of slots returned */
    uint16_t count;
    uint16_t size; /* of the queue (VQUEUE_STARTED) */
    uint8_t device, queue, what;
    bool packed, event_idx, indirect;
    uint8_t padding[4];
};

struct page_descriptor {
    uint64_t addr;
    uint32_t len;
    int16_t slot;  /* -1: in an indirect table */
    uint16_t kind; /* enum vbuffer_kind */
};

struct page_log {
    size_t used;       /* bytes of complete records */
    size_t snaps;      /* bytes of frames among them */
    uint64_t left_out; /* records and decisions without room */
    uint64_t count[PAGE_KINDS];
    size_t decision_count;
    struct decision decisions[PAGE_DECISIONS];
    _Alignas(8) uint8_t bytes[PAGE_LOG_BYTES];
};

/* NULL with errno set: no memory. */
struct page_log *page_log_new(void);
void page_log_free(struct page_log *log);

/* The callbacks on_line, on_flight and on_ring of struct run_options, with the log as ctx. */
void page_log_line(void *log, uint64_t time_ns, const char *line);
void page_log_flight(void *log, uint64_t time_ns, enum direction dir, const uint8_t *frame,
                     size_t len, const struct decoded *d, const char *fate, uint64_t arrival_ns);
void page_log_ring(void *log, uint64_t time_ns, unsigned device, const struct vqueue *q,
                   enum vqueue_event what, unsigned chain, uint32_t value);

/* The decisions, when the run has ended. Safe in a signal handler. */
void page_log_tape(struct page_log *log, const struct decision *tape, size_t count);

/* The record after `r`, the first one with NULL; NULL at the end. */
const struct page_record *page_log_next(const struct page_log *log, const struct page_record *r);

#endif
