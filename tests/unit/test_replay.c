/*
 * The world `replay`, with a machine by hand: when a recorded frame is delivered, which frames of
 * the machine count as the recorded ones, and that every other is named.
 */
#include "../../sim/world/recorded/recorded_plan.h"
#include "../../sim/world/world.h"
#include "frames.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { FRAMES_MAX = 24, ISS = 1000, PEER_ISS = 64000 };

/* The recording. */
static struct frame recorded[FRAMES_MAX];
static struct capture_frame rows[FRAMES_MAX];

/* The run. */
static struct scenario scenario;
static struct sim sim;
static struct world *world;
static uint32_t shift; /* of the machine's sequence numbers, against the recorded ones */
static struct {
    struct frame frame;
    struct decoded decoded;
    uint64_t at_us;
} arrived[FRAMES_MAX];
static unsigned arrivals;

/* ---- the recording ---- */

static void fresh(void)
{
    uint8_t *mac = scenario.device.net.mac;

    scenario = (struct scenario){.world = WORLD_REPLAY, .path = "t.scn"};
    memcpy(mac, machine_mac, 6);
    scenario.replay.path = "t.pcap";
    scenario.replay.capture.frames = rows;
    shift = 0;
    arrivals = 0;
}

static struct capture_frame *record(uint64_t at_us, struct frame f)
{
    size_t i = scenario.replay.capture.count++;

    assert_true(i < FRAMES_MAX);
    recorded[i] = f;
    rows[i] = (struct capture_frame){
        .time_ns = at_us * NS_PER_US, .bytes = recorded[i].bytes, .len = f.len};
    return &rows[i];
}

/* Segments, numbers relative; the machine's own are shifted when they are sent in the run. */
static struct frame own(uint32_t seq, uint32_t ack, uint8_t flags, const char *data)
{
    return tcp_frame((struct segment){.from_machine = true,
                                      .seq = ISS + shift + seq,
                                      .ack = flags & SEG_ACK ? PEER_ISS + ack : 0,
                                      .flags = flags,
                                      .window = 1000,
                                      .data = data,
                                      .mss = flags & SEG_SYN ? 1460 : 0});
}

static struct frame peer(uint32_t seq, uint32_t ack, uint8_t flags, const char *data)
{
    return tcp_frame((struct segment){.seq = PEER_ISS + seq,
                                      .ack = ISS + ack,
                                      .flags = flags,
                                      .window = 1000,
                                      .data = data,
                                      .mss = flags & SEG_SYN ? 1460 : 0});
}

static void record_handshake(void)
{
    record(0, own(0, 0, SEG_SYN, NULL));
    record(100, peer(0, 1, SEG_SYN | SEG_ACK, NULL));
    record(120, own(1, 1, SEG_ACK, NULL));
}

/* ---- the run ---- */

static void arrive(void *ctx, const uint8_t *frame, size_t len)
{
    (void)ctx;
    assert_true(arrivals < FRAMES_MAX);
    memcpy(arrived[arrivals].frame.bytes, frame, len);
    arrived[arrivals].frame.len = len;
    arrived[arrivals].at_us = (sim.now_ns - SIM_POWER_ON_NS) / NS_PER_US;
    decode_frame(arrived[arrivals].frame.bytes, len, &arrived[arrivals].decoded);
    assert_null(arrived[arrivals].decoded.error);
    arrivals++;
}

static void start(void)
{
    struct world_port port = {arrive, NULL, NULL};

    sim_start(&sim, 1);
    assert_int_equal(world_replay.open(&sim, &scenario, port, &world), 0);
}

static void until(uint64_t us)
{
    while (sim.next_ns <= SIM_POWER_ON_NS + us * NS_PER_US)
        sim_step(&sim);
    sim.now_ns = SIM_POWER_ON_NS + us * NS_PER_US;
}

static void say(struct frame f)
{
    world_replay.input(world, f.bytes, f.len);
}

static void expect_arrivals(unsigned count)
{
    assert_string_equal(sim.failure.message, "");
    assert_int_equal(arrivals, count);
}

static void expect_failure(const char *message)
{
    assert_string_equal(sim.failure.oracle, "replay.frame");
    assert_string_equal(sim.failure.site, "t.pcap");
    if (!strstr(sim.failure.message, message))
        fail_msg("'%s' does not say '%s'", sim.failure.message, message);
}

static void end(void)
{
    if (world)
        world_replay.close(world);
    world = NULL;
    sim_free(&sim);
}

static void end_well(void)
{
    assert_false(world_replay.busy(world));
    assert_string_equal(world_replay.describe(world), "replay: all frames are done");
    world_replay.close(world);
    world = NULL;
    assert_string_equal(sim.failure.message, "");
    end();
}

