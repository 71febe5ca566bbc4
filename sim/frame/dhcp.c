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

struct dhcp_options dhcp_options_of(const uint8_t *m, size_t len)
{
    return (struct dhcp_options){.m = m, .at = DHCP_AT_OPTIONS, .end = len};
}

/* The next field with options; false: none. */
static bool next_field(struct dhcp_options *o)
{
    static const size_t from[] = {DHCP_AT_FILE, DHCP_AT_SNAME},
                        to[] = {DHCP_AT_COOKIE, DHCP_AT_FILE};

    if (o->overloads != 1)
        return false;
    while (o->field < 2) {
        unsigned f = o->field++;

        if (!(o->overload >> f & 1))
            continue;
        o->at = from[f];
        o->end = to[f];
        return true;
    }
    return false;
}

const uint8_t *dhcp_next_option(struct dhcp_options *o)
{
    const uint8_t *option;

    for (;;) {
        while (o->at < o->end && o->m[o->at] == PAD)
            o->at++;
        if (o->at < o->end && o->m[o->at] != OPTION_END)
            break;
        if (o->broken || !next_field(o))
            return NULL;
    }
    option = o->m + o->at;
    if (o->at + 2 > o->end || option[1] > o->end - o->at - 2) {
        o->broken = true;
        o->end = 0;
        return NULL;
    }
    o->at += 2u + option[1];
    if (option[0] == OPTION_OVERLOAD && o->field == 0) {
        o->overload = option[1] == 1 && option[2] <= 3 ? option[2] : 0;
        o->overloads++;
    }
    return option;
}

const uint8_t *dhcp_find_option(const uint8_t *m, size_t len, uint8_t code, size_t *option_len)
{
    struct dhcp_options o = dhcp_options_of(m, len);
    const uint8_t *option;

    while ((option = dhcp_next_option(&o)))
        if (option[0] == code) {
            *option_len = option[1];
            return option + 2;
        }
    return NULL;
}

bool dhcp_classless_router(const uint8_t *m, size_t len, uint32_t *router)
{
    struct dhcp_options o = dhcp_options_of(m, len);
    uint8_t all[DHCP_SCRIPT_MAX];
    size_t size = 0, i = 0;
    const uint8_t *option;

    while ((option = dhcp_next_option(&o)))
        if (option[0] == OPTION_ROUTES && size + option[1] <= sizeof(all)) {
            memcpy(all + size, option + 2, option[1]);
            size += option[1];
        }
    *router = 0;
    while (i < size) {
        size_t one = 1 + (all[i] + 7u) / 8 + 4;

        if (all[i] > 32 || one > size - i)
            return false;
        if (all[i] == 0 && !*router)
            *router = get32(all + i + 1);
        i += one;
    }
    return size > 0;
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

bool dhcp_is_rapid_commit(const uint8_t *m, size_t len)
{
    size_t option_len;

    return dhcp_type(m, len) == DHCP_TYPE_ACK &&
           dhcp_find_option(m, len, OPTION_RAPID_COMMIT, &option_len) && option_len == 0;
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
