/*
 * Loss recovery with a peer that does SACK: what is lost is found by what arrived although it was
 * sent later (RACK, RFC 8985 section 6), sent again as the congestion window shrinks to its new
 * size (proportional rate reduction, RFC 6937), and a tail that may be lost is probed (section 7).
 * What is known of the data in flight is in a scoreboard (tcp_scoreboard.h), which a connection has
 * from the first sign of a loss on until all is repaired. Without a page for it the connection
 * recovers as if the peer did no SACK.
 */
#include "../base/check.h"
#include "../base/minmax.h"
#include "tcp_internal.h"

enum { DUP_SEGMENTS = 3, REORDER_MORE_MAX = 3 };

_Static_assert(sizeof(struct tcp_scoreboard) <= TCP_PAGE_MIN, "it fits in a page");
_Static_assert(sizeof(struct tcp_reassembly) <= TCP_PAGE_MIN, "it fits in a page");

/* ---- the scoreboard ---- */

static bool board_open(struct tcp_conn *c)
{
    struct tcp_pages *p = &c->tcp->pages;
    uint32_t page = tcp_page_lend(p, PAGE_SENDS, NEED_NEXT);

    if (!page)
        return false;
    c->board = (struct tcp_scoreboard *)(void *)tcp_page_bytes(p, page);
    tcp_scoreboard_init(c->board, c->snd_una, c->snd_max, c->tcp->net->now_ns);
    if (c->snd_nxt != c->snd_max) /* all is being sent again */
        tcp_scoreboard_lose_all(c->board);
    c->snd_nxt = c->snd_max;
    if (c->tail_timer) /* that of the tail ran, which is shorter */
        c->rto_at_ns = c->sent_ns + c->rto_ns;
    c->tail_timer = c->tail_probe = c->tail_out = c->resend = false;
    c->cc.recovering = false;
    c->cc.dup_acks = 0;
    return true;
}

void tcp_recovery_close(struct tcp_conn *c)
{
    tcp_page_return(&c->tcp->pages, PAGE_SENDS, tcp_page_of(&c->tcp->pages, c->board));
    c->board = 0;
}

/* Nothing is left to repair. */
static void board_settle(struct tcp_conn *c)
{
    struct tcp_scoreboard *b = c->board;

    if (!b->lost && (b->count == 0 || (b->count == 1 && b->piece[0].fate == PIECE_SENT)))
        tcp_recovery_close(c);
}

void tcp_go_back(struct tcp_conn *c)
{
    if (c->board)
        tcp_scoreboard_lose_all(c->board);
    else
        c->snd_nxt = c->snd_una;
}

/* ---- what is lost ---- */

/* How long something may be overtaken before it counts as lost: RFC 8985 section 6.2, step 4. */
static uint64_t reorder_ns(const struct tcp_conn *c)
{
    const struct tcp_scoreboard *b = c->board;
    uint64_t wait_ns = c->srtt_ns / 4 * (1u + c->reorder_more);

    if (!c->reordering &&
        (b->lost || tcp_scoreboard_bytes(b, PIECE_SACKED) > (DUP_SEGMENTS - 1) * c->mss))
        return 0;
    return min_u64(wait_ns, c->srtt_ns);
}

/* How much may be in flight now: RFC 6937 section 3.1, with its slow start. */
static void reduce(struct tcp_conn *c, uint32_t news)
{
    struct tcp_scoreboard *b = c->board;
    uint32_t flight = tcp_scoreboard_bytes(b, PIECE_SENT), more, limit;
    uint64_t share;

    b->delivered += news;
    if (flight > c->cc.ssthresh) {
        share = ((uint64_t)b->delivered * c->cc.ssthresh + b->flight - 1) / b->flight;
        more = share > b->sent ? (uint32_t)share - b->sent : 0;
    } else {
        limit = max_u32(b->delivered > b->sent ? b->delivered - b->sent : 0, news) + c->mss;
        more = min_u32(c->cc.ssthresh - flight, limit);
    }
    if (!b->sent)
        more = max_u32(more, c->mss); /* what is lost first is sent at once */
    c->cc.cwnd = flight + more;
}

/* Something is lost: a recovery begins, unless there is one, by this or by a timeout. `flight`:
 * what was in flight. */
