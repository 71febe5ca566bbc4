/* Parsing of DHCP messages: see dhcp.h. */
#include "dhcp.h"
#include "../base/bytes.h"
#include <string.h>

const char *const dhcp_ask_words[ASKS + 1] = {
    [ASK_DISCOVER] = "discover", [ASK_REQUEST] = "request", [ASK_REBOOT] = "reboot",
    [ASK_RENEW] = "renew",       [ASK_REBIND] = "rebind",   [ASK_INFORM] = "inform",
};

enum { PAD = 0 };

uint32_t dhcp_word(const uint8_t *m, size_t len, size_t at)
{
    return at + 4 <= len ? get32(m + at) : 0;
}

const uint8_t *dhcp_find_option(const uint8_t *m, size_t len, uint8_t code, size_t *option_len)
{
    size_t i = DHCP_AT_OPTIONS;

    while (i < len && m[i] != OPTION_END) {
        if (m[i] == PAD) {
            i++;
            continue;
        }
        if (i + 2 > len || m[i + 1] > len - i - 2)
            return NULL;
        if (m[i] == code) {
            *option_len = m[i + 1];
            return m + i + 2;
        }
        i += 2u + m[i + 1];
    }
    return NULL;
}

uint32_t dhcp_option32(const uint8_t *m, size_t len, uint8_t code)
{
    size_t option_len;
    const uint8_t *option = dhcp_find_option(m, len, code, &option_len);

    return option && option_len == 4 ? get32(option) : 0;
}

unsigned dhcp_type(const uint8_t *m, size_t len)
{
    size_t option_len;
    const uint8_t *option = dhcp_find_option(m, len, OPTION_TYPE, &option_len);

    return option && option_len == 1 ? option[0] : 0;
}

int dhcp_ask_of(unsigned type, uint32_t ciaddr, bool server, bool unicast)
{
    if (type == DHCP_TYPE_DISCOVER)
        return ASK_DISCOVER;
    if (type == DHCP_TYPE_INFORM)
        return ASK_INFORM;
    if (type != DHCP_TYPE_REQUEST)
        return -1;
    if (server)
        return ASK_REQUEST;
    if (!ciaddr)
        return ASK_REBOOT;
    return unicast ? ASK_RENEW : ASK_REBIND;
}

bool dhcp_is_address_list(uint8_t code)
{
    static const uint8_t lists[] = {1,  3,  4,  5,  6,  7,  8,  9,  10, 11, 16, 21,
                                    28, 32, 33, 41, 42, 44, 45, 48, 49, 50, 54, 65,
                                    68, 69, 70, 71, 72, 73, 74, 75, 76, 118};

    return memchr(lists, code, sizeof(lists)) != NULL;
}
