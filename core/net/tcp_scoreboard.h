/*
 * What is known of the data in flight of one connection, from its first loss on until all of that
 * is repaired: what the peer has (SACK, RFC 2018), what is lost, and when each part was sent (RACK,
 * RFC 8985). It is arithmetic: times and numbers come in, nothing is sent from here.
 *
 * Data in flight is a row of pieces without gaps. Each has one fate, and was sent between two
 * times. What was sent once was sent in the order of its numbers; so of such pieces the numbers
 * tell which one was sent first, and they may become one.
 */
#ifndef DRYWIRE_TCP_SCOREBOARD_H
#define DRYWIRE_TCP_SCOREBOARD_H

#include <stdbool.h>
#include <stdint.h>

/* They fit in a page. What the peer says leaves room for what is sent. */
enum { TCP_PIECES_MAX = 60, TCP_PIECES_KEPT = 8 };

enum tcp_fate { PIECE_SENT, PIECE_SACKED, PIECE_LOST };

struct tcp_piece {
    uint32_t start;             /* it ends where the next one begins */
    uint8_t fate;               /* enum tcp_fate */
    bool again;                 /* it was sent more than once */
    uint64_t first_ns, last_ns; /* PIECE_SENT: no part of it was sent before or after */
    uint64_t overtaken_ns;      /* since when the peer has what was sent later; 0: it has not */
};

struct tcp_scoreboard {
    struct tcp_piece piece[TCP_PIECES_MAX];
    unsigned count;
    uint32_t end; /* of the last piece: the highest number sent */

    /* Of what the peer has: the highest number that was sent once, and a time at which or after
     * which something of it was sent. */
    uint32_t once_end;
    bool once;
    uint64_t sent_ns;
    uint64_t reorder_at_ns; /* when to look for losses again; UINT64_MAX: not */

    /* Proportional rate reduction: RFC 6937 section 3. */
    uint32_t delivered, sent, flight; /* bytes since the recovery began; in flight then */
    bool lost;                        /* a recovery: until the congestion control's `recover` */
};

/* All of [start, end) was sent, once, by `now_ns`. */
void tcp_scoreboard_init(struct tcp_scoreboard *b, uint32_t start, uint32_t end, uint64_t now_ns);

/* The peer has acknowledged all before `una`, or [start, end) by SACK, which lies inside: how many
 * bytes of it are news. *reordered: some were sent once, and before others that it had. */
uint32_t tcp_scoreboard_ack(struct tcp_scoreboard *b, uint32_t una, bool *reordered);
uint32_t tcp_scoreboard_sack(struct tcp_scoreboard *b, uint32_t start, uint32_t end,
                             bool *reordered);

/* What was sent before something that the peer has, as is known for `reorder_ns` or longer, is
 * lost: RFC 8985 section 6.2, step 5. True: something is, which was not before. */
bool tcp_scoreboard_detect(struct tcp_scoreboard *b, uint64_t reorder_ns, uint64_t now_ns);

/* All that the peer does not have is lost; and what it has, too, if that begins where it
 * acknowledges nothing: it has dropped it (RFC 2018 section 8). */
void tcp_scoreboard_lose_all(struct tcp_scoreboard *b);

/* The bytes of that fate. */
uint32_t tcp_scoreboard_bytes(const struct tcp_scoreboard *b, enum tcp_fate fate);

/* The first piece that is lost: true, and its numbers. */
bool tcp_scoreboard_next(const struct tcp_scoreboard *b, uint32_t *start, uint32_t *end);

/* [start, start + len) was sent again; it is the first part of a piece. Without room to keep that,
 * something else is forgotten, and lost. */
void tcp_scoreboard_resent(struct tcp_scoreboard *b, uint32_t start, uint32_t len, uint64_t now_ns);

/* [b->end, end) was sent for the first time. */
void tcp_scoreboard_sent(struct tcp_scoreboard *b, uint32_t end, uint64_t now_ns);

#endif
