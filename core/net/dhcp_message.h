/*
 * DHCP messages: bytes to fields and back (RFC 2131 section 2, RFC 2132).
 */
#ifndef DRYWIRE_DHCP_MESSAGE_H
#define DRYWIRE_DHCP_MESSAGE_H

#include "dhcp.h"
#include "wire.h"

/* Values of option 53. */
enum dhcp_type {
    DHCP_DISCOVER = 1,
    DHCP_OFFER = 2,
    DHCP_REQUEST = 3,
    DHCP_DECLINE = 4,
    DHCP_ACK = 5,
    DHCP_NAK = 6,
    DHCP_RELEASE = 7,
    DHCP_INFORM = 8,
};

/* An option that is of no use, by its code; the message is used without it. */
struct dhcp_refused {
    uint8_t option;
    enum dhcp_refusal reason;
};
enum { DHCP_REFUSED_MAX = 8 };

struct dhcp_message {
    enum dhcp_type type;
    struct dhcp_lease lease; /* yiaddr and options; server: option 54 or 0 */
    bool rapid;              /* option 80: RFC 4039 */
    uint8_t overload;        /* option 52: 1 `file`, 2 `sname`, 3 both */
    uint8_t seen;            /* of those that are joined: a bit for each */
    struct dhcp_refused refused[DHCP_REFUSED_MAX];
    unsigned refused_count;
};

/* Parse what a server sent to the client with this xid and device. 0, ERR_PROTO when it is
 * malformed, ERR_NOENT when it is for another client. A wrong length of an option that a lease
 * cannot do without, or one beyond its field, makes a message malformed; any other option is
 * refused. */
int dhcp_parse(const uint8_t *bytes, size_t len, uint32_t xid, const struct netdev *dev,
               struct dhcp_message *out);

/* The message of a client. Addresses that are 0 are left out. */
struct dhcp_build {
    enum dhcp_type type;
    uint32_t xid;
    uint16_t secs;
    uint32_t ciaddr;
    uint32_t requested; /* option 50 */
    uint32_t server;    /* option 54 */
};

enum { DHCP_MESSAGE_LEN = 300 }; /* the minimum of BOOTP relays: RFC 1542 section 2.1 */

/* Write a message of DHCP_MESSAGE_LEN bytes. */
void dhcp_write(uint8_t *out, const struct dhcp_build *b, const uint8_t mac[6]);

#endif
