/*
 * What a DHCP message says beside an address: names, the MTU, options in `file` and `sname`,
 * options in parts. The ids are those of the threat list: D7, D8, D14, D15.
 */
#include "../../core/base/array.h"
#include "dhcp_fixture.h"

#define N(test) cmocka_unit_test_setup_teardown(test, stack_setup, stack_teardown)

static void option_bytes(struct dhcp_test *m, uint8_t code, const void *value, size_t len)
{
    assert_true(m->len + 2 + len <= sizeof(m->bytes));
    m->bytes[m->len++] = code;
    m->bytes[m->len++] = (uint8_t)len;
    memcpy(m->bytes + m->len, value, len);
    m->len += len;
}

/* Start over, up to the REQUEST; then the ACK, to which options are to be added. */
static void acknowledging(struct stack_test *x, struct dhcp_test *m)
{
    at_ms(x, 0);
    dhcp_init(&x->s.dhcp, &x->s.ip);
    stack_set_address(&x->s, 0, 0, 0, 0);
    x->read = x->sent_count = 0;
    x->f.traced[TRACE_DHCP_OPTION] = 0;
    selecting(x);
    dhcp_answer(x, 2, OWN, 3600);
    dhcp_begin(x, m, 5, OWN);
    dhcp_option(m, 54, PEER);
    dhcp_option(m, 51, 3600);
}

/* The ACK made a lease, without this option for that reason; DHCP_TAKEN: with all of them. */
static void expect_refused(const struct stack_test *x, uint8_t code, enum dhcp_refusal reason)
{
    assert_int_equal(x->s.dhcp.state, DHCP_BOUND);
    assert_int_equal(x->f.traced[TRACE_DHCP_OPTION], reason != DHCP_TAKEN);
    if (!reason)
        return;
    assert_int_equal(x->f.said[TRACE_DHCP_OPTION][0], code);
    assert_int_equal(x->f.said[TRACE_DHCP_OPTION][1], reason);
}

#define LABEL_63 "abcdefghijklmnopqrstuvwxyz-0123456789_ABCDEFGHIJKLMNOPQRSTUVWXY"
#define LABEL_61 "abcdefghijklmnopqrstuvwxyz-0123456789_ABCDEFGHIJKLMNOPQRSTUVW"
#define NAME_253 LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_61

static void d8_names_are_of_their_length_and_of_letters(void **state)
{
#define TEXT(bytes) bytes, sizeof(bytes) - 1
    static const struct {
        const char *value;
        size_t len;
        const char *name;
        enum dhcp_refusal reason;
    } row[] = {
        {TEXT("guest"), "guest", DHCP_TAKEN},
        {TEXT("a.b-c.d_e.0"), "a.b-c.d_e.0", DHCP_TAKEN},
        {TEXT("example.com."), "example.com", DHCP_TAKEN},
        {TEXT("guest\0"), "guest", DHCP_TAKEN},
        {TEXT("guest\0\0\0"), "guest", DHCP_TAKEN},
        {TEXT("gu\0est"), "", DHCP_REFUSAL_NAME},
        {TEXT(""), "", DHCP_REFUSAL_NAME},
        {TEXT("\0"), "", DHCP_REFUSAL_NAME},
        {TEXT("."), "", DHCP_REFUSAL_NAME},
        {TEXT(".com"), "", DHCP_REFUSAL_NAME},
        {TEXT("a..b"), "", DHCP_REFUSAL_NAME},
        {TEXT("a b"), "", DHCP_REFUSAL_NAME},
        {TEXT("a\nb"), "", DHCP_REFUSAL_NAME},
        {TEXT("a/b"), "", DHCP_REFUSAL_NAME},
        {TEXT("a;b"), "", DHCP_REFUSAL_NAME},
        {TEXT("\xc3\xa9"), "", DHCP_REFUSAL_NAME},
        {TEXT(LABEL_63), LABEL_63, DHCP_TAKEN},
        {TEXT(LABEL_63 "x"), "", DHCP_REFUSAL_NAME},
        {TEXT(NAME_253), NAME_253, DHCP_TAKEN},
        {TEXT(NAME_253 "X"), "", DHCP_REFUSAL_TOO_LONG},
    };
    struct stack_test *x = *state;

    for (unsigned i = 0; i < 2 * ARRAY_COUNT(row); i++) {
        uint8_t code = i % 2 ? 12 : 15;
        struct dhcp_lease *l = &x->s.dhcp.lease;
        struct dhcp_test m;

        acknowledging(x, &m);
        option_bytes(&m, code, row[i / 2].value, row[i / 2].len);
        dhcp_deliver(x, &m);
        expect_refused(x, code, row[i / 2].reason);
        assert_string_equal(i % 2 ? l->host : l->domain, row[i / 2].name);
        assert_string_equal(i % 2 ? l->domain : l->host, "");
    }
}

