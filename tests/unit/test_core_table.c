/*
 * The parts of the table of connections against naive models: pages, the hash, the heap of
 * deadlines, the lists of what may be given up.
 */
#include "../../core/base/array.h"
#include "stack_fixture.h"

/* A table of its own on the host of the fixture. */
struct table {
    struct tcp t;
    void *memory;
};

static struct table *table_new(struct stack_test *x, uint32_t connections)
{
    struct table *b = malloc(sizeof(*b));

    b->memory = malloc(TCP_MEMORY(connections, 4, TCP_PAGE_MIN));
    memset(b->memory, 0xa5, TCP_MEMORY(connections, 4, TCP_PAGE_MIN));
    tcp_init(&b->t, &x->s.ip, &(struct tcp_config){connections, 4, TCP_PAGE_MIN, TCP_WINDOW_MIN},
             b->memory);
    return b;
}

static void table_free(struct table *b)
{
    free(b->memory);
    free(b);
}

static void shuffle(struct rng *rng, uint32_t *numbers, uint32_t count)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = (uint32_t)rng_below(rng, i), old = numbers[i - 1];

        numbers[i - 1] = numbers[j];
        numbers[j] = old;
    }
}

/* ---- pages ---- */

/* Pages of paper: their bytes are not touched. */
static struct tcp_pages pages_new(uint32_t count)
{
    struct tcp_pages p;

    tcp_pages_init(&p, malloc((size_t)count * TCP_PAGE_MIN), malloc(count * sizeof(uint32_t)),
                   count, TCP_PAGE_MIN);
    memset(p.memory, 0xee, (size_t)count * TCP_PAGE_MIN);
    return p;
}

static void pages_free(struct tcp_pages *p)
{
    free(p->memory);
    free(p->next);
}

static void a_page_is_lent_once_and_the_one_returned_last_is_lent_next(void **state)
{
    enum { COUNT = 5 };
    struct tcp_pages p = pages_new(COUNT);
    uint32_t page[COUNT];

    (void)state;
    for (uint32_t i = 0; i < COUNT; i++) {
        page[i] = tcp_page_lend(&p, i % 2 ? PAGE_SENDS : PAGE_RECEIVES, NEED_FIRST);
        assert_ptr_equal(tcp_page_bytes(&p, page[i]), p.memory + (size_t)i * TCP_PAGE_MIN);
    }
    assert_int_equal(tcp_page_lend(&p, PAGE_SENDS, NEED_FIRST), 0); /* none is left */
    assert_int_equal(p.lent[PAGE_RECEIVES], 3);
    assert_int_equal(p.lent[PAGE_SENDS], 2);
    tcp_page_return(&p, PAGE_SENDS, page[3]);
    tcp_page_return(&p, PAGE_RECEIVES, page[0]);
    tcp_page_return(&p, PAGE_RECEIVES, page[4]);
    assert_int_equal(tcp_page_lend(&p, PAGE_SENDS, NEED_FIRST), page[4]);
    tcp_page_return(&p, PAGE_SENDS, page[1]);
    assert_int_equal(tcp_page_lend(&p, PAGE_RECEIVES, NEED_FIRST), page[1]);
    assert_int_equal(tcp_page_lend(&p, PAGE_RECEIVES, NEED_FIRST), page[0]);
    assert_int_equal(tcp_page_lend(&p, PAGE_SENDS, NEED_FIRST), page[3]);
    assert_int_equal(tcp_page_lend(&p, PAGE_RECEIVES, NEED_FIRST), 0);
    pages_free(&p);
}

/* The last quarter, at least one, is not for one direction alone. */
static void each_direction_leaves_a_quarter_to_the_other(void **state)
{
    static const struct {
        uint32_t count, most;
    } rows[] = {{2, 1}, {3, 2}, {4, 3}, {7, 6}, {8, 6}, {9, 7}, {32, 24}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++)
        for (enum tcp_page_use use = 0; use < PAGE_USES; use++) {
            enum tcp_page_use other = PAGE_USES - 1 - use;
            struct tcp_pages p = pages_new(rows[i].count);

            for (uint32_t n = 0; n < rows[i].most; n++)
                assert_true(tcp_page_lend(&p, use, NEED_FIRST));
            assert_false(tcp_page_available(&p, use, NEED_FIRST));
            assert_int_equal(tcp_page_lend(&p, use, NEED_FIRST), 0);
            for (uint32_t n = 0; n < rows[i].count - rows[i].most; n++) {
                assert_true(tcp_page_available(&p, other, NEED_FIRST));
                assert_true(tcp_page_lend(&p, other, NEED_FIRST));
            }
            assert_false(tcp_page_available(&p, other, NEED_FIRST));
            pages_free(&p);
        }
}