static void loss_found(struct tcp_conn *c, uint32_t flight)
{
    struct tcp_scoreboard *b = c->board;

    c->resend_reason = RETRANSMIT_SACK;
    if (b->lost || seq_lt(c->snd_una, c->cc.recover))
        return;
    /* What left because of SACK blocks does not count: RFC 5681 section 3.2, step 2. */
    tcp_congestion_reduce(&c->cc, c->mss, min_u32(flight, c->cc.cwnd), c->snd_max);
    b->lost = true;
    b->delivered = b->sent = 0;
    b->flight = max_u32(flight, 1);
}

static void detect(struct tcp_conn *c, uint32_t flight)
{
    if (tcp_scoreboard_detect(c->board, reorder_ns(c), c->tcp->net->now_ns))
        loss_found(c, flight);
}

void tcp_recovery_poll(struct tcp_conn *c)
{
    detect(c, tcp_flight(c));
    if (c->board->lost)
        reduce(c, 0);
}

bool tcp_recovery_timeout(struct tcp_conn *c)
{
    if (!c->sacks || !tcp_flight(c) || c->state < TCPS_ESTABLISHED || (!c->board && !board_open(c)))
        return false;
    tcp_scoreboard_lose_all(c->board);
    c->board->lost = false;
    return true;
}

/* ---- ACKs ---- */

/* Is the first block about what came twice? RFC 2883 section 4. */
static bool has_twice(const struct tcp_conn *c, const struct tcp_segment *g)
{
    struct tcp_range first = tcp_sack_block(g, 0), second;

    if (seq_le(first.end, c->snd_una))
        return true;
    if (g->sack_count < 2)
        return false;
    second = tcp_sack_block(g, 1);
    return seq_le(second.start, first.start) && seq_le(first.end, second.end);
}

/* Block i, as far as it is news; false: it is about nothing in flight. */
static bool take_block(const struct tcp_conn *c, const struct tcp_segment *g, unsigned i,
                       struct tcp_range *out)
{
    *out = tcp_sack_block(g, i);
    if (seq_lt(out->start, c->snd_una))
        out->start = c->snd_una;
    return seq_lt(out->start, out->end) && seq_le(out->end, c->snd_max);
}

/* The probe of the tail was acknowledged: did it repair a loss? RFC 8985 section 7.4. */
static void tail_input(struct tcp_conn *c, bool twice)
{
    if (seq_lt(c->snd_una, c->tail_end))
        return;
    c->tail_out = false;
    if (c->tail_again && !twice) {
        tcp_congestion_reduce(&c->cc, c->mss, c->cc.cwnd, c->snd_max);
        tcp_congestion_repaired(&c->cc);
    }
}

static bool board_needed(const struct tcp_conn *c, const struct tcp_segment *g)
{
    struct tcp_range block;

    for (unsigned i = 0; i < g->sack_count; i++)
        if (take_block(c, g, i, &block))
            return true;
    return false;
}

static void board_input(struct tcp_conn *c, const struct tcp_segment *g, uint32_t acked)
{
    struct tcp_scoreboard *b = c->board;
    uint32_t flight = tcp_flight(c) + acked, news;
    bool reordered = false;
    struct tcp_range block;

    news = tcp_scoreboard_ack(b, c->snd_una, &reordered);
    for (unsigned i = 0; i < g->sack_count; i++)
        if (take_block(c, g, i, &block))
            news += tcp_scoreboard_sack(b, block.start, block.end, &reordered);
    c->reordering |= reordered;
    detect(c, flight);
    if (b->lost && seq_le(c->cc.recover, c->snd_una)) {
        b->lost = false;
        tcp_congestion_repaired(&c->cc);
        if (tcp_scoreboard_bytes(b, PIECE_LOST)) /* of what was sent since: the next recovery */
            loss_found(c, flight);
    } else if (b->lost) {
        reduce(c, news);
    } else if (news) {
        tcp_grow(c, news, flight);
    }
    board_settle(c);
}

bool tcp_recovery_input(struct tcp_conn *c, const struct tcp_segment *g, uint32_t acked)
{
    bool twice = g->sack_count && has_twice(c, g);

    if (twice && c->reorder_more < REORDER_MORE_MAX) /* what was not lost was sent again */
        c->reorder_more++;
    if (c->tail_out)
        tail_input(c, twice);
    if (!c->board && !(g->sack_count && board_needed(c, g) && board_open(c)))
        return false;
    board_input(c, g, acked);
    return true;
}

/* ---- the tail ---- */

void tcp_recovery_probe(struct tcp_conn *c)
{
    c->tail_timer = false;
    c->rto_at_ns = c->tcp->net->now_ns + c->rto_ns;
    c->tail_probe = true;
}
