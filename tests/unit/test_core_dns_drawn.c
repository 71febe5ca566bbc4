/*
 * DNS messages that are drawn, whose answer is known, and damaged ones. Each is in memory of
 * exactly its length, so that a sanitizer finds a read beyond it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/base/err.h"
#include "../../core/base/rng.h"
#include "../../core/net/dns_message.h"

enum { ID = 0x1234, A = 1, CNAME = 5, SOA = 6, TXT = 16, ANSWER = 12 + 10 + 4 };

struct built {
    uint8_t bytes[4096];
    size_t len;
};

static void put(struct built *b, uint32_t value, unsigned size)
{
    while (size--)
        b->bytes[b->len++] = (uint8_t)(value >> 8 * size);
}

static void put_text(struct built *b, const char *name)
{
    struct dns_name n;

    assert_int_equal(dns_name_read(name, strlen(name), &n), 0);
    memcpy(b->bytes + b->len, n.bytes, n.len);
    b->len += n.len;
}

/* A response to a question for `name`; records follow. */
static void response(struct built *b, const char *name, uint16_t answers, uint16_t authorities)
{
    b->len = 0;
    put(b, ID, 2);
    put(b, 0x8180, 2);
    put(b, 1, 2);
    put(b, answers, 2);
    put(b, authorities, 2);
    put(b, 0, 2);
    put_text(b, name);
    put(b, A, 2);
    put(b, 1, 2);
}

/* What follows the owner of a record, without its data. */
static void fixed(struct built *b, uint16_t type, uint32_t ttl, uint16_t len)
{
    put(b, type, 2);
    put(b, 1, 2);
    put(b, ttl, 4);
    put(b, len, 2);
}

static void address(struct built *b, const char *owner, uint32_t ttl, uint32_t addr)
{
    put_text(b, owner);
    fixed(b, A, ttl, 4);
    put(b, addr, 4);
}

static void alias(struct built *b, const char *owner, uint32_t ttl, const char *target)
{
    put_text(b, owner);
    fixed(b, CNAME, ttl, (uint16_t)(strlen(target) + 2));
    put_text(b, target);
}

static void soa(struct built *b, const char *owner, uint32_t ttl, uint32_t minimum)
{
    put_text(b, owner);
    fixed(b, SOA, ttl, 22);
    put(b, 0, 2); /* two names: the root */
    for (unsigned i = 0; i < 4; i++)
        put(b, 7, 4);
    put(b, minimum, 4);
}

static int parse_bytes(const uint8_t *bytes, size_t len, const char *name, struct dns_answer *out)
{
    uint8_t *copy = malloc(len ? len : 1);
    struct dns_name n;
    int err;

    assert_int_equal(dns_name_read(name, strlen(name), &n), 0);
    memcpy(copy, bytes, len);
    err = dns_parse(copy, len, ID, &n, DNS_LINKS_MAX, out);
    free(copy);
    return err;
}

static int parse(const struct built *b, struct dns_answer *out)
{
    return parse_bytes(b->bytes, b->len, "www.test", out);
}

/* ---- drawn messages ---- */

static struct rng rng;

static uint32_t draw(uint32_t below)
{
    return (uint32_t)rng_below(&rng, below);
}

/* Aliases from www.test to l1.test, l2.test, ... and addresses of the last one, in any order, with
 * other records between them. */
