/* Congestion control: see tcp_congestion.h. */
#include "tcp_congestion.h"
#include "../base/minmax.h"
#include "tcp_seq.h"

void tcp_congestion_init(struct tcp_congestion *cc, uint32_t iss)
{
    *cc = (struct tcp_congestion){.ssthresh = UINT32_MAX, .recover = iss};
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
}

/* cwnd grows by what is acknowledged, however many ACKs say so: RFC 3465 sections 2.1 and 2.2; in
 * slow start after a timeout by one segment an ACK, since one may acknowledge what arrived before.
 * It does not grow beyond what is used. */
void tcp_congestion_grow(struct tcp_congestion *cc, uint32_t mss, uint32_t acked, uint32_t una,
                         uint32_t flight)
{
    uint32_t most = seq_lt(una, cc->recover) ? mss : 2 * mss;

    if (seq_lt(cc->recover, una)) /* it follows, lest 2^31 bytes later it seem to be ahead */
        cc->recover = una - 1;
    if (cc->cwnd > 2 * max_u32(flight, initial_window(mss)))
        return;
    if (cc->cwnd < cc->ssthresh) {
        cc->cwnd += min_u32(acked, most);
    } else {
        cc->bytes_acked += acked;
        if (cc->bytes_acked >= cc->cwnd) {
            cc->bytes_acked -= cc->cwnd;
            cc->cwnd += mss;
        }
    }
    cc->cwnd = min_u32(cc->cwnd, TCP_CWND_MAX);
}

/* RFC 5681 section 3.1 and 3.2, RFC 6582 section 3.2. */
bool tcp_congestion_ack(struct tcp_congestion *cc, uint32_t mss, uint32_t acked, uint32_t una,
                        uint32_t flight)
{
    cc->dup_acks = 0;
    if (cc->recovering && seq_lt(una, cc->recover)) { /* partial: the next hole */
        cc->cwnd -= min_u32(acked, cc->cwnd);
        if (acked >= mss || cc->cwnd < mss)
            cc->cwnd += mss;
        return true;
    }
    if (cc->recovering) {
        cc->recovering = false;
        cc->bytes_acked = 0;
        cc->cwnd = min_u32(max_u32(flight, mss) + mss, cc->ssthresh);
        if (acked <= 4 * mss)      /* so little was missing that the next duplicates mean a loss: */
            cc->recover = una - 1; /* RFC 6582 section 4.1 */
        return false;
    }
    tcp_congestion_grow(cc, mss, acked, una, flight + acked);
    return false;
}

void tcp_congestion_reduce(struct tcp_congestion *cc, uint32_t mss, uint32_t flight,
                           uint32_t snd_max)
{
    cc->ssthresh = max_u32(flight / 2, 2 * mss);
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
    if (cc->dup_acks++ == 0)
        cc->dup_flight = snd_max - una;
    if (cc->recovering) {
        cc->cwnd = min_u32(cc->cwnd + mss, TCP_CWND_MAX);
        return false;
    }
    if (cc->dup_acks != 3 || !seq_lt(cc->recover, una))
        return false;
    cc->ssthresh = max_u32(cc->dup_flight / 2, 2 * mss);
    cc->cwnd = cc->ssthresh + 3 * mss;
    cc->recover = snd_max;
    cc->recovering = true;
    return true;
}

void tcp_congestion_timeout(struct tcp_congestion *cc, uint32_t mss, uint32_t flight, bool first,
                            uint32_t snd_max)
{
    if (first)
        cc->ssthresh = max_u32(flight / 2, 2 * mss);
    cc->cwnd = mss;
    cc->bytes_acked = 0;
    cc->recover = snd_max;
    cc->recovering = false;
    cc->dup_acks = 0;
}
