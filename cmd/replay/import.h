/*
 * Converts a capture to a scenario: one TCP connection, with the core as one side and a script
 * (docs/scenarios.md, `serve script`) as the other. docs/replay.md lists what is kept and what is
 * not.
 */
#ifndef DRYWIRE_IMPORT_H
#define DRYWIRE_IMPORT_H

#include "../../sim/frame/flow.h"
#include <stdio.h>

enum role { ROLE_ANY, ROLE_CLIENT, ROLE_SERVER, ROLE_OBSERVER /* of replay only */ };

/* Their words from ROLE_CLIENT on, NULL-terminated. */
extern const char *const role_words[];

struct import_wish {
    const char *name; /* of the capture, for titles */
    uint64_t flow;    /* from 1; 0: the one with the most data */
    enum role role;   /* the side that the core replaces */
    size_t others;    /* flows that are not TCP, numbered after TCP (import_dhcp.h) */
};

struct import {
    const struct capture *capture;
    struct import_wish wish;
    struct flows flows;
    const struct flow *flow;
    size_t number;       /* of the flow, from 1 */
    unsigned own;        /* the side of the core */
    bool webget;         /* the program is webget, else talk */
    bool web_close;      /* the end of the stream ends its response */
    bool filled;         /* talk sends a pattern of the same length */
    uint64_t said;       /* bytes that the program will send */
    const char *refused; /* why webget rejects this response; NULL: it accepts it, or no HTTP */
};

/* Choose the flow. 0, or -1 with one line in `problem`. The capture must outlive it. */
int import_open(struct import *im, const struct capture *c, const struct import_wish *wish,
                char *problem, size_t problem_size);

/* Write the scenario. With `side` (a file name) its lines have no bytes: the file has the stream of
 * the peer, import_peer(). */
void import_write(const struct import *im, FILE *out, const char *side);

/* Print what cannot be imported, a line each after `prefix`. */
void import_notes(const struct import *im, FILE *out, const char *prefix);

const struct flow_side *import_own(const struct import *im);
const struct flow_side *import_peer(const struct import *im);

/* A string of a scenario, with its quotes; a name in a title. */
void import_put_string(FILE *out, const uint8_t *bytes, size_t len);
void import_put_name(FILE *out, const char *text);

/* The flows of the capture, of every kind. */
size_t import_total(const struct import *im);

void import_close(struct import *im);

#endif
