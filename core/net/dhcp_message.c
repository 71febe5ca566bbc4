/* DHCP messages: see dhcp_message.h. */
#include "dhcp_message.h"
#include "../base/array.h"
#include "../base/check.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "address.h"

/* RFC 1035 sections 2.3.4 and 4.1.4. */
enum { DNS_LABEL_MAX = 63, DNS_POINTER = 0xc0 };
/* Every host receives so much (RFC 791 section 3.1): less is an error of the server. */
enum { MTU_LEAST = 576 };
/* The longest option, of all its parts: more than a message of the size that we ask for has. */
enum { VALUE_MAX = 512 };

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
    OPTION_OVERLOAD = 52,
    OPTION_TYPE = 53,
    OPTION_SERVER = 54,
    OPTION_PARAMETERS = 55,
    OPTION_MAX_SIZE = 57,
    OPTION_T1 = 58,
    OPTION_T2 = 59,
    OPTION_CLIENT_ID = 61,
    OPTION_RAPID_COMMIT = 80, /* RFC 4039 */
    OPTION_SEARCH = 119,      /* RFC 3397 */
    OPTION_ROUTES = 121,      /* RFC 3442 */
    OPTION_END = 255,
};

static uint32_t read32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Options of which all instances make one value: RFC 3396. */
static const uint8_t joined[] = {OPTION_OVERLOAD, OPTION_HOST,   OPTION_DOMAIN, OPTION_MTU,
                                 OPTION_NTP,      OPTION_SEARCH, OPTION_ROUTES};

/* ---- options of fixed length ---- */

/* Store one option in the message. Its length must be exactly that of RFC 2132, else an error. The
 * first of several instances wins; others are left for later. */
static int take_fixed(struct dhcp_message *m, uint8_t code, const uint8_t *value, size_t len)
{
    uint32_t *field = 0;

    switch (code) {
    case OPTION_TYPE:
        if (len != 1 || value[0] < DHCP_DISCOVER || value[0] > DHCP_INFORM)
            return ERR_PROTO;
        if (!m->type)
            m->type = value[0];
        return 0;
    case OPTION_RAPID_COMMIT:
        m->rapid |= len == 0;
        return 0;
    case OPTION_ROUTER:
    case OPTION_DNS:
        if (len < 4 || len % 4)
            return ERR_PROTO;
        field = code == OPTION_ROUTER ? &m->lease.gateway : &m->lease.dns;
        break;
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
        for (unsigned i = 0; i < ARRAY_COUNT(joined); i++)
            m->seen |= (uint8_t)(joined[i] == code) << i;
        return 0;
    }
    if (len != 4 && code != OPTION_ROUTER && code != OPTION_DNS)
        return ERR_PROTO;
    if (*field != 0)
        return 0;
    *field = read32(value);
    if (code == OPTION_DNS && m->lease.dns && len >= 8)
        m->lease.dns_second = read32(value + 4);
    return 0;
}

/* ---- fields of options ---- */

/* Where options are: RFC 2131 section 4.1. */
struct options {
    const uint8_t *at;
    size_t len;
};
enum { OPTION_FIELDS = 3 };

/* Skip padding from *i on: 1 if an option is there, 0 at the end of the field, ERR_PROTO. */
static int find_option(const struct options *f, size_t *i)
{
    while (*i < f->len && f->at[*i] == OPTION_PAD)
        ++*i;
    if (*i >= f->len || f->at[*i] == OPTION_END)
        return 0;
    return *i + 2 <= f->len && f->at[*i + 1] <= f->len - *i - 2 ? 1 : ERR_PROTO;
}

static int take_field(struct dhcp_message *m, const struct options *f)
{
    size_t i = 0;
    int found;

    while ((found = find_option(f, &i)) == 1) {
        const uint8_t *option = f->at + i;

        if (take_fixed(m, option[0], option + 2, option[1]))
            return ERR_PROTO;
        i += 2u + option[1];
    }
    return found;
}

/* All instances of an option, joined (RFC 3396), in fields without errors. The length of all, of
 * which `size` bytes at most are stored. */
static size_t join_option(const struct options *fields, uint8_t code, uint8_t *out, size_t size)
{
    size_t total = 0;

    for (unsigned n = 0; n < OPTION_FIELDS; n++)
        for (size_t i = 0; find_option(&fields[n], &i) == 1; i += 2u + fields[n].at[i + 1]) {
            const uint8_t *option = fields[n].at + i;

            if (option[0] != code)
                continue;
            if (total + option[1] <= size)
                mem_copy(out + total, option + 2, option[1]);
            total += option[1];
        }
    return total;
}

