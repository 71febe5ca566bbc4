/*
 * DNS messages, byte by byte (RFC 1035 section 4.1, RFC 9267). The ids are those of the threat
 * list: N1-N9, N12-N16, N18.
 */
#include "../../core/base/array.h"
#include "../../core/base/err.h"
#include "../../core/net/dns_message.h"
#include "stack_fixture.h"

enum { ID = 0x1234, ANSWERS_AT = 26, LINKS = 8 };

struct response {
    uint8_t bytes[600];
    size_t len;
};

static const uint8_t head[ANSWERS_AT] = {0x12, 0x34, 0x81, 0x80, 0,   1,   0,   1,   0, 0, 0, 0, 3,
                                         'w',  'w',  'w',  4,    't', 'e', 's', 't', 0, 0, 1, 0, 1};
#define OWNER  "\xc0\x0c"
#define A_IN   "\0\1\0\1"
#define TTL    "\0\0\x0e\x10"
#define RECORD OWNER A_IN TTL "\0\4\x0a\0\2\2"

static void response_of(struct response *r, const void *answers, size_t len)
{
    memcpy(r->bytes, head, sizeof(head));
    memcpy(r->bytes + sizeof(head), answers, len);
    r->len = sizeof(head) + len;
}

/* In memory of exactly its length: an over-read is seen. */
static int parsed(const struct response *r, struct dns_answer *a)
{
    uint8_t *copy = malloc(r->len ? r->len : 1);
    struct dns_name name;
    int err;

    assert_int_equal(dns_name_read("www.test", 8, &name), 0);
    memcpy(copy, r->bytes, r->len);
    err = dns_parse(copy, r->len, ID, &name, LINKS, a);
    free(copy);
    return err;
}

static void a_query_is_a_header_and_a_question(void **state)
{
    uint8_t want[ANSWERS_AT], query[DNS_QUERY_MAX];
    struct dns_name name;

    (void)state;
    memcpy(want, head, sizeof(head));
    want[2] = 1; /* recursion is desired */
    want[3] = want[7] = 0;
    assert_int_equal(dns_name_read("WWW.Test.", 9, &name), 0);
    assert_int_equal(dns_query_write(query, ID, &name), sizeof(want));
    assert_memory_equal(query, want, sizeof(want));
}

static void an_answer_is_taken_and_none_of_its_beginnings(void **state)
{
    struct response r;
    struct dns_answer a;

    (void)state;
    response_of(&r, RECORD, sizeof(RECORD) - 1);
    assert_int_equal(parsed(&r, &a), 0);
    assert_int_equal(a.outcome, DNS_FOUND);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.addr[0], IPV4(10, 0, 2, 2));
    assert_int_equal(a.ttl_s, 3600);
    while (r.len-- > 0)
        assert_int_equal(parsed(&r, &a), ERR_PROTO);
}

static void n1_to_n7_malformed_records_are_refused(void **state)
{
#define ROW(bytes)                                                                                 \
    {                                                                                              \
        bytes, sizeof(bytes) - 1                                                                   \
    }
    static const struct {
        const char *bytes;
        size_t len;
    } row[] = {
        ROW("\xff\xff" A_IN TTL "\0\4\x0a\0\2\2"),    /* a pointer out of the message */
        ROW("\xc0\x1a" A_IN TTL "\0\4\x0a\0\2\2"),    /* to itself */
        ROW("\1a\xc0\x1a" A_IN TTL "\0\4\x0a\0\2\2"), /* a loop */
        ROW("\xc0\x1c" A_IN TTL "\0\4\x0a\0\2\2"),    /* forward */
        ROW("\xc0\x04" A_IN TTL "\0\4\x0a\0\2\2"),    /* into the header */
        ROW("\x41" A_IN TTL "\0\4\x0a\0\2\2"),        /* labels of no kind */
        ROW("\x80\x0c" A_IN TTL "\0\4\x0a\0\2\2"),
        ROW("\3www"),               /* no end */
        ROW("\3www\xc0"),           /* half of a pointer */
        ROW(OWNER A_IN TTL "\0\0"), /* addresses of other lengths */
        ROW(OWNER A_IN TTL "\0\3\x0a\0\2"),
        ROW(OWNER A_IN TTL "\0\5\x0a\0\2\2\2"),
        ROW(OWNER A_IN TTL "\xff\xff\x0a\0\2\2"),
        ROW(OWNER "\0\5\0\1" TTL "\0\3\xc0\x0c\0"), /* a name and more */
    };
    struct response r;
    struct dns_answer a;

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        response_of(&r, row[i].bytes, row[i].len);
        assert_int_equal(parsed(&r, &a), ERR_PROTO);
    }
#undef ROW
}

/* Labels of 61 bytes and a zero: four of them with one of five are 255, one more is too long. */
static void n5_a_name_has_255_bytes_at_most(void **state)
{
    struct response r;
    struct dns_answer a;

    (void)state;
    for (uint8_t last = 5; last <= 6; last++) {
        uint8_t answer[300] = {0};
        size_t at = 0;

        for (unsigned i = 0; i < 4; i++, at += 62)
            answer[at] = 61;
        answer[at] = last;
        at += last + 2u;
        memcpy(answer + at, A_IN TTL "\0\4\x0a\0\2\2", 14);
        response_of(&r, answer, at + 14);
        assert_int_equal(parsed(&r, &a), last == 5 ? 0 : ERR_PROTO);
        if (last == 5)
            assert_int_equal(a.outcome, DNS_NO_DATA); /* N12: the address of another */
    }
}

