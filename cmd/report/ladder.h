/*
 * The ladder of a run: time, machine, wire, world; a line for each frame and each line of the
 * trace, as plain text or as a Mermaid sequence diagram. All text is printed as ASCII, with \xNN
 * for other bytes.
 */
#ifndef DRYWIRE_LADDER_H
#define DRYWIRE_LADDER_H

#include "../../sim/frame/decode.h"
#include "../../sim/scenario/scenario.h"
#include <stdio.h>

enum { LADDER_WIDTH_MIN = 60, LADDER_WIDTH_MAX = 400 };

struct ladder {
    FILE *out;
    unsigned width; /* of a line, from LADDER_WIDTH_MIN to LADDER_WIDTH_MAX */
    bool color, mermaid;
};

void ladder_start(const struct ladder *l, const char *title);

/* A frame: `fate` is NULL or its fault; `lost`: it never arrives. Times are the simulation's. */
void ladder_frame(const struct ladder *l, uint64_t time_ns, enum direction dir,
                  const struct decoded *d, const char *fate, bool lost);

/* A line that the machine prints. */
void ladder_note(const struct ladder *l, uint64_t time_ns, const char *text);

/* The end of the run. */
void ladder_end(const struct ladder *l, const char *text);

#endif
