/*
 * The oracles of TCP's timers, from frames alone: tcp.timer (no retransmission is too early: RFC
 * 6298 sections 2 and 5) and tcp.silent (unacknowledged data is retransmitted, and a closed window
 * probed, in time: RFC 9293 sections 3.8.1 and 3.8.6.1).
 *
 * Positions count a connection's sequence space from its SYN, which is 0. The oldest unacknowledged
 * position is checked: its timer is the connection's. Between two of its transmissions without a
 * reply from the peer is at least a second, and the shortest round trip that the connection can
 * have measured (SRTT is no less); then twice the time before, up to a minute. With a peer that
 * does SACK it may be sent again once after two round trips (RFC 8985 section 7). The upper bound
 * is three seconds, more with long round trips, or twice the longest wait so far. RFC 1122
 * section 4.2.3.5 allows to abort a connection without a segment after 100 seconds (R2), so it is
 * not checked after that.
 */
#include "../../core/base/minmax.h"
#include "oracle_internal.h"

#define RTO_LEAST_NS NS_PER_S        /* RFC 6298 (2.4) */
#define RTO_MOST_NS  (60 * NS_PER_S) /* (2.5): the smallest allowed maximum */
#define RTO_FIRST_NS (3 * NS_PER_S)  /* (5.7), and (2.1) is less */
#define WAIT_MOST_NS (120 * NS_PER_S)
#define R2_NS        (100 * NS_PER_S)
#define GRACE_NS     (100 * NS_PER_MS)

enum { DUPLICATES = 3 }; /* duplicate ACKs that cause a fast retransmit: RFC 5681 section 3.2 */

static uint64_t una_of(const struct flow *f)
{
    return f->timer.syn_acked ? f->una + 1 : 0;
}

/* The oldest position is sent again after `gap_ns`. True: by its timer, which restarts now. */
static bool sent_again(struct oracles *o, struct flow *f, uint64_t gap_ns)
{
    struct flow_timer *t = &f->timer;
    uint64_t least = max_u64(RTO_LEAST_NS, 2 * t->gap_ns);
    bool probe =
        flow_sacks(f) && !t->again && t->measured && gap_ns + o->slack_ns >= 2 * t->least_ns;

    t->longest_ns = max_u64(t->longest_ns, gap_ns);
    t->again = true;
    /* A reply explains it, perhaps one to what is before it, or a smaller MTU of the path; ARP
     * resolution may have delayed it. */
    if (t->heard || t->duplicates >= DUPLICATES || o->asked_ns >= t->oldest_ns ||
        o->too_big_ns >= t->oldest_ns || o->sim->now_ns - t->advanced_ns <= o->slack_ns || probe) {
        t->gap_ns = 0;
        return false;
    }
    if (t->waited) { /* the timer started before the last transmission */
        t->gap_ns = 0;
        return true;
    }
    oracle_look(o, TCP_TIMER);
    if (t->measured)
        least = max_u64(least, t->least_ns);
    least = min_u64(least, RTO_MOST_NS);
    if (gap_ns + o->slack_ns < least)
        oracle_fail(
            o, TCP_TIMER, SIM_SITE,
            "port %u sends sequence number ISS+%llu again after %llu ms, the timer is %llu ms",
            f->local_port, (unsigned long long)t->oldest, (unsigned long long)(gap_ns / NS_PER_MS),
            (unsigned long long)(least / NS_PER_MS));
    t->gap_ns = gap_ns;
    return true;
}

/* Since when data had to be sent. */
static uint64_t since(const struct flow_timer *t)
{
    return max_u64(max_u64(t->sent_ns, t->heard_ns), t->written_ns);
}

