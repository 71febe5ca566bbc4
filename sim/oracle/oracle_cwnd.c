/*
 * The oracle of the congestion window (tcp.cwnd), from frames alone: beside each connection a
 * window is kept that is never smaller than the one of right code, and what is in flight must fit
 * in. It is that of RFC 5681 with the most that its relatives allow: an initial window of ten
 * segments (RFC 6928), two segments for an ACK in slow start (RFC 3465), two for the first two
 * duplicate ACKs (RFC 3042), a window that is deflated to seven tenths of the flight (RFC 9438) and
 * no further (RFC 6582). A window that is not used may be kept (RFC 5681 section 4.1 says SHOULD).
 *
 * An ACK counts when it arrives, which is before the machine has read it; a loss counts when the
 * machine sends something again, which is after it has noticed. So the window grows before that of
 * the machine does, and shrinks after it. With a peer that does SACK it is kept until the first
 * loss: what is in flight then depends on what the machine takes for lost.
 */
#include "../../core/base/minmax.h"
#include "oracle_internal.h"

enum { DUPLICATES_FAST = 3, DUPLICATES_LIMITED = 2, LEEWAY = 2 }; /* LEEWAY: segments */
enum { INITIAL_SEGMENTS = 10, INITIAL_BYTES = 14600 };            /* RFC 6928 section 2 */

static uint64_t segment_of(const struct oracles *o, const struct flow *f)
{
    return min_u64(f->peer_mss, o->mtu - 40u);
}

/* More than one lost SYN makes the first window one segment: RFC 5681 section 3.1, of which RFC
 * 6928 excepts the first. */
static void window_begin(struct oracles *o, struct flow *f)
{
    uint64_t segment = segment_of(o, f);

    f->window.begun = true;
    f->window.begun_ns = o->sim->now_ns;
    f->window.ssthresh = UINT32_MAX;
    f->window.cwnd = min_u64(INITIAL_SEGMENTS * segment, max_u64(2 * segment, INITIAL_BYTES));
    if (f->syns_sent > 2)
        f->window.cwnd = segment;
}

/* What was in flight when the machine noticed a loss, at most: an ACK may have arrived since. While
 * an address is asked for frames are lost that were never seen. */
static uint64_t flight_then(const struct oracles *o, const struct flow *f)
{
    const struct flow_window *w = &f->window;
    uint64_t flight = f->own_sent + f->own_fin - f->una;

    if (o->sim->now_ns - w->acked_ns <= o->slack_ns)
        flight = max_u64(flight, w->flight);
    return o->asked_ns >= w->begun_ns ? max_u64(flight, w->offered) : flight;
}

/* The duplicate ACKs that it may know of. */
static uint64_t duplicates_then(const struct oracles *o, const struct flow *f)
{
    const struct flow_window *w = &f->window;

    return o->sim->now_ns - w->acked_ns <= o->slack_ns
               ? max_u64(w->duplicates, w->duplicates_before)
               : w->duplicates;
}

/* Three duplicate ACKs, and their segment is sent again: RFC 5681 section 3.2. */
static void fast_retransmission(struct oracles *o, struct flow *f, uint64_t duplicates,
                                uint64_t ssthresh)
{
    struct flow_window *w = &f->window;

    w->ssthresh = ssthresh;
    w->cwnd = ssthresh + duplicates * segment_of(o, f);
    w->recovering = true;
    w->recover = f->own_sent;
    w->counted = 0;
}

/* Something before `next` is sent again, up to `end`: a loss, unless the reason is another one. */
static void goes_back(struct oracles *o, struct flow *f, uint64_t end)
{
    struct flow_window *w = &f->window;
    uint64_t now = o->sim->now_ns, segment = segment_of(o, f), duplicates = duplicates_then(o, f);
    uint64_t part = max_u64(flight_then(o, f) * 7 / 10, 2 * segment);
    bool known = end <= f->una; /* to the peer; the machine has not read that yet */

    w->blind |= flow_sacks(f);
    if (w->closed) /* a probe, or what was not taken: RFC 9293 section 3.8.6.1 */
        return;
    if (o->too_big_ns && o->too_big_ns + o->slack_ns >= w->sent_ns) /* RFC 1191 section 6.5 */
        return;
    if (w->partial_ns && (w->recovering || now - w->partial_ns <= o->slack_ns)) {
        w->partial_ns = known ? w->partial_ns : 0; /* RFC 6582 section 3.2 */
        return;
    }
    w->partial_ns = known ? now : 0;
    if (duplicates >= DUPLICATES_FAST && !w->recovering) {
        fast_retransmission(o, f, duplicates, part);
        return;
    }
    w->ssthresh = part; /* the timer */
    w->cwnd = segment;
    w->counted = 0;
    w->recovering = false;
    w->duplicates = w->duplicates_before = 0;
}

