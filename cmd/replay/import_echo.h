/*
 * Converts captured pings to a scenario: the core is the host that was pinged, the requests are
 * sent to it (`at T echo`), and each must get a reply with its bytes (RFC 792, RFC 1122 section
 * 3.2.2.6).
 */
#ifndef DRYWIRE_IMPORT_ECHO_H
#define DRYWIRE_IMPORT_ECHO_H

#include "import.h"

struct echo {
    size_t flow; /* by source, destination and identifier, from 0 */
    uint64_t time_ns;
    uint32_t from, to;
    uint16_t id, seq;
    const uint8_t *bytes; /* in the capture */
    size_t len;
    bool replied, same; /* same: with the same bytes */
};

struct echo_import {
    const char *name;    /* of the capture */
    struct echo *echoes; /* all of the capture, in its order */
    size_t count, size, flows;
    size_t flow;          /* the chosen one, from 0 */
    size_t number, total; /* the same among all flows of the capture, from 1 */
};

/* Read the capture: im->flows is the number of flows. */
void echo_import_open(struct echo_import *im, const struct capture *c);

/* True if one of them is requested. They are numbered after `before` flows of other kinds; without
 * a number it is the first of them, if there is `nothing_else` to play. */
bool echo_import_choose(struct echo_import *im, const struct import_wish *wish, size_t before,
                        bool nothing_else);

void echo_import_write(const struct echo_import *im, FILE *out);

/* Of the chosen flow: requests, replies, and those with the same bytes. */
struct echo_counts {
    size_t requests, replies, same;
};
struct echo_counts echo_counts_of(const struct echo_import *im);

void echo_import_close(struct echo_import *im);

#endif