/* What may be lent while a number of 16 is: the first of a buffer, the next, one after a gap. */
static void what_is_scarce_is_kept_for_those_who_have_none(void **state)
{
    struct tcp_pages p = pages_new(16);

    (void)state;
    for (uint32_t lent = 0; lent < 16; lent++) {
        for (enum tcp_page_use use = 0; use < PAGE_USES; use++) {
            assert_true(tcp_page_available(&p, use, NEED_FIRST));
            assert_int_equal(tcp_page_available(&p, use, NEED_NEXT), lent < 12);
            assert_int_equal(tcp_page_available(&p, use, NEED_GAP), lent < 8);
        }
        assert_true(tcp_page_lend(&p, lent % 2 ? PAGE_SENDS : PAGE_RECEIVES, NEED_FIRST));
    }
    assert_false(tcp_page_available(&p, PAGE_SENDS, NEED_FIRST));
    pages_free(&p);
}

static void drawn_loans_equal_a_stack(void **state)
{
    enum { COUNT = 40, MOST = 30 };
    struct tcp_pages p = pages_new(COUNT);
    uint32_t stack[COUNT], lent[PAGE_USES][COUNT];
    unsigned held[PAGE_USES] = {0}, returned = 0, fresh = 0;
    struct rng rng;

    (void)state;
    rng_init(&rng, 5, 6);
    for (unsigned step = 0; step < 20000; step++) {
        enum tcp_page_use use = (enum tcp_page_use)rng_below(&rng, PAGE_USES);

        if (rng_below(&rng, 2)) {
            uint32_t page = tcp_page_lend(&p, use, NEED_FIRST), expected = 0;

            if (held[use] < MOST && returned)
                expected = stack[--returned];
            else if (held[use] < MOST && fresh < COUNT)
                expected = ++fresh;
            assert_int_equal(page, expected);
            if (page)
                lent[use][held[use]++] = page;
        } else if (held[use]) {
            unsigned i = (unsigned)rng_below(&rng, held[use]);

            tcp_page_return(&p, use, lent[use][i]);
            stack[returned++] = lent[use][i];
            lent[use][i] = lent[use][--held[use]];
        }
        assert_int_equal(p.lent[use], held[use]);
    }
    pages_free(&p);
}

/* Bytes go in at the end and anywhere, and leave at the front; numbers wrap. */
static void a_buffer_holds_what_was_written_to_it(void **state)
{
    enum { COUNT = 12, SPAN = 8 * TCP_PAGE_MIN };
    static uint8_t in[SPAN], out[SPAN], stream[64 * SPAN];
    struct tcp_pages p = pages_new(COUNT);
    struct tcp_buffer b = {0};
    uint32_t start = UINT32_MAX - 3 * SPAN, at = start, end = start;
    struct rng rng;

    (void)state;
    rng_init(&rng, 7, 8);
    while (end - start < sizeof(stream) - SPAN) {
        uint32_t len = (uint32_t)rng_below(&rng, 5000), room, from;

        for (uint32_t i = 0; i < len; i++)
            in[i] = (uint8_t)rng_next(&rng);
        room = tcp_buffer_extend(&p, &b, PAGE_SENDS, NEED_NEXT, end, end + len);
        assert_true(room - end <= len);
        assert_true(room - end == len || p.lent[PAGE_SENDS] == COUNT - COUNT / 4);
        tcp_buffer_write(&p, &b, end, in, room - end);
        memcpy(stream + (end - start), in, room - end);
        end = room;
        if (end == at)
            continue;
        from = at + (uint32_t)rng_below(&rng, end - at);
        len = 1 + (uint32_t)rng_below(&rng, end - from);
        tcp_buffer_read(&p, &b, from, out, len);
        assert_memory_equal(out, stream + (from - start), len);
        at += (uint32_t)rng_below(&rng, end - at + 1);
        if (at == end)
            tcp_buffer_clear(&p, &b, PAGE_SENDS);
        else
            tcp_buffer_advance(&p, &b, PAGE_SENDS, at);
        assert_int_equal(b.count, p.lent[PAGE_SENDS]);
        assert_int_equal(b.count, at == end ? 0 : (end - 1 - b.base) / TCP_PAGE_MIN + 1);
        assert_true(at == end || at - b.base < TCP_PAGE_MIN);
    }
    pages_free(&p);
}

