/*
 * The connections of a stack: found by address and port in a hash, by what they owe in a set, by
 * their next deadline in a heap, by what may be given up in lists. No step of a poll visits a
 * connection that has nothing to do.
 */
#ifndef DRYWIRE_TCP_TABLE_H
#define DRYWIRE_TCP_TABLE_H

#include "tcp.h"

/* ---- blocks ---- */

/* A block that nothing uses, perhaps one in TIME-WAIT, or NULL. `keep`: how many are to be left. */
struct tcp_conn *tcp_find_free(struct tcp *t, uint32_t keep);

/* The same; without one the oldest ends that no program has, half-open or closed already. A
 * half-open one must be `half_open_ns` old. Without such a one tcp_keep_room(), and NULL. */
struct tcp_conn *tcp_allocate(struct tcp *t, uint32_t keep, uint64_t half_open_ns);

/* Without a block for the next peer, that connection ends which a peer opened and left idle for
 * longest, TCP_IDLE_NS or more. Its program is still to close it: the block is free after that. */
void tcp_keep_room(struct tcp *t);

/* A program has it now, or no more. */
void tcp_own(struct tcp_conn *c, bool owned);

/* ---- by address and port ---- */

/* Add it under its addresses; remote address and port 0: it is bound, perhaps a LISTEN. */
void tcp_hash_add(struct tcp_conn *c);
void tcp_hash_remove(struct tcp_conn *c);

static inline bool tcp_is_between(const struct tcp_conn *c, uint32_t remote_addr,
                                  uint16_t remote_port, uint16_t local_port)
{
    return c->local_port == local_port && c->remote_port == remote_port &&
           c->remote_addr == remote_addr;
}

/* The connection with exactly these, or NULL. */
struct tcp_conn *tcp_hash_find(const struct tcp *t, uint32_t remote_addr, uint16_t remote_port,
                               uint16_t local_port);

/* ---- by what is to be done ---- */

/* Something has changed: the end of this poll sends what is due and reads its timers. */
static inline void tcp_touch(struct tcp_conn *c)
{
    bitset_add(&c->tcp->due, c->number);
}

/* Those whose deadline has come are in `due`. */
void tcp_take_expired(struct tcp *t);

/* The earliest of its timers. */
uint64_t tcp_next_deadline(const struct tcp_conn *c);

/* Its timers may have changed. */
void tcp_deadline_changed(struct tcp_conn *c);

/* After that, for all: the next deadline of the table is that of the first in the heap. */
void tcp_deadlines_settle(struct tcp *t);

/* ---- by what may be given up ---- */

/* State, owner or listener have changed: it belongs to another list now. */
void tcp_list_update(struct tcp_conn *c);

/* It made progress: it is the last of its list to be given up. */
void tcp_list_move_last(struct tcp_conn *c);

static inline void tcp_list_renew(struct tcp_conn *c)
{
    if (c->list && c->list->last != c)
        tcp_list_move_last(c);
}

#endif