/* RFC 3397: names as in DNS, compressed within the option. */
static void d14_a_search_list_is_read_within_its_option(void **state)
{
    static const struct {
        const char *value;
        size_t len;
        const char *names;
        enum dhcp_refusal reason;
    } row[] = {
        {TEXT("\3com\0"), "com", DHCP_TAKEN},
        {TEXT("\3eng\5apple\3com\0\xc0\4"), "eng.apple.com,apple.com", DHCP_TAKEN},
        {TEXT("\3eng\5apple\3com\0\11marketing\xc0\4"), "eng.apple.com,marketing.apple.com",
         DHCP_TAKEN},
        {TEXT("\1a\0\1b\xc0\0\1c\xc0\3"), "a,b.a,c.b.a", DHCP_TAKEN},
        {TEXT(""), "", DHCP_REFUSAL_LENGTH},
        {TEXT("\0"), "", DHCP_REFUSAL_NAME},
        {TEXT("\1a\0\0"), "", DHCP_REFUSAL_NAME},
        {TEXT("\3com"), "", DHCP_REFUSAL_NAME},   /* no end */
        {TEXT("\4com\0"), "", DHCP_REFUSAL_NAME}, /* ends beyond its label */
        {TEXT("\5com\0"), "", DHCP_REFUSAL_NAME}, /* cut */
        {TEXT("\3c\0m\0"), "", DHCP_REFUSAL_NAME},
        {TEXT("\3c.m\0"), "", DHCP_REFUSAL_NAME},
        {TEXT("\x40"), "", DHCP_REFUSAL_NAME}, /* no such kind of label */
        {TEXT("\x80\1"), "", DHCP_REFUSAL_NAME},
        {TEXT("\xc0"), "", DHCP_REFUSAL_POINTER},           /* cut */
        {TEXT("\xc0\0"), "", DHCP_REFUSAL_POINTER},         /* to itself */
        {TEXT("\1a\xc0\0"), "", DHCP_REFUSAL_POINTER},      /* into its own name */
        {TEXT("\1a\xc0\4\1b\0"), "", DHCP_REFUSAL_POINTER}, /* forward */
        {TEXT("\1a\0\1b\xff\xff"), "", DHCP_REFUSAL_POINTER},
        {TEXT("\1a\0\1b\xc0\0\1c\xc0\6"), "a,b.a,c", DHCP_TAKEN},
        {TEXT("\1a\0\xc0\1"), "", DHCP_REFUSAL_NAME}, /* into a label */
    };
    struct stack_test *x = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        struct dhcp_test m;

        acknowledging(x, &m);
        option_bytes(&m, 119, row[i].value, row[i].len);
        dhcp_deliver(x, &m);
        expect_refused(x, 119, row[i].reason);
        assert_string_equal(x->s.dhcp.lease.search, row[i].names);
    }
}

/* A short option can stand for more text than there is room for, or for one name without an end. */
static void a_search_list_that_unfolds_without_end_is_refused(void **state)
{
    struct stack_test *x = *state;
    uint8_t value[250] = "\37abcdefghijklmnopqrstuvwxyz01234";
    struct dhcp_test m;
    size_t len = 33;

    while (len < 200) { /* each name is the one before, and a letter more */
        memcpy(value + len, "\1x\xc0", 3);
        value[len + 3] = (uint8_t)(len == 33 ? 0 : len - 4);
        len += 4;
    }
    acknowledging(x, &m);
    option_bytes(&m, 119, value, len);
    dhcp_deliver(x, &m);
    expect_refused(x, 119, DHCP_REFUSAL_TOO_LONG);
    assert_string_equal(x->s.dhcp.lease.search, "");
}

