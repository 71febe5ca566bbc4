/*
 * The reader of journals: what it takes, what it refuses and in which words, and many thousand
 * damaged logs, some of them under good frames and checksums, whose replay must come to an end too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/base/rng.h"
#include "../../cmd/replay/journal.h"
#include "../../cmd/replay/replay_core.h"

enum { MUTATIONS = 60000, RECORDS_MAX = 4096, LOG_MAX = 32 << 10 };

/* ---- a writer ---- */

struct writer {
    uint8_t bytes[RECORDS_MAX];
    size_t len;
    unsigned records, complete;
};

static void number(struct writer *w, uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        w->bytes[w->len++] = (uint8_t)(n | 0x80);
    w->bytes[w->len++] = (uint8_t)n;
}

static void record(struct writer *w, enum journal_tag tag, unsigned fields, const uint64_t *field)
{
    w->bytes[w->len++] = (uint8_t)tag;
    w->bytes[w->len++] = 0;
    for (unsigned i = 0; i < fields; i++)
        number(w, field[i]);
    w->records++;
}

#define RECORD(w, tag, ...)                                                                        \
    record((w), JOURNAL_##tag, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t),         \
           (const uint64_t[]){__VA_ARGS__})

static void bytes(struct writer *w, const void *at, size_t len)
{
    number(w, len);
    memcpy(w->bytes + w->len, at, len);
    w->len += len;
}

/* A device is looked for at a place, and something is read at an address. */
static void look(struct writer *w, uint64_t address)
{
    *w = (struct writer){.complete = 1};
    RECORD(w, SLOT, 0x10001000, 1);
    RECORD(w, INIT, 1000, 0, 0x80400000, 2 << 20);
    RECORD(w, ENTROPY, 1);
    RECORD(w, ENTROPY, 2);
    RECORD(w, REG_READ, 2, address, 0);
}

/* It is not there, and the end of the machine. */
static void short_journal(struct writer *w)
{
    look(w, 0x10001000);
    RECORD(w, END, JOURNAL_ASKED, 0, 0, 0);
    bytes(w, "", 0);
}

/* One of each record, as far as they can follow each other. */
static void long_journal(struct writer *w)
{
    *w = (struct writer){.complete = 1};
    RECORD(w, BUS, 0xc0000000, 0x100000, 0x1000, 0x1000, 20, 1, 0xfee00000, 0x41);
    RECORD(w, SLOT, 0x10001000, 1);
    RECORD(w, INIT, 1000, 0, 0x80400000, 2 << 20);
    RECORD(w, REG_READ, 2 << 2 | 1, 0, 0xffff);
    RECORD(w, ENTROPY, UINT64_MAX);
    RECORD(w, REG_WRITE, 2, 0x10001070, 0);
    RECORD(w, LOAD, 0x1000 << 2 | 1, 0xffff);
    RECORD(w, START, 2);
    bytes(w, "ping\00010.0.2.2", 14);
    RECORD(w, CREATE, 0, 0);
    RECORD(w, POLL, 500);
    RECORD(w, TAKE, 0x2000);
    bytes(w, "some frame", 10);
    RECORD(w, SYSCALL, 0, 17, 1, 2, 3, 4, 5);
    RECORD(w, USER_READ, 0, 0x1000, 4, 0);
    bytes(w, "word", 4);
    RECORD(w, USER_WRITE, 0, 0x1000, 4, journal_zigzag(-4));
    RECORD(w, FAULT, 0, 13, 0);
    RECORD(w, TICK, 0);
    record(w, JOURNAL_STOP, 0, NULL);
    RECORD(w, END, JOURNAL_PANIC, 3, 1, 2);
    bytes(w, "core/net/tcp.c:12", 17);
}

static uint32_t crc32(const uint8_t *at, size_t len)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < len; i++) {
        crc ^= at[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
    }
    return ~crc;
}

static uint16_t crc16(const char *at, size_t len)
{
    uint16_t crc = 0xffff;

    for (size_t i = 0; i < len; i++) {
        crc ^= (uint16_t)((uint8_t)at[i] << 8);
        for (unsigned bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc << 1 ^ (crc & 0x8000 ? 0x1021 : 0));
    }
    return crc;
}

