/* The table of connections: see tcp_table.h. */
#include "tcp_table.h"
#include "../base/check.h"
#include "../base/err.h"
#include "../base/minmax.h"
#include "tcp_internal.h"

/* An idle connection costs its block, and its part of the sets, the hash and the heap. */
_Static_assert(TCP_MEMORY(4096, 0, 0) <= 4096 * 512, "at most 512 bytes for each connection");

/* ---- lists, oldest first ---- */

/* Half-open children; children that wait for accept; TIME-WAIT; closed by the program and not ended
 * yet; those of programs that peers opened. What a program opened itself is in none. */
static struct tcp_list *list_of(struct tcp_conn *c)
{
    if (c->state == TCPS_CLOSED || c->state == TCPS_LISTEN)
        return 0;
    if (c->listener)
        return c->state == TCPS_SYN_RECEIVED ? &c->tcp->half_open : &c->listener->listen.ready;
    if (c->owned)
        return c->passive ? &c->tcp->served : 0;
    return c->state == TCPS_TIME_WAIT ? &c->tcp->time_wait : &c->tcp->orphans;
}

static void list_remove(struct tcp_list *l, struct tcp_conn *c)
{
    *(c->previous ? &c->previous->next : &l->first) = c->next;
    *(c->next ? &c->next->previous : &l->last) = c->previous;
    c->previous = c->next = 0;
    l->count--;
}

static void list_append(struct tcp_list *l, struct tcp_conn *c)
{
    c->previous = l->last;
    c->next = 0;
    *(l->last ? &l->last->next : &l->first) = c;
    l->last = c;
    l->count++;
}

void tcp_list_update(struct tcp_conn *c)
{
    struct tcp_list *to = list_of(c), *half_open = &c->tcp->half_open;

    if (to == c->list)
        return;
    if (c->list)
        list_remove(c->list, c);
    if (c->list == half_open)
        c->listener->listen.half_open--;
    if (to == half_open)
        c->listener->listen.half_open++;
    if (to)
        list_append(to, c);
    c->list = to;
}

void tcp_list_move_last(struct tcp_conn *c)
{
    list_remove(c->list, c);
    list_append(c->list, c);
}

/* ---- blocks ---- */

struct tcp_conn *tcp_find_free(struct tcp *t, uint32_t keep)
{
    struct tcp_conn *oldest = t->time_wait.first;
    uint32_t number;

    if (oldest && t->free_count <= keep)
        tcp_end(oldest); /* if the table is full, the oldest TIME_WAIT ends early */
    if (t->free_count <= keep || !bitset_next(&t->free, 0, &number))
        return 0;
    INVARIANTS(tcp_invariants(&t->conn[number]));
    bitset_remove(&t->free, number);
    t->free_count--;
    return &t->conn[number];
}

void tcp_keep_room(struct tcp *t)
{
    struct tcp_conn *c = t->served.first;

    if (t->free_count > t->reserve || t->time_wait.first || t->orphans.first)
        return;
    if (!c || t->net->now_ns - c->progress_ns < TCP_IDLE_NS)
        return;
    if (c->state != TCPS_TIME_WAIT)
        tcp_send_reset(c);
    tcp_abort(c, ERR_TIMEDOUT);
}

struct tcp_conn *tcp_allocate(struct tcp *t, uint32_t keep, uint64_t half_open_ns)
{
    struct tcp_conn *c = tcp_find_free(t, keep), *half_open = t->half_open.first,
                    *oldest = t->orphans.first;

    if (c)
        return c;
    if (half_open && t->net->now_ns - half_open->first_unacked_ns < half_open_ns)
        half_open = 0;
    if (!oldest || (half_open && half_open->first_unacked_ns < oldest->first_unacked_ns))
        oldest = half_open;
    if (!oldest) {
        tcp_keep_room(t);
        return 0;
    }
    tcp_send_reset(oldest);
    tcp_end(oldest);
    return tcp_find_free(t, keep);
}

void tcp_own(struct tcp_conn *c, bool owned)
{
    CHECK(c->owned != owned);
    c->owned = owned;
    c->tcp->owned += owned ? 1 : (uint32_t)-1;
    tcp_list_update(c);
}

/* ---- the hash: multiply-shift with keys that outsiders do not know ---- */

static uint32_t *bucket_of(const struct tcp *t, uint32_t remote_addr, uint16_t remote_port,
                           uint16_t local_port)
{
    uint32_t ports = (uint32_t)remote_port << 16 | local_port;
    uint64_t hash = t->hash_key[0] * remote_addr + t->hash_key[1] * ports;

    return &t->bucket[hash >> 32 & t->bucket_mask];
}