/* ---- options of any length ---- */

/* A name or a list of names that is being written. */
struct names {
    size_t len;
    char text[DHCP_NAME_SIZE]; /* zero from `len` on */
};

static bool is_name_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* Add a label with what separates it from the one before: 0, or why not. */
static enum dhcp_refusal add_label(struct names *n, char separator, const uint8_t *label,
                                   size_t len)
{
    size_t room = DHCP_NAME_SIZE - 1 - n->len;

    if (len == 0 || len > DNS_LABEL_MAX)
        return DHCP_REFUSAL_NAME;
    for (size_t i = 0; i < len; i++)
        if (!is_name_char(label[i]))
            return DHCP_REFUSAL_NAME;
    if (len + (n->len > 0) > room)
        return DHCP_REFUSAL_TOO_LONG;
    if (n->len)
        n->text[n->len++] = separator;
    mem_copy(n->text + n->len, label, len);
    n->len += len;
    return DHCP_TAKEN;
}

/* Host and domain name: text with dots, perhaps with zero bytes at its end (RFC 2132 section 2). */
static enum dhcp_refusal take_name(struct names *n, const uint8_t *value, size_t len)
{
    while (len && value[len - 1] == 0)
        len--;
    for (size_t from = 0, i = 0; i <= len; i++) {
        enum dhcp_refusal no;

        if (i < len && value[i] != '.')
            continue;
        if (i == len && from == len && n->len) /* a dot at the end is that of the root */
            break;
        no = add_label(n, '.', value + from, i - from);
        if (no)
            return no;
        from = i + 1;
    }
    return DHCP_TAKEN;
}

/* One domain of a list; *at moves to its end. A pointer leads to an earlier part of the option,
 * earlier than the pointer before did, which bounds them (RFC 1035 section 4.1.4, RFC 3397). */
static enum dhcp_refusal take_domain(struct names *n, const uint8_t *value, size_t len, size_t *at)
{
    size_t before = *at, i = before;
    bool jumped = false, first = true;

    for (;;) {
        unsigned label = i < len ? value[i] : DNS_LABEL_MAX + 1;
        enum dhcp_refusal no;

        if (label == 0)
            break;
        if (label >= DNS_POINTER) {
            size_t to = i + 1 < len ? (label & ~(unsigned)DNS_POINTER) << 8 | value[i + 1] : len;

            if (to >= before)
                return DHCP_REFUSAL_POINTER;
            *at = jumped ? *at : i + 2;
            jumped = true;
            i = before = to;
            continue;
        }
        if (label > DNS_LABEL_MAX || label > len - i - 1)
            return DHCP_REFUSAL_NAME;
        no = add_label(n, first ? ',' : '.', value + i + 1, label);
        if (no)
            return no;
        first = false;
        i += label + 1;
    }
    *at = jumped ? *at : i + 1;
    return first ? DHCP_REFUSAL_NAME : DHCP_TAKEN;
}

static enum dhcp_refusal take_search(struct names *n, const uint8_t *value, size_t len)
{
    enum dhcp_refusal no = len ? DHCP_TAKEN : DHCP_REFUSAL_LENGTH;

    for (size_t at = 0; at < len && !no;)
        no = take_domain(n, value, len, &at);
    return no;
}

static enum dhcp_refusal take_names(char *out, uint8_t code, const uint8_t *value, size_t len)
{
    struct names n = {0};
    enum dhcp_refusal no =
        code == OPTION_SEARCH ? take_search(&n, value, len) : take_name(&n, value, len);

    if (!no)
        mem_copy(out, n.text, sizeof(n.text));
    return no;
}

/* Classless static routes: the router of the default route, if one of them is; others are not kept.
 * Each is the width of its mask, as many bytes of its network as that has, and a router. */
static enum dhcp_refusal take_routes(struct dhcp_lease *l, const uint8_t *value, size_t len)
{
    uint32_t router = 0;
    size_t i = 0;

    while (i < len) {
        unsigned width = value[i], bytes = (width + 7) / 8;

        if (width > 32)
            return DHCP_REFUSAL_VALUE;
        if (len - i < 1 + bytes + 4)
            return DHCP_REFUSAL_LENGTH;
        if (width == 0 && !router)
            router = read32(value + i + 1);
        i += 1 + bytes + 4;
    }
    if (!len)
        return DHCP_REFUSAL_LENGTH;
    l->gateway = router; /* "MUST ignore the Router option": RFC 3442 */
    return DHCP_TAKEN;
}