struct log {
    char text[LOG_MAX];
    size_t len;
    unsigned sequence;
};

static void __attribute__((format(printf, 2, 3))) line(struct log *l, const char *format, ...)
{
    size_t start = l->len;
    va_list args;

    l->len += (size_t)snprintf(l->text + l->len, LOG_MAX - l->len, "@%u ", ++l->sequence);
    va_start(args, format);
    l->len += (size_t)vsnprintf(l->text + l->len, LOG_MAX - l->len, format, args);
    va_end(args);
    l->len += (size_t)snprintf(l->text + l->len, LOG_MAX - l->len, " t=%u", l->sequence * 7);
    l->len += (size_t)snprintf(l->text + l->len, LOG_MAX - l->len, " *%04x\n",
                               crc16(l->text + start, l->len - start));
}

static void base64(const uint8_t *at, size_t len, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < len; i += 3) {
        uint32_t three = (uint32_t)at[i] << 16 | (i + 1 < len ? (uint32_t)at[i + 1] << 8 : 0) |
                         (i + 2 < len ? at[i + 2] : 0u);

        *out++ = digits[three >> 18];
        *out++ = digits[three >> 12 & 63];
        *out++ = i + 1 < len ? digits[three >> 6 & 63] : '=';
        *out++ = i + 2 < len ? digits[three & 63] : '=';
    }
    *out = 0;
}

/* As a target sends it, after output of firmware. */
static void make_log(struct log *l, const struct writer *w)
{
    char text[300];

    l->sequence = 0;
    l->len = (size_t)snprintf(l->text, LOG_MAX, "firmware says\r\n\n");
    line(l, "test: begin proto=1 target=rv64 build=01234567 run=1 plan=1");
    line(l,
         "journal: begin version=2 core=0123456789abcdef kernel=%zu detail=0 bytes=%zu "
         "records=%u complete=%u",
         replay_kernel_size(), w->len, w->records, w->complete);
    for (size_t at = 0; at < w->len; at += 168) {
        base64(w->bytes + at, w->len - at < 168 ? w->len - at : 168, text);
        line(l, "journal: data off=%zu b64=%s", at, text);
    }
    line(l, "journal: end crc32=%08x", crc32(w->bytes, w->len));
    line(l, "test: end ok=1 fail=0 skip=0 notrun=0");
}

static struct writer writer;
static struct log log_;
static char why[300];

static int parse(struct journal *j)
{
    *why = 0;
    return journal_parse(j, log_.text, log_.len, why, sizeof(why));
}

static void refused(const char *words)
{
    struct journal j;

    assert_int_equal(parse(&j), -1);
    if (!strstr(why, words) || strchr(why, '\n'))
        fail_msg("\"%s\" was expected in \"%s\"", words, why);
}

static void refused_records(const char *words)
{
    make_log(&log_, &writer);
    refused(words);
}

/* ---- what it takes ---- */

static void a_good_log_is_read(void **state)
{
    struct journal j;
    struct journal_record r;
    size_t at = 0;

    (void)state;
    long_journal(&writer);
    make_log(&log_, &writer);
    assert_int_equal(parse(&j), 0);
    assert_string_equal(j.core, "0123456789abcdef");
    assert_string_equal(j.target, "rv64");
    assert_string_equal(j.build, "01234567");
    assert_int_equal(j.records, writer.records);
    assert_int_equal(j.len, writer.len);
    assert_memory_equal(j.bytes, writer.bytes, writer.len);
    assert_int_equal(j.line_count, 1); /* the console before it */
    assert_string_equal(j.line[0], "test: begin proto=1 target=rv64 build=01234567 run=1 plan=1");
    assert_int_equal(j.end.field[0], JOURNAL_PANIC);
    assert_null(journal_next(j.bytes, j.len, &at, &r));
    assert_int_equal(r.tag, JOURNAL_BUS);
    assert_int_equal(r.field[1], 0x100000);
    journal_free(&j);
}

static void numbers_of_any_size_come_back(void **state)
{
    static const int64_t results[] = {0, 1, -1, -22, INT64_MAX, INT64_MIN};

    (void)state;
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(journal_unzigzag(journal_zigzag(results[i])), results[i]);
    assert_int_equal(journal_zigzag(-1), 1);
}

