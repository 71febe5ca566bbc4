/*
 * The oracles of TCP connections and their timers: each one fires on its violation, written by
 * hand, and all are quiet on exchanges that are in order, the unusual ones included.
 */
#include "oracle_fixture.h"
#include "../../core/base/array.h"

/* ---- connections ---- */

static void written(const char *text)
{
    oracles_app_written(oracles, 49152, PEER, 8080, (const uint8_t *)text, strlen(text));
}

static void read_by_program(const char *text)
{
    oracles_app_read(oracles, 49152, PEER, 8080, (const uint8_t *)text, strlen(text));
}

static void connect_with(uint16_t window, uint16_t mss)
{
    begin_leased();
    OUT(.seq = 1000, .flags = SEG_SYN, .window = 4000, .mss = 1460);
    IN(.seq = 5000, .ack = 1001, .flags = SEG_SYN | SEG_ACK, .window = window, .mss = mss);
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000);
    quiet();
}

static void a_whole_conversation_is_quiet(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    written("request");
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "request");
    say(tcp_frame((struct segment){
        .seq = 5001, .ack = 1008, .flags = SEG_ACK, .window = 8000, .data = "first "}));
    IN(.seq = 5007, .ack = 1008, .flags = SEG_ACK, .window = 8000, .data = "second");
    OUT(.seq = 1008, .ack = 5001, .flags = SEG_ACK, .window = 4000);
    IN(.seq = 5001, .ack = 1008, .flags = SEG_ACK, .window = 8000, .data = "first ");
    OUT(.seq = 1008, .ack = 5013, .flags = SEG_ACK, .window = 3988);
    read_by_program("first second");
    IN(.seq = 5013, .ack = 1008, .flags = SEG_ACK | SEG_FIN, .window = 8000);
    oracles_app_end(oracles, 49152, PEER, 8080);
    OUT(.seq = 1008, .ack = 5014, .flags = SEG_ACK | SEG_FIN, .window = 4000);
    wait_ms(1000);
    OUT(.seq = 1008, .ack = 5014, .flags = SEG_ACK | SEG_FIN, .window = 4000);
    IN(.seq = 5014, .ack = 1009, .flags = SEG_ACK, .window = 8000);
    quiet();
}

static void numbers_may_wrap(void **state)
{
    (void)state;
    begin_leased();
    OUT(.seq = 0xfffffffe, .flags = SEG_SYN, .window = 4000, .mss = 1460);
    IN(.seq = 0xfffffffc, .ack = 0xffffffff, .flags = SEG_SYN | SEG_ACK, .window = 8000);
    OUT(.seq = 0xffffffff, .ack = 0xfffffffd, .flags = SEG_ACK, .window = 4000);
    written("abcdef");
    OUT(.seq = 0xffffffff, .ack = 0xfffffffd, .flags = SEG_ACK, .window = 4000, .data = "abcdef");
    IN(.seq = 0xfffffffd, .ack = 5, .flags = SEG_ACK, .window = 8000, .data = "ghijkl");
    read_by_program("ghijkl");
    OUT(.seq = 5, .ack = 3, .flags = SEG_ACK, .window = 4000);
    OUT(.seq = 5, .ack = 3, .flags = SEG_ACK | SEG_FIN, .window = 4000);
    quiet();
    OUT(.seq = 5, .ack = 4, .flags = SEG_ACK, .window = 4000);
    caught_by("tcp.ack");
}

static void ports_may_be_used_again(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_RST | SEG_ACK);
    OUT(.seq = 900000, .flags = SEG_SYN, .window = 4000, .mss = 1460);
    wait_ms(1000);
    OUT(.seq = 900000, .flags = SEG_SYN, .window = 4000, .mss = 1460);
    IN(.seq = 70000, .ack = 900001, .flags = SEG_SYN | SEG_ACK, .window = 8000, .mss = 1460);
    OUT(.seq = 900001, .ack = 70001, .flags = SEG_ACK, .window = 4000);
    written("new");
    OUT(.seq = 900001, .ack = 70001, .flags = SEG_ACK, .window = 4000, .data = "new");
    quiet();
}

