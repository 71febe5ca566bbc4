/* The judge of a serial log: see judge.h. */
#include "judge.h"
#include <stdlib.h>
#include <string.h>

enum {
    LINE_MAX_OCTETS = 512,  /* longer than any frame */
    FOREIGN_LINES_MAX = 200, /* firmware's, before the first framed line */
    STATUS_OK = 33,
    STATUS_FAIL = 35,
    STATUS_PANIC = 37,
};

struct judge {
    const struct scenario *scenario;
    struct judge_wants wants;
    struct sim sim; /* for its time and its failure */
    struct expectations expectations;
    uint64_t sequence; /* of the last framed line */
    unsigned foreign;
    bool ended, panicked;
    enum judgement verdict; /* found so far, JUDGED_PASS: none */
    struct failure failure;
    char line[LINE_MAX_OCTETS];
    size_t len;
};

const char *judgement_word(enum judgement v)
{
    static const char *const words[] = {"PASS",    "START", "STALE",   "PANIC", "FAIL",      "FRAMING",
                                        "CRASH", "TIMEOUT", "RESET", "INCOMPLETE", "MARKERS"};

    return words[v];
}

struct judge *judge_new(const struct scenario *sc, const struct judge_wants *wants)
{
    struct judge *j = calloc(1, sizeof(*j));

    if (!j) {
        fprintf(stderr, "drywire: out of memory\n");
        exit(4);
    }
    j->scenario = sc;
    j->wants = *wants;
    sim_start(&j->sim, 1);
    j->sim.now_ns = SIM_POWER_ON_NS;
    expectations_start(&j->expectations, sc, &j->sim);
    return j;
}

void judge_free(struct judge *j)
{
    expectations_free(&j->expectations);
    sim_free(&j->sim);
    free(j);
}

/* The first verdict of the table counts, not the first in time: a panic cuts lines in two. */
static void __attribute__((format(printf, 4, 5)))
found(struct judge *j, enum judgement v, const char *oracle, const char *format, ...)
{
    va_list args;

    if (j->verdict != JUDGED_PASS && j->verdict <= v)
        return;
    j->verdict = v;
    j->failure = (struct failure){.kind = FAILURE_EXPECT, .time_ns = j->sim.now_ns,
                                  .event = j->sequence};
    snprintf(j->failure.oracle, sizeof(j->failure.oracle), "%s", oracle);
    snprintf(j->failure.site, sizeof(j->failure.site), "serial:%llu",
             (unsigned long long)j->sequence);
    va_start(args, format);
    vsnprintf(j->failure.message, sizeof(j->failure.message), format, args);
    va_end(args);
}

/* The expectations said something: it becomes ours. */
static void adopt(struct judge *j, enum judgement v)
{
    if (!sim_failed(&j->sim) || (j->verdict != JUDGED_PASS && j->verdict <= v))
        return;
    j->verdict = v;
    j->failure = j->sim.failure;
}

static uint16_t crc16(const char *bytes, size_t len)
{
    uint16_t crc = 0xffff;

    for (size_t i = 0; i < len; i++) {
        crc ^= (uint16_t)((uint8_t)bytes[i] << 8);
        for (unsigned bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc << 1 ^ (crc & 0x8000 ? 0x1021 : 0));
    }
    return crc;
}

/* Take the frame off: the body, NUL-terminated in place, or NULL after a verdict. */
static char *unframe(struct judge *j, char *line, size_t len)
{
    char *star = len >= 6 ? line + len - 5 : NULL, *end;
    unsigned long long sequence;
    unsigned long crc;

    if (!star || star[-1] != ' ' || *star != '*' || strspn(star + 1, "0123456789abcdef") != 4) {
        found(j, JUDGED_FRAMING, "serial.frame", "not a framed line: \"%s\"", line);
        return NULL;
    }
    crc = strtoul(star + 1, NULL, 16);
    star[-1] = 0;
    if (crc != crc16(line, (size_t)(star - 1 - line))) {
        found(j, JUDGED_FRAMING, "serial.checksum", "the checksum is wrong of: \"%s\"", line);
        return NULL;
    }
    sequence = strtoull(line + 1, &end, 10);
    if (*end != ' ' || sequence != j->sequence + 1) {
        found(j, JUDGED_FRAMING, "serial.sequence", "line %llu follows line %llu: \"%s\"", sequence,
              (unsigned long long)j->sequence, line);
        return NULL;
    }
    j->sequence = sequence;
    return end + 1;
}

/* The value of `key` in a line, or "". */
static const char *field(const char *line, const char *key, char *value, size_t size)
{
    const char *at = line;
    size_t len = strlen(key);

    *value = 0;
    while ((at = strchr(at, ' '))) {
        at++;
        if (!strncmp(at, key, len) && at[len] == '=') {
            snprintf(value, size, "%.*s", (int)strcspn(at + len + 1, " "), at + len + 1);
            break;
        }
    }
    return value;
}

static void compare(struct judge *j, const char *line, const char *key, const char *wanted)
{
    char value[80];

    if (wanted && strcmp(field(line, key, value, sizeof(value)), wanted))
        found(j, JUDGED_STALE, "serial.begin", "%s=%s was expected in: \"%s\"", key, wanted, line);
}

