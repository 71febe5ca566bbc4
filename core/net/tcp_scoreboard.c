/* Data in flight: see tcp_scoreboard.h. */
#include "tcp_scoreboard.h"
#include "../base/check.h"
#include "../base/minmax.h"
#include "tcp_seq.h"

void tcp_scoreboard_init(struct tcp_scoreboard *b, uint32_t start, uint32_t end, uint64_t now_ns)
{
    b->count = 0;
    b->end = start;
    b->once = b->lost = false;
    b->once_end = start;
    b->sent_ns = 0;
    b->reorder_at_ns = UINT64_MAX;
    b->delivered = b->sent = b->flight = 0;
    tcp_scoreboard_sent(b, end, now_ns);
    b->piece[0].first_ns = 0; /* it is not known */
}

/* ---- the row ---- */

static uint32_t end_of(const struct tcp_scoreboard *b, unsigned i)
{
    return i + 1 < b->count ? b->piece[i + 1].start : b->end;
}

static void scoreboard_remove(struct tcp_scoreboard *b, unsigned first, unsigned count)
{
    b->count -= count;
    for (unsigned i = first; i < b->count; i++)
        b->piece[i] = b->piece[i + count];
}

/* Two parts of one piece, the second one from `at` on. False: there are `most` pieces already. */
static bool piece_split(struct tcp_scoreboard *b, unsigned i, uint32_t at, unsigned most)
{
    if (b->count >= most)
        return false;
    for (unsigned k = b->count++; k > i; k--)
        b->piece[k] = b->piece[k - 1];
    b->piece[i + 1].start = at;
    return true;
}

/* Can piece i and the next one be one? Those that were sent again must be of one time. */
static bool is_alike(const struct tcp_scoreboard *b, unsigned i)
{
    const struct tcp_piece *a = &b->piece[i], *z = a + 1;

    if (a->fate != z->fate)
        return false;
    if (a->fate != PIECE_SENT)
        return a->fate == PIECE_SACKED || a->again == z->again;
    return a->again == z->again && a->last_ns == z->last_ns && a->first_ns == z->first_ns &&
           a->overtaken_ns == z->overtaken_ns;
}

static void join(struct tcp_scoreboard *b)
{
    for (unsigned i = 0; i + 1 < b->count;)
        if (is_alike(b, i))
            scoreboard_remove(b, i + 1, 1);
        else
            i++;
}

/* ---- what the peer has ---- */

/* The peer has this piece, which was sent: RFC 8985 section 6.2, steps 2 and 3. */
static bool scoreboard_delivered(struct tcp_scoreboard *b, const struct tcp_piece *p, uint32_t end)
{
    bool reordered = false;

    if (!p->again) {
        reordered = b->once && seq_lt(end, b->once_end);
        if (!b->once || seq_lt(b->once_end, end))
            b->once_end = end;
        b->once = true;
    }
    b->sent_ns = max_u64(b->sent_ns, p->first_ns);
    return reordered;
}

uint32_t tcp_scoreboard_ack(struct tcp_scoreboard *b, uint32_t una, bool *reordered)
{
    uint32_t news = 0;
    unsigned gone = 0;

    CHECK(seq_le(una, b->end));
    while (gone < b->count && seq_lt(b->piece[gone].start, una)) {
        struct tcp_piece *p = &b->piece[gone];
        uint32_t end = end_of(b, gone), upto = seq_lt(una, end) ? una : end;

        if (p->fate != PIECE_SACKED) {
            news += upto - p->start;
            *reordered |= scoreboard_delivered(b, p, upto);
        }
        if (upto != end) {
            p->start = upto;
            break;
        }
        gone++;
    }
    scoreboard_remove(b, 0, gone);
    return news;
}

uint32_t tcp_scoreboard_sack(struct tcp_scoreboard *b, uint32_t start, uint32_t end,
                             bool *reordered)
{
    const unsigned most = TCP_PIECES_MAX - TCP_PIECES_KEPT;
    uint32_t news = 0;

    for (unsigned i = 0; i < b->count && seq_lt(b->piece[i].start, end); i++) {
        struct tcp_piece *p = &b->piece[i];

        if (p->fate == PIECE_SACKED || seq_le(end_of(b, i), start))
            continue;
        if (seq_lt(p->start, start)) { /* the next round of the loop has the rest */
            if (!piece_split(b, i, start, most))
                break;
            continue;
        }
        if (seq_lt(end, end_of(b, i)) && !piece_split(b, i, end, most))
            break;
        news += end_of(b, i) - p->start;
        *reordered |= scoreboard_delivered(b, p, end_of(b, i));
        p->fate = PIECE_SACKED;
    }
    join(b);
    return news;
}