static void an_incoming_connection_is_followed(void **state)
{
    (void)state;
    begin_leased();
    IN(.seq = 5000, .flags = SEG_SYN, .window = 8000, .mss = 1460);
    OUT(.seq = 1000, .ack = 5001, .flags = SEG_SYN | SEG_ACK, .window = 4000, .mss = 1460);
    IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 8000, .data = "hi");
    OUT(.seq = 1001, .ack = 5003, .flags = SEG_ACK, .window = 4000);
    read_by_program("hi");
    quiet();
    OUT(.seq = 1001, .ack = 5004, .flags = SEG_ACK, .window = 4000);
    caught_by("tcp.ack");
}

/* Two SYNs from one port got a SYN-ACK each, and the ACK of one of them arrives. */
static void two_halves(bool second)
{
    const uint32_t own = second ? 2000 : 1000, peer = second ? 9000 : 5000;

    begin_leased();
    IN(.local_port = 7, .seq = 5000, .flags = SEG_SYN, .window = 8000, .mss = 1460);
    IN(.local_port = 7, .seq = 9000, .flags = SEG_SYN, .window = 8000, .mss = 1460);
    OUT(.local_port = 7, .seq = 1000, .ack = 5001, .flags = SEG_SYN | SEG_ACK, .window = 4000);
    OUT(.local_port = 7, .seq = 2000, .ack = 9001, .flags = SEG_SYN | SEG_ACK, .window = 4000);
    IN(.local_port = 7, .seq = peer + 1, .ack = own + 1, .flags = SEG_ACK, .data = "hello",
       .window = 8000);
    OUT(.local_port = 7, .seq = own + 1, .ack = peer + 6, .flags = SEG_ACK, .window = 3995);
    quiet();
}

static void of_two_half_open_connections_an_ack_picks_one(void **state)
{
    (void)state;
    two_halves(false);
    two_halves(true);
    OUT(.local_port = 7, .seq = 2001, .ack = 9007, .flags = SEG_ACK, .window = 3994);
    caught_by("tcp.ack");

    two_halves(false); /* when it is over, the other one may come */
    IN(.local_port = 7, .seq = 5006, .ack = 1001, .flags = SEG_RST | SEG_ACK);
    IN(.local_port = 7, .seq = 9001, .ack = 2001, .flags = SEG_ACK, .data = "hi", .window = 8000);
    OUT(.local_port = 7, .seq = 2001, .ack = 9003, .flags = SEG_ACK, .window = 3998);
    quiet();
    OUT(.local_port = 7, .seq = 2001, .ack = 9004, .flags = SEG_ACK, .window = 3997);
    caught_by("tcp.ack");

    begin_leased(); /* the answer to a SYN that never came */
    IN(.local_port = 7, .seq = 5000, .flags = SEG_SYN, .window = 8000, .mss = 1460);
    OUT(.local_port = 7, .seq = 1000, .ack = 6001, .flags = SEG_SYN | SEG_ACK, .window = 4000);
    caught_by("tcp.ack");
}

static void both_ends_may_open_and_close_at_once(void **state)
{
    (void)state;
    begin_leased();
    OUT(.seq = 1000, .flags = SEG_SYN, .window = 4000, .mss = 1460);
    IN(.seq = 5000, .flags = SEG_SYN, .window = 8000, .mss = 1460);
    OUT(.seq = 1000, .ack = 5001, .flags = SEG_SYN | SEG_ACK, .window = 4000, .mss = 1460);
    IN(.seq = 5000, .ack = 1001, .flags = SEG_SYN | SEG_ACK, .window = 8000, .mss = 1460);
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK | SEG_FIN, .window = 4000);
    IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK | SEG_FIN, .window = 8000);
    OUT(.seq = 1002, .ack = 5002, .flags = SEG_ACK, .window = 4000);
    IN(.seq = 5002, .ack = 1002, .flags = SEG_ACK, .window = 8000);
    quiet();
}