static void begin_line(struct judge *j, const char *line)
{
    if (strncmp(line, "test: begin ", 12)) {
        found(j, JUDGED_FRAMING, "serial.begin", "the first line is: \"%s\"", line);
        return;
    }
    compare(j, line, "proto", "1");
    compare(j, line, "target", j->wants.target);
    compare(j, line, "run", j->wants.run);
    compare(j, line, "build", j->wants.build);
}

static void control_line(struct judge *j, const char *line)
{
    char value[16];

    if (!strncmp(line, "test: panic", 11)) {
        j->panicked = true;
        found(j, JUDGED_PANIC, "panic", "%s", line);
    } else if (!strncmp(line, "test: fail", 10)) {
        found(j, JUDGED_FAIL, "test", "%s", line);
    } else if (!strncmp(line, "test: end", 9)) {
        j->ended = true;
        if (strcmp(field(line, "fail", value, sizeof(value)), "0"))
            found(j, JUDGED_FAIL, "test", "%s", line);
    }
}

/* A whole framed line without its frame: its time comes off the end, the rest is judged. */
static void body(struct judge *j, char *line,
                 void (*on_line)(void *ctx, uint64_t time_ns, const char *line), void *ctx)
{
    char *at = strrchr(line, ' ');

    if (j->ended) {
        found(j, JUDGED_INCOMPLETE, "serial.end", "after the last line: \"%s\"", line);
        return;
    }
    if (!at || strncmp(at, " t=", 3)) {
        found(j, JUDGED_FRAMING, "serial.time", "no time in: \"%s\"", line);
        return;
    }
    j->sim.now_ns = SIM_POWER_ON_NS + strtoull(at + 3, NULL, 10) * NS_PER_US;
    *at = 0;
    if (j->sequence == 1)
        begin_line(j, line);
    if (on_line)
        on_line(ctx, j->sim.now_ns, line);
    control_line(j, line);
    expectations_line(&j->expectations, line);
    adopt(j, JUDGED_FAIL);
}

static void whole_line(struct judge *j,
                       void (*on_line)(void *ctx, uint64_t time_ns, const char *line), void *ctx)
{
    char *text;

    if (j->len && j->line[j->len - 1] == '\r')
        j->len--;
    j->line[j->len] = 0;
    if (!j->sequence && j->line[0] != '@') {
        if (++j->foreign > FOREIGN_LINES_MAX)
            found(j, JUDGED_FRAMING, "serial.begin", "%u lines and none of ours",
                  FOREIGN_LINES_MAX);
    } else if (j->len && (text = unframe(j, j->line, j->len))) {
        body(j, text, on_line, ctx);
    }
    j->len = 0;
}

void judge_bytes(struct judge *j, const char *bytes, size_t len,
                 void (*on_line)(void *ctx, uint64_t time_ns, const char *line), void *ctx)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n') {
            whole_line(j, on_line, ctx);
        } else if (j->len + 1 == sizeof(j->line)) {
            if (j->sequence)
                found(j, JUDGED_FRAMING, "serial.frame", "a line of more than %u octets",
                      LINE_MAX_OCTETS);
        } else {
            j->line[j->len++] = bytes[i] ? bytes[i] : '?';
        }
    }
}

bool judge_lost(const struct judge *j)
{
    return j->verdict != JUDGED_PASS;
}

bool judge_ended(const struct judge *j)
{
    return j->ended;
}

bool judge_begun(const struct judge *j)
{
    return j->sequence > 0;
}

/* What the way it ended says, in the order of the verdicts. */
static void judge_status(struct judge *j, const struct judge_end *end)
{
    if (!end->limit && !j->sequence)
        found(j, JUDGED_START, "qemu", "it ended with status %d before the first line",
              end->status);
    if (end->exited && !end->signal && end->status == STATUS_PANIC)
        found(j, JUDGED_PANIC, "panic", "status %d without a word", end->status);
    if (end->exited && !end->signal && end->status == STATUS_FAIL)
        found(j, JUDGED_FAIL, "test", "status %d", end->status);
    if (end->exited && end->signal)
        found(j, JUDGED_CRASH, "qemu", "it was killed by signal %d", end->signal);
    if (end->limit)
        found(j, JUDGED_TIMEOUT, "limit", "%s: the last line is number %llu", end->limit,
              (unsigned long long)j->sequence);
    if (end->exited && !end->signal && end->status == 0)
        found(j, JUDGED_RESET, "qemu",
              "status 0: the machine was reset (a triple fault?) or switched off");
    if (j->len)
        found(j, JUDGED_INCOMPLETE, "serial.end", "the last line has no end: \"%.*s\"", (int)j->len,
              j->line);
    if (!j->ended)
        found(j, JUDGED_INCOMPLETE, "serial.end", "\"test: end\" is missing after line %llu",
              (unsigned long long)j->sequence);
    if (end->exited && end->status != STATUS_OK)
        found(j, JUDGED_INCOMPLETE, "qemu", "status %d instead of %d", end->status, STATUS_OK);
}

enum judgement judge_finish(struct judge *j, const struct judge_end *end, struct failure *failure)
{
    judge_status(j, end);
    if (!sim_failed(&j->sim)) {
        expectations_check(&j->expectations, true);
        adopt(j, JUDGED_MARKERS);
    }
    *failure = j->failure;
    return j->verdict;
}
