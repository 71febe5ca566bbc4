/*
 * The resolver: what it sends, what it takes, what it keeps. The ids are those of the threat list:
 * N9, N10, N15, N17. Scenarios tests/scenarios/native/dns-*.scn have the rest.
 */
#include "../../core/base/array.h"
#include "stack_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)

static struct dns_result result;
static bool begun;

static int resolve(struct stack_test *x, const char *name)
{
    struct dns_name n;

    assert_int_equal(dns_name_read(name, strlen(name), &n), 0);
    begun = false;
    return dns_resolve(&x->s.dns, &n, &result, &begun);
}

/* The query that was sent last is answered with the address, or with rcode `rcode`. */
static void dns_reply(struct stack_test *x, const struct decoded *q, uint8_t rcode, uint32_t addr,
                      uint8_t ttl_s)
{
    uint8_t message[512], frame[600];
    size_t len = q->payload_len;

    memcpy(message, q->payload, len);
    message[2] = 0x81;
    message[3] = rcode;
    if (!rcode) {
        const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, ttl_s, 0, 4};

        message[7] = 1;
        memcpy(message + len, record, sizeof(record));
        len += sizeof(record);
        for (unsigned i = 0; i < 4; i++)
            message[len++] = (uint8_t)(addr >> (24 - 8 * i));
    }
    input(x, frame, build_udp(frame, DNS_PORT, q->src_port, message, len));
}

static struct decoded query(struct stack_test *x)
{
    struct decoded q = next_sent(x);

    assert_int_equal(q.layer, LAYER_UDP);
    assert_int_equal(q.dst_port, DNS_PORT);
    return q;
}

/* Sent frames are read: begin again, for there is room for a few only. */
static void forget_sent(struct stack_test *x)
{
    assert_int_equal(x->read, x->sent_count);
    x->read = x->sent_count = 0;
}

static void look_up(struct stack_test *x, const char *name, uint8_t ttl_s)
{
    struct decoded q;

    assert_int_equal(resolve(x, name), ERR_AGAIN);
    q = query(x);
    dns_reply(x, &q, 0, PEER, ttl_s);
    assert_int_equal(resolve(x, name), 0);
    assert_true(result.count == 1 && result.addr[0] == PEER);
    stack_begin(&x->s, x->s.net.now_ns);
    forget_sent(x);
}

/* True if the name is known without a query. */
static bool is_kept(struct stack_test *x, const char *name)
{
    int err = resolve(x, name);

    if (err == ERR_AGAIN) {
        struct decoded q = query(x);

        dns_reply(x, &q, 2, 0, 0);
        assert_int_equal(resolve(x, name), ERR_SERVER);
        stack_begin(&x->s, x->s.net.now_ns);
    }
    forget_sent(x);
    return err == 0;
}

static void n10_ids_and_ports_are_random(void **state)
{
    struct stack_test *x = *state;
    unsigned id[16] = {0}, port[16] = {0};

    x->s.net.dns[0] = PEER;
    for (unsigned i = 0; i < 1600; i++) {
        struct decoded q;

        assert_int_equal(resolve(x, "www.test"), ERR_AGAIN);
        q = query(x);
        assert_true(q.src_port >= 1024);
        id[q.payload[0] >> 4]++;
        port[(q.src_port - 1024) / 4032]++;
        dns_reply(x, &q, 2, 0, 0);
        assert_int_equal(resolve(x, "www.test"), ERR_SERVER);
        stack_begin(&x->s, x->s.net.now_ns);
        forget_sent(x);
    }
    for (unsigned i = 0; i < 16; i++) { /* 100 each, within six deviations */
        assert_in_range(id[i], 40, 160);
        assert_in_range(port[i], 40, 160);
    }
}

static void the_cache_gives_up_what_was_used_least_recently(void **state)
{
    struct stack_test *x = *state;
    char name[8] = "a.test";

    x->s.net.dns[0] = PEER;
    for (unsigned i = 0; i < DNS_CACHE; i++) {
        name[0] = (char)('a' + i);
        look_up(x, name, 60);
    }
    assert_true(is_kept(x, "a.test"));
    look_up(x, "new.test", 60);
    assert_true(is_kept(x, "a.test"));
    assert_true(is_kept(x, "new.test"));
    assert_true(is_kept(x, "c.test"));
    assert_false(is_kept(x, "b.test"));
}