/* 253 bytes of text and no more: a domain of 191, a comma, and one of 61 or of 62. */
static void a_search_list_fits_its_room(void **state)
{
    static const uint8_t labels[2][7] = {{63, 63, 63, 0, 61, 0}, {63, 63, 63, 0, 59, 2, 0}};
    struct stack_test *x = *state;

    for (unsigned i = 0; i < 2; i++) {
        uint8_t value[300] = {0};
        struct dhcp_test m;
        size_t len = 0;

        for (unsigned k = 0; k < 6 + i; k++) {
            value[len++] = labels[i][k];
            memset(value + len, 'a', labels[i][k]);
            len += labels[i][k];
        }
        acknowledging(x, &m);
        option_bytes(&m, 119, value, 200);
        option_bytes(&m, 119, value + 200, len - 200);
        dhcp_deliver(x, &m);
        expect_refused(x, 119, i ? DHCP_REFUSAL_TOO_LONG : DHCP_TAKEN);
        assert_int_equal(strlen(x->s.dhcp.lease.search), i ? 0 : 253);
    }
}

static void drawn_search_lists_are_names_or_refused(void **state)
{
    struct stack_test *x = *state;
    unsigned taken = 0;
    struct rng r;

    rng_init(&r, 119, 0);
    for (unsigned i = 0; i < 20000; i++) {
        struct dhcp_test m;
        uint8_t value[40];
        size_t len = 0, pieces = rng_below(&r, 10);

        for (size_t k = 0; k < pieces; k++) {
            static const char piece[][4] = {"\1a", "\2ab", "\0", "\xc0", "\0", "\1"};
            static const uint8_t size[] = {2, 3, 1, 1, 1, 1};
            size_t n = rng_below(&r, ARRAY_COUNT(size));

            memcpy(value + len, piece[n], size[n]);
            len += size[n];
            if (n == 3 && rng_below(&r, 8)) { /* where the pointer leads, but for a few */
                value[len] = (uint8_t)rng_below(&r, len + 2);
                len++;
            }
        }
        acknowledging(x, &m);
        option_bytes(&m, 119, value, len);
        dhcp_deliver(x, &m);
        assert_int_equal(x->s.dhcp.state, DHCP_BOUND);
        taken += x->f.traced[TRACE_DHCP_OPTION] == 0;
        assert_int_equal(x->f.traced[TRACE_DHCP_OPTION] == 0, x->s.dhcp.lease.search[0] != 0);
        assert_int_equal(strspn(x->s.dhcp.lease.search, "ab.,"), strlen(x->s.dhcp.lease.search));
    }
    assert_in_range(taken, 100, 10000);
}

static void ntp_servers_and_routes(void **state)
{
    static const struct {
        uint8_t code;
        const char *value;
        size_t len;
        uint32_t ntp;
        enum dhcp_refusal reason;
    } row[] = {
        {42, TEXT("\12\0\2\4"), IPV4(10, 0, 2, 4), DHCP_TAKEN},
        {42, TEXT("\12\0\2\4\12\0\2\5"), IPV4(10, 0, 2, 4), DHCP_TAKEN},
        {42, TEXT("\12\0\2"), 0, DHCP_REFUSAL_LENGTH},
        {42, TEXT("\12\0\2\4\12"), 0, DHCP_REFUSAL_LENGTH},
        {42, TEXT(""), 0, DHCP_REFUSAL_LENGTH},
        {42, TEXT("\377\377\377\377"), 0, DHCP_REFUSAL_VALUE},
        {121, TEXT("\41\12\0\2\2\12\0\2\2"), 0, DHCP_REFUSAL_VALUE},
        {121, TEXT("\30\12\0\3\12\0\2"), 0, DHCP_REFUSAL_LENGTH},
        {121, TEXT(""), 0, DHCP_REFUSAL_LENGTH},
    };
    struct stack_test *x = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        struct dhcp_test m;

        acknowledging(x, &m);
        option_bytes(&m, row[i].code, row[i].value, row[i].len);
        dhcp_deliver(x, &m);
        expect_refused(x, row[i].code, row[i].reason);
        assert_int_equal(x->s.dhcp.lease.ntp, row[i].ntp);
    }
}

