/*
 * Faults of the wire: which faults hit a frame, by the scenario's `at T` lines and by its rates,
 * and how they damage it. wire.c carries the frames.
 */
#ifndef DRYWIRE_FAULTS_H
#define DRYWIRE_FAULTS_H

#include "wire.h"

/* The faults of one frame. */
struct frame_faults {
    bool lost, duplicate, corrupt;
    unsigned field; /* of malform_fields, unless it is a bit */
    uint64_t late_ns;
    size_t truncate; /* 0: no */
    char words[96];  /* in words: "dropped, delayed"; "": none */
};

/* The faults of a frame that enters the wire now; they are counted in w. */
void faults_meet(struct wire *w, enum direction dir, const struct decoded *d, const uint8_t *frame,
                 size_t len, struct frame_faults *t);

/* Damage a frame accordingly. */
void faults_damage(struct wire *w, enum direction dir, const struct frame_faults *t,
                   struct wire_frame *f);

#endif
