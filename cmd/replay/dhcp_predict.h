/*
 * Predicts the result of a client with a scripted DHCP server without losses: whether it gets a
 * lease, with which terms, or why not. By the rules of RFC 2131 section 4.4 and docs/limits.md;
 * independent of core/net/dhcp.c, so that a mistake there is not repeated.
 */
#ifndef DRYWIRE_DHCP_PREDICT_H
#define DRYWIRE_DHCP_PREDICT_H

#include "../../sim/scenario/dhcp_script.h"

struct dhcp_terms {
    uint32_t addr, mask, gateway, dns, server, lease_s; /* 0: none */
};

struct dhcp_outlook {
    bool lease;
    struct dhcp_terms terms;
    bool several;      /* with losses the lease can have other terms */
    bool fleeting;     /* the last replies, which repeat, give no lease: the others can be lost */
    const char *keeps; /* without a lease: the state that repeats, a word of the trace */
    unsigned naks, refused; /* on the way there */
    bool renewed, lost;     /* its fate, if the script has renewals */
    const char *why;        /* the reason why the last rejected message was rejected; NULL: none */
};

void dhcp_predict(const struct dhcp_answer *script, size_t count, struct dhcp_outlook *o);

/* The terms of a message, as a client uses them that knows those of an offer or a lease (NULL:
 * none) and takes from there what the message leaves out. */
struct dhcp_terms dhcp_terms_of(const struct dhcp_answer *a, const struct dhcp_terms *known);

/* "addr=10.0.2.15 mask=... gateway=... dns=... lease_s=N", as in the core's trace. */
const char *dhcp_terms_text(const struct dhcp_terms *t, char *buf, size_t size);

#endif