static void the_mtu_of_the_lease_is_that_of_what_is_sent(void **state)
{
    static const struct {
        const char *value;
        size_t len;
        uint16_t mtu;
        enum dhcp_refusal reason;
    } row[] = {
        {TEXT("\5\xdc"), 1500, DHCP_TAKEN},         {TEXT("\2\x40"), 576, DHCP_TAKEN},
        {TEXT("\2\x3f"), 1500, DHCP_REFUSAL_VALUE}, {TEXT("\5\xdd"), 1500, DHCP_REFUSAL_VALUE},
        {TEXT("\0\x44"), 1500, DHCP_REFUSAL_VALUE}, {TEXT("\x23\x28"), 1500, DHCP_REFUSAL_VALUE},
        {TEXT("\5"), 1500, DHCP_REFUSAL_LENGTH},    {TEXT("\0\0\5\xdc"), 1500, DHCP_REFUSAL_LENGTH},
        {TEXT("\5\x78"), 1400, DHCP_TAKEN},
    };
    struct stack_test *x = *state;
    struct dhcp_test m;
    struct tcp_conn *c;

    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        acknowledging(x, &m);
        option_bytes(&m, 26, row[i].value, row[i].len);
        dhcp_deliver(x, &m);
        expect_refused(x, 26, row[i].reason);
        assert_int_equal(x->s.ip.mtu, row[i].mtu);
        assert_int_equal(ipv4_mtu(&x->s.ip, PEER), row[i].mtu);
        assert_int_equal(ipv4_mtu(&x->s.ip, IPV4_LOOPBACK), NETDEV_MTU_MAX);
    }
    assert_int_equal(tcp_open(&x->s.tcp, &c), 0);
    assert_int_equal(tcp_connect(c, IPV4(10, 0, 2, 9), 80), 0);
    run(x);
    input(x, x->out, build_arp(x->out, 2, peer_mac, IPV4(10, 0, 2, 9), OWN));
    run(x);
    x->read = x->sent_count - 1;
    assert_int_equal(next_sent(x).tcp_mss, 1360);
    dhcp_begin(x, &m, 5, OWN); /* what is left out of a renewal is kept */
    stack_begin(&x->s, x->s.dhcp.t1_ns);
    run(x);
    dhcp_answer(x, 5, OWN, 3600);
    assert_int_equal(x->s.dhcp.state, DHCP_BOUND);
    assert_int_equal(x->s.ip.mtu, 1400);
    stack_begin(&x->s, x->s.dhcp.expiry_ns);
    run(x);
    assert_int_equal(x->s.net.addr, 0);
    assert_int_equal(x->s.ip.mtu, 1500); /* no lease, no limit */
}

/* Put options into `file` or `sname`, which an END closes if there is room. */
static void overloaded(struct dhcp_test *m, size_t at, const void *bytes, size_t len)
{
    memcpy(m->bytes + at, bytes, len);
    m->bytes[at + len] = 255;
}

