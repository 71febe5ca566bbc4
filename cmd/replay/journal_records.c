/* The records of a journal: iteration, checks, text. See journal.h. */
#include "journal.h"
#include "../../core/base/err.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const uint8_t field_count[] = {JOURNAL_RECORDS(JOURNAL_FIELD_COUNT)};
static const bool has_bytes[] = {JOURNAL_RECORDS(JOURNAL_HAS_BYTES)};
_Static_assert(sizeof(field_count) == JOURNAL_TAGS, "one row a tag");

/* LEB128, in its shortest form. */
static bool journal_number(const uint8_t *bytes, size_t len, size_t *at, uint64_t *out)
{
    uint64_t n = 0;

    for (unsigned shift = 0; shift < 64 && *at < len; shift += 7) {
        uint8_t byte = bytes[(*at)++];

        if (shift == 63 && byte > 1)
            return false;
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = n;
            return byte || !shift;
        }
    }
    return false;
}

const char *journal_next(const uint8_t *bytes, size_t len, size_t *at, struct journal_record *out)
{
    uint64_t n = 0;

    if (len - *at < 2)
        return "the last record is incomplete";
    *out = (struct journal_record){.tag = (enum journal_tag)bytes[*at], .check = bytes[*at + 1]};
    if (out->tag == JOURNAL_NONE || out->tag >= JOURNAL_TAGS)
        return "unknown tag";
    *at += 2;
    for (unsigned i = 0; i < field_count[out->tag]; i++)
        if (!journal_number(bytes, len, at, &out->field[i]))
            return "not a number";
    if (!has_bytes[out->tag])
        return NULL;
    if (!journal_number(bytes, len, at, &n) || n > len - *at || n > JOURNAL_COPY_MAX)
        return "longer than the journal";
    out->bytes = bytes + *at;
    out->len = (size_t)n;
    *at += out->len;
    return NULL;
}

/* The longest uptime: a hundred years. */
#define TIME_MAX_NS (UINT64_C(100) * 366 * 86400 * 1000000000)

/* The state of the machine so far. */
struct check {
    bool initialised;
    uint64_t dma_size, now_ns;
    unsigned slots;
};

static bool journal_words_fit(const struct journal_record *r)
{
    uint64_t ends = 0;

    for (size_t i = 0; i < r->len; i++)
        ends += r->bytes[i] == 0;
    return r->field[0] > 0 && r->field[0] <= JOURNAL_WORDS_MAX && ends == r->field[0] &&
           r->bytes[r->len - 1] == 0;
}

static bool journal_register_fits(const struct journal_record *r)
{
    unsigned size_log = r->field[0] & 3;

    return r->field[0] >> 2 <= 2 && size_log <= 2 &&
           r->field[2] <= UINT32_MAX >> (32 - (8 << size_log));
}

static bool journal_load_fits(const struct check *c, const struct journal_record *r)
{
    unsigned size = 1u << (r->field[0] & 3);
    uint64_t at = r->field[0] >> 2;

    return (size == 2 || size == 4) && at % size == 0 && at <= c->dma_size - size &&
           r->field[1] <= UINT32_MAX >> (32 - 8 * size);
}

static bool journal_copy_fits(const struct journal_record *r)
{
    int64_t result = journal_unzigzag(r->field[3]);

    if (r->field[2] > JOURNAL_COPY_MAX || (result != 0 && result != ERR_FAULT))
        return false;
    return r->tag == JOURNAL_USER_WRITE || r->len == (result ? 0 : r->field[2]);
}

static bool journal_init_fits(struct check *c, const struct journal_record *r)
{
    bool fits = !c->initialised && r->field[0] < TIME_MAX_NS && r->field[1] <= 1 &&
                r->field[3] >= 4096 && r->field[3] <= JOURNAL_DMA_MAX;

    c->initialised = true;
    c->dma_size = r->field[3];
    c->now_ns = r->field[0];
    return fits;
}

/* The file:line of a panic. */
static bool journal_printable(const struct journal_record *r)
{
    for (size_t i = 0; i < r->len; i++)
        if (r->bytes[i] < ' ' || r->bytes[i] > '~')
            return false;
    return true;
}

