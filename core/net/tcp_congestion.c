/* Congestion control: see tcp_congestion.h. */
#include "tcp_congestion.h"
#include "../base/minmax.h"
#include "tcp_seq.h"

void tcp_congestion_init(struct tcp_congestion *cc, bool cubic, uint32_t iss)
{
    *cc = (struct tcp_congestion){.ssthresh = UINT32_MAX, .cubic = cubic, .recover = iss};
}

/* RFC 6928 section 2. */
static uint32_t initial_window(uint32_t mss)
{
    return min_u32(10 * mss, max_u32(2 * mss, 14600));
}

void tcp_congestion_open(struct tcp_congestion *cc, uint32_t mss, bool syn_lost)
{
    cc->cwnd = syn_lost ? mss : initial_window(mss);
}

void tcp_congestion_restart(struct tcp_congestion *cc, uint32_t mss)
{
    cc->cwnd = min_u32(cc->cwnd, initial_window(mss));
    cc->epoch_ns = 0;
}

/* ---- CUBIC: RFC 9438, with C = 0.4, beta = 0.7 and times in milliseconds ---- */

/* The largest integer whose cube is `n` or less. */
static uint32_t cube_root(uint64_t n)
{
    uint64_t root = 0;

    for (unsigned bit = 21; bit-- > 0;) {
        uint64_t next = root | UINT64_C(1) << bit;

        if (next * next * next <= n)
            root = next;
    }
    return (uint32_t)root;
}

/* Section 4.2: when this period began, and how long it takes to w_max. */
static void cubic_start(struct tcp_congestion *cc, uint32_t mss, uint64_t now_ns)
{
    cc->epoch_ns = now_ns;
    cc->w_est = cc->cwnd;
    cc->bytes_acked = 0;
    if (cc->w_max < cc->cwnd)
        cc->w_max = cc->cwnd;
    cc->k_ms = cube_root((uint64_t)(cc->w_max - cc->cwnd) / mss * 2500000000);
}

/* Figure 1: the window `t_ms` after the start of the period. */
static uint32_t cubic_window(const struct tcp_congestion *cc, uint32_t mss, uint64_t t_ms)
{
    int64_t d = (int64_t)min_u64(t_ms, 100000) - (int64_t)min_u64(cc->k_ms, 100000);
    int64_t window = (int64_t)cc->w_max + d * d * d / 10000000 * mss / 1000 * 4;

    return window < 0 ? 0 : (uint32_t)min_u64((uint64_t)window, TCP_CWND_MAX);
}

/* Sections 4.3 to 4.5. */
static void cubic_grow(struct tcp_congestion *cc, const struct tcp_congestion_ack *a)
{
    uint64_t t_ms;
    uint32_t acked, target;

    if (!cc->epoch_ns)
        cubic_start(cc, a->mss, a->now_ns);
    cc->bytes_acked += a->acked;
    if (cc->bytes_acked < a->mss) /* less would be lost in the divisions */
        return;
    acked = cc->bytes_acked;
    cc->bytes_acked = 0;
    t_ms = (a->now_ns - cc->epoch_ns) / 1000000;

    /* As much as RFC 5681 would reach on average: 9/17 of a segment a round trip, then one. */
    cc->w_est += (uint32_t)((uint64_t)acked * a->mss * (cc->w_est < cc->w_prior ? 9 : 17) / 17 /
                            max_u32(cc->cwnd, 1));
    if (cubic_window(cc, a->mss, t_ms) < cc->w_est) {
        cc->cwnd = max_u32(cc->cwnd, cc->w_est);
        return;
    }
    target = cubic_window(cc, a->mss, t_ms + a->rtt_ns / 1000000);
    target = min_u32(target, cc->cwnd + cc->cwnd / 2);
    if (target > cc->cwnd)
        cc->cwnd += (uint32_t)((uint64_t)(target - cc->cwnd) * acked / max_u32(cc->cwnd, 1));
}

/* ---- growth ---- */

/* cwnd grows by what is acknowledged, however many ACKs say so: RFC 3465 sections 2.1 and 2.2; in
 * slow start after a timeout by one segment an ACK, since one may acknowledge what arrived before.
 * It does not grow beyond what is used. */