void tcp_hash_add(struct tcp_conn *c)
{
    uint32_t *bucket = bucket_of(c->tcp, c->remote_addr, c->remote_port, c->local_port);

    CHECK(!c->hashed);
    c->hashed = true;
    c->hash_next = *bucket;
    *bucket = c->number + 1;
}

void tcp_hash_remove(struct tcp_conn *c)
{
    uint32_t *at;

    if (!c->hashed)
        return;
    at = bucket_of(c->tcp, c->remote_addr, c->remote_port, c->local_port);
    while (*at != c->number + 1) {
        CHECK(*at);
        at = &c->tcp->conn[*at - 1].hash_next;
    }
    *at = c->hash_next;
    c->hashed = false;
}

struct tcp_conn *tcp_hash_find(const struct tcp *t, uint32_t remote_addr, uint16_t remote_port,
                               uint16_t local_port)
{
    uint32_t at = *bucket_of(t, remote_addr, remote_port, local_port);

    while (at) {
        struct tcp_conn *c = &t->conn[at - 1];

        if (tcp_is_between(c, remote_addr, remote_port, local_port))
            return c;
        at = c->hash_next;
    }
    return 0;
}

/* ---- deadlines: a binary heap of numbers, the earliest first ---- */

/* The key of a connection in the heap may be earlier than its deadline, never later: a timer that
 * is put off costs nothing until the connection is the first. */

uint64_t tcp_next_deadline(const struct tcp_conn *c)
{
    uint64_t at_ns = min_u64(c->rto_at_ns, c->persist_at_ns);

    at_ns = min_u64(at_ns, min_u64(c->delack_at_ns, c->linger_at_ns));
    if (c->board)
        at_ns = min_u64(at_ns, c->board->reorder_at_ns);
    return min_u64(at_ns, c->keepalive_at_ns);
}

static void deadline_put(struct tcp *t, uint32_t at, uint32_t number)
{
    t->heap[at] = number;
    t->conn[number].heap_at = at + 1;
}

static void deadline_up(struct tcp *t, uint32_t at)
{
    uint32_t number = t->heap[at];
    uint64_t key = t->conn[number].heap_ns;

    while (at && t->conn[t->heap[(at - 1) / 2]].heap_ns > key) {
        deadline_put(t, at, t->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    deadline_put(t, at, number);
}

static void deadline_down(struct tcp *t, uint32_t at)
{
    uint32_t number = t->heap[at], child;
    uint64_t key = t->conn[number].heap_ns;

    while ((child = 2 * at + 1) < t->heap_count) {
        if (child + 1 < t->heap_count &&
            t->conn[t->heap[child + 1]].heap_ns < t->conn[t->heap[child]].heap_ns)
            child++;
        if (t->conn[t->heap[child]].heap_ns >= key)
            break;
        deadline_put(t, at, t->heap[child]);
        at = child;
    }
    deadline_put(t, at, number);
}

/* Its timers are all off, or it is in `due`. */
static void deadline_remove_first(struct tcp *t)
{
    t->conn[t->heap[0]].heap_at = 0;
    t->heap_count--;
    if (!t->heap_count)
        return;
    t->heap[0] = t->heap[t->heap_count];
    deadline_down(t, 0);
}

void tcp_deadline_changed(struct tcp_conn *c)
{
    struct tcp *t = c->tcp;
    uint64_t at_ns = tcp_next_deadline(c);

    if (c->heap_at ? at_ns >= c->heap_ns : at_ns == DEADLINE_NEVER)
        return;
    c->heap_ns = at_ns;
    if (!c->heap_at) {
        CHECK(t->heap_count < t->count);
        deadline_put(t, t->heap_count++, c->number);
    }
    deadline_up(t, c->heap_at - 1);
}

void tcp_deadlines_settle(struct tcp *t)
{
    while (t->heap_count) {
        struct tcp_conn *c = &t->conn[t->heap[0]];
        uint64_t at_ns = tcp_next_deadline(c);

        if (at_ns == c->heap_ns)
            break;
        if (at_ns == DEADLINE_NEVER) {
            deadline_remove_first(t);
        } else {
            c->heap_ns = at_ns;
            deadline_down(t, 0);
        }
    }
}

void tcp_take_expired(struct tcp *t)
{
    while (t->heap_count && t->conn[t->heap[0]].heap_ns <= t->net->now_ns) {
        struct tcp_conn *c = &t->conn[t->heap[0]];

        if (tcp_next_deadline(c) <= t->net->now_ns) {
            tcp_touch(c);
            deadline_remove_first(t);
        } else {
            tcp_deadlines_settle(t); /* put off since */
        }
    }
}
