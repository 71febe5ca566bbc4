/*
 * Converts a capture of another program to one of ours: pcapng with nanoseconds, its origin in its
 * header, the direction and the connection of each packet.
 */
#ifndef DRYWIRE_REWRAP_H
#define DRYWIRE_REWRAP_H

#include "../base/origin.h"
#include <stdint.h>

/* Rewrite the capture at `path` in place; frames from `mac` are the machine's. 0, or -1 after a
 * line on stderr with the file unchanged. A special file is not changed: 0. */
int rewrap(const char *path, const struct origin *origin, const uint8_t mac[6]);

#endif