void timer_tx(struct oracles *o, struct flow *f, uint64_t position, bool data)
{
    struct flow_timer *t = &f->timer;
    uint64_t now = o->sim->now_ns;
    bool timed = position >= t->next; /* for the first time */

    if (!timed) /* a segment that was sent before: so long its timer ran at most */
        t->longest_ns = max_u64(t->longest_ns,
                                now - max_u64(t->advanced_ns, max_u64(t->again_ns, t->begun_ns)));
    if (!timed)
        t->again_ns = now;
    else if (position == una_of(f))
        t->begun_ns = now;
    if (timed && !t->marked_ns) {
        t->marked = position;
        t->marked_ns = now;
    }
    t->next = max_u64(t->next, position + 1);
    if (f->hooked && data) /* data held back by a window waited as long as a timer */
        t->longest_ns = max_u64(t->longest_ns, now - since(t));
    t->sent_ns = now;
    if (position != una_of(f))
        return;
    if (t->started && t->oldest == position) {
        timed = sent_again(o, f, now - t->oldest_ns);
    } else {
        t->first_ns = now;
        t->gap_ns = 0;
        t->again = false;
        t->alone = timed;
    }
    t->started = true;
    t->oldest = position;
    t->oldest_ns = now;
    t->heard = false;
    /* A fast retransmission leaves the timer running: RFC 6298 (5.1). */
    t->waited = !timed || now <= o->answered_ns + o->slack_ns;
    if (now - t->heard_ns > o->slack_ns) /* else the machine may read them after it sent this */
        t->duplicates = 0;
}

void timer_rx(struct oracles *o, struct flow *f, const struct decoded *d, bool advanced)
{
    struct flow_timer *t = &f->timer;
    uint64_t now = o->sim->now_ns;

    t->heard_ns = now;
    if (advanced || d->payload_len || d->tcp_sack_count || (d->tcp_flags & (SEG_SYN | SEG_FIN)) ||
        d->tcp_window != t->window)
        t->heard = true;
    else
        t->duplicates++;
    t->window = d->tcp_window;
    if (!advanced)
        return;
    t->advanced_ns = now;
    t->duplicates = 0;
    if (t->marked_ns && una_of(f) > t->marked) { /* a longer round trip, if others were lost */
        t->round_trip_ns = max_u64(t->round_trip_ns, now - t->marked_ns);
        t->marked_ns = 0;
    }
    if (t->least_ns == 0 || now - t->sent_ns < t->least_ns)
        t->least_ns = max_u64(now - t->sent_ns, 1);
    if (!t->started)
        return;
    if (!t->again) /* Karn: RFC 6298 section 3 */
        t->round_trip_ns = max_u64(t->round_trip_ns, now - t->first_ns);
    t->measured |= t->alone && !t->again;
    t->started = false;
}

void timer_written(struct oracles *o, struct flow *f)
{
    f->timer.written_ns = o->sim->now_ns;
}

/* The deadline of a retransmission or probe; SIM_NEVER: none. */
static uint64_t deadline(const struct oracles *o, const struct flow *f)
{
    const struct flow_timer *t = &f->timer;
    bool flight = f->own_sent + f->own_fin > f->una;
    bool waits = f->hooked && (int64_t)(f->written.end - f->own_sent) > 0;
    uint64_t from = max_u64(since(t), o->asked_ns);
    uint64_t wait = max_u64(RTO_FIRST_NS + 5 * t->round_trip_ns, 2 * t->longest_ns + GRACE_NS);

    if (!f->used || f->over || !t->syn_acked || !f->peer_syn || (!flight && !waits))
        return SIM_NEVER;
    wait = min_u64(wait, WAIT_MOST_NS);
    if (t->started && t->heard_ns <= t->sent_ns && from + wait >= t->first_ns + R2_NS)
        return SIM_NEVER;
    return from + wait + o->slack_ns;
}

void timers_check(struct oracles *o)
{
    uint64_t now = o->sim->now_ns;

    if (!oracles_reachable(o))
        return;
    for (unsigned i = 0; i < FLOWS && o->flows[i].used; i++) {
        const struct flow *f = &o->flows[i];
        uint64_t at = deadline(o, f);

        if (at == SIM_NEVER)
            continue;
        oracle_look(o, TCP_SILENT);
        if (now > at)
            oracle_fail(o, TCP_SILENT, SIM_SITE,
                        "port %u has sent %llu bytes of which %llu are acknowledged, and nothing "
                        "for %llu ms",
                        f->local_port, (unsigned long long)f->own_sent, (unsigned long long)f->una,
                        (unsigned long long)((now - f->timer.sent_ns) / NS_PER_MS));
    }
}