/* ---- the hash ---- */

enum { TUPLES = 10000, CHAIN_MAX = 10 };

/* Few of each part, so that many tuples differ in one of them alone. */
static void draw_tuple(struct rng *rng, struct tcp_conn *c)
{
    c->remote_addr = IPV4(10, 0, 0, 1) + (uint32_t)rng_below(rng, 60);
    c->remote_port = (uint16_t)(1000 + rng_below(rng, 60));
    c->local_port = (uint16_t)(1 + rng_below(rng, 60));
}

static struct tcp_conn *hash_find(const struct tcp *t, const struct tcp_conn *c)
{
    return tcp_hash_find(t, c->remote_addr, c->remote_port, c->local_port);
}

static uint32_t longest_chain(const struct tcp *t)
{
    uint32_t longest = 0;

    for (uint32_t i = 0; i <= t->bucket_mask; i++) {
        uint32_t len = 0;

        for (uint32_t at = t->bucket[i]; at; at = t->conn[at - 1].hash_next)
            len++;
        longest = len > longest ? len : longest;
    }
    return longest;
}

static void drawn_addresses_and_ports_are_found_until_they_are_removed(void **state)
{
    static bool model[60][60][60];
    struct table *b = table_new(*state, TUPLES);
    struct tcp_conn absent = {0};
    uint32_t order[TUPLES];
    struct rng rng;

    memset(model, 0, sizeof(model));
    rng_init(&rng, 7, 8);
    for (uint32_t i = 0; i < TUPLES; i++) {
        struct tcp_conn *c = &b->t.conn[i];
        bool *at;

        do {
            draw_tuple(&rng, c);
            at = &model[c->remote_addr - IPV4(10, 0, 0, 1)][c->remote_port - 1000]
                       [c->local_port - 1];
            assert_true(!hash_find(&b->t, c) == !*at);
        } while (*at);
        *at = true;
        tcp_hash_add(c);
        order[i] = i;
    }
    assert_in_range(longest_chain(&b->t), 2, CHAIN_MAX);
    absent = b->t.conn[0];
    absent.remote_addr += 100;
    assert_null(hash_find(&b->t, &absent));
    for (uint32_t i = 0; i < TUPLES; i++)
        assert_ptr_equal(hash_find(&b->t, &b->t.conn[i]), &b->t.conn[i]);
    shuffle(&rng, order, TUPLES);
    for (uint32_t i = 0; i < TUPLES; i++) {
        struct tcp_conn *c = &b->t.conn[order[i]];

        tcp_hash_remove(c);
        assert_false(c->hashed);
        assert_null(hash_find(&b->t, c));
        tcp_hash_remove(c); /* nothing more */
        if (i + 1 < TUPLES)
            assert_ptr_equal(hash_find(&b->t, &b->t.conn[order[i + 1]]), &b->t.conn[order[i + 1]]);
    }
    assert_int_equal(longest_chain(&b->t), 0);
    table_free(b);
}

/* ---- deadlines ---- */

enum { TIMED = 500, TIMERS = 5 };

static uint64_t *timer(struct tcp_conn *c, unsigned which)
{
    uint64_t *timers[TIMERS] = {&c->rto_at_ns, &c->persist_at_ns, &c->delack_at_ns,
                                &c->linger_at_ns, &c->keepalive_at_ns};

    return timers[which];
}

static uint64_t earliest(struct tcp_conn *c)
{
    uint64_t first = DEADLINE_NEVER;

    for (unsigned i = 0; i < TIMERS; i++)
        first = *timer(c, i) < first ? *timer(c, i) : first;
    return first;
}