/* RFC 2131 section 4.1: the options field, then `file`, then `sname`. */
static void d7_options_continue_in_file_and_sname(void **state)
{
    struct stack_test *x = *state;

    for (unsigned overload = 0; overload < 6; overload++) {
        const char *ntp = "\52\4\12\0\2\4", *host = "\14\1h", *again = "\64\1\3\17\1d";
        struct dhcp_lease *l = &x->s.dhcp.lease;
        uint8_t value = (uint8_t)overload;
        struct dhcp_test m;

        acknowledging(x, &m);
        if (overload)
            option_bytes(&m, 52, &value, 1);
        if (overload == 5) /* twice is a wrong length */
            option_bytes(&m, 52, "\3", 1);
        overloaded(&m, DHCP_AT_FILE, ntp, 6);
        overloaded(&m, DHCP_AT_SNAME, host, 3);
        dhcp_deliver(x, &m);
        expect_refused(x, 52,
                       overload == 5   ? DHCP_REFUSAL_LENGTH
                       : overload == 4 ? DHCP_REFUSAL_VALUE
                                       : DHCP_TAKEN);
        assert_int_equal(l->ntp, overload == 1 || overload == 3 ? IPV4(10, 0, 2, 4) : 0);
        assert_string_equal(l->host, overload == 2 || overload == 3 ? "h" : "");

        acknowledging(x, &m); /* an option 52 in `file` does not open `sname` */
        option_bytes(&m, 52, "\1", 1);
        overloaded(&m, DHCP_AT_FILE, again, 6);
        overloaded(&m, DHCP_AT_SNAME, host, 3);
        dhcp_deliver(x, &m);
        expect_refused(x, 0, DHCP_TAKEN);
        assert_string_equal(l->domain, "d");
        assert_string_equal(l->host, "");
    }
}

/* The type, too, may be there. An option that ends beyond its field spoils the message. */
static void overloaded_fields_end_where_they_end(void **state)
{
    struct stack_test *x = *state;

    for (unsigned i = 0; i < 4; i++) {
        size_t at = i < 2 ? DHCP_AT_FILE : DHCP_AT_SNAME, size = i < 2 ? 128 : 64;
        struct dhcp_test m;

        acknowledging(x, &m);
        m.len = 240; /* nothing but these */
        dhcp_option(&m, 54, PEER);
        dhcp_option(&m, 51, 3600);
        option_bytes(&m, 52, "\3", 1);
        memcpy(m.bytes + DHCP_AT_FILE, "\65\1\5", 3);
        m.bytes[at + size - 3] = 12; /* the last one of its field */
        m.bytes[at + size - 2] = (uint8_t)(1 + i % 2);
        m.bytes[at + size - 1] = 'h';
        dhcp_deliver(x, &m);
        assert_int_equal(x->s.dhcp.state, i % 2 ? DHCP_REQUESTING : DHCP_BOUND);
        assert_string_equal(x->s.dhcp.lease.host, i % 2 ? "" : "h");
    }
}

/* RFC 3396, in the order of RFC 2131 section 4.1; a pointer counts from the start of the whole. */
static void d15_parts_of_an_option_are_one(void **state)
{
    struct stack_test *x = *state;
    struct dhcp_lease *l = &x->s.dhcp.lease;
    uint8_t long_value[255];
    struct dhcp_test m;

    acknowledging(x, &m);
    option_bytes(&m, 52, "\3", 1);
    option_bytes(&m, 15, TEXT("exam"));
    option_bytes(&m, 119, TEXT("\3eng\5ap"));
    option_bytes(&m, 121, TEXT("\0\12\0"));
    option_bytes(&m, 26, TEXT("\5"));
    overloaded(&m, DHCP_AT_FILE, "\17\5ple.c\167\6ple\3co\171\2\2\2\32\1\x78", 22);
    overloaded(&m, DHCP_AT_SNAME, "\17\2om\167\4m\0\xc0\4", 10);
    dhcp_deliver(x, &m);
    expect_refused(x, 0, DHCP_TAKEN);
    assert_string_equal(l->domain, "example.com");
    assert_string_equal(l->search, "eng.apple.com,apple.com");
    assert_int_equal(l->gateway, PEER);
    assert_int_equal(l->mtu, 1400);

    memset(long_value, 'a', sizeof(long_value));
    acknowledging(x, &m);
    option_bytes(&m, 15, long_value, 255);
    option_bytes(&m, 52, "\3", 1);
    m.bytes[DHCP_AT_FILE] = 15;
    m.bytes[DHCP_AT_FILE + 1] = 126;
    memset(m.bytes + DHCP_AT_FILE + 2, 'a', 126);
    overloaded(&m, DHCP_AT_SNAME, "\17\1a", 3);
    dhcp_deliver(x, &m);
    expect_refused(x, 15, DHCP_REFUSAL_NAME); /* 382 bytes of one label */
}

