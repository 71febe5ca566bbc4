/* The scripted name server: see dns_service.h. */
#include "dns_service.h"
#include "../../core/base/check.h"
#include "../base/bytes.h"
#include <string.h>

enum { HEADER = 12, QUESTION_END = 4, LINKS = 16, NO_NAME = 3, TRUNCATED = 2 };
enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_SOA = 6 };
enum { RECORD_FIXED = 12, A_DATA = 4, SOA_DATA = 22, NEGATIVE_TTL_S = 60 };

struct answer {
    uint8_t *bytes;
    size_t len;
    uint8_t counts[3]; /* of records: answers, authorities, additional */
};

/* The question as text without a last dot: its length in the message, or 0. */
static size_t question_text(const uint8_t *query, size_t len, char text[256])
{
    size_t at = HEADER, n = 0;

    if (len < HEADER || query[2] & 0xf8 || get16(query + 4) != 1)
        return 0;
    while (at < len && query[at] != 0) {
        size_t label = query[at++];

        if (label > 63 || label >= len - at || n + label + 1 > 255)
            return 0;
        memcpy(text + n, query + at, label);
        n += label;
        text[n++] = '.';
        at += label;
    }
    if (n == 0 || at >= len || len - at < 1 + QUESTION_END)
        return 0;
    text[n - 1] = 0;
    return at + 1 + QUESTION_END - HEADER;
}

static const struct dns_line *first_line(const struct service *s, const char *name)
{
    for (unsigned i = 0; i < s->dns_count; i++)
        if (!strcmp(s->dns[i].name, name))
            return &s->dns[i];
    return NULL;
}

const struct dns_line *dns_service_line(const struct service *s, const uint8_t *query, size_t len)
{
    char name[256];

    return question_text(query, len, name) ? first_line(s, name) : NULL;
}

/* A name as labels, at `out`: its length. */
static size_t put_labels(uint8_t *out, const char *name)
{
    size_t at = 0;

    while (*name) {
        size_t label = strcspn(name, ".");

        out[at++] = (uint8_t)label;
        memcpy(out + at, name, label);
        at += label;
        name += label + (name[label] == '.');
    }
    out[at++] = 0;
    return at;
}

/* Add a record with `data`; `owner` NULL is the name of the question, by a pointer. False if there
 * is no room. */
static bool add_record(struct answer *a, unsigned section, const char *owner, uint16_t type,
                       uint32_t ttl_s, const uint8_t *data, size_t len)
{
    size_t name = owner ? strlen(owner) + 2 : 2;
    uint8_t *at = a->bytes + a->len;

    if (a->len + name + 10 + len > DNS_SERVICE_MAX)
        return false;
    if (owner)
        put_labels(at, owner);
    else
        put16(at, 0xc000 | HEADER);
    at += name;
    put16(at, type);
    put16(at + 2, 1);
    put32(at + 4, ttl_s);
    put16(at + 8, (unsigned)len);
    memcpy(at + 10, data, len);
    a->len += name + 10 + len;
    a->counts[section]++;
    return true;
}

/* The addresses of a name, or its alias: the line of that, or NULL. */
static const struct dns_line *add_lines(const struct service *s, struct answer *a, const char *name,
                                        const char *owner)
{
    uint8_t data[256];

    for (unsigned i = 0; i < s->dns_count; i++) {
        const struct dns_line *l = &s->dns[i];

        if (strcmp(l->name, name))
            continue;
        if (l->cname) {
            add_record(a, 0, owner, TYPE_CNAME, l->ttl_s, data, put_labels(data, l->cname));
            return l;
        }
        put32(data, l->addr);
        if (l->addr)
            add_record(a, 0, owner, TYPE_A, l->ttl_s, data, A_DATA);
    }
    return NULL;
}

/* The answer records of a name: false if there is no such name. */
static bool add_answers(const struct service *s, struct answer *a, const char *name)
{
    const char *owner = NULL;

    for (unsigned i = 0; i < LINKS; i++) {
        const struct dns_line *alias;

        if (!first_line(s, name))
            return false;
        alias = add_lines(s, a, name, owner);
        if (!alias || alias->apart)
            return true;
        name = owner = alias->cname;
    }
    return true;
}

size_t dns_service_answer(const struct service *s, const uint8_t *query, size_t len, bool datagram,
                          uint8_t *out)
{
    char name[256];
    size_t question = question_text(query, len, name);
    const struct dns_line *line;
    struct answer a = {.bytes = out, .len = HEADER + question};
    unsigned rcode = 0;

    if (!question)
        return 0;
    line = first_line(s, name);
    memset(out, 0, HEADER);
    memcpy(out, query, 2);
    out[2] = 0x81; /* a response, recursion desired */
    put16(out + 4, 1);
    memcpy(out + HEADER, query + HEADER, question);
    if (line && line->rcode)
        rcode = line->rcode;
    else if (datagram && line && line->truncated)
        out[2] |= TRUNCATED;
    else if (!add_answers(s, &a, name))
        rcode = NO_NAME;
    if (rcode == NO_NAME || (line && !line->addr && !line->cname && !line->rcode)) {
        uint8_t soa[SOA_DATA] = {0}; /* both names are the root; the last field is the TTL */

        put32(soa + SOA_DATA - 4, line ? line->ttl_s : NEGATIVE_TTL_S);
        add_record(&a, 1, NULL, TYPE_SOA, line ? line->ttl_s : NEGATIVE_TTL_S, soa, SOA_DATA);
    }
    out[3] = (uint8_t)(0x80 | rcode);
    for (unsigned i = 0; i < 3; i++)
        put16(out + 6 + 2 * i, a.counts[i]);
    return a.len;
}

void dns_service_lie(enum dns_lie lie, uint8_t *answer, size_t len)
{
    size_t record = len - RECORD_FIXED - A_DATA;

    CHECK(len > HEADER + RECORD_FIXED + A_DATA);
    answer[len - 1] ^= 0x40;
    switch (lie) {
    case DNS_LIE_NONE:
    case DNS_LIE_SOURCE:
    case DNS_LIE_PORT:
        break;
    case DNS_LIE_ID:
        answer[1] ^= 1;
        break;
    case DNS_LIE_QUESTION:
        answer[HEADER + 1] ^= 1;
        break;
    case DNS_LIE_QUERY:
        answer[2] &= 0x7f;
        break;
    case DNS_LIE_OPCODE:
        answer[2] |= 0x10;
        break;
    case DNS_LIE_POINTER: /* to itself */
        put16(answer + record, (unsigned)(0xc000 | record));
        break;
    case DNS_LIE_LENGTH:
        put16(answer + record + 10, A_DATA + 1);
        break;
    case DNS_LIE_COUNT:
        put16(answer + 6, 0xffff);
        break;
    case DNS_LIE_OWNER: /* an address of the name without its first label */
        put16(answer + record, 0xc000 | (HEADER + 1u + answer[HEADER]));
        break;
    }
}
