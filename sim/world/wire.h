/*
 * The wire between the device and the world: it carries every frame both ways and takes time;
 * faults.h has the faults of the scenario and the seed. Directions are the machine's: rx is towards
 * the machine.
 */
#ifndef DRYWIRE_WIRE_SIM_H
#define DRYWIRE_WIRE_SIM_H

#include "../frame/decode.h"
#include "../scenario/scenario.h"
#include "../engine/sim.h"

enum { WIRE_FRAME_MAX = 2048 };

enum wire_rate { RATE_DROP, RATE_DUPLICATE, RATE_REORDER, RATE_CORRUPT, WIRE_RATES };

/* A frame in flight. */
struct wire_frame {
    struct wire_frame *next; /* in the free list */
    struct wire *wire;
    enum direction direction;
    bool damaged;
    uint64_t mark; /* the listener's number for it */
    size_t len;
    struct decoded decoded; /* of `bytes`, as on arrival */
    uint8_t bytes[WIRE_FRAME_MAX];
};

struct wire_listener {
    void *ctx;
    /* A frame enters the wire as sent. `decoded` refers to it. */
    void (*sent)(void *ctx, enum direction dir, const uint8_t *frame, size_t len,
                 const struct decoded *d);
    /* Its fate: `fate` is NULL, or its fault in words. `lost`: it will not arrive; else
     * wire.arrival_ns is its arrival. Called once for each frame sent, and once more for a
     * duplicate. The result is passed to arrived(). */
    uint64_t (*fate)(void *ctx, enum direction dir, const uint8_t *frame, size_t len,
                     const struct decoded *d, const char *fate, bool lost);
    /* A frame arrives at its far end. */
    void (*arrived)(void *ctx, enum direction dir, const uint8_t *frame, size_t len,
                    const struct decoded *d, uint64_t mark);
};

struct wire_streams {
    struct draw_stream drop, duplicate, reorder, corrupt, jitter, bit;
};

struct wire {
    struct sim *sim;
    const struct scenario *scenario;
    struct wire_listener listener;
    struct wire_frame *free;
    unsigned taken; /* frames that are not in that list */
    struct wire_block *blocks;
    struct wire_streams streams[2];
    /* For each action of the scenario: matching frames while active, and how often it had an effect
     * (actions without frames are counted by their code). */
    uint64_t *hits, *fired;
    size_t hits_size;
    uint64_t rates[2][WIRE_RATES]; /* frames hit by each rate */
    uint64_t last_arrival_ns[2];   /* frames do not overtake each other without a fault */
    uint64_t line_free_ns[2];      /* bandwidth */
    uint64_t arrival_ns;           /* of the frame whose fate is reported; SIM_NEVER: lost */
    bool healed;
    unsigned cut; /* the number of the action that cut the wire, from 1 */
    uint64_t faults;
    uint64_t frames[2];
};

void wire_start(struct wire *w, struct sim *sim, const struct scenario *sc,
                const struct wire_listener *listener);
void wire_free(struct wire *w);

/* Send a frame; borrowed. */
void wire_send(struct wire *w, enum direction dir, const uint8_t *frame, size_t len);

/* The rates of a direction now. */
const struct wire_options *wire_options(const struct wire *w, enum direction dir);

/* `at T cut`, action number `action` of the scenario; `at T heal`. */
void wire_cut(struct wire *w, unsigned action);
void wire_heal(struct wire *w);

#endif
