/*
 * The script of a DHCP server: messages byte by byte, each the reply to the n-th DISCOVER, REQUEST,
 * ... of the machine; conversion from and to lines of a scenario (`peer dhcp`, docs/scenarios.md).
 * A capture is imported into it (import_dhcp.c) and the scripted peer plays it (native_dhcp.c).
 *
 * A request without lines gets no reply while lines for later ones of its kind follow. After the
 * script the server repeats its last reply: a request gets the reply of the last one of its kind
 * that had one, and a kind of REQUEST that is not in the script gets that of the last REQUEST for
 * an offer.
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
    uint32_t n;  /* sent after the n-th of these, from 1 */
    bool silent; /* no reply */
    bool lost;   /* recorded, but not delivered */
    uint64_t wait_ns;
    bool unicast;    /* the frame is unicast to the client */
    bool unsummed;   /* no UDP checksum */
    uint32_t chosen; /* replies only to a REQUEST that names this server; 0: any */
    uint32_t src, dst;
    bool own_xid, own_chaddr; /* those in `bytes`; else the client's */
    const uint8_t *bytes;
    size_t len;
    unsigned line; /* of the scenario */
};

/* ---- a script ---- */

/* A request of the client: the n-th of its kind, and the server that it names; 0: none. */
struct dhcp_question {
    enum dhcp_ask ask;
    uint32_t n, server;
};

/* The request whose lines are the reply: those for which dhcp_script_answers() is true. */
struct dhcp_question dhcp_script_find(const struct dhcp_answer *script, size_t count,
                                      struct dhcp_question q);
bool dhcp_script_answers(const struct dhcp_answer *a, const struct dhcp_question *q);

/* True if the line belongs to this request. A silent or lost line may belong to it, and sends no
 * reply; a silent one also means that earlier requests of its kind get none. */
bool dhcp_script_is_about(const struct dhcp_answer *a, const struct dhcp_question *q);

/* The last n of a kind of request; 0: not in the script. */
uint32_t dhcp_script_last(const struct dhcp_answer *script, size_t count,
                          const struct dhcp_question *q);

/* Write one as a line. */
void dhcp_answer_write(const struct dhcp_answer *a, FILE *out);

/* ---- option words: `53=ack 3=10.0.2.2 12="name" 43=0x0102 pad=3 end raw=0x00` ---- */

/* True if the word is an option word. */
bool dhcp_is_option_word(const char *word);

/* Append its bytes at m[*len]. Returns NULL or an error message. `value` is NULL without '='. */
const char *dhcp_option_word(const char *word, const char *value, size_t value_len, uint8_t *m,
                             size_t *len);

/* The value 0x0102 or a text as bytes, at most `max`; false: too long, or invalid hex. */
bool dhcp_value_bytes(const char *value, size_t value_len, uint8_t *out, size_t max, size_t *len);

#endif