static void drawn_messages_are_understood(void **state)
{
    (void)state;
    rng_init(&rng, 1, 2);
    for (unsigned round = 0; round < 20000; round++) {
        unsigned links = draw(DNS_LINKS_MAX + 3), addresses = draw(7), others = draw(4), count;
        bool negative = draw(2);
        uint32_t least = UINT32_MAX, expected[8] = {0};
        unsigned item[32], next = 0;
        struct dns_answer a;
        struct built b;

        count = links + addresses + others;
        for (unsigned i = 0; i < count; i++) { /* shuffled */
            unsigned at = draw(i + 1);

            item[i] = item[at];
            item[at] = i;
        }
        response(&b, "www.test", (uint16_t)count, negative);
        for (unsigned i = 0; i < count; i++) {
            uint32_t ttl = draw(1000);
            char from[32] = "www.test", to[32];

            snprintf(to, sizeof(to), "l%u.test", (item[i] < links ? item[i] : links) + 1);
            if (item[i] > 0 && item[i] < links)
                snprintf(from, sizeof(from), "l%u.test", item[i]);
            if (item[i] >= links && links)
                snprintf(from, sizeof(from), "l%u.test", links);
            if (item[i] < links) {
                alias(&b, from, ttl, to);
            } else if (item[i] < links + addresses) {
                expected[next] = 0x0a000000 + draw(1 << 24);
                address(&b, from, ttl, expected[next++]);
            } else if (draw(2)) {
                address(&b, "other.test", 0, 1);
                continue;
            } else {
                put_text(&b, from);
                fixed(&b, TXT, 0, 3);
                put(&b, draw(1 << 24), 3);
                continue;
            }
            least = ttl < least ? ttl : least;
        }
        if (negative)
            soa(&b, "test", 500, 400);
        assert_int_equal(parse(&b, &a), 0);
        if (links > DNS_LINKS_MAX) {
            assert_int_equal(a.outcome, DNS_LOOP);
        } else if (addresses) {
            assert_int_equal(a.outcome, DNS_FOUND);
            assert_int_equal(a.count, addresses < DNS_ADDRESSES ? addresses : DNS_ADDRESSES);
            assert_memory_equal(a.addr, expected, a.count * sizeof(a.addr[0]));
            assert_int_equal(a.ttl_s, least);
        } else if (links && !negative) {
            assert_int_equal(a.outcome, DNS_ALIAS);
            assert_int_equal(a.links, links);
            assert_int_equal(a.ttl_s, least);
        } else {
            assert_int_equal(a.outcome, DNS_NO_DATA);
            assert_int_equal(a.ttl_s, negative ? (least < 400 ? least : 400) : 0);
        }
        for (unsigned i = 0; i < 3;
             i++) /* a part of it is none, or has only lost its authorities */
            assert_int_equal(parse_bytes(b.bytes, draw((uint32_t)b.len), "www.test", &a),
                             ERR_PROTO);
    }
}

static void damaged_messages_are_survived(void **state)
{
    unsigned taken = 0, refused = 0;
    struct dns_answer a;

    (void)state;
    rng_init(&rng, 3, 4);
    for (unsigned round = 0; round < 300000; round++) {
        struct built b;
        int err;

        response(&b, "www.test", 4, 1);
        alias(&b, "www.test", 60, "a.test");
        put(&b, 0xc000 | ANSWER, 2);
        fixed(&b, A, 60, 4);
        put(&b, 0x0a000202, 4);
        alias(&b, "a.test", 60, "b.a.test");
        address(&b, "b.a.test", 60, 0x0a000203);
        soa(&b, "test", 60, 60);
        for (unsigned i = 1 + draw(4); i; i--)
            b.bytes[4 + draw((uint32_t)b.len - 4)] =
                (uint8_t)(draw(2) ? draw(256) : 0xc0 * draw(2) + draw(40));
        err = parse_bytes(b.bytes, draw(4) ? b.len : draw((uint32_t)b.len + 1), "www.test", &a);
        assert_true(err == 0 || err == ERR_PROTO || err == ERR_NOENT);
        taken += !err;
        refused += err != 0;
        if (err)
            continue;
        assert_true(a.outcome <= DNS_FAILED && a.count <= DNS_ADDRESSES);
        assert_true(a.links <= DNS_LINKS_MAX + 1 && (a.count > 0) == (a.outcome == DNS_FOUND));
    }
    assert_true(taken > 10000 && refused > 100000);
}

/* N4: labels of the types 01 and 10, which would fit as labels of that length. */
static void n4_long_labels_are_refused(void **state)
{
    (void)state;
    for (unsigned type = 0x40; type <= 0x80; type += 0x40) {
        struct dns_answer a;
        struct built b;

        response(&b, "www.test", 1, 0);
        b.bytes[b.len++] = (uint8_t)type;
        memset(b.bytes + b.len, 'a', type);
        b.len += type;
        put(&b, 0, 1);
        fixed(&b, A, 60, 4);
        put(&b, 0x0a000202, 4);
        assert_int_equal(parse(&b, &a), ERR_PROTO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(n4_long_labels_are_refused),
        cmocka_unit_test(drawn_messages_are_understood),
        cmocka_unit_test(damaged_messages_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