/* The oldest segment is sent as the next one after a loss. Was it for its duplicate ACKs? The
 * window is the larger one of both cases. */
static void oldest_again(struct oracles *o, struct flow *f)
{
    struct flow_window *w = &f->window;
    uint64_t duplicates = duplicates_then(o, f);

    w->partial_ns = 0;
    if (o->sim->now_ns - w->acked_ns >= NS_PER_S / 2) { /* or by the timer, with a part of more */
        w->ssthresh = max_u64(w->ssthresh, flight_then(o, f) * 7 / 10);
        w->recovering = false;
    }
    if (duplicates >= DUPLICATES_FAST && !w->recovering)
        fast_retransmission(o, f, duplicates, max_u64(w->ssthresh, flight_then(o, f) * 7 / 10));
}

/* The right edge, when everything before `una` is acknowledged. */
static uint64_t window_end(const struct oracles *o, const struct flow *f, uint64_t una)
{
    const struct flow_window *w = &f->window;
    uint64_t more = w->recovering ? 0 : min_u64(w->duplicates, DUPLICATES_LIMITED);

    return una + w->cwnd + (more + LEEWAY) * segment_of(o, f);
}

void cwnd_tx(struct oracles *o, struct flow *f, uint64_t at, uint64_t end)
{
    struct flow_window *w = &f->window;
    uint64_t most, now = o->sim->now_ns;

    if (!w->begun)
        window_begin(o, f);
    if (at < w->next) {
        goes_back(o, f, end);
        w->next = end;
    } else if (at <= f->una && f->una < end && at < f->own_sent) {
        oldest_again(o, f);
    }
    w->next = max_u64(w->next, end);
    w->sent_ns = now;
    if (w->opened_ns && w->opened_ns + o->slack_ns < now)
        w->closed = false;
    if (w->blind || end <= f->una)
        return;
    oracle_look(o, TCP_CWND);
    most = window_end(o, f, f->una) - f->una;
    if (now - w->acked_ns <= o->slack_ns && (int64_t)(w->end - f->una) > 0)
        most = max_u64(most, w->end - f->una);
    if (end - f->una > most)
        oracle_fail(o, TCP_CWND, SIM_SITE,
                    "port %u has %llu bytes in flight, the congestion window is %llu at most",
                    f->local_port, (unsigned long long)(end - f->una), (unsigned long long)most);
}

/* RFC 5681 section 3.1, counted as in RFC 3465 or by the ACK, whichever is more; after slow start a
 * segment or, by RFC 9438 section 4.2, half as much again in a round trip. */
static void window_grow(struct flow_window *w, uint64_t acked, uint64_t segment)
{
    if (w->cwnd < w->ssthresh) {
        w->cwnd += min_u64(acked, 2 * segment);
        return;
    }
    w->counted += max_u64(acked, segment);
    if (w->counted >= w->cwnd) {
        w->counted -= w->cwnd;
        w->cwnd += max_u64(segment, w->cwnd / 2);
    }
}

static void window_acked(struct oracles *o, struct flow *f, uint64_t acked)
{
    struct flow_window *w = &f->window;
    uint64_t segment = segment_of(o, f);

    if (!w->recovering) {
        window_grow(w, acked, segment);
    } else if (f->una < w->recover) {
        w->partial_ns = o->sim->now_ns;
        w->cwnd = max_u64(w->cwnd - min_u64(acked, w->cwnd) + segment, w->ssthresh);
    } else {
        w->recovering = false;
        w->cwnd = w->ssthresh;
        w->counted = 0;
    }
}

void cwnd_rx(struct oracles *o, struct flow *f, const struct decoded *d, uint64_t acked)
{
    struct flow_window *w = &f->window;
    uint64_t now = o->sim->now_ns;

    w->blind |= d->tcp_sack_count > 0;
    w->offered = max_u64(w->offered, decode_window(d, f->peer_options.scale, f->own_options.scale));
    if (!d->tcp_window) {
        w->closed = true;
        w->opened_ns = 0;
    } else if (w->closed && !w->opened_ns) {
        w->opened_ns = now;
    }
    if (!w->begun)
        return;
    if (!acked) {
        w->duplicates++;
        if (w->recovering)
            w->cwnd += segment_of(o, f);
        return;
    }
    if (now - w->acked_ns > o->slack_ns)
        w->flight = w->duplicates_before = w->end = 0;
    w->end = max_u64(w->end, window_end(o, f, f->una - acked));
    w->flight = max_u64(w->flight, f->own_sent + f->own_fin - (f->una - acked));
    w->duplicates_before = (unsigned)max_u64(w->duplicates_before, w->duplicates);
    w->acked_ns = now;
    w->duplicates = 0;
    window_acked(o, f, acked);
}
