/*
 * The capture of a run with its reasons: the comments of every packet have its fault, its chain of
 * descriptors, its connection and the states of both ends; ring events are recorded between the
 * packets. docs/wireshark.md has the words and the records; tools/wireshark/drywire.lua reads them.
 */
#ifndef DRYWIRE_REASONS_H
#define DRYWIRE_REASONS_H

#include "../../core/port/platform.h"
#include "../fake_device/vqueue.h"
#include "../frame/pcapng.h"
#include "../engine/sim.h"
#include "../oracle/tcp_view.h"

/* The comments in a capture's section header (docs/wireshark.md has the words). */
struct capture_header {
    const char *comments[3]; /* up to a NULL */
    size_t verdict_at;       /* in the first of them: offset of FAILURE_WORDS_MAX characters for
                              * the verdict; 0: none */
};

/* What is to be captured. */
struct capture_wish {
    const struct sink *out; /* NULL: nothing */
    struct capture_header header;
    bool rings; /* reasons_ring() will be called */

    /* A connection in the machine's own stack: its number and the word of its state; false:
     * unknown. NULL: the stack is not accessible. */
    bool (*connection)(void *ctx, uint16_t local_port, uint32_t remote, uint16_t remote_port,
                       unsigned *number, const char **word);
    void *ctx;
};

/* A record of interface "ring"; the kinds are those of docs/wireshark.md. */
enum record_kind {
    RECORD_LIVE = 1,
    RECORD_AVAILABLE,
    RECORD_WORKING,
    RECORD_FRAME,
    RECORD_USED,
    RECORD_COLLECTED,
    RECORD_NOTIFY,
    RECORD_INTERRUPT,
    RECORD_STOPPED,
    RECORD_READ,
    RECORD_WRITE,
};

enum { RECORD_NO_QUEUE = 0xffff };

struct ring_record {
    enum record_kind kind;
    uint16_t queue, id, slot;
    uint32_t count, len, packet, value;
    uint64_t address;
    uint8_t size, space, device;
};

/* A packet whose destination is recorded later. */
struct reasons_packet {
    uint64_t number; /* in the capture, from 1 */
    uint64_t at;     /* of its comment; 0: it has none */
    uint32_t len;
};

struct reasons {
    bool on;
    struct sim *sim;
    struct capture_wish wish;
    struct pcapng pcap;
    struct tcp_view *view;
    bool leaving; /* a frame is taken out of this chain: */
    struct ring_record from;
    bool from_written;
    struct reasons_packet *packets;  /* to the machine, in the order of their marks, from 1 */
    struct reasons_packet *arrivals; /* the same in order of arrival at the device */
    size_t packet_count, packets_size, arrival_count, arrivals_size;
};

/* Also used without a capture. *r is zero or from an earlier run; wish->out and the comments must
 * stay valid until reasons_close(), which writes the verdict and leaves the sink open. */
void reasons_open(struct reasons *r, struct sim *sim, const struct capture_wish *wish);
void reasons_close(struct reasons *r);
void reasons_free(struct reasons *r);

/* A frame as sent; its fate, with a mark for reasons_arrived(), which reports its arrival. */
void reasons_sent(struct reasons *r, enum direction dir, const struct decoded *d);
uint64_t reasons_fate(struct reasons *r, enum direction dir, const uint8_t *frame, size_t len,
                      const struct decoded *d, const char *fate, bool lost);
void reasons_arrived(struct reasons *r, enum direction dir, const struct decoded *d, uint64_t mark);

/* The machine is not there to receive an arriving frame. */
void reasons_refused(struct reasons *r, const uint8_t *frame, size_t len, const char *why);

/* The callbacks `ring` and `access` of struct machine_listener. */
void reasons_ring(struct reasons *r, unsigned device, const struct vqueue *q,
                  enum vqueue_event what, unsigned chain, uint32_t value);
void reasons_register(struct reasons *r, bool write, enum reg_space space, uint64_t addr,
                      unsigned size, uint32_t value);

#endif