/* ---- tests ---- */

static void an_answer_comes_behind_its_question_and_not_earlier_than_recorded(void **state)
{
    (void)state;
    fresh();
    record(5000, arp_frame(1, MACHINE, PEER));
    record(5300, arp_frame(2, PEER, MACHINE));
    record(9000, icmp_frame(MACHINE, PEER, 8, "a", 1));
    record(9000, icmp_frame(PEER, MACHINE, 0, "a", 1));
    start();
    until(70);
    expect_arrivals(0);
    assert_true(world_replay.busy(world));
    say(arp_frame(1, MACHINE, PEER));
    until(369);
    expect_arrivals(0);
    until(370);
    expect_arrivals(1);
    assert_int_equal(arrived[0].at_us, 370);
    assert_memory_equal(arrived[0].frame.bytes, recorded[1].bytes, 42);
    assert_string_equal(world_replay.describe(world),
                        "replay: next is frame 3 of 4: icmp echo 10.0.2.15 > 10.0.2.2 id=7 seq=1 "
                        "len=1");
    say(icmp_frame(MACHINE, PEER, 8, "a", 1));
    expect_arrivals(2); /* at once */
    end_well();
}

static void the_first_frame_that_differs_is_named(void **state)
{
    (void)state;
    fresh();
    record(0, arp_frame(1, MACHINE, PEER));
    record(10, icmp_frame(MACHINE, PEER, 8, "abc", 3));
    start();
    say(arp_frame(1, MACHINE, PEER));
    assert_false(sim_failed(&sim));
    say(icmp_frame(MACHINE, PEER, 8, "axc", 3));
    expect_failure(
        "frame 2: recorded 'icmp echo 10.0.2.15 > 10.0.2.2 id=7 seq=1 len=3', sent "
        "'icmp echo 10.0.2.15 > 10.0.2.2 id=7 seq=1 len=3': byte 43 (payload) was 0x62, now 0x78");
    end();
    start();
    say(icmp_frame(MACHINE, PEER, 8, "abc", 3));
    expect_failure("frame 1: recorded 'arp who-has 10.0.2.2 tell 10.0.2.15', sent 'icmp echo");
    end();
    start();
    say(arp_frame(1, MACHINE, PEER));
    say(icmp_frame(MACHINE, PEER, 8, "abcd", 4));
    expect_failure("byte 17 (ip.total_length)");
    end();
}

static void a_frame_that_does_not_come_is_named(void **state)
{
    (void)state;
    fresh();
    record(0, arp_frame(1, MACHINE, PEER));
    record(2000000, arp_frame(1, MACHINE, PEER + 1));
    start();
    until(1);
    say(arp_frame(1, MACHINE, PEER));
    until(12000000);
    assert_false(sim_failed(&sim));
    until(12000002);
    expect_failure(
        "frame 2: recorded 'arp who-has 10.0.2.3 tell 10.0.2.15', no such frame was sent");
    end();
    start();
    say(arp_frame(1, MACHINE, PEER));
    world_replay.close(world);
    world = NULL;
    expect_failure("frame 2: recorded 'arp who-has 10.0.2.3 tell 10.0.2.15', the run ended before "
                   "it");
    end();
}

static void behind_the_end_nothing_new_may_be_sent(void **state)
{
    (void)state;
    fresh();
    record_handshake();
    record(200, own(1, 1, SEG_ACK, "GET"));
    start();
    shift = 77;
    say(own(0, 0, SEG_SYN, NULL));
    until(100);
    say(own(1, 1, SEG_ACK, "GET"));
    say(own(1, 1, SEG_ACK, "GET")); /* it is not acknowledged any more */
    say(own(4, 1, SEG_ACK, NULL));
    assert_false(sim_failed(&sim));
    say(own(4, 1, SEG_ACK, "more"));
    expect_failure("frame 5: no more frames recorded, sent 'tcp 10.0.2.15:49152");
    end();
}

static void pure_acks_may_merge_but_are_waited_for(void **state)
{
    (void)state;
    fresh();
    record_handshake();
    record(200, peer(1, 1, SEG_ACK, "one"));
    record(210, own(1, 4, SEG_ACK, NULL));
    record(220, peer(4, 1, SEG_ACK, "two"));
    record(230, own(1, 7, SEG_ACK, NULL));
    record(240, peer(7, 1, SEG_ACK | SEG_FIN, NULL));
    record(250, own(1, 8, SEG_ACK | SEG_FIN, NULL));
    start();
    say(own(0, 0, SEG_SYN, NULL));
    until(1000);
    expect_arrivals(1); /* the recorded machine had acknowledged the SYN before it got data */
    say(own(1, 1, SEG_ACK, NULL));
    until(2000);
    expect_arrivals(2);
    say(own(1, 4, SEG_ACK, NULL));
    expect_arrivals(3);
    say(own(1, 4, SEG_ACK, NULL)); /* one more, of the old */
    expect_arrivals(3);
    say(own(1, 7, SEG_ACK, NULL));
    expect_arrivals(4);
    say(own(1, 8, SEG_ACK | SEG_FIN, NULL));
    end_well();
}

