/*
 * DNS messages: names and questions to bytes, and bytes of a server to an answer (RFC 1035 section
 * 4, with the limits of RFC 9267). Pure: no state, nothing is read beyond the message.
 */
#ifndef DRYWIRE_DNS_MESSAGE_H
#define DRYWIRE_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DNS_NAME_MAX = 255, /* a name in a message, with its last zero: RFC 1035 section 2.3.4 */
    DNS_LABEL_MAX = 63, /* the same section */
    DNS_ADDRESSES = 4,  /* kept of an answer, in its order */
    DNS_LINKS_MAX = 8,  /* CNAME records from a name to its address */
    DNS_QUERY_MAX = 12 + DNS_NAME_MAX + 4,
    DNS_UDP_MAX = 512, /* RFC 1035 section 2.3.4 */
};

/* A name as in messages: labels, each after its length, then a zero; letters are in lower case. */
struct dns_name {
    uint8_t len; /* 1..DNS_NAME_MAX */
    uint8_t bytes[DNS_NAME_MAX];
};

/* `text` of `len` bytes, with or without a last dot, as a name: 0, or ERR_INVAL. Labels are of 1 to
 * 63 letters, digits, `-` and `_`; the name is of 253 bytes at most, without a last dot. */
int dns_name_read(const char *text, size_t len, struct dns_name *out);

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);

/* A question for the addresses (type A, class IN) of a name, recursion desired, at `out`, which has
 * room for DNS_QUERY_MAX bytes: its length. */
size_t dns_query_write(uint8_t *out, uint16_t id, const struct dns_name *name);

enum dns_outcome {
    DNS_FOUND,     /* addr */
    DNS_ALIAS,     /* `alias` is another name of it, whose addresses are not in this message */
    DNS_NO_NAME,   /* there is no such name: rcode 3 */
    DNS_NO_DATA,   /* the name has no address */
    DNS_USELESS,   /* all of its addresses are none that a host can connect to */
    DNS_LOOP,      /* more than `links` CNAME records */
    DNS_TRUNCATED, /* the answer is longer than this message */
    DNS_FAILED,    /* another rcode: the server cannot answer */
};

struct dns_answer {
    enum dns_outcome outcome;
    uint32_t ttl_s; /* the least of what it is made of; without an address that of RFC 2308 section
                     * 5, or 0: not to be kept */
    unsigned links; /* CNAME records followed */
    uint32_t addr[DNS_ADDRESSES]; /* host order */
    unsigned count;
    struct dns_name alias;
};

/* Parse a possible answer to the query `id` for `name`; at most `links` CNAME records are followed.
 * 0, ERR_NOENT: it is none to this query; ERR_PROTO: malformed. */
int dns_parse(const uint8_t *bytes, size_t len, uint16_t id, const struct dns_name *name,
              unsigned links, struct dns_answer *out);

#endif