/* ---- what is lost ---- */

/* Was all of this piece sent before something that the peer has? */
static bool is_overtaken(const struct tcp_scoreboard *b, unsigned i)
{
    const struct tcp_piece *p = &b->piece[i];

    if (!p->again && b->once && seq_le(end_of(b, i), b->once_end))
        return true;
    return p->last_ns < b->sent_ns;
}

bool tcp_scoreboard_detect(struct tcp_scoreboard *b, uint64_t reorder_ns, uint64_t now_ns)
{
    bool found = false;

    b->reorder_at_ns = UINT64_MAX;
    for (unsigned i = 0; i < b->count; i++) {
        struct tcp_piece *p = &b->piece[i];

        if (p->fate != PIECE_SENT || (!p->overtaken_ns && !is_overtaken(b, i)))
            continue;
        if (!p->overtaken_ns)
            p->overtaken_ns = now_ns;
        if (p->overtaken_ns + reorder_ns <= now_ns) {
            p->fate = PIECE_LOST;
            found = true;
        } else {
            b->reorder_at_ns = min_u64(b->reorder_at_ns, p->overtaken_ns + reorder_ns);
        }
    }
    if (found)
        join(b);
    return found;
}

void tcp_scoreboard_lose_all(struct tcp_scoreboard *b)
{
    bool dropped = b->count && b->piece[0].fate == PIECE_SACKED;

    for (unsigned i = 0; i < b->count; i++)
        if (b->piece[i].fate == PIECE_SENT || dropped)
            b->piece[i].fate = PIECE_LOST;
    b->reorder_at_ns = UINT64_MAX;
    join(b);
}

uint32_t tcp_scoreboard_bytes(const struct tcp_scoreboard *b, enum tcp_fate fate)
{
    uint32_t bytes = 0;

    for (unsigned i = 0; i < b->count; i++)
        if (b->piece[i].fate == fate)
            bytes += end_of(b, i) - b->piece[i].start;
    return bytes;
}

/* ---- what is sent ---- */

bool tcp_scoreboard_next(const struct tcp_scoreboard *b, uint32_t *start, uint32_t *end)
{
    for (unsigned i = 0; i < b->count; i++)
        if (b->piece[i].fate == PIECE_LOST) {
            *start = b->piece[i].start;
            *end = end_of(b, i);
            return true;
        }
    return false;
}

/* Two pieces become one that is lost, neither of them piece i: where that one is now. */
static unsigned forget(struct tcp_scoreboard *b, unsigned i)
{
    unsigned at = i + 2 < b->count ? b->count - 2 : 0;

    b->piece[at].fate = PIECE_LOST;
    b->piece[at].again = true;
    scoreboard_remove(b, at + 1, 1);
    return at < i ? i - 1 : i;
}

void tcp_scoreboard_resent(struct tcp_scoreboard *b, uint32_t start, uint32_t len, uint64_t now_ns)
{
    struct tcp_piece *p;
    unsigned i = 0;

    while (i < b->count && b->piece[i].start != start)
        i++;
    CHECK(i < b->count);
    CHECK(len <= end_of(b, i) - start);
    if (len < end_of(b, i) - start) {
        if (b->count == TCP_PIECES_MAX)
            i = forget(b, i);
        piece_split(b, i, start + len, TCP_PIECES_MAX);
    }
    p = &b->piece[i];
    p->fate = PIECE_SENT;
    p->again = true;
    p->first_ns = p->last_ns = now_ns;
    p->overtaken_ns = 0;
    if (i && is_alike(b, i - 1))
        scoreboard_remove(b, i, 1);
}

void tcp_scoreboard_sent(struct tcp_scoreboard *b, uint32_t end, uint64_t now_ns)
{
    struct tcp_piece *last = b->count ? &b->piece[b->count - 1] : 0;
    bool same = last && last->fate == PIECE_SENT && !last->again && !last->overtaken_ns;

    if (same && (last->last_ns == now_ns || b->count > TCP_PIECES_MAX / 2)) {
        last->last_ns = now_ns;
    } else if (b->count < TCP_PIECES_MAX) {
        b->piece[b->count++] = (struct tcp_piece){
            .start = b->end, .fate = PIECE_SENT, .first_ns = now_ns, .last_ns = now_ns};
    } else { /* as if it were sent again: so it is found lost later, if it is */
        last->fate = PIECE_SENT;
        last->again = true;
        last->last_ns = now_ns;
        last->overtaken_ns = 0;
    }
    b->end = end;
}