static void numbers_follow_the_clock_of_the_machine(void **state)
{
    struct frame error;
    uint8_t *quote;

    (void)state;
    fresh();
    record_handshake();
    record(130, own(1, 1, SEG_ACK, "GET"));
    record(200, peer(1, 4, SEG_ACK, "page"));
    error = icmp_frame(PEER, MACHINE, 3, recorded[3].bytes + 14, 28);
    set16(error.bytes + 14 + 20 + 4, 0); /* unused: RFC 792 */
    set16(error.bytes + 14 + 20 + 6, 0);
    finish_ip(&error, 20 + 8 + 28);
    record(210, error);
    start();
    shift = 0xfffff000; /* wraps */
    say(own(0, 0, SEG_SYN, NULL));
    until(100);
    expect_arrivals(1);
    assert_int_equal(arrived[0].decoded.tcp_ack, ISS + shift + 1);
    say(own(1, 1, SEG_ACK, "GET"));
    until(400);
    expect_arrivals(3);
    assert_int_equal(arrived[1].decoded.tcp_ack, ISS + shift + 4);
    quote = arrived[2].frame.bytes + 14 + 20 + 8 + 20;
    assert_int_equal((uint32_t)quote[4] << 24 | quote[5] << 16 | quote[6] << 8 | quote[7],
                     ISS + shift + 1);
    end_well();
}

static void a_wrong_number_is_no_matter_of_clocks(void **state)
{
    (void)state;
    fresh();
    record_handshake();
    record(130, own(1, 1, SEG_ACK, "GET"));
    start();
    shift = 50;
    say(own(0, 0, SEG_SYN, NULL));
    until(100);
    say(own(2, 1, SEG_ACK, "GET"));
    expect_failure("(tcp.seq) was 0xe9, now 0xea");
    end();
}

static void a_quicker_machine_may_acknowledge_less_never_more(void **state)
{
    (void)state;
    fresh();
    record_handshake();
    record(130, own(1, 1, SEG_ACK, "GET"));
    record(200, peer(1, 4, SEG_ACK, "page"));
    record(220, own(4, 5, SEG_ACK, NULL));
    record(300, peer(5, 4, SEG_ACK | SEG_FIN, NULL));
    record(320, own(4, 6, SEG_ACK | SEG_FIN, NULL));
    start();
    say(own(0, 0, SEG_SYN, NULL));
    until(100);
    say(own(1, 1, SEG_ACK, "GET"));
    until(200);
    say(own(4, 5, SEG_ACK | SEG_FIN, NULL)); /* before the peer's FIN comes */
    expect_arrivals(3);
    end_well();
    start();
    arrivals = 0;
    say(own(0, 0, SEG_SYN, NULL));
    until(100);
    say(own(1, 5, SEG_ACK, "GET"));
    expect_failure("(tcp.ack) was 0x01, now 0x05");
    end();
}

/* ---- the plan ---- */

static struct replay_step *plan(void)
{
    return replay_plan(&scenario.replay.capture, machine_mac);
}

static void what_the_machine_did_not_acknowledge_it_had_not_seen(void **state)
{
    struct replay_step *s;

    (void)state;
    fresh();
    record_handshake();
    record(200, peer(1, 1, SEG_ACK, "one"));
    record(210, peer(4, 1, SEG_ACK, "two")); /* too late for number 5 */
    record(220, own(1, 4, SEG_ACK, "abc"));
    record(230, peer(7, 1, SEG_ACK, "three"));
    record(260, own(4, 12, SEG_ACK, "def"));
    record(270, peer(12, 7, SEG_ACK, NULL));
    record(280, own(1, 12, SEG_ACK, "abcdef")); /* once more: 8 was not seen */
    s = plan();
    assert_int_equal(s[2].kind, REPLAY_ACK);
    assert_int_equal(s[3].before, 1);
    assert_int_equal(s[4].before, 6);
    assert_int_equal(s[6].before, 6);
    assert_true(s[6].together);
    assert_false(s[4].together);
    assert_int_equal(s[8].before, 10);
    free(s);
}