static void n15_entries_end_with_their_time(void **state)
{
    struct stack_test *x = *state;

    x->s.net.dns[0] = PEER;
    at_ms(x, 0);
    look_up(x, "www.test", 60);
    look_up(x, "zero.test", 0);
    assert_false(is_kept(x, "zero.test"));
    at_ms(x, 59999);
    assert_true(is_kept(x, "www.test"));
    at_ms(x, 60000);
    assert_false(is_kept(x, "www.test"));
    look_up(x, "www.test", 60);
    x->s.net.dns[0] = PEER + 1; /* perhaps of another network */
    assert_int_equal(resolve(x, "www.test"), ERR_AGAIN);
}

static void n17_without_a_server_or_an_address(void **state)
{
    struct stack_test *x = *state;

    assert_int_equal(resolve(x, "www.test"), ERR_NOSERVER);
    x->s.net.dns[0] = PEER;
    assert_int_equal(resolve(x, "www.test"), ERR_AGAIN);
    assert_true(begun);
    assert_false(stack_idle(&x->s));
    stack_set_address(&x->s, 0, 0, 0, 0);
    assert_int_equal(resolve(x, "other.test"), ERR_AGAIN);
    assert_false(begun);
    dns_poll(&x->s.dns);
    assert_int_equal(resolve(x, "www.test"), ERR_NETDOWN);
    assert_true(dns_idle(&x->s.dns));
}

/* The datagram was for no port: an ICMP error about it may have been sent. */
static void expect_no_port(struct stack_test *x)
{
    assert_int_equal(x->s.net.drops[DROP_UDP_PORT], 1);
    x->s.net.drops[DROP_UDP_PORT] = 0;
    x->s.net.drops_total = 0;
    x->read = x->sent_count;
}

static void n9_only_the_server_that_was_asked_is_believed(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[600];
    struct decoded q;

    x->s.net.dns[0] = PEER;
    assert_int_equal(resolve(x, "www.test"), ERR_AGAIN);
    q = query(x);
    input(x, frame, build_udp(frame, DNS_PORT + 1, q.src_port, "lie", 3));
    expect_no_port(x);
    input(x, frame, build_udp(frame, DNS_PORT, q.src_port, "short", 5));
    expect_drop(x, DROP_DNS_FORMAT);
    q.src_port ^= 1; /* another port of ours */
    dns_reply(x, &q, 0, 1, 60);
    expect_no_port(x);
    assert_int_equal(resolve(x, "www.test"), ERR_AGAIN);
    q.src_port ^= 1;
    dns_reply(x, &q, 0, PEER, 60);
    assert_int_equal(resolve(x, "www.test"), 0);
    dns_reply(x, &q, 0, PEER, 60); /* twice */
    expect_no_port(x);
}

static void as_many_lookups_as_there_is_room_for(void **state)
{
    struct stack_test *x = *state;
    char name[8] = "a.test";
    struct decoded first;

    x->s.net.dns[0] = PEER;
    for (unsigned i = 0; i <= DNS_LOOKUPS; i++) {
        name[0] = (char)('a' + i);
        assert_int_equal(resolve(x, name), ERR_AGAIN);
        assert_int_equal(begun, i < DNS_LOOKUPS);
    }
    first = query(x);
    dns_reply(x, &first, 0, PEER, 0);
    stack_begin(&x->s, x->s.net.now_ns);
    assert_int_equal(resolve(x, name), ERR_AGAIN);
    assert_true(begun);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(n10_ids_and_ports_are_random),
        T(the_cache_gives_up_what_was_used_least_recently),
        T(n15_entries_end_with_their_time),
        T(n17_without_a_server_or_an_address),
        T(n9_only_the_server_that_was_asked_is_believed),
        T(as_many_lookups_as_there_is_room_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