static uint64_t earliest_of_all(const struct tcp *t)
{
    uint64_t first = DEADLINE_NEVER;

    for (uint32_t i = 0; i < t->count; i++)
        first = earliest(&t->conn[i]) < first ? earliest(&t->conn[i]) : first;
    return first;
}

/* The key of a parent is not later, and each entry knows its place. */
static void expect_heap(const struct tcp *t)
{
    for (uint32_t i = 0; i < t->heap_count; i++) {
        const struct tcp_conn *c = &t->conn[t->heap[i]];

        assert_int_equal(c->heap_at, i + 1);
        assert_true(c->heap_ns <= tcp_next_deadline(c));
        if (i)
            assert_true(t->conn[t->heap[(i - 1) / 2]].heap_ns <= c->heap_ns);
    }
}

/* Set, put off or stop a few timers, as input and output do. */
static void change_timers(struct tcp *t, struct rng *rng, unsigned changes)
{
    while (changes--) {
        struct tcp_conn *c = &t->conn[rng_below(rng, t->count)];
        uint64_t *at = timer(c, (unsigned)rng_below(rng, TIMERS));

        *at = rng_below(rng, 3) ? t->net->now_ns + 1 + rng_below(rng, 100) : DEADLINE_NEVER;
        tcp_deadline_changed(c);
    }
    tcp_deadlines_settle(t);
}

static void expire(struct tcp *t)
{
    tcp_take_expired(t);
    for (uint32_t i = 0; i < t->count; i++) {
        struct tcp_conn *c = &t->conn[i];

        assert_int_equal(bitset_has(&t->due, i), earliest(c) <= t->net->now_ns);
        if (!bitset_has(&t->due, i))
            continue;
        assert_int_equal(c->heap_at, 0);
        for (unsigned n = 0; n < TIMERS; n++)
            if (*timer(c, n) <= t->net->now_ns)
                *timer(c, n) = DEADLINE_NEVER;
        bitset_remove(&t->due, i);
        tcp_deadline_changed(c);
    }
    tcp_deadlines_settle(t);
}

static void drawn_deadlines_equal_the_naive_minimum(void **state)
{
    struct stack_test *x = *state;
    struct table *b = table_new(x, TIMED);
    struct rng rng;

    rng_init(&rng, 9, 10);
    assert_true(tcp_deadline(&b->t) == DEADLINE_NEVER);
    for (unsigned round = 0; round < 4000; round++) {
        change_timers(&b->t, &rng, (unsigned)rng_below(&rng, 30));
        assert_true(tcp_deadline(&b->t) == earliest_of_all(&b->t));
        expect_heap(&b->t);
        if (round % 4 == 0) {
            x->s.net.now_ns += rng_below(&rng, 20);
            expire(&b->t);
            expect_heap(&b->t);
        }
    }
    x->s.net.now_ns += 200;
    expire(&b->t);
    assert_int_equal(b->t.heap_count, 0);
    table_free(b);
}

/* A timer that is put off again and again, as each ACK does, moves nothing in the heap. */
static void a_timer_that_is_put_off_keeps_its_place_until_it_is_the_first(void **state)
{
    struct stack_test *x = *state;
    struct table *b = table_new(x, 3);
    uint64_t now_ns = x->s.net.now_ns;
    struct tcp_conn *c = b->t.conn;

    for (unsigned i = 0; i < 3; i++) {
        c[i].rto_at_ns = now_ns + 10 * (i + 1);
        tcp_deadline_changed(&c[i]);
    }
    c[1].rto_at_ns = now_ns + 1000;
    tcp_deadline_changed(&c[1]);
    tcp_deadlines_settle(&b->t);
    assert_true(c[1].heap_ns == now_ns + 20);
    c[0].rto_at_ns = now_ns + 500;
    tcp_deadline_changed(&c[0]);
    tcp_deadlines_settle(&b->t);
    assert_true(tcp_deadline(&b->t) == now_ns + 30);
    c[2].rto_at_ns = DEADLINE_NEVER;
    tcp_deadline_changed(&c[2]);
    tcp_deadlines_settle(&b->t);
    assert_true(tcp_deadline(&b->t) == now_ns + 500);
    assert_int_equal(c[2].heap_at, 0);
    assert_int_equal(b->t.heap_count, 2);
    table_free(b);
}