/* ---- what it refuses ---- */

static void damage(const char *from, const char *to)
{
    char *at;

    long_journal(&writer);
    make_log(&log_, &writer);
    at = strstr(log_.text, from);
    assert_non_null(at);
    memcpy(at, to, strlen(to));
}

static void damaged_lines_are_refused(void **state)
{
    (void)state;
    damage("b64=", "b65=");
    refused("line 5: damaged");
    damage("@3", "@4");
    refused("line 5: damaged");
    damage("journal: end", "journal; end");
    refused("damaged");
    long_journal(&writer);
    make_log(&log_, &writer);
    log_.len -= 90; /* into the line of its end */
    refused("cut off");
    log_.len = (size_t)(strstr(log_.text, "@3") - log_.text);
    refused("the last line of the journal is missing");
    log_.len = (size_t)(strstr(log_.text, "@2") - log_.text);
    refused("contains no journal");
    log_.len = 0;
    refused("nor a serial log");
}

static void another_version_is_refused(void **state)
{
    (void)state;
    log_.sequence = 0;
    log_.len = 0;
    line(&log_, "test: begin");
    line(&log_, "journal: begin version=3 something=else");
    refused("line 2: unsupported journal version 3; this program supports version 2");
    line(&log_, "x: y");
    log_.len = log_.sequence = 0;
    line(&log_, "journal: begin version=2 core=0123456789abcdef kernel=1 detail=0 bytes=999999999 "
                "records=1 complete=1");
    refused("more than the maximum");
}

static void a_line_between_its_parts_is_refused(void **state)
{
    (void)state;
    log_.len = log_.sequence = 0;
    line(&log_,
         "journal: begin version=2 core=0123456789abcdef kernel=1 detail=0 bytes=6 records=1 "
         "complete=1");
    line(&log_, "journal: data off=0 b64=AAAA");
    line(&log_, "tcp: rst");
    refused("line 3: expected the next part");
}

static void impossible_records_are_refused(void **state)
{
    (void)state;
    short_journal(&writer);
    writer.bytes[0] = JOURNAL_TAGS;
    refused_records("record 1 of the journal: unknown tag");
    short_journal(&writer);
    writer.records++;
    refused_records("the number of records does not match");
    short_journal(&writer);
    writer.complete = 0;
    refused_records("disagree");
    short_journal(&writer);
    writer.len--;
    refused_records("longer than the journal");
    short_journal(&writer);
    RECORD(&writer, TICK, 0);
    refused_records("an end record before the end");
    writer = (struct writer){.complete = 1};
    RECORD(&writer, SLOT, 0x10001000, 1);
    RECORD(&writer, END, JOURNAL_PANIC, 0, 0, 0);
    bytes(&writer, "a.c:1\x1b", 6);
    refused_records("record 2 of the journal: impossible"); /* nothing for a terminal */
    writer = (struct writer){.complete = 1};
    RECORD(&writer, POLL, 5);
    refused_records("record 1 of the journal: impossible value, or out of order"); /* before INIT */
    writer = (struct writer){.complete = 1};
    RECORD(&writer, SLOT, 0, 0);
    refused_records("no end");
    for (unsigned i = 0; i <= JOURNAL_SLOTS_MAX; i++)
        RECORD(&writer, SLOT, 0, 0);
    refused_records(
        "record 33 of the journal: impossible value, or out of order"); /* more than a machine */
    writer = (struct writer){.complete = 1};
    RECORD(&writer, REG_READ, 2, 0, 0);
    refused_records("out of order"); /* no call yet */
    writer = (struct writer){.complete = 1};
    RECORD(&writer, INIT, 0, 0, 0, 4096);
    RECORD(&writer, LOAD, 4096 << 2 | 1, 0);
    refused_records("record 2 of the journal: impossible"); /* beyond the memory's end */
    writer = (struct writer){.complete = 1};
    RECORD(&writer, SLOT, 0, 0);
    writer.bytes[writer.len - 1] = 0x80;
    writer.bytes[writer.len++] = 0; /* a 0 in two bytes */
    refused_records("not a number");
}

/* ---- replay ---- */

static enum outcome replay(struct replay *r)
{
    int outcome;