static void what_is_damaged_was_not_received(void **state)
{
    struct frame f = tcp_frame((struct segment){
        .seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 8000, .data = "data"});

    (void)state;
    connect_with(8000, 1460);
    say(f);
    f.bytes[55] ^= 1;
    arrive(f);
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000);
    quiet();
    OUT(.seq = 1001, .ack = 5005, .flags = SEG_ACK, .window = 4000);
    caught_by("tcp.ack");
}

static void data_behind_a_hole_is_not_acknowledged(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    IN(.seq = 5003, .ack = 1001, .flags = SEG_ACK, .window = 8000, .data = "cd");
    OUT(.seq = 1001, .ack = 5005, .flags = SEG_ACK, .window = 4000);
    caught_by("tcp.ack");
}

static void an_acknowledgement_is_not_taken_back(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 8000, .data = "ab");
    OUT(.seq = 1001, .ack = 5003, .flags = SEG_ACK, .window = 4000);
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 5000);
    caught_by("tcp.ack");
}

static void an_offered_window_is_not_taken_back(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 3999);
    caught_by("tcp.window_shrink");
}

static void the_peers_window_is_the_limit(void **state)
{
    (void)state;
    connect_with(4, 1460);
    written("abcdefg");
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "abcd");
    OUT(.seq = 1005, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "e"); /* a probe */
    quiet();
    OUT(.seq = 1005, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "ef");
    caught_by("tcp.window");
}

static void a_window_that_shrank_may_have_been_used(void **state)
{
    (void)state;
    connect_with(4, 1460);
    written("abcd");
    IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 0);
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "abcd");
    quiet();
}

static void the_peers_mss_is_the_limit(void **state)
{
    static char bytes[537];

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    connect_with(8000, 0); /* no option: 536 */
    oracles_app_written(oracles, 49152, PEER, 8080, (const uint8_t *)bytes, sizeof(bytes));
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = bytes, .len = 536);
    quiet();
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = bytes, .len = 537);
    caught_by("tcp.mss");
}

static void a_tiny_mss_is_a_limit_as_well(void **state)
{
    (void)state;
    connect_with(8000, 4);
    written("abcde");
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "abcd");
    quiet();
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "abcde");
    caught_by("tcp.mss");
}

static void a_keep_alive_is_no_stream(void **state)
{
    (void)state;
    connect_with(8000, 1460); /* before any data, without and with an octet */
    OUT(.seq = 1000, .ack = 5001, .flags = SEG_ACK, .window = 4000);
    OUT(.seq = 1000, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "?");
    written("ab");
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "ab");
    IN(.seq = 5001, .ack = 1003, .flags = SEG_ACK, .window = 8000);
    OUT(.seq = 1002, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "?");
    quiet();
    connect_with(8000, 1460); /* not while something is in flight */
    written("ab");
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "ab");
    OUT(.seq = 1002, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "?");
    caught_by("tcp.retransmit");
}

static void a_number_before_the_stream_is_judged_without_harm(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    OUT(.seq = 990, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "x");
    caught_by("tcp.retransmit");
    connect_with(8000, 1460); /* the peer's do no harm either */
    IN(.seq = 4990, .ack = 1001, .flags = SEG_ACK | SEG_FIN, .window = 8000, .data = "old bytes");
    IN(.seq = 5000, .ack = 1001, .flags = SEG_ACK, .window = 8000, .data = "?abc");
    OUT(.seq = 1001, .ack = 5004, .flags = SEG_ACK, .window = 4000);
    read_by_program("abc");
    quiet();
}

static void nothing_follows_fin_so_the_window_may_shrink(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK | SEG_FIN, .window = 8000);
    OUT(.seq = 1001, .ack = 5002, .flags = SEG_ACK, .window = 4000);
    OUT(.seq = 1001, .ack = 5002, .flags = SEG_ACK, .window = 100);
    quiet();
}

static void a_reset_is_matched_to_what_it_answers(void **state)
{
    (void)state;
    begin_leased(); /* SYN and reset of a scanner: the SYN is answered */
    IN(.seq = 5000, .flags = SEG_SYN, .window = 8000);
    IN(.seq = 5000, .flags = SEG_RST, .window = 8000);
    OUT(.seq = 0, .ack = 5001, .flags = SEG_RST | SEG_ACK);
    quiet();
    OUT(.seq = 0, .ack = 5000, .flags = SEG_RST | SEG_ACK); /* the reset as well */
    caught_by("tcp.rst_reply");
}