/* ---- what is given up ---- */

static struct tcp_conn *established(struct tcp *t, uint16_t port)
{
    struct tcp_conn *c;

    assert_int_equal(tcp_open(t, &c), 0);
    c->local_addr = OWN;
    c->local_port = port;
    c->remote_addr = PEER;
    c->remote_port = 80;
    tcp_hash_add(c);
    tcp_start(c, 1);
    tcp_move(c, TCPS_SYN_SENT);
    tcp_move(c, TCPS_ESTABLISHED);
    return c;
}

/* Closed by its program, our FIN not acknowledged. */
static struct tcp_conn *orphan(struct tcp *t, uint16_t port)
{
    struct tcp_conn *c = established(t, port);

    tcp_close(c);
    return c;
}

static struct tcp_conn *waiting(struct tcp *t, uint16_t port)
{
    struct tcp_conn *c = orphan(t, port);

    tcp_move(c, TCPS_FIN_WAIT_2);
    tcp_enter_time_wait(c);
    return c;
}

static struct tcp_conn *listening(struct tcp *t, uint16_t port)
{
    struct tcp_conn *c;

    assert_int_equal(tcp_open(t, &c), 0);
    assert_int_equal(tcp_bind(c, port), 0);
    assert_int_equal(tcp_listen(c, 5), 0);
    return c;
}

static struct tcp_conn *half_open(struct tcp *t, struct tcp_conn *listener, uint16_t peer_port)
{
    struct tcp_conn *c = tcp_find_free(t, 0);

    assert_non_null(c);
    c->passive = true;
    c->listener = listener;
    c->local_addr = OWN;
    c->local_port = listener->local_port;
    c->remote_addr = PEER;
    c->remote_port = peer_port;
    tcp_hash_add(c);
    tcp_start(c, 1);
    tcp_move(c, TCPS_SYN_RECEIVED);
    return c;
}

/* The next block is that of this one, which ends; with a reset if the peer must learn of it. */
static void expect_given_up(struct stack_test *x, struct tcp *t, struct tcp_conn *c, bool reset)
{
    unsigned before = x->sent_count;
    uint16_t port = c->local_port;
    struct tcp_conn *next;

    x->read = before;
    assert_int_equal(tcp_open(t, &next), 0);
    assert_ptr_equal(next, c);
    assert_int_equal(next->state, TCPS_CLOSED);
    assert_int_equal(next->local_port, 0);
    assert_int_equal(x->sent_count - before, reset);
    if (reset) {
        struct decoded d = next_sent(x);

        assert_int_equal(d.tcp_flags, TCP_RST | TCP_ACK);
        assert_int_equal(d.src_port, port);
    }
}

static void the_oldest_is_given_up_first_and_what_a_program_has_never(void **state)
{
    struct stack_test *x = *state;
    struct table *b = table_new(x, 10);
    struct tcp *t = &b->t;
    struct tcp_conn *first, *second, *third, *wait_1, *wait_2, *listener, *half_1, *half_2, *none;

    at_ms(x, 1);
    listener = listening(t, 7);
    established(t, 100);
    first = orphan(t, 101);
    half_1 = half_open(t, listener, 50001);
    at_ms(x, 2);
    wait_1 = waiting(t, 102);
    second = orphan(t, 103);
    at_ms(x, 3);
    wait_2 = waiting(t, 104);
    half_2 = half_open(t, listener, 50002);
    at_ms(x, 4);
    third = orphan(t, 105);
    tcp_move(half_open(t, listener, 50003), TCPS_ESTABLISHED); /* waits for accept */
    assert_int_equal(t->half_open.count, 2);
    assert_int_equal(listener->listen.half_open, 2);
    assert_int_equal(listener->listen.ready.count, 1);
    assert_int_equal(t->orphans.count, 3);
    assert_int_equal(t->time_wait.count, 2);

    expect_given_up(x, t, wait_1, false);
    expect_given_up(x, t, wait_2, false);
    first->first_unacked_ns = x->s.net.now_ns; /* it makes progress: the last of its list */
    tcp_list_renew(first);
    assert_ptr_equal(t->orphans.last, first);
    expect_given_up(x, t, half_1, true); /* since 1 ms; the orphans since 2 and more */
    assert_int_equal(listener->listen.half_open, 1);
    expect_given_up(x, t, second, true);
    expect_given_up(x, t, half_2, true);
    assert_int_equal(listener->listen.half_open, 0);
    assert_null(t->half_open.first);
    assert_null(t->half_open.last);
    expect_given_up(x, t, third, true);
    expect_given_up(x, t, first, true);
    assert_int_equal(t->orphans.count, 0);
    assert_null(tcp_allocate(t, 0, 0));
    assert_int_equal(tcp_open(t, &none), ERR_NFILE);
    assert_int_equal(listener->listen.ready.count, 1);
    table_free(b);
}

