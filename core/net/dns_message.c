/* DNS messages: see dns_message.h. */
#include "dns_message.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../base/minmax.h"
#include "wire.h"

/* RFC 1035 section 4.1.1. */
struct dns_header {
    be16 id;
    uint8_t flags, rcode; /* QR, opcode, AA, TC, RD; RA, 0, rcode */
    be16 questions, answers, authorities, additional;
};
_Static_assert(sizeof(struct dns_header) == 12, "RFC 1035");

enum { FLAG_RESPONSE = 0x80, FLAG_OPCODE = 0x78, FLAG_TRUNCATED = 2, FLAG_RECURSION = 1 };
enum { RCODE_MASK = 15, RCODE_NO_NAME = 3 };
enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_SOA = 6, CLASS_IN = 1 };
enum { LABEL_POINTER = 0xc0 };

/* A message that is read. */
struct message {
    const uint8_t *bytes;
    size_t len;
};

/* The fixed part of a record, after its name. */
struct record_header {
    be16 type, class;
    be32 ttl;
    be16 len;
};
_Static_assert(sizeof(struct record_header) == 10, "RFC 1035");

struct record {
    struct dns_name owner;
    uint16_t type, class, len;
    uint32_t ttl_s;
    size_t data; /* its place in the message */
};

/* ---- names ---- */

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static bool is_name_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

int dns_name_read(const char *text, size_t len, struct dns_name *out)
{
    size_t at = 0; /* of the length of the label */

    if (len > 0 && text[len - 1] == '.')
        len--;
    if (len == 0 || len > DNS_NAME_MAX - 2)
        return ERR_INVAL;
    for (size_t i = 0; i <= len; i++) {
        uint8_t c = i < len ? lower((uint8_t)text[i]) : '.';

        if (c == '.') {
            size_t label = i - at;

            if (label == 0 || label > DNS_LABEL_MAX)
                return ERR_INVAL;
            out->bytes[at] = (uint8_t)label;
            at = i + 1;
        } else if (is_name_byte(c)) {
            out->bytes[i + 1] = c;
        } else {
            return ERR_INVAL;
        }
    }
    out->bytes[len + 1] = 0;
    out->len = (uint8_t)(len + 2);
    return 0;
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
    return a->len == b->len && mem_equal(a->bytes, b->bytes, a->len);
}

/* Expand the name at *at, which moves to its end: 0 or ERR_PROTO. A pointer leads to before the
 * part of the name that it ends, so that there are fewer of them than bytes (RFC 9267 section 2).
 * Any byte may be in a label: names are compared, never printed. */
static int name_expand(const struct message *m, size_t *at, struct dns_name *out)
{
    size_t from = *at, part = *at, len = 0;
    bool jumped = false;

    while (from < m->len) {
        uint8_t n = m->bytes[from];

        if ((n & LABEL_POINTER) == LABEL_POINTER) {
            size_t to;

            if (m->len - from < 2)
                return ERR_PROTO;
            to = (size_t)(n & ~LABEL_POINTER) << 8 | m->bytes[from + 1];
            if (to >= part || to < sizeof(struct dns_header))
                return ERR_PROTO;
            if (!jumped)
                *at = from + 2;
            jumped = true;
            from = part = to;
            continue;
        }
        if (n > DNS_LABEL_MAX || n >= m->len - from || len + n + 1 > DNS_NAME_MAX)
            return ERR_PROTO;
        out->bytes[len++] = n;
        from++;
        if (n == 0) {
            out->len = (uint8_t)len;
            if (!jumped)
                *at = from;
            return 0;
        }
        while (n--)
            out->bytes[len++] = lower(m->bytes[from++]);
    }
    return ERR_PROTO;
}

/* ---- questions ---- */

/* What follows the name in a question. */
static const uint8_t question_end[] = {0, TYPE_A, 0, CLASS_IN};

