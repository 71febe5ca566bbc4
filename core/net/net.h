/*
 * What the layers of one host share: the clock of the poll that is running, random numbers, the
 * addresses, and the count of what was dropped. And what a layer says of a packet that it was
 * given: its verdict. No layer calls one above it: stack.c passes packets up.
 */
#ifndef DRYWIRE_NET_H
#define DRYWIRE_NET_H

#include "../base/rng.h"
#include "../port/platform.h"
#include "../trace/trace_events.h"
#include <stdbool.h>
#include <stdint.h>

struct net {
    const struct platform *platform;
    uint64_t now_ns; /* of the poll that is running */
    struct rng rng;
    uint64_t key[2];              /* of what outsiders must not guess: RFC 6528, RFC 6056 */
    uint32_t addr, mask, gateway; /* host order; addr 0: no address */
    uint32_t dns[2];              /* name servers, in this order; 0: none */
    uint32_t broadcast[2];        /* of our network: net_set_address() */

    uint64_t drops[DROP_COUNT];
    uint64_t drops_total;
};

/* Random numbers, and the key, from the entropy of the platform; no address. */
void net_set_up(struct net *n, const struct platform *p, uint64_t now_ns);

/* The address of this host, or none (0). */
void net_set_address(struct net *n, uint32_t addr, uint32_t mask, uint32_t gateway, uint32_t dns);

/* Something is dropped: it is counted and traced. Layers call it for what they send or keep; for
 * what they receive, their verdict says it. */
void net_drop(struct net *n, enum drop_reason reason);

/* Answers to a packet that no other input of the stack needs. */
enum answer {
    ANSWER_NONE,
    ANSWER_RESET,            /* TCP: RFC 9293 section 3.10.7.1 */
    ANSWER_ECHO,             /* ICMP: RFC 792 */
    ANSWER_UNREACHABLE_PORT, /* ICMP, RFC 1122 section 3.2.2.1 */
    ANSWER_UNREACHABLE_PROTOCOL,
};

/* What became of a packet. A dropped one may have an answer, too. */
struct verdict {
    enum drop_reason drop; /* DROP_COUNT: accepted */
    enum answer answer;
};

#define VERDICT_ACCEPTED ((struct verdict){DROP_COUNT, ANSWER_NONE})

static inline struct verdict verdict_drop(enum drop_reason reason)
{
    return (struct verdict){reason, ANSWER_NONE};
}

static inline struct verdict verdict_answer(enum answer answer)
{
    return (struct verdict){DROP_COUNT, answer};
}

static inline bool verdict_accepted(struct verdict v)
{
    return v.drop == DROP_COUNT;
}

#endif