static void the_wire_carries_what_was_written(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    written("abc");
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "abX");
    caught_by("tcp.written");
    connect_with(8000, 1460);
    written("abc");
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "abcd");
    caught_by("tcp.written");
}

static void what_is_sent_again_is_the_same(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    written("abc");
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "abc");
    wait_ms(1000);
    OUT(.seq = 1002, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "bc");
    quiet();
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "bc");
    caught_by("tcp.retransmit");
}

static void nothing_follows_fin(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    written("abc");
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK | SEG_FIN, .window = 4000, .data = "abc");
    OUT(.seq = 1005, .ack = 5001, .flags = SEG_ACK, .window = 4000);
    quiet();
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK | SEG_FIN, .window = 4000, .data = "ab");
    caught_by("tcp.fin");
}

static void a_program_reads_what_was_said(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 8000, .data = "abc");
    read_by_program("ab");
    quiet();
    read_by_program("b");
    caught_by("tcp.stream");
    connect_with(8000, 1460);
    say(tcp_frame((struct segment){
        .seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 8000, .data = "abc"}));
    read_by_program("a"); /* sent, but it never arrived */
    caught_by("tcp.stream");
}

static void a_stream_ends_where_the_peer_ended_it(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    oracles_app_end(oracles, 49152, PEER, 8080);
    caught_by("tcp.stream");
    connect_with(8000, 1460);
    IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK | SEG_FIN, .window = 8000, .data = "abc");
    read_by_program("ab");
    oracles_app_end(oracles, 49152, PEER, 8080);
    caught_by("tcp.stream");
}

static void a_reset_is_not_answered(void **state)
{
    (void)state;
    connect_with(8000, 1460);
    wait_ms(50);
    IN(.seq = 5001, .ack = 1001, .flags = SEG_RST | SEG_ACK);
    OUT(.seq = 1001, .flags = SEG_RST);
    caught_by("tcp.rst_reply");
}

static void a_stray_segment_is_answered_by_a_reset(void **state)
{
    (void)state;
    begin_leased();
    IN(.seq = 5000, .flags = SEG_SYN, .window = 8000, .mss = 1460);
    OUT(.seq = 0, .ack = 5001, .flags = SEG_RST | SEG_ACK);
    IN(.seq = 5000, .ack = 77, .flags = SEG_ACK, .window = 8000);
    OUT(.seq = 77, .flags = SEG_RST);
    quiet();
}

static void many_connections_fit_into_the_table(void **state)
{
    (void)state;
    begin_leased();
    for (unsigned i = 0; i < 200; i++) {
        uint16_t port = (uint16_t)(1024 + i);

        OUT(.local_port = port, .seq = 1000, .flags = SEG_SYN, .window = 4000, .mss = 1460);
        IN(.local_port = port, .seq = 5000, .ack = 1001, .flags = SEG_SYN | SEG_ACK, .window = 8000,
           .mss = 1460);
        OUT(.local_port = port, .seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000);
        IN(.local_port = port, .seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 8000,
           .data = "data");
        OUT(.local_port = port, .seq = 1001, .ack = 5005, .flags = SEG_ACK, .window = 4000);
    }
    quiet();
}

/* ---- the schedule of a connection ---- */

static void send_hello(void)
{
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "hello");
}

static void at_ms_of(uint64_t start_ns, uint64_t ms)
{
    sim.now_ns = start_ns + ms * NS_PER_MS;
}

/* Sends "hello" at these times since its first sending; the last one may be wrong. */
static void sends_at(const uint64_t *ms, unsigned count)
{
    uint64_t start_ns;

    connect_with(8000, 1460);
    written("hello");
    start_ns = sim.now_ns;
    for (unsigned i = 0; i < count; i++) {
        quiet();
        at_ms_of(start_ns, ms[i]);
        send_hello();
    }
}

