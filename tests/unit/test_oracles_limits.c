/*
 * The oracles that count: what is in flight against the congestion window, a timer against the
 * round trips, answers against their limits. Each is quiet just below its limit and fires above it.
 */
#include "oracle_fixture.h"
#include "../../core/base/array.h"

enum { SEGMENT = 1000, FIRST = 1001 };

static char bytes[SEGMENT];

/* Connected to a peer whose MSS is SEGMENT: the first window is ten of them, and two are leeway. */
static void connected_after(uint64_t round_trip_ms)
{
    memset(bytes, 'x', sizeof(bytes));
    begin_leased();
    OUT(.seq = 1000, .flags = SEG_SYN, .window = 4000, .mss = 1460);
    wait_ms(round_trip_ms);
    IN(.seq = 5000, .ack = FIRST, .flags = SEG_SYN | SEG_ACK, .window = 65535, .mss = SEGMENT);
    OUT(.seq = FIRST, .ack = 5001, .flags = SEG_ACK, .window = 4000);
    wait_ms(10);
    quiet();
}

static void connected(void)
{
    connected_after(0);
}

/* Segments of the stream, counted from 0. */
static void send_segments(unsigned from, unsigned count)
{
    for (unsigned i = from; i < from + count; i++)
        OUT(.seq = FIRST + i * SEGMENT, .ack = 5001, .flags = SEG_ACK, .window = 4000,
            .data = bytes, .len = SEGMENT);
}

static void acknowledge(unsigned segments, unsigned times)
{
    wait_ms(10);
    while (times--)
        IN(.seq = 5001, .ack = FIRST + segments * SEGMENT, .flags = SEG_ACK, .window = 65535);
}

static void the_first_window_is_ten_segments(void **state)
{
    (void)state;
    connected();
    send_segments(0, 12);
    quiet();
    send_segments(12, 1);
    caught_by("tcp.cwnd");
}

static void slow_start_grows_by_what_is_acknowledged(void **state)
{
    (void)state;
    connected();
    send_segments(0, 10);
    acknowledge(2, 1); /* 12 */
    wait_ms(5);
    send_segments(10, 6);
    quiet();
    send_segments(16, 1);
    caught_by("tcp.cwnd");
}

/* Ten segments are in flight, the first is lost, and three duplicate ACKs say so. */
static void fast_retransmission(void)
{
    connected();
    send_segments(0, 10);
    acknowledge(0, 3);
    wait_ms(5);
    send_segments(0, 1);
    quiet();
}

static void a_fast_retransmission_takes_a_part_of_the_window(void **state)
{
    (void)state;
    fast_retransmission(); /* 7, and 3 for the duplicates */
    acknowledge(0, 4);     /* 14 */
    wait_ms(5);
    send_segments(10, 6);
    quiet();
    send_segments(16, 1);
    caught_by("tcp.cwnd");

    fast_retransmission();
    acknowledge(10, 1); /* 7 */
    wait_ms(5);
    send_segments(10, 9);
    quiet();
    send_segments(19, 1);
    caught_by("tcp.cwnd");
}

static void limited_transmit_is_two_segments(void **state)
{
    (void)state;
    connected();
    send_segments(0, 12);
    acknowledge(0, 2);
    send_segments(12, 2);
    quiet();
    send_segments(14, 1);
    caught_by("tcp.cwnd");
}

static void after_the_timer_the_window_is_one_segment(void **state)
{
    (void)state;
    connected();
    send_segments(0, 10);
    wait_ms(1100);
    send_segments(0, 3); /* one, and the leeway */
    quiet();
    send_segments(3, 1);
    caught_by("tcp.cwnd");
}

static void what_is_no_loss_does_not_reduce_the_window(void **state)
{
    struct frame too_big = icmp_frame(PEER, MACHINE, 3, "", 0);

    (void)state;
    connected(); /* a smaller MTU of the path */
    send_segments(0, 10);
    wait_ms(5);
    too_big.bytes[14 + 20 + 1] = 4;
    finish_ip(&too_big, 28);
    rx(too_big);
    send_segments(0, 10);
    quiet();

    connected(); /* a closed window, and the probe of it */
    send_segments(0, 10);
    wait_ms(5);
    IN(.seq = 5001, .ack = FIRST + 10 * SEGMENT, .flags = SEG_ACK, .window = 0);
    wait_ms(1100);
    OUT(.seq = FIRST + 10 * SEGMENT, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = "x");
    acknowledge(10, 1);
    send_segments(10, 10);
    quiet();
}

static void a_lost_segment_before_the_machine_blinds(void **state)
{
    struct frame f = tcp_frame((struct segment){.seq = 5001, .ack = FIRST, .flags = SEG_ACK});
    struct decoded d;

    (void)state;
    connected();
    decode_frame(f.bytes, f.len, &d);
    oracles_lost(oracles, &d);
    send_segments(0, 20);
    quiet();
}

static void the_timer_is_no_less_than_the_round_trips(void **state)
{
    const unsigned waits[] = {2500, 1500};

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(waits); i++) {
        connected_after(2400);
        send_segments(0, 1);
        wait_ms(2400);
        acknowledge(1, 1);
        wait_ms(5);
        send_segments(1, 1);
        wait_ms(waits[i]);
        send_segments(1, 1);
        if (i == 0)
            quiet();
        else
            caught_by("tcp.timer");
    }
}

