/*
 * What a scripted DHCP server says: messages byte by byte, each the answer to the n-th DISCOVER,
 * REQUEST, ... of the machine; as lines of a scenario (`peer dhcp`, docs/scenarios.md) and back.
 * A capture is imported into this (import_dhcp.c) and the scripted peer plays it (native_dhcp.c).
 *
 * A question without lines gets nothing while lines for later ones of its kind follow. Beyond what
 * is scripted the server goes on as it last answered: a question gets what the last answered one of
 * its kind got, and a kind of REQUEST that is not scripted at all what the last answered REQUEST
 * for an offer got.
 */
#ifndef DRYWIRE_DHCP_SCRIPT_H
#define DRYWIRE_DHCP_SCRIPT_H

#include "../frame/dhcp.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct dhcp_answer {
    enum dhcp_ask ask;
    uint32_t n;  /* it comes after the n-th of these, from 1 */
    bool silent; /* or nothing does */
    bool lost;   /* it is on record, but does not come */
    uint64_t wait_ns;
    bool unicast;    /* the frame goes to the client alone */
    bool unsummed;   /* it has no UDP checksum */
    uint32_t chosen; /* it answers only a REQUEST that names this server; 0: any */
    uint32_t src, dst;
    bool own_xid, own_chaddr; /* those in `bytes`; else the client's */
    const uint8_t *bytes;
    size_t len;
    unsigned line; /* of the scenario */
};

/* ---- a script ---- */

/* A question of the client: the n-th of its kind, and the server that it names, 0: none. */
struct dhcp_question {
    enum dhcp_ask ask;
    uint32_t n, server;
};

/* Which lines answer it: those that dhcp_script_answers() says, with the question that comes back.
 */
struct dhcp_question dhcp_script_find(const struct dhcp_answer *script, size_t count,
                                      struct dhcp_question q);
bool dhcp_script_answers(const struct dhcp_answer *a, const struct dhcp_question *q);

/* Is the line about it? One that is silent or lost may be, and answers nothing; the silent one also
 * says that those before it get nothing. */
bool dhcp_script_is_about(const struct dhcp_answer *a, const struct dhcp_question *q);

/* The last n of a kind of question, 0: the script does not know it. */
uint32_t dhcp_script_last(const struct dhcp_answer *script, size_t count,
                          const struct dhcp_question *q);

/* Write one as a line. */
void dhcp_answer_write(const struct dhcp_answer *a, FILE *out);

/* ---- option words: `53=ack 3=10.0.2.2 12="name" 43=0x0102 pad=3 end raw=0x00` ---- */

/* Is the word about options? */
bool dhcp_is_option_word(const char *word);

/* Its bytes behind m[*len]. NULL, or what is wrong with it. `value` is NULL without '='. */
const char *dhcp_option_word(const char *word, const char *value, size_t value_len, uint8_t *m,
                             size_t *len);

/* The value 0x0102 or a text as bytes, at most `max`; false: it does not fit, or is bad hex. */
bool dhcp_value_bytes(const char *value, size_t value_len, uint8_t *out, size_t max, size_t *len);

#endif
