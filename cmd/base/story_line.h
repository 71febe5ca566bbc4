/* A time of a run, a frame in words, and both in a line, as in all ladders. */
#ifndef DRYWIRE_STORY_LINE_H
#define DRYWIRE_STORY_LINE_H

#include "../../sim/scenario/scenario.h"
#include "../../sim/frame/decode.h"
#include <stddef.h>

void story_time(char *buf, size_t size, uint64_t time_ns);
void story_frame_words(char *buf, size_t size, const struct decoded *d, const char *fate);
void story_frame(char *buf, size_t size, uint64_t time_ns, enum direction dir,
                 const struct decoded *d, const char *fate);

#endif