    replay_open(r);
    outcome = sigsetjmp(r->escape, 0);
    if (!outcome)
        replay_run(r);
    replay_close(r);
    return (enum outcome)outcome;
}

static void a_journal_is_followed_to_its_end(void **state)
{
    static struct replay r;

    (void)state;
    short_journal(&writer);
    make_log(&log_, &writer);
    r = (struct replay){.number = 0};
    assert_int_equal(parse(&r.journal), 0);
    assert_int_equal(replay(&r), OUTCOME_DIFFERENT);
    assert_non_null(strstr(r.message, "record 6: the journal ends here, but the core's output"));
    /* With the sum over ERR_NODEV, which kernel_init() returns: */
    look(&writer, 0x10001000);
    RECORD(&writer, END, JOURNAL_ASKED, 0, r.sum, r.total);
    bytes(&writer, "", 0);
    journal_free(&r.journal);
    make_log(&log_, &writer);
    r = (struct replay){.number = 0};
    assert_int_equal(parse(&r.journal), 0);
    assert_int_equal(replay(&r), OUTCOME_SAME);
    assert_int_equal(r.number, 5);
    journal_free(&r.journal);
}

static void the_first_difference_is_named(void **state)
{
    static struct replay r;

    (void)state;
    look(&writer, 0x10001004);
    RECORD(&writer, END, JOURNAL_ASKED, 0, 0, 0);
    bytes(&writer, "", 0);
    make_log(&log_, &writer);
    r = (struct replay){.number = 0};
    assert_int_equal(parse(&r.journal), 0);
    assert_int_equal(replay(&r), OUTCOME_DIFFERENT);
    assert_string_equal(r.message, "record 5: journal: REG_READ mmio 0x10001004 size 4 "
                                   "value 0; here: REG_READ mmio 0x10001000 size 4 value 0");
    journal_free(&r.journal);
}

/* ---- damage by the thousand ---- */

static void mutate(struct rng *random, uint8_t *at, size_t *len, size_t max)
{
    unsigned times = 1 + (unsigned)rng_below(random, 4);

    for (unsigned i = 0; i < times; i++) {
        size_t where = (size_t)rng_below(random, *len);
        size_t count = 1 + (size_t)rng_below(random, 8);

        switch (rng_below(random, 4)) {
        case 0:
            at[where] ^= (uint8_t)(1u << rng_below(random, 8));
            break;
        case 1:
            at[where] = (uint8_t)rng_next(random);
            break;
        case 2: /* some are lost */
            count = count < *len - where ? count : *len - where - 1;
            memmove(at + where, at + where + count, *len - where - count);
            *len -= count;
            break;
        default: /* some come twice */
            count = count < *len - where ? count : *len - where;
            if (*len + count > max)
                break;
            memmove(at + where + count, at + where, *len - where);
            *len += count;
        }
    }
}

static void no_damage_does_harm(void **state)
{
    static struct replay r;
    unsigned taken = 0;
    struct rng random;

    (void)state;
    rng_init(&random, 4, 0);
    for (unsigned i = 0; i < MUTATIONS; i++) {
        size_t len;

        long_journal(&writer);
        if (i % 3) /* under a good checksum and good frames */
            mutate(&random, writer.bytes, &writer.len, RECORDS_MAX);
        make_log(&log_, &writer);
        len = log_.len;
        if (i % 3 != 1)
            mutate(&random, (uint8_t *)log_.text, &len, LOG_MAX);
        log_.len = len;
        r = (struct replay){.number = 0};
        if (parse(&r.journal)) {
            assert_true(*why && !strchr(why, '\n'));
            continue;
        }
        taken++;
        replay(&r);
        journal_free(&r.journal);
    }
    assert_in_range(taken, MUTATIONS / 100, MUTATIONS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_log_is_read),
        cmocka_unit_test(numbers_of_any_size_come_back),
        cmocka_unit_test(damaged_lines_are_refused),
        cmocka_unit_test(another_version_is_refused),
        cmocka_unit_test(a_line_between_its_parts_is_refused),
        cmocka_unit_test(impossible_records_are_refused),
        cmocka_unit_test(a_journal_is_followed_to_its_end),
        cmocka_unit_test(the_first_difference_is_named),
        cmocka_unit_test(no_damage_does_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