static void nothing_is_sent_again_before_its_timer_which_doubles(void **state)
{
    (void)state;
    sends_at((const uint64_t[]){0, 1000, 3000, 7000, 15000, 31000, 63000, 123000}, 8);
    quiet();
    sends_at((const uint64_t[]){0, 3000, 9000}, 3);
    quiet();
    sends_at((const uint64_t[]){0, 900}, 2);
    caught_by("tcp.timer");
    sends_at((const uint64_t[]){0, 1000, 2500}, 3);
    caught_by("tcp.timer");
}

static void three_duplicates_explain_a_fast_retransmission(void **state)
{
    (void)state;
    for (unsigned n = 2; n <= 3; n++) {
        connect_with(8000, 1460);
        written("hello");
        send_hello();
        for (unsigned i = 0; i < n; i++)
            IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 8000);
        wait_ms(5);
        send_hello();
        if (n == 3)
            quiet();
        else
            caught_by("tcp.timer");
    }
}

static void what_is_under_way_is_not_forgotten(void **state)
{
    (void)state;
    sends_at((const uint64_t[]){0}, 1);
    wait_ms(2900);
    oracles_due(oracles);
    quiet();
    wait_ms(300);
    oracles_due(oracles);
    caught_by("tcp.silent");

    sends_at((const uint64_t[]){0, 1000, 3000, 7000, 15000, 31000, 63000}, 7);
    wait_ms(200000); /* given up: R2 */
    oracles_due(oracles);
    quiet();

    sends_at((const uint64_t[]){0}, 1);
    IN(.seq = 5001, .ack = 1001, .flags = SEG_RST, .window = 0);
    wait_ms(10000);
    oracles_due(oracles);
    quiet();
}

static void a_closed_window_is_probed(void **state)
{
    (void)state;
    connect_with(0, 1460);
    written("hello");
    wait_ms(2900);
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "h");
    IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 0);
    wait_ms(5700);
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "h");
    IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 0);
    quiet();
    wait_ms(12000);
    oracles_due(oracles);
    caught_by("tcp.silent");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_conversation_is_quiet),
        cmocka_unit_test(numbers_may_wrap),
        cmocka_unit_test(ports_may_be_used_again),
        cmocka_unit_test(an_incoming_connection_is_followed),
        cmocka_unit_test(of_two_half_open_connections_an_ack_picks_one),
        cmocka_unit_test(both_ends_may_open_and_close_at_once),
        cmocka_unit_test(what_is_damaged_was_not_received),
        cmocka_unit_test(data_behind_a_hole_is_not_acknowledged),
        cmocka_unit_test(an_acknowledgement_is_not_taken_back),
        cmocka_unit_test(an_offered_window_is_not_taken_back),
        cmocka_unit_test(the_peers_window_is_the_limit),
        cmocka_unit_test(a_window_that_shrank_may_have_been_used),
        cmocka_unit_test(the_peers_mss_is_the_limit),
        cmocka_unit_test(nothing_is_sent_again_before_its_timer_which_doubles),
        cmocka_unit_test(three_duplicates_explain_a_fast_retransmission),
        cmocka_unit_test(what_is_under_way_is_not_forgotten),
        cmocka_unit_test(a_closed_window_is_probed),
        cmocka_unit_test(a_tiny_mss_is_a_limit_as_well),
        cmocka_unit_test(a_keep_alive_is_no_stream),
        cmocka_unit_test(a_number_before_the_stream_is_judged_without_harm),
        cmocka_unit_test(nothing_follows_fin_so_the_window_may_shrink),
        cmocka_unit_test(a_reset_is_matched_to_what_it_answers),
        cmocka_unit_test(the_wire_carries_what_was_written),
        cmocka_unit_test(what_is_sent_again_is_the_same),
        cmocka_unit_test(nothing_follows_fin),
        cmocka_unit_test(a_program_reads_what_was_said),
        cmocka_unit_test(a_stream_ends_where_the_peer_ended_it),
        cmocka_unit_test(a_reset_is_not_answered),
        cmocka_unit_test(a_stray_segment_is_answered_by_a_reset),
        cmocka_unit_test(many_connections_fit_into_the_table),
    };

    return cmocka_run_group_tests(tests, NULL, free_all);
}