size_t dns_query_write(uint8_t *out, uint16_t id, const struct dns_name *name)
{
    *(struct dns_header *)out =
        (struct dns_header){.id = be16_of(id), .flags = FLAG_RECURSION, .questions = be16_of(1)};
    out += sizeof(struct dns_header);
    mem_copy(out, name->bytes, name->len);
    mem_copy(out + name->len, question_end, sizeof(question_end));
    return sizeof(struct dns_header) + name->len + sizeof(question_end);
}

/* The question at *at, which moves to its end: 0; ERR_NOENT: another one; ERR_PROTO. */
static int question_read(const struct message *m, size_t *at, const struct dns_name *name)
{
    struct dns_name asked;
    int err = name_expand(m, at, &asked);

    if (err)
        return err;
    if (m->len - *at < sizeof(question_end))
        return ERR_PROTO;
    if (!dns_name_equal(&asked, name) ||
        !mem_equal(m->bytes + *at, question_end, sizeof(question_end)))
        return ERR_NOENT;
    *at += sizeof(question_end);
    return 0;
}

/* ---- records ---- */

/* The record at *at, which moves to its end: 0 or ERR_PROTO. */
static int record_parse(const struct message *m, size_t *at, struct record *out)
{
    const struct record_header *h;
    int err = name_expand(m, at, &out->owner);

    if (err)
        return err;
    if (m->len - *at < sizeof(*h))
        return ERR_PROTO;
    h = (const struct record_header *)(m->bytes + *at);
    out->type = be16_get(h->type);
    out->class = be16_get(h->class);
    out->ttl_s = be32_get(h->ttl);
    if (out->ttl_s >> 31) /* RFC 2181 section 8 */
        out->ttl_s = 0;
    out->len = be16_get(h->len);
    out->data = *at + sizeof(*h);
    if (out->len > m->len - out->data)
        return ERR_PROTO;
    *at = out->data + out->len;
    return 0;
}

/* The records of a section, one by one: true and *out. They were all read once (section_check). */
struct section {
    size_t at;
    unsigned left;
};

static bool section_next(const struct message *m, struct section *s, struct record *out)
{
    while (s->left) {
        s->left--;
        if (record_parse(m, &s->at, out))
            return false;
        if (out->class == CLASS_IN)
            return true;
    }
    return false;
}

/* The data of a record of a type that we use. */
static int data_check(const struct message *m, const struct record *r)
{
    struct dns_name name;
    size_t at = r->data;
    unsigned names = r->type == TYPE_CNAME ? 1 : r->type == TYPE_SOA ? 2 : 0;
    unsigned rest = r->type == TYPE_A ? 4 : r->type == TYPE_SOA ? 20 : 0;

    if (r->class != CLASS_IN || (!names && !rest))
        return 0;
    for (; names; names--)
        if (name_expand(m, &at, &name))
            return ERR_PROTO;
    return at + rest == r->data + r->len ? 0 : ERR_PROTO;
}

/* Read all records of the section at *at, which moves to its end: 0 or ERR_PROTO. */
static int section_check(const struct message *m, size_t *at, unsigned count)
{
    struct record r;

    for (; count; count--)
        if (record_parse(m, at, &r) || data_check(m, &r))
            return ERR_PROTO;
    return 0;
}

/* ---- the answer ---- */

/* False for an address that is none of another host, whatever a server says (RFC 1122 section
 * 3.2.1.3): this network, loopback, groups, broadcast. */
static bool is_useful(uint32_t addr)
{
    return addr >> 24 != 0 && addr >> 24 != 127 && addr >> 28 < 14;
}

/* Look for the name in the answers: its addresses, or else the name that it is an alias of. */
static enum dns_outcome name_look_up(const struct message *m, struct section s,
                                     struct dns_answer *out)
{
    const struct dns_name name = out->alias;
    enum dns_outcome outcome = DNS_NO_DATA;
    struct record r;