static enum dhcp_refusal take_joined(struct dhcp_message *m, uint8_t code, const uint8_t *value,
                                     size_t len)
{
    struct dhcp_lease *l = &m->lease;
    uint32_t first = len >= 4 ? read32(value) : 0;

    switch (code) {
    case OPTION_OVERLOAD:
        if (len != 1 || value[0] < 1 || value[0] > 3)
            return len == 1 ? DHCP_REFUSAL_VALUE : DHCP_REFUSAL_LENGTH;
        m->overload = value[0];
        return DHCP_TAKEN;
    case OPTION_HOST:
        return take_names(l->host, code, value, len);
    case OPTION_DOMAIN:
        return take_names(l->domain, code, value, len);
    case OPTION_SEARCH:
        return take_names(l->search, code, value, len);
    case OPTION_ROUTES:
        return take_routes(l, value, len);
    case OPTION_MTU:
        if (len != 2)
            return DHCP_REFUSAL_LENGTH;
        l->mtu = (uint16_t)(value[0] << 8 | value[1]);
        return DHCP_TAKEN;
    case OPTION_NTP:
        if (len < 4 || len % 4)
            return DHCP_REFUSAL_LENGTH;
        if (!ipv4_is_host(first))
            return DHCP_REFUSAL_VALUE;
        l->ntp = first;
        return DHCP_TAKEN;
    default:
        return DHCP_TAKEN;
    }
}

static void refuse(struct dhcp_message *m, uint8_t option, enum dhcp_refusal reason)
{
    CHECK(m->refused_count < DHCP_REFUSED_MAX);
    m->refused[m->refused_count++] = (struct dhcp_refused){option, reason};
}

/* Take joined[n], which was seen; of no use, it is refused. */
static void take_option(struct dhcp_message *m, const struct options *fields, unsigned n)
{
    uint8_t value[VALUE_MAX] = {0};
    size_t len = join_option(fields, joined[n], value, sizeof(value));
    enum dhcp_refusal no =
        len > sizeof(value) ? DHCP_REFUSAL_TOO_LONG : take_joined(m, joined[n], value, len);
    if (no)
        refuse(m, joined[n], no);
}

int dhcp_parse(const uint8_t *bytes, size_t len, uint32_t xid, const struct netdev *dev,
               struct dhcp_message *out)
{
    const struct dhcp_header *h = (const struct dhcp_header *)bytes;
    struct options fields[OPTION_FIELDS] = {{bytes + sizeof(*h), 0}, {h->file, 0}, {h->sname, 0}};

    if (len < sizeof(*h) || be32_get(h->cookie) != DHCP_COOKIE)
        return ERR_PROTO;
    if (h->op != BOOTREPLY || h->htype != HTYPE_ETHERNET || h->hlen != 6)
        return ERR_PROTO;
    if (be32_get(h->xid) != xid || !mem_equal(h->chaddr, dev->mac, MAC_LEN))
        return ERR_NOENT;
    *out = (struct dhcp_message){.lease.addr = be32_get(h->yiaddr)};
    fields[0].len = len - sizeof(*h);
    if (take_field(out, &fields[0]))
        return ERR_PROTO;
    if (out->seen & 1)
        take_option(out, fields, 0); /* option 52; one in another field means nothing */
    if (out->overload & 1)
        fields[1].len = sizeof(h->file);
    if (out->overload & 2)
        fields[2].len = sizeof(h->sname);
    if (take_field(out, &fields[1]) || take_field(out, &fields[2]) || !out->type)
        return ERR_PROTO;
    for (unsigned i = 1; i < ARRAY_COUNT(joined); i++)
        if (out->seen >> i & 1)
            take_option(out, fields, i);
    if (out->lease.mtu && (out->lease.mtu < MTU_LEAST || out->lease.mtu > dev->mtu)) {
        out->lease.mtu = 0;
        refuse(out, OPTION_MTU, DHCP_REFUSAL_VALUE);
    }
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
    if (b->type == DHCP_DISCOVER)
        at = put_option(at, OPTION_RAPID_COMMIT, &type, 0);
    if (b->type == DHCP_DISCOVER || b->type == DHCP_REQUEST) { /* RFC 2131 table 5 */
        at = put_option(at, OPTION_MAX_SIZE, &size, sizeof(size));
        at = put_option(at, OPTION_PARAMETERS, parameters, sizeof(parameters));
    }
    *at = OPTION_END;
}