static void what_came_closely_was_seen_in_one_look(void **state)
{
    struct replay_step *s;

    (void)state;
    fresh();
    record(0, arp_frame(1, MACHINE, PEER));
    record(100, arp_frame(2, PEER, MACHINE));
    record(150, icmp_frame(PEER, MACHINE, 8, "a", 1));
    record(200150, icmp_frame(PEER, MACHINE, 8, "b", 1)); /* later than any look */
    record(200160, icmp_frame(MACHINE, PEER, 0, "b", 1));
    record(200170, icmp_frame(PEER, MACHINE, 8, "c", 1));
    s = plan();
    assert_false(s[1].together);
    assert_true(s[2].together);
    assert_false(s[3].together);
    assert_false(s[5].together);
    free(s);
    start();
    say(arp_frame(1, MACHINE, PEER));
    until(99);
    expect_arrivals(0);
    until(100);
    expect_arrivals(2);
    end();
    fresh();
    record_handshake();
    record(200, peer(1, 1, SEG_ACK, "one"));
    record(210, peer(4, 1, SEG_ACK, "two"));
    record(220, own(1, 7, SEG_ACK, NULL)); /* it looked */
    record(230, peer(7, 1, SEG_ACK, "three"));
    s = plan();
    assert_false(s[3].together);
    assert_true(s[4].together);
    assert_false(s[6].together);
    free(s);
}

static struct frame narrow(struct frame f, unsigned window)
{
    set16(f.bytes + 14 + 20 + 14, window);
    finish_ip(&f, f.len - 14);
    return f;
}

static void data_waits_for_the_window_that_it_had(void **state)
{
    (void)state;
    fresh();
    record_handshake();
    record(200, peer(1, 1, SEG_ACK, "page"));
    start();
    say(own(0, 0, SEG_SYN, NULL));
    until(100);
    say(narrow(own(1, 1, SEG_ACK, NULL), 3));
    until(300);
    expect_arrivals(1);
    say(narrow(own(1, 1, SEG_ACK, NULL), 4));
    expect_arrivals(2);
    end_well();
    start();
    arrivals = 0;
    say(own(0, 0, SEG_SYN, NULL));
    until(100);
    say(narrow(own(1, 1, SEG_ACK, NULL), 3));
    until(20000000);
    expect_failure("frame 4: recorded 'tcp 10.0.2.2:8080 > 10.0.2.15:49152 . seq=64001 ack=1001 "
                   "win=1000 len=4', the machine's window has no room for it");
    end();
    fresh(); /* a peer that did not keep to the window then need not now */
    record_handshake();
    recorded[2] = narrow(recorded[2], 3);
    record(200, peer(1, 1, SEG_ACK, "page"));
    start();
    say(own(0, 0, SEG_SYN, NULL));
    until(100);
    say(narrow(own(1, 1, SEG_ACK, NULL), 3));
    until(300);
    expect_arrivals(2);
    end_well();
}

static void what_drywire_says_about_a_frame_counts(void **state)
{
    struct frame damaged = arp_frame(1, MACHINE, PEER + 1);

    (void)state;
    fresh();
    record(0, arp_frame(1, MACHINE, PEER))->lost = true;  /* sent all the same */
    record(10, arp_frame(2, PEER, MACHINE))->lost = true; /* never came */
    record(20, arp_frame(1, MACHINE, PEER + 1));
    record(21, arp_frame(1, MACHINE, PEER + 1))->duplicate = true; /* sent once */
    record(30, damaged)->damaged = true;                           /* whatever it was */
    record(40, arp_frame(2, PEER, MACHINE));
    record(41, arp_frame(2, PEER, MACHINE))->duplicate = true; /* came twice */
    start();
    say(arp_frame(1, MACHINE, PEER));
    say(arp_frame(1, MACHINE, PEER + 1));
    until(100);
    expect_arrivals(0);
    say(arp_frame(1, MACHINE, PEER + 9));
    until(200);
    expect_arrivals(2);
    end_well();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_behind_its_question_and_not_earlier_than_recorded),
        cmocka_unit_test(the_first_frame_that_differs_is_named),
        cmocka_unit_test(a_frame_that_does_not_come_is_named),
        cmocka_unit_test(behind_the_end_nothing_new_may_be_sent),
        cmocka_unit_test(pure_acks_may_merge_but_are_waited_for),
        cmocka_unit_test(numbers_follow_the_clock_of_the_machine),
        cmocka_unit_test(a_wrong_number_is_no_matter_of_clocks),
        cmocka_unit_test(a_quicker_machine_may_acknowledge_less_never_more),
        cmocka_unit_test(what_the_machine_did_not_acknowledge_it_had_not_seen),
        cmocka_unit_test(what_came_closely_was_seen_in_one_look),
        cmocka_unit_test(data_waits_for_the_window_that_it_had),
        cmocka_unit_test(what_drywire_says_about_a_frame_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
