/* Shared by the parts of the runner: run.c (time, packets, matching), run_calls.c (calls). */
#ifndef DRYWIRE_PKT_RUN_INTERNAL_H
#define DRYWIRE_PKT_RUN_INTERNAL_H

#include "flow.h"
#include "run.h"
#include "../engine/sim.h"

enum {
    PKT_SOCKETS_MAX = 64,
    PKT_PENDING_MAX = 16,
    PKT_STEPS_MAX = 1000000,     /* polls of the stack in one run */
    PKT_QUEUE_MAX = 65536,       /* frames that wait for a line */
    PKT_TRANSFER_MAX = 16 << 20, /* bytes of one read or write */
};

/* A descriptor of the script. */
struct pkt_socket {
    bool used, nonblocking;
    bool connecting; /* a connect without an end */
    int fd;          /* of the stack */
    unsigned flow;   /* 1 + its number, or 0 */
    uint32_t keepalive_s;
};

/* A blocking call that has not returned. */
struct pkt_pending {
    const struct pkt_event *event;
    uint64_t start_ns, end_ns;
    size_t done; /* bytes that were taken so far */
};

struct pkt_queued {
    uint64_t time_ns;
    unsigned flow; /* PKT_FLOWS_MAX: none */
    size_t len;
    uint8_t frame[PKT_FRAME_MAX];
};

struct pkt_runner {
    const struct pkt_script *script;
    const struct pkt_stack *stack;
    const struct pkt_variant *variant;
    struct pkt_result *result;
    void *ctx;
    uint64_t now_ns, base_ns; /* since the start of the script; of the event before */
    unsigned steps;
    bool over; /* the result has an outcome */

    struct pkt_flow flow[PKT_FLOWS_MAX];
    unsigned flows, current; /* the one of lines without ports: 1 + its number, or 0 */
    struct pkt_socket socket[PKT_SOCKETS_MAX];
    struct pkt_pending pending[PKT_PENDING_MAX];
    unsigned pending_count;
    uint16_t listen_port; /* of the last bind, or 0 */

    struct pkt_queued *queue;
    size_t queue_count, queue_size, queue_taken;
};

/* End the run, unless it has ended. */
void pkt_run_end(struct pkt_runner *r, enum pkt_outcome outcome, unsigned line, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

/* A new connection, without ports: its number. The run ends when there are too many. */
unsigned pkt_run_new_flow(struct pkt_runner *r);

/* Let the stack do what is due now, and make the calls that wait again. */
void pkt_run_settle(struct pkt_runner *r);

/* The event is a call: make it, and check what it returns if it is not a blocking one. */
void pkt_run_call(struct pkt_runner *r, const struct pkt_event *e);

/* Make the blocking calls again. True: one has returned, or moved bytes. */
bool pkt_run_retry(struct pkt_runner *r);

/* When one that waits must be made again without a packet (a poll's time limit), and the end of the
 * first one; UINT64_MAX: none. */
uint64_t pkt_run_calls_due(const struct pkt_runner *r);

/* Time moves on: what must have returned by now has. */
void pkt_run_calls_check(struct pkt_runner *r);

#endif