    while (section_next(m, &s, &r)) {
        if (!dns_name_equal(&r.owner, &name) || (r.type != TYPE_A && r.type != TYPE_CNAME))
            continue;
        out->ttl_s = min_u32(out->ttl_s, r.ttl_s);
        if (r.type == TYPE_CNAME && outcome == DNS_NO_DATA) {
            name_expand(m, &r.data, &out->alias);
            return DNS_ALIAS;
        }
        if (r.type == TYPE_A) {
            uint32_t addr = be32_get(*(const be32 *)(m->bytes + r.data));

            if (outcome != DNS_FOUND)
                outcome = DNS_USELESS;
            if (!is_useful(addr))
                continue;
            outcome = DNS_FOUND;
            if (out->count < DNS_ADDRESSES)
                out->addr[out->count++] = addr;
        }
    }
    return outcome;
}

/* There is nothing: for how long that is so, RFC 2308 section 5. False without an SOA record. */
static bool negative_ttl(const struct message *m, struct section authorities,
                         struct dns_answer *out)
{
    struct record r;

    while (section_next(m, &authorities, &r)) {
        const uint8_t *end = m->bytes + r.data + r.len;

        if (r.type != TYPE_SOA)
            continue;
        out->ttl_s = min_u32(out->ttl_s, min_u32(r.ttl_s, be32_get(*(const be32 *)(end - 4))));
        return true;
    }
    return false;
}

/* Follow the chain of aliases as far as this message does. */
static void chain_follow(const struct message *m, struct section answers,
                         struct section authorities, unsigned links, struct dns_answer *out)
{
    do {
        out->outcome = name_look_up(m, answers, out);
        if (out->outcome == DNS_ALIAS && ++out->links > links) {
            out->outcome = DNS_LOOP;
            out->ttl_s = 0;
        }
    } while (out->outcome == DNS_ALIAS);
    if (out->outcome != DNS_NO_DATA)
        return;
    if (negative_ttl(m, authorities, out))
        return;
    if (out->links)
        out->outcome = DNS_ALIAS; /* its server may know its address */
    else
        out->ttl_s = 0;
}

int dns_parse(const uint8_t *bytes, size_t len, uint16_t id, const struct dns_name *name,
              unsigned links, struct dns_answer *out)
{
    const struct message m = {bytes, len};
    const struct dns_header *h = (const struct dns_header *)bytes;
    struct section answers, authorities;
    size_t at = sizeof(*h);
    int err;

    if (len < sizeof(*h))
        return ERR_PROTO;
    if (be16_get(h->id) != id || !(h->flags & FLAG_RESPONSE) || h->flags & FLAG_OPCODE)
        return ERR_NOENT;
    if (be16_get(h->questions) != 1)
        return ERR_PROTO;
    err = question_read(&m, &at, name);
    if (err)
        return err;
    *out = (struct dns_answer){.outcome = DNS_FAILED, .ttl_s = UINT32_MAX, .alias = *name};
    if (h->flags & FLAG_TRUNCATED) {
        out->outcome = DNS_TRUNCATED;
        return 0;
    }
    if ((h->rcode & RCODE_MASK) != 0 && (h->rcode & RCODE_MASK) != RCODE_NO_NAME)
        return 0;
    answers = (struct section){at, be16_get(h->answers)};
    if (section_check(&m, &at, answers.left))
        return ERR_PROTO;
    authorities = (struct section){at, be16_get(h->authorities)};
    if (section_check(&m, &at, authorities.left))
        return ERR_PROTO;
    if (h->rcode & RCODE_MASK) {
        out->outcome = DNS_NO_NAME; /* of the last alias, or of the name: RFC 6604 section 3 */
        if (!negative_ttl(&m, authorities, out))
            out->ttl_s = 0;
        return 0;
    }
    chain_follow(&m, answers, authorities, links, out);
    return 0;
}