/* Check that this record can be here and that its numbers are valid. */
static bool journal_fits(struct check *c, const struct journal_record *r)
{
    switch (r->tag) {
    case JOURNAL_SLOT:
        return !c->initialised && c->slots++ < JOURNAL_SLOTS_MAX && r->field[1] <= UINT32_MAX;
    case JOURNAL_BUS:
        return !c->initialised && r->field[2] <= UINT32_MAX && r->field[3] <= UINT32_MAX &&
               r->field[4] <= UINT32_MAX && r->field[5] <= 1 && r->field[7] <= UINT32_MAX;
    case JOURNAL_INIT:
        return journal_init_fits(c, r);
    case JOURNAL_START:
        return c->initialised && journal_words_fit(r);
    case JOURNAL_POLL:
        c->now_ns += r->field[0];
        return c->initialised && r->field[0] < TIME_MAX_NS && c->now_ns < TIME_MAX_NS;
    case JOURNAL_STOP:
        return c->initialised;
    case JOURNAL_END:
        return r->field[0] <= JOURNAL_PANIC && journal_printable(r);
    case JOURNAL_REG_READ:
    case JOURNAL_REG_WRITE:
        return journal_register_fits(r);
    case JOURNAL_ENTROPY:
        return true;
    case JOURNAL_LOAD:
        return c->initialised && journal_load_fits(c, r);
    case JOURNAL_TAKE:
        return c->initialised && r->field[0] <= c->dma_size && r->len <= c->dma_size - r->field[0];
    case JOURNAL_CREATE:
        return r->field[1] < JOURNAL_PROCESSES && journal_unzigzag(r->field[0]) <= 0;
    case JOURNAL_SYSCALL:
    case JOURNAL_FAULT:
    case JOURNAL_TICK:
        return r->field[0] < JOURNAL_PROCESSES;
    case JOURNAL_USER_READ:
    case JOURNAL_USER_WRITE:
        return r->field[0] < JOURNAL_PROCESSES && journal_copy_fits(r);
    case JOURNAL_NONE:
    case JOURNAL_TAGS:
        break;
    }
    return false;
}

const char *journal_check(struct journal *j, uint64_t *n)
{
    struct check c = {.initialised = false};
    struct journal_record r = {.tag = JOURNAL_NONE};
    size_t at = 0;

    for (*n = 1; at < j->len; ++*n) {
        const char *wrong = journal_next(j->bytes, j->len, &at, &r);

        if (wrong)
            return wrong;
        if (!journal_fits(&c, &r) || (*n == 1 && !journal_is_call(r.tag)))
            return "impossible value, or out of order";
        if (r.tag == JOURNAL_END && at != j->len)
            return "an end record before the end";
    }
    if (r.tag != JOURNAL_END)
        return "no end";
    if (*n - 1 != j->records)
        return "the number of records does not match";
    if ((r.field[0] == JOURNAL_FULL) == j->complete)
        return "its first line and its end record disagree about whether it is complete";
    j->end = r;
    return NULL;
}

static const char *journal_space_word(uint64_t where)
{
    static const char *const words[] = {"mmio", "port", "pci"};

    return words[where >> 2];
}

const char *journal_words(const struct journal_record *r, char *buf, size_t size)
{
    static const char *const names[] = {
#define NAME(tag, fields, bytes) [JOURNAL_##tag] = #tag,
        JOURNAL_RECORDS(NAME)
#undef NAME
    };
    size_t n = (size_t)snprintf(buf, size, "%s", names[r->tag]);

    if (r->tag == JOURNAL_REG_READ || r->tag == JOURNAL_REG_WRITE)
        snprintf(buf + n, size - n, " %s %#" PRIx64 " size %u value %#" PRIx64,
                 journal_space_word(r->field[0]), r->field[1], 1u << (r->field[0] & 3),
                 r->field[2]);
    else if (r->tag == JOURNAL_LOAD)
        snprintf(buf + n, size - n, " dma+%#" PRIx64 " size %u value %#" PRIx64, r->field[0] >> 2,
                 1u << (r->field[0] & 3), r->field[1]);
    else
        for (unsigned i = 0; i < field_count[r->tag] && n < size; i++)
            n += (size_t)snprintf(buf + n, size - n, " %" PRIu64, r->field[i]);
    return buf;
}