static void n8_n9_n13_n14_headers(void **state)
{
    static const struct {
        uint8_t at, value;
        int err;
        enum dns_outcome outcome;
    } row[] = {
        {0, 0x13, ERR_NOENT, DNS_FOUND},
        {2, 0x01, ERR_NOENT, DNS_FOUND},
        {2, 0xc9, ERR_NOENT, DNS_FOUND},
        {5, 0, ERR_PROTO, DNS_FOUND},
        {5, 2, ERR_PROTO, DNS_FOUND},
        {7, 2, ERR_PROTO, DNS_FOUND},
        {6, 0xff, ERR_PROTO, DNS_FOUND},
        {9, 1, ERR_PROTO, DNS_FOUND},
        {13, 'v', ERR_NOENT, DNS_FOUND},
        {13, 'W', 0, DNS_FOUND},
        {23, 28, ERR_NOENT, DNS_FOUND},
        {25, 3, ERR_NOENT, DNS_FOUND},
        {2, 0x83, 0, DNS_TRUNCATED},
        {3, 0x82, 0, DNS_FAILED},
        {3, 0x85, 0, DNS_FAILED},
        {3, 0x83, 0, DNS_NO_NAME},
        {ANSWERS_AT + 1, 0x10, 0, DNS_NO_DATA},
    };
    struct response r;
    struct dns_answer a;

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        response_of(&r, RECORD, sizeof(RECORD) - 1);
        r.bytes[row[i].at] = row[i].value;
        assert_int_equal(parsed(&r, &a), row[i].err);
        if (!row[i].err)
            assert_int_equal(a.outcome, row[i].outcome);
    }
}

static void n15_n16_times_and_addresses(void **state)
{
    static const uint32_t useless[] = {0, IPV4(127, 0, 0, 1), IPV4_BROADCAST, IPV4(224, 0, 0, 1)};
    struct response r;
    struct dns_answer a;

    (void)state;
    response_of(&r, RECORD, sizeof(RECORD) - 1);
    r.bytes[ANSWERS_AT + 6] = 0x80;
    assert_int_equal(parsed(&r, &a), 0);
    assert_int_equal(a.ttl_s, 0);
    for (unsigned i = 0; i < ARRAY_COUNT(useless); i++) {
        be32 addr = be32_of(useless[i]);

        response_of(&r, RECORD, sizeof(RECORD) - 1);
        memcpy(r.bytes + r.len - 4, &addr, 4);
        assert_int_equal(parsed(&r, &a), 0);
        assert_int_equal(a.outcome, DNS_USELESS);
    }
}

static void n18_names_to_ask_for(void **state)
{
    char text[256];
    struct dns_name name;

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(dns_name_read(text, 63, &name), 0);
    assert_int_equal(dns_name_read(text, 64, &name), ERR_INVAL);
    for (unsigned at = 63; at < 253; at += 64)
        text[at] = '.';
    assert_int_equal(dns_name_read(text, 253, &name), 0);
    assert_int_equal(name.len, 255);
    assert_int_equal(dns_name_read(text, 254, &name), ERR_INVAL);
    assert_int_equal(dns_name_read("", 0, &name), ERR_INVAL);
    assert_int_equal(dns_name_read(".", 1, &name), ERR_INVAL);
    assert_int_equal(dns_name_read("a..b", 4, &name), ERR_INVAL);
    assert_int_equal(dns_name_read(".a", 2, &name), ERR_INVAL);
    assert_int_equal(dns_name_read("a b", 3, &name), ERR_INVAL);
}

/* RFC 5452 section 9.2: an outsider cannot guess both. */
static void n10_ids_and_ports_are_drawn(void **state)
{
    struct stack_test *x = *state;
    unsigned ids[16] = {0}, high_ports = 0;
    uint32_t seen[100];
    struct dns_name name;

    at_ms(x, 0);
    x->s.net.dns[0] = PEER;
    assert_int_equal(dns_name_read("www.test", 8, &name), 0);
    for (unsigned i = 0; i < ARRAY_COUNT(seen); i++) {
        struct dns_result out;
        const uint8_t *id;
        struct decoded d;
        bool begun = false;

        dns_init(&x->s.dns, &x->s.ip, &x->s.dgrams, &x->s.tcp);
        x->read = x->sent_count = 0;
        assert_int_equal(dns_resolve(&x->s.dns, &name, &out, &begun), ERR_AGAIN);
        id = x->sent[0].bytes + FRAME_UDP_PAYLOAD;
        d = next_sent(x);
        assert_int_equal(d.dst_port, 53);
        assert_true(d.src_port >= 1024);
        high_ports += d.src_port >= 33280; /* half of them */
        seen[i] = (uint32_t)d.src_port << 16 | (uint32_t)id[0] << 8 | id[1];
        for (unsigned bit = 0; bit < 16; bit++)
            ids[bit] += seen[i] >> bit & 1;
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(seen[i], seen[j]);
    }
    assert_in_range(high_ports, 30, 70);
    for (unsigned bit = 0; bit < 16; bit++)
        assert_in_range(ids[bit], 20, 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_is_a_header_and_a_question),
        cmocka_unit_test(an_answer_is_taken_and_none_of_its_beginnings),
        cmocka_unit_test(n1_to_n7_malformed_records_are_refused),
        cmocka_unit_test(n5_a_name_has_255_bytes_at_most),
        cmocka_unit_test(n8_n9_n13_n14_headers),
        cmocka_unit_test(n15_n16_times_and_addresses),
        cmocka_unit_test(n18_names_to_ask_for),
        cmocka_unit_test_setup_teardown(n10_ids_and_ports_are_drawn, stack_setup_bound,
                                        stack_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
