/* DHCP messages: see dhcp_message.h. */
#include "dhcp_message.h"
#include "../base/err.h"
#include "../base/mem.h"

enum { BOOTREQUEST = 1, BOOTREPLY = 2, HTYPE_ETHERNET = 1, DHCP_COOKIE = 0x63825363 };

/* RFC 2132, by section: 3.1-3.3, 3.5, 3.8, 3.14, 3.17, 5.1, 8.3, 9.1-9.3, 9.6-9.8, 9.10-9.12,
 * 9.14. */
enum {
    OPTION_PAD = 0,
    OPTION_MASK = 1,
    OPTION_ROUTER = 3,
    OPTION_DNS = 6,
    OPTION_HOST = 12,
    OPTION_DOMAIN = 15,
    OPTION_MTU = 26,
    OPTION_NTP = 42,
    OPTION_REQUESTED = 50,
    OPTION_LEASE = 51,
    OPTION_TYPE = 53,
    OPTION_SERVER = 54,
    OPTION_PARAMETERS = 55,
    OPTION_MAX_SIZE = 57,
    OPTION_T1 = 58,
    OPTION_T2 = 59,
    OPTION_CLIENT_ID = 61,
    OPTION_SEARCH = 119, /* RFC 3397 */
    OPTION_ROUTES = 121, /* RFC 3442 */
    OPTION_END = 255,
};

static uint32_t read32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Classless static routes: the router of the default route, if one of them is; others are not kept.
 * Each is the width of its mask, as many bytes of its network as that has, and a router. Without
 * sense the option is skipped. */
static void take_routes(struct dhcp_message *m, const uint8_t *value, size_t len)
{
    uint32_t router = 0;
    size_t i = 0;

    while (i < len) {
        unsigned width = value[i], bytes = (width + 7) / 8;

        if (width > 32 || len - i < 1 + bytes + 4)
            return;
        if (width == 0 && !router)
            router = read32(value + i + 1);
        i += 1 + bytes + 4;
    }
    if (!len || m->routes)
        return;
    m->routes = true;
    m->default_router = router;
}

/* Store one option in the message. Its length must be exactly that of RFC 2132, else an error. The
 * first of several instances wins; unknown options are skipped. */
static int take_option(struct dhcp_message *m, uint8_t code, const uint8_t *value, size_t len)
{
    uint32_t *field = 0;

    switch (code) {
    case OPTION_TYPE:
        if (len != 1 || value[0] < DHCP_DISCOVER || value[0] > DHCP_INFORM)
            return ERR_PROTO;
        if (!m->type)
            m->type = value[0];
        return 0;
    case OPTION_ROUTER:
    case OPTION_DNS:
        if (len < 4 || len % 4)
            return ERR_PROTO;
        field = code == OPTION_ROUTER ? &m->lease.gateway : &m->lease.dns;
        break;
    case OPTION_ROUTES:
        take_routes(m, value, len);
        return 0;
    case OPTION_MASK:
        field = &m->lease.mask;
        break;
    case OPTION_LEASE:
        field = &m->lease.lease_s;
        break;
    case OPTION_SERVER:
        field = &m->lease.server;
        break;
    case OPTION_T1:
        field = &m->lease.t1_s;
        break;
    case OPTION_T2:
        field = &m->lease.t2_s;
        break;
    default:
        return 0;
    }
    if (len != 4 && code != OPTION_ROUTER && code != OPTION_DNS)
        return ERR_PROTO;
    if (*field == 0)
        *field = read32(value);
    return 0;
}

/* Option overload (52) is not supported: the fields `file` and `sname` are never read. */
static int take_options(struct dhcp_message *m, const uint8_t *option, size_t len)
{
    size_t i = 0;

    while (i < len && option[i] != OPTION_END) {
        if (option[i] == OPTION_PAD) {
            i++;
            continue;
        }
        if (i + 2 > len || option[i + 1] > len - i - 2)
            return ERR_PROTO;
        if (take_option(m, option[i], option + i + 2, option[i + 1]))
            return ERR_PROTO;
        i += 2u + option[i + 1];
    }
    return m->type ? 0 : ERR_PROTO;
}

int dhcp_parse(const uint8_t *bytes, size_t len, uint32_t xid, const uint8_t mac[6],
               struct dhcp_message *out)
{
    const struct dhcp_header *h = (const struct dhcp_header *)bytes;
    struct dhcp_message m = {0};

    if (len < sizeof(*h) || be32_get(h->cookie) != DHCP_COOKIE)
        return ERR_PROTO;
    if (h->op != BOOTREPLY || h->htype != HTYPE_ETHERNET || h->hlen != 6)
        return ERR_PROTO;
    if (be32_get(h->xid) != xid || !mem_equal(h->chaddr, mac, 6))
        return ERR_NOENT;
    if (take_options(&m, bytes + sizeof(*h), len - sizeof(*h)))
        return ERR_PROTO;
    if (m.routes) /* "MUST ignore the Router option": RFC 3442 */
        m.lease.gateway = m.default_router;
    m.lease.addr = be32_get(h->yiaddr);
    *out = m;
    return 0;
}

static uint8_t *put_option(uint8_t *at, uint8_t code, const void *value, uint8_t len)
{
    at[0] = code;
    at[1] = len;
    mem_copy(at + 2, value, len);
    return at + 2 + len;
}

static uint8_t *dhcp_message_put_address(uint8_t *at, uint8_t code, uint32_t addr)
{
    be32 value = be32_of(addr);

    return addr ? put_option(at, code, &value, sizeof(value)) : at;
}

void dhcp_write(uint8_t *out, const struct dhcp_build *b, const uint8_t mac[6])
{
    /* Classless routes before the router: "MUST", RFC 3442. */
    static const uint8_t parameters[] = {OPTION_MASK,  OPTION_ROUTES, OPTION_ROUTER, OPTION_DNS,
                                         OPTION_HOST,  OPTION_DOMAIN, OPTION_MTU,    OPTION_NTP,
                                         OPTION_LEASE, OPTION_SERVER, OPTION_T1,     OPTION_T2,
                                         OPTION_SEARCH};
    struct dhcp_header *h = (struct dhcp_header *)out;
    uint8_t type = (uint8_t)b->type, client_id[7] = {HTYPE_ETHERNET};
    be16 size = be16_of(576);
    uint8_t *at = out + sizeof(*h);

    mem_fill(out, 0, DHCP_MESSAGE_LEN);
    h->op = BOOTREQUEST;
    h->htype = HTYPE_ETHERNET;
    h->hlen = 6;
    h->xid = be32_of(b->xid);
    h->secs = be16_of(b->secs);
    h->ciaddr = be32_of(b->ciaddr); /* flags stay 0: unicast replies are received, section 4.1 */
    mem_copy(h->chaddr, mac, 6);
    h->cookie = be32_of(DHCP_COOKIE);

    mem_copy(client_id + 1, mac, 6);
    at = put_option(at, OPTION_TYPE, &type, 1);
    at = put_option(at, OPTION_CLIENT_ID, client_id, sizeof(client_id));
    at = dhcp_message_put_address(at, OPTION_REQUESTED, b->requested);
    at = dhcp_message_put_address(at, OPTION_SERVER, b->server);
    at = put_option(at, OPTION_MAX_SIZE, &size, sizeof(size));
    at = put_option(at, OPTION_PARAMETERS, parameters, sizeof(parameters));
    *at = OPTION_END;
}
