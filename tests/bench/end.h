/*
 * One end of the comparison of stacks: a stack and a small program over it, in a shared object that
 * rig.c loads twice, each time into a namespace of its own, because other stacks keep globals.
 */
#ifndef BENCH_END_H
#define BENCH_END_H

#include <stddef.h>
#include <stdint.h>

enum { SLOTS = 256, FRAME_SIZE = 2048, BURST = 32, WRITE_MAX = 32768, MESSAGE = 64, PORT = 7 };

/* 10.0.0.1 serves, 10.0.0.2 asks; the last byte of the MAC is that of the address. */
enum side { SERVER, CLIENT };

enum work {
    WORK_BULK,  /* the client sends one stream, the server reads it; a unit: a byte read */
    WORK_ECHO,  /* UDP, 64 bytes there and back, one in flight; a unit: an answer */
    WORK_CYCLE, /* connect, 64 bytes there, 64 back, close; a unit: an answer */
};

/* Frames in one direction, recycled first in first out like those of a virtio ring. */
struct ring {
    uint8_t frame[SLOTS][FRAME_SIZE];
    uint32_t len[SLOTS], head, tail; /* numbers of all frames ever: taken, sent */
};

/* The wire, as an end sees it. */
struct link {
    struct ring *out, *in;
    unsigned burst; /* frames taken in this turn */
    uint64_t *done; /* units, counted by the end that sees them last */
};

/* Where the next frame to leave is built; NULL: no room now. The frame that the other end took last
 * stays until it takes another. */
static inline uint8_t *link_room(const struct link *l)
{
    const struct ring *r = l->out;

    return r->tail - r->head < SLOTS - 1 ? l->out->frame[r->tail % SLOTS] : 0;
}

/* The frame that is there leaves. */
static inline void link_send(const struct link *l, size_t len)
{
    l->out->len[l->out->tail++ % SLOTS] = (uint32_t)len;
}

/* A received frame, valid until the next call, or NULL when there is none in this turn. */
static inline const uint8_t *link_next(struct link *l, uint32_t *len)
{
    struct ring *r = l->in;

    if (r->head == r->tail || l->burst == BURST) {
        l->burst = 0;
        return 0;
    }
    l->burst++;
    *len = r->len[r->head % SLOTS];
    return r->frame[r->head++ % SLOTS];
}

/* Each object defines `const struct end end`. */
struct end {
    void (*start)(const struct link *link, enum side side, enum work work);
    void (*turn)(uint64_t now_ns); /* frames in, the program, timers, frames out */
};

#endif