void tcp_congestion_grow(struct tcp_congestion *cc, const struct tcp_congestion_ack *a)
{
    uint32_t most = seq_lt(a->una, cc->recover) ? a->mss : 2 * a->mss;

    if (seq_lt(cc->recover, a->una)) /* it follows, lest 2^31 bytes later it seem to be ahead */
        cc->recover = a->una - 1;
    if (cc->cwnd > 2 * max_u32(a->flight, initial_window(a->mss))) {
        cc->epoch_ns = 0;
        return;
    }
    if (cc->cwnd < cc->ssthresh) {
        cc->cwnd += min_u32(a->acked, most);
    } else if (cc->cubic) {
        cubic_grow(cc, a);
    } else {
        cc->bytes_acked += a->acked;
        if (cc->bytes_acked >= cc->cwnd) {
            cc->bytes_acked -= cc->cwnd;
            cc->cwnd += a->mss;
        }
    }
    cc->cwnd = min_u32(cc->cwnd, TCP_CWND_MAX);
}

/* The window after a loss, when that much was in flight: RFC 5681 equation (4), RFC 9438
 * sections 4.6 and 4.7. */
static void congestion_lost(struct tcp_congestion *cc, uint32_t mss, uint32_t flight)
{
    uint64_t before = cc->cwnd;

    if (cc->cubic) {
        cc->w_max = (uint32_t)(before < cc->w_max ? before * 17 / 20 : before);
        cc->w_prior = cc->cwnd;
        cc->ssthresh = (uint32_t)((uint64_t)flight * 7 / 10);
    } else {
        cc->ssthresh = flight / 2;
    }
    cc->epoch_ns = 0;
    cc->ssthresh = max_u32(cc->ssthresh, 2 * mss);
}

/* RFC 5681 section 3.1 and 3.2, RFC 6582 section 3.2. */
bool tcp_congestion_reno(struct tcp_congestion *cc, const struct tcp_congestion_ack *a)
{
    uint32_t left = a->flight - a->acked;

    cc->dup_acks = 0;
    if (cc->recovering && seq_lt(a->una, cc->recover)) { /* partial: the next hole */
        cc->cwnd -= min_u32(a->acked, cc->cwnd);
        if (a->acked >= a->mss || cc->cwnd < a->mss)
            cc->cwnd += a->mss;
        return true;
    }
    if (cc->recovering) {
        cc->recovering = false;
        cc->bytes_acked = 0;
        cc->cwnd = min_u32(max_u32(left, a->mss) + a->mss, cc->ssthresh);
        if (a->acked <= 4 * a->mss)   /* so little was missing that the next duplicates mean a */
            cc->recover = a->una - 1; /* loss: RFC 6582 section 4.1 */
        return false;
    }
    tcp_congestion_grow(cc, a);
    return false;
}

void tcp_congestion_reduce(struct tcp_congestion *cc, uint32_t mss, uint32_t flight,
                           uint32_t snd_max)
{
    congestion_lost(cc, mss, flight);
    cc->recover = snd_max;
}

void tcp_congestion_repaired(struct tcp_congestion *cc)
{
    cc->cwnd = cc->ssthresh;
    cc->bytes_acked = 0;
}

bool tcp_congestion_duplicate(struct tcp_congestion *cc, uint32_t mss, uint32_t una,
                              uint32_t snd_max)
{
    if (cc->dup_acks == 0)
        cc->dup_flight = snd_max - una;
    if (cc->dup_acks < UINT16_MAX)
        cc->dup_acks++;
    if (cc->recovering) {
        cc->cwnd = min_u32(cc->cwnd + mss, TCP_CWND_MAX);
        return false;
    }
    if (cc->dup_acks != 3 || !seq_lt(cc->recover, una))
        return false;
    congestion_lost(cc, mss, cc->dup_flight);
    cc->cwnd = cc->ssthresh + 3 * mss;
    cc->recover = snd_max;
    cc->recovering = true;
    return true;
}

void tcp_congestion_timeout(struct tcp_congestion *cc, uint32_t mss, uint32_t flight, bool first,
                            uint32_t snd_max)
{
    if (first)
        congestion_lost(cc, mss, flight);
    cc->epoch_ns = 0;
    cc->cwnd = mss;
    cc->bytes_acked = 0;
    cc->recover = snd_max;
    cc->recovering = false;
    cc->dup_acks = 0;
}