/* First, last, in the middle, alone: the list is whole in both directions. */
static void a_list_is_whole_whatever_leaves_it(void **state)
{
    enum { COUNT = 6 };
    struct stack_test *x = *state;
    struct tcp_conn *c[COUNT];
    struct rng rng;

    rng_init(&rng, 11, 12);
    for (unsigned round = 0; round < 200; round++) {
        struct table *b = table_new(x, COUNT);
        uint32_t order[COUNT], left = COUNT;

        for (uint32_t i = 0; i < COUNT; i++) {
            c[i] = orphan(&b->t, (uint16_t)(100 + i));
            order[i] = i;
        }
        shuffle(&rng, order, COUNT);
        for (uint32_t i = 0; i < COUNT; i++) /* oldest last */
            tcp_list_renew(c[order[i]]);
        tcp_list_renew(b->t.orphans.last);
        while (left) {
            struct tcp_conn *at = b->t.orphans.first, *previous = NULL;
            uint32_t leaves = (uint32_t)rng_below(&rng, left);

            assert_int_equal(b->t.orphans.count, left);
            for (uint32_t i = 0; i < left; i++) {
                assert_ptr_equal(at, c[order[i]]);
                assert_ptr_equal(at->previous, previous);
                previous = at;
                at = at->next;
            }
            assert_null(at);
            assert_ptr_equal(b->t.orphans.last, previous);
            tcp_end(c[order[leaves]]);
            memmove(&order[leaves], &order[leaves + 1], (left - leaves - 1) * sizeof(order[0]));
            left--;
        }
        assert_null(b->t.orphans.first);
        assert_null(b->t.orphans.last);
        assert_int_equal(b->t.orphans.count, 0);
        table_free(b);
    }
}

static void blocks_are_lent_from_the_lowest_number_on(void **state)
{
    struct table *b = table_new(*state, 130);
    struct tcp_conn *c;

    for (uint32_t i = 0; i < 130; i++) {
        c = tcp_find_free(&b->t, 0);
        assert_ptr_equal(c, &b->t.conn[i]);
        tcp_own(c, true);
    }
    assert_null(tcp_find_free(&b->t, 0));
    assert_int_equal(b->t.owned, 130);
    tcp_close(&b->t.conn[129]);
    tcp_close(&b->t.conn[63]);
    assert_int_equal(b->t.owned, 128);
    assert_ptr_equal(tcp_find_free(&b->t, 0), &b->t.conn[63]);
    assert_ptr_equal(tcp_find_free(&b->t, 0), &b->t.conn[129]);
    assert_null(tcp_find_free(&b->t, 0));
    table_free(b);
}

int main(void)
{
#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_lent_once_and_the_one_returned_last_is_lent_next),
        cmocka_unit_test(each_direction_leaves_a_quarter_to_the_other),
        cmocka_unit_test(what_is_scarce_is_kept_for_those_who_have_none),
        cmocka_unit_test(drawn_loans_equal_a_stack),
        cmocka_unit_test(a_buffer_holds_what_was_written_to_it),
        WITH_HOST(drawn_addresses_and_ports_are_found_until_they_are_removed),
        WITH_HOST(drawn_deadlines_equal_the_naive_minimum),
        WITH_HOST(a_timer_that_is_put_off_keeps_its_place_until_it_is_the_first),
        WITH_HOST(the_oldest_is_given_up_first_and_what_a_program_has_never),
        WITH_HOST(a_list_is_whole_whatever_leaves_it),
        WITH_HOST(blocks_are_lent_from_the_lowest_number_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
