/*
 * The scripted name server (RFC 1035): `serve dns` and its `peer` lines. It shares nothing with
 * core/net, so that a mistake there is not repeated here.
 */
#ifndef DRYWIRE_DNS_SERVICE_H
#define DRYWIRE_DNS_SERVICE_H

#include "../scenario/service.h"

enum { DNS_SERVICE_MAX = 510 }; /* bytes of an answer; more records than fit are left out */

/* The first line about the name that a query asks for; NULL: it is no query, or there is none. */
const struct dns_line *dns_service_line(const struct service *s, const uint8_t *query, size_t len);

/* The answer to a query, at `out`, which has room for DNS_SERVICE_MAX bytes: its length; 0: it is
 * no query. A line with `truncated` matters only for datagrams. */
size_t dns_service_answer(const struct service *s, const uint8_t *query, size_t len, bool datagram,
                          uint8_t *out);

/* Make an answer with one address into a lie: another address, and what is wrong in the message. */
void dns_service_lie(enum dns_lie lie, uint8_t *answer, size_t len);

#endif