/* Karn's rule: what is sent again gives no round trip, and the timer stays as long as it was. */
static void a_timer_that_doubled_for_one_segment_stays_for_the_next(void **state)
{
    (void)state;
    connected();
    send_segments(0, 2);
    for (unsigned wait = 1000; wait <= 4000; wait *= 2) {
        wait_ms(wait);
        send_segments(0, 1);
    }
    acknowledge(1, 1);
    wait_ms(8000);
    send_segments(1, 1);
    wait_ms(15900);
    oracles_due(oracles);
    quiet();
    wait_ms(25000);
    oracles_due(oracles);
    caught_by("tcp.silent");
}

/* ---- answers ---- */

static void reset_reply(void)
{
    tx(tcp_frame(
        (struct segment){.from_machine = true, .local_port = 9, .seq = 7, .flags = SEG_RST}));
}

static void resets_are_a_hundred_a_second(void **state)
{
    (void)state;
    begin_leased();
    for (unsigned i = 0; i < 300; i++) {
        wait_ms(10);
        reset_reply();
    }
    for (unsigned i = 0; i < 19; i++)
        reset_reply();
    quiet();
    for (unsigned i = 0; i < 3; i++)
        reset_reply();
    caught_by("tcp.reset_rate");

    begin_leased(); /* those of connections that end are no replies */
    for (unsigned i = 0; i < 100; i++)
        OUT(.local_port = (uint16_t)(100 + i), .seq = 7, .ack = 9, .flags = SEG_RST | SEG_ACK);
    quiet();
}

static void icmp_errors_are_ten_a_second(void **state)
{
    (void)state;
    begin_leased();
    for (unsigned i = 0; i < 30; i++) {
        wait_ms(100);
        tx(icmp_frame(MACHINE, PEER, 3, "12345678", 8));
    }
    for (unsigned i = 0; i < 50; i++)
        tx(icmp_frame(MACHINE, PEER, 0, "echo", 4)); /* has no limit */
    quiet();
    tx(icmp_frame(MACHINE, PEER, 3, "12345678", 8));
    tx(icmp_frame(MACHINE, PEER, 3, "12345678", 8));
    caught_by("icmp.rate");
}

static void repeat_ack(unsigned times)
{
    while (times--)
        OUT(.seq = FIRST, .ack = 5001, .flags = SEG_ACK, .window = 4000);
}

static void challenges_are_ten_in_five_seconds(void **state)
{
    (void)state;
    connected();
    repeat_ack(10);
    wait_ms(5000);
    repeat_ack(10);
    quiet();
    wait_ms(5000);
    repeat_ack(21);
    caught_by("tcp.challenge_rate");

    connected(); /* what data asks for is no challenge */
    for (unsigned i = 0; i < 200; i++)
        IN(.seq = 5001 + 4000, .ack = FIRST, .flags = SEG_ACK, .data = "x", .window = 65535);
    repeat_ack(200);
    quiet();
}

static void an_address_is_defended_once_in_ten_seconds(void **state)
{
    struct frame claim = arp_frame(1, MACHINE, PEER);

    (void)state;
    memcpy(claim.bytes + 6, peer_mac, 6);
    memcpy(claim.bytes + 14 + 8, peer_mac, 6);
    begin_leased();
    tx(arp_frame(1, MACHINE, MACHINE)); /* announcements without a conflict */
    tx(arp_frame(1, MACHINE, MACHINE));
    for (unsigned i = 0; i < 2; i++) {
        wait_ms(10000);
        rx(claim);
        tx(arp_frame(1, MACHINE, MACHINE));
    }
    quiet();
    wait_ms(9000);
    rx(claim);
    tx(arp_frame(1, MACHINE, MACHINE));
    caught_by("arp.defence");
}

static void another_stack_has_limits_of_its_own(void **state)
{
    (void)state;
    connected();
    oracles_another(oracles);
    send_segments(0, 30);
    repeat_ack(100);
    for (unsigned i = 0; i < 100; i++)
        reset_reply();
    tx(icmp_frame(MACHINE, PEER, 3, "12345678", 8));
    tx(icmp_frame(MACHINE, PEER, 3, "12345678", 8));
    tx(icmp_frame(MACHINE, PEER, 3, "12345678", 8));
    quiet();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_window_is_ten_segments),
        cmocka_unit_test(slow_start_grows_by_what_is_acknowledged),
        cmocka_unit_test(a_fast_retransmission_takes_a_part_of_the_window),
        cmocka_unit_test(limited_transmit_is_two_segments),
        cmocka_unit_test(after_the_timer_the_window_is_one_segment),
        cmocka_unit_test(what_is_no_loss_does_not_reduce_the_window),
        cmocka_unit_test(a_lost_segment_before_the_machine_blinds),
        cmocka_unit_test(the_timer_is_no_less_than_the_round_trips),
        cmocka_unit_test(a_timer_that_doubled_for_one_segment_stays_for_the_next),
        cmocka_unit_test(resets_are_a_hundred_a_second),
        cmocka_unit_test(icmp_errors_are_ten_a_second),
        cmocka_unit_test(challenges_are_ten_in_five_seconds),
        cmocka_unit_test(an_address_is_defended_once_in_ten_seconds),
        cmocka_unit_test(another_stack_has_limits_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, free_all);
}
