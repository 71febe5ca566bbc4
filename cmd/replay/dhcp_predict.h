/*
 * What a client makes of a scripted DHCP server when nothing is lost: does it get a lease, on which
 * terms, and if not, why. By the rules of RFC 2131 section 4.4 and what docs/limits.md says of the
 * core; reads the bytes by itself, so that a mistake in core/net/dhcp.c is not made twice.
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
    bool several;      /* with losses it can be a lease on other terms */
    bool fleeting;     /* the last answers, which repeat, give none: losses can use the others up */
    const char *keeps; /* without a lease: what goes on and on, a word of the trace */
    unsigned naks, refused; /* on the way there */
    bool renewed, lost;     /* what becomes of it, if the script knows renewals */
    const char *why;        /* why the last message that was not taken was not; NULL: all were */
};

void dhcp_predict(const struct dhcp_answer *script, size_t count, struct dhcp_outlook *o);

/* The terms that a message gives, as a client reads them; mask and gateway as it uses them. */
struct dhcp_terms dhcp_terms_of(const struct dhcp_answer *a);

/* "addr=10.0.2.15 mask=... gateway=... dns=... lease_s=N", as in the core's trace. */
const char *dhcp_terms_text(const struct dhcp_terms *t, char *buf, size_t size);

#endif
