/*
 * Parsing of DHCP messages (RFC 2131 section 2, options: RFC 2132): offsets of fields, the kind of
 * a client's request. Messages are not trusted. Independent of the core's parser.
 */
#ifndef DRYWIRE_FRAME_DHCP_H
#define DRYWIRE_FRAME_DHCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kind of a client's request. A REQUEST for an offer names a server; one after a reboot names
 * none; a renewal has the client's address and is sent to the server, rebinding is broadcast: RFC
 * 2131 section 4.3.2. */
enum dhcp_ask { ASK_DISCOVER, ASK_REQUEST, ASK_REBOOT, ASK_RENEW, ASK_REBIND, ASK_INFORM, ASKS };

extern const char *const dhcp_ask_words[ASKS + 1]; /* NULL-terminated */

enum {
    DHCP_TYPE_DISCOVER = 1,
    DHCP_TYPE_OFFER = 2,
    DHCP_TYPE_REQUEST = 3,
    DHCP_TYPE_DECLINE = 4,
    DHCP_TYPE_ACK = 5,
    DHCP_TYPE_NAK = 6,
    DHCP_TYPE_INFORM = 8,
};

#define DHCP_COOKIE_VALUE UINT32_C(0x63825363)
#define DHCP_USUAL_SERVER UINT32_C(0x0a000202) /* the server of a message without option 54 */

/* Offsets of fields: RFC 2131 section 2. */
enum {
    DHCP_AT_XID = 4,
    DHCP_AT_FLAGS = 10,
    DHCP_AT_CIADDR = 12,
    DHCP_AT_YIADDR = 16,
    DHCP_AT_SIADDR = 20,
    DHCP_AT_GIADDR = 24,
    DHCP_AT_CHADDR = 28,
    DHCP_AT_SNAME = 44,
    DHCP_AT_FILE = 108,
    DHCP_AT_COOKIE = 236,
    DHCP_AT_OPTIONS = 240,
    DHCP_SCRIPT_MAX = 1472, /* bytes of a message: fits a frame of 1514 bytes */
};

enum {
    OPTION_MASK = 1,
    OPTION_ROUTER = 3,
    OPTION_DNS = 6,
    OPTION_REQUESTED = 50,
    OPTION_LEASE = 51,
    OPTION_OVERLOAD = 52,
    OPTION_TYPE = 53,
    OPTION_SERVER = 54,
    OPTION_PARAMETERS = 55,
    OPTION_T1 = 58,
    OPTION_T2 = 59,
    OPTION_RAPID_COMMIT = 80,
    OPTION_ROUTES = 121,
    OPTION_END = 255,
};

/* Four bytes of the message; 0 if it is shorter. */
uint32_t dhcp_word(const uint8_t *m, size_t len, size_t at);

/* The options of a message in order: those after the cookie, then those in `file` and `sname` if
 * option 52 says so (RFC 2131 section 4.1). */
struct dhcp_options {
    const uint8_t *m;
    size_t at, end;
    unsigned field, overload, overloads;
    bool broken; /* an option ends beyond its field: none follows */
};

struct dhcp_options dhcp_options_of(const uint8_t *m, size_t len);

/* The next one, its code, length and value; NULL after the last. */
const uint8_t *dhcp_next_option(struct dhcp_options *o);

/* The router of the default route in option 121, or 0; false: there is no such option, or it has no
 * sense. Its instances are joined (RFC 3396, RFC 3442). */
bool dhcp_classless_router(const uint8_t *m, size_t len, uint32_t *router);

/* The first instance of an option, *option_len bytes; NULL: absent or truncated. */
const uint8_t *dhcp_find_option(const uint8_t *m, size_t len, uint8_t code, size_t *option_len);

/* An option of four bytes, else 0. */
uint32_t dhcp_option32(const uint8_t *m, size_t len, uint8_t code);

/* Option 53, 0 when there is none. */
unsigned dhcp_type(const uint8_t *m, size_t len);

/* True for an ACK that answers a DISCOVER: RFC 4039. */
bool dhcp_is_rapid_commit(const uint8_t *m, size_t len);

/* The kind of the client's request, or -1. */
int dhcp_ask_of(unsigned type, uint32_t ciaddr, bool server, bool unicast);

/* True if the value of this option is a list of addresses. */
bool dhcp_is_address_list(uint8_t code);

#endif
