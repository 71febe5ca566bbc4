/*
 * Messages of DHCP as they are read (RFC 2131 section 2, options: RFC 2132): where the fields are,
 * what a client asks. Nothing in a message is believed. A reading of its own, apart from the
 * core's.
 */
#ifndef DRYWIRE_FRAME_DHCP_H
#define DRYWIRE_FRAME_DHCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a client asks. A REQUEST for an offer names a server; one after a reboot names none, a
 * renewal has its address and goes to its server, rebinding to everybody: RFC 2131 section 4.3.2.
 */
enum dhcp_ask { ASK_DISCOVER, ASK_REQUEST, ASK_REBOOT, ASK_RENEW, ASK_REBIND, ASK_INFORM, ASKS };

extern const char *const dhcp_ask_words[ASKS + 1]; /* NULL behind them */

enum {
    DHCP_TYPE_DISCOVER = 1,
    DHCP_TYPE_OFFER = 2,
    DHCP_TYPE_REQUEST = 3,
    DHCP_TYPE_ACK = 5,
    DHCP_TYPE_NAK = 6,
    DHCP_TYPE_INFORM = 8,
};

#define DHCP_COOKIE_VALUE UINT32_C(0x63825363)
#define DHCP_USUAL_SERVER UINT32_C(0x0a000202) /* whose a message without option 54 is */

/* Where fields are: RFC 2131 section 2. */
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
    DHCP_SCRIPT_MAX = 1472, /* of a message: what a frame of 1514 bytes holds */
};

enum {
    OPTION_MASK = 1,
    OPTION_ROUTER = 3,
    OPTION_DNS = 6,
    OPTION_REQUESTED = 50,
    OPTION_LEASE = 51,
    OPTION_TYPE = 53,
    OPTION_SERVER = 54,
    OPTION_PARAMETERS = 55,
    OPTION_T1 = 58,
    OPTION_T2 = 59,
    OPTION_END = 255,
};

/* Four bytes of the message, 0 when they are not there. */
uint32_t dhcp_word(const uint8_t *m, size_t len, size_t at);

/* The first instance of an option behind the cookie, *option_len bytes; NULL: none, or none whole.
 */
const uint8_t *dhcp_find_option(const uint8_t *m, size_t len, uint8_t code, size_t *option_len);

/* An option of four bytes, else 0. */
uint32_t dhcp_option32(const uint8_t *m, size_t len, uint8_t code);

/* Option 53, 0 when there is none. */
unsigned dhcp_type(const uint8_t *m, size_t len);

/* What a client asks with it, or -1. */
int dhcp_ask_of(unsigned type, uint32_t ciaddr, bool server, bool unicast);

/* Is the value of this option a list of addresses? */
bool dhcp_is_address_list(uint8_t code);

#endif
