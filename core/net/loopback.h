/*
 * The loopback interface, lo: packets to 127.0.0.0/8 and to our own address never reach the wire
 * (RFC 1122 section 3.2.1.3).
 *
 * It fills a struct netdev as a driver does, so the code that builds packets does not depend on the
 * interface. Sending only queues, so nothing re-enters: stack_begin() of the next poll takes in
 * what was queued. alloc() returns NULL while the queue is full, which stops TCP and programs as a
 * full transmit ring does. The frames are packets after an unused Ethernet header.
 */
#ifndef DRYWIRE_LOOPBACK_H
#define DRYWIRE_LOOPBACK_H

#include "../interface/netdev.h"

enum { LOOPBACK_QUEUE = 16, LOOPBACK_MTU = NETDEV_MTU_MAX };

struct loopback_slot {
    uint8_t frame[NETDEV_FRAME_MAX];
    uint16_t len;
};

struct loopback {
    struct netdev netdev;
    struct loopback_slot *slots; /* LOOPBACK_QUEUE of them, a ring */
    unsigned head, count;        /* queued packets; the first one stays while it is borrowed */
    bool lent;                   /* the slot after them is being filled */
};

/* `slots` need not be cleared. */
void loopback_init(struct loopback *lo, struct loopback_slot *slots);

#endif