/* A part that has no room makes the whole of no use: none of it is taken for all. */
static void an_option_longer_than_there_is_room_for_is_refused(void **state)
{
    struct stack_test *x = *state;
    struct dhcp_test m;
    uint8_t route[240] = {0};

    for (unsigned i = 0; i < sizeof(route); i += 5) /* default routes */
        memcpy(route + i, "\0\12\0\2\11", 5);
    acknowledging(x, &m);
    option_bytes(&m, 121, route, 240);
    dhcp_deliver(x, &m);
    expect_refused(x, 0, DHCP_TAKEN);
    assert_int_equal(x->s.dhcp.lease.gateway, IPV4(10, 0, 2, 9));
    for (unsigned last = 30; last <= 35; last += 5) { /* 240, 240 and 30 or 35 */
        struct dhcp_test big;

        acknowledging(x, &big);
        for (unsigned i = 0; i < 2; i++)
            option_bytes(&big, 121, route, 240);
        option_bytes(&big, 121, route, last);
        dhcp_deliver(x, &big);
        expect_refused(x, 121, last == 30 ? DHCP_TAKEN : DHCP_REFUSAL_TOO_LONG);
        assert_int_equal(x->s.dhcp.lease.gateway, last == 30 ? IPV4(10, 0, 2, 9) : PEER);
    }
}

/* Fill bytes[at..end) with options that are drawn: codes that mean something, lengths that may not
 * fit. */
static void draw_options(struct rng *r, uint8_t *bytes, size_t at, size_t end)
{
    static const uint8_t codes[] = {0,  1,  3,  6,  12, 15,  26,  42,  51, 52,
                                    53, 54, 58, 59, 80, 119, 121, 200, 255};

    while (at < end) {
        size_t len = rng_below(r, 4) ? 4 : rng_below(r, 40);

        bytes[at++] = codes[rng_below(r, sizeof(codes))];
        if (at < end)
            bytes[at++] = (uint8_t)len;
        while (len-- && at < end)
            bytes[at++] = (uint8_t)(rng_below(r, 2) ? rng_below(r, 4) : rng_next(r));
    }
}

/* Whatever comes, the state is a good one (the invariants of a poll) and what is kept is text. */
static void drawn_messages_do_no_harm(void **state)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.,";
    struct stack_test *x = *state;
    unsigned taken = 0;
    struct rng r;

    rng_init(&r, 2131, 0);
    for (unsigned i = 0; i < 30000; i++) {
        const struct dhcp_lease *l = &x->s.dhcp.lease;
        struct dhcp_test m;

        acknowledging(x, &m);
        if (rng_below(&r, 2)) {
            uint8_t overload = (uint8_t)rng_below(&r, 4);

            option_bytes(&m, 52, &overload, 1);
            draw_options(&r, m.bytes, DHCP_AT_SNAME, DHCP_AT_COOKIE);
        }
        draw_options(&r, m.bytes, m.len, m.len + 60);
        m.len += rng_below(&r, 61);
        dhcp_deliver(x, &m);
        run(x);
        assert_true(x->s.dhcp.state == DHCP_BOUND || x->s.dhcp.state == DHCP_REQUESTING);
        taken += x->s.dhcp.state == DHCP_BOUND;
        assert_int_equal(strspn(l->host, letters), strlen(l->host));
        assert_int_equal(strspn(l->domain, letters), strlen(l->domain));
        assert_int_equal(strspn(l->search, letters), strlen(l->search));
        assert_true(x->s.ip.mtu >= 576 && x->s.ip.mtu <= 1500);
    }
    assert_in_range(taken, 3000, 27000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        N(d8_names_are_of_their_length_and_of_letters),
        N(d14_a_search_list_is_read_within_its_option),
        N(a_search_list_that_unfolds_without_end_is_refused),
        N(a_search_list_fits_its_room),
        N(drawn_search_lists_are_names_or_refused),
        N(ntp_servers_and_routes),
        N(the_mtu_of_the_lease_is_that_of_what_is_sent),
        N(d7_options_continue_in_file_and_sname),
        N(overloaded_fields_end_where_they_end),
        N(d15_parts_of_an_option_are_one),
        N(drawn_messages_do_no_harm),
        N(an_option_longer_than_there_is_room_for_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
