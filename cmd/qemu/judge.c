/* The judge of a serial log: see judge.h. */
#include "judge.h"
#include "../base/console.h"
#include "../../sim/base/memory.h"
#include <stdlib.h>
#include <string.h>

enum {
    LINE_MAX_OCTETS = 512,   /* longer than any frame */
    FOREIGN_LINES_MAX = 200, /* firmware's, before the first framed line */
    STATUS_NO_START = 1,     /* of QEMU, after a line on stderr */
    STATUS_OK = 33,
    STATUS_FAIL = 35,
    STATUS_PANIC = 37,
};

struct judge {
    const struct scenario *scenario;
    struct judge_wants wants;
    struct sim sim; /* for its time and its failure */
    struct expectations expectations;
    uint64_t sequence;      /* of the last framed line */
    uint64_t plan, results; /* number of cases; lines with the result of one */
    unsigned foreign;
    bool ended, run_unknown;
    char trouble[160];      /* the driver's last report about a failing device */
    enum judgement verdict; /* found so far, JUDGED_PASS: none */
    struct failure failure;
    char line[LINE_MAX_OCTETS];
    size_t len;
};

const char *judgement_word(enum judgement v)
{
    static const char *const words[] = {"PASS",  "START",      "STALE",  "PANIC",
                                        "FAIL",  "FRAMING",    "CRASH",  "TIMEOUT",
                                        "RESET", "INCOMPLETE", "MARKERS"};

    return words[v];
}

struct judge *judge_new(const struct scenario *sc, const struct judge_wants *wants)
{
    struct judge *j = memory_new(1, sizeof(*j));

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

/* The verdict that is first in the table counts, not the first in time: a panic splits lines. */
static void __attribute__((format(printf, 4, 5)))
judge_found(struct judge *j, enum judgement v, const char *oracle, const char *format, ...)
{
    va_list args;

    if (j->verdict != JUDGED_PASS && j->verdict <= v)
        return;
    j->verdict = v;
    j->failure =
        (struct failure){.kind = FAILURE_EXPECT, .time_ns = j->sim.now_ns, .event = j->sequence};
    snprintf(j->failure.oracle, sizeof(j->failure.oracle), "%s", oracle);
    snprintf(j->failure.site, sizeof(j->failure.site), "serial line %llu",
             (unsigned long long)j->sequence);
    va_start(args, format);
    vsnprintf(j->failure.message, sizeof(j->failure.message), format, args);
    va_end(args);
}

static void judge_take(struct judge *j, enum judgement v, const struct failure *failure)
{
    if (failure->kind == FAILURE_NONE || (j->verdict != JUDGED_PASS && j->verdict <= v))
        return;
    j->verdict = v;
    j->failure = *failure;
}

/* Take over a failure of the expectations, which may report more. */
static void judge_adopt(struct judge *j, enum judgement v)
{
    judge_take(j, v, &j->sim.failure);
    j->sim.failure = (struct failure){0};
}

void judge_violation(struct judge *j, const struct failure *failure)
{
    judge_take(j, JUDGED_FAIL, failure);
}

/* Remove the frame: returns the body, NUL-terminated in place, or NULL after a verdict. */
static char *judge_unframe(struct judge *j, char *line, size_t len)
{
    uint64_t sequence;
    char *text;

    switch (console_unframe(line, len, &text, &sequence)) {
    case UNFRAMED_NOT:
        judge_found(j, JUDGED_FRAMING, "serial.frame", "not a framed line: \"%s\"", line);
        return NULL;
    case UNFRAMED_CHECKSUM:
        judge_found(j, JUDGED_FRAMING, "serial.checksum", "bad checksum: \"%s\"", line);
        return NULL;
    case UNFRAMED:
        break;
    }
    if (sequence != j->sequence + 1)
        judge_found(j, JUDGED_FRAMING, "serial.sequence", "line %llu is followed by: \"%s\"",
                    (unsigned long long)j->sequence, line);
    if (!sequence)
        return NULL;
    j->sequence = sequence; /* after a gap too: a panic cuts the line before its own */
    return text;
}

/* The value of `key` in a line, or "". */
static const char *judge_field(const char *line, const char *key, char *value, size_t size)
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

static void judge_compare(struct judge *j, const char *line, const char *key, const char *wanted)
{
    char value[80];

    if (wanted && strcmp(judge_field(line, key, value, sizeof(value)), wanted))
        judge_found(j, JUDGED_STALE, "serial.begin", "%s=%s was expected in: \"%s\"", key, wanted,
                    line);
}

/* The same as a number. */
static uint64_t judge_count(const char *line, const char *key)
{
    char value[24];

    return strtoull(judge_field(line, key, value, sizeof(value)), NULL, 10);
}

static bool judge_starts(const char *line, const char *with)
{
    return !strncmp(line, with, strlen(with));
}

/* A kernel that cannot parse its command line has no run id; it reports that and fails. */
static void judge_begin_line(struct judge *j, const char *line)
{
    char run[16];

    if (!judge_starts(line, "test: begin ")) {
        judge_found(j, JUDGED_FRAMING, "serial.begin", "the first line is: \"%s\"", line);
        return;
    }
    judge_compare(j, line, "proto", "1");
    judge_compare(j, line, "target", j->wants.target);
    j->run_unknown = !strcmp(judge_field(line, "run", run, sizeof(run)), "unknown");
    if (!j->run_unknown)
        judge_compare(j, line, "run", j->wants.run);
    judge_compare(j, line, "build", j->wants.build);
    j->plan = judge_count(line, "plan");
}

/* "test: end": all planned cases have passed, and no others ran. */
static void judge_end_line(struct judge *j, const char *line)
{
    uint64_t ok = judge_count(line, "ok"), fail = judge_count(line, "fail"),
             skip = judge_count(line, "skip"), notrun = judge_count(line, "notrun");

    j->ended = true;
    if (fail)
        judge_found(j, JUDGED_FAIL, "test", "%s", line);
    if (notrun || ok + fail + skip != j->plan || ok + fail + skip != j->results)
        judge_found(j, JUDGED_INCOMPLETE, "serial.end", "results for %llu of %llu cases: \"%s\"",
                    (unsigned long long)j->results, (unsigned long long)j->plan, line);
}

static void judge_control_line(struct judge *j, const char *line)
{
    if (judge_starts(line, "test: panic"))
        judge_found(j, JUDGED_PANIC, "panic", "%s", line);
    else if (judge_starts(line, "test: fail"))
        judge_found(j, JUDGED_FAIL, "test", "%s", line);
    else if (judge_starts(line, "virtionetd: stalled ") ||
             judge_starts(line, "virtionetd: failed "))
        snprintf(j->trouble, sizeof(j->trouble), "%s", line);
    j->results += judge_starts(line, "test: ok ") || judge_starts(line, "test: fail ") ||
                  judge_starts(line, "test: skip ");
    if (judge_starts(line, "test: end"))
        judge_end_line(j, line);
}

/* A complete line without its frame: its time is removed, the rest is checked. */
static void judge_body(struct judge *j, char *line,
                       void (*on_line)(void *ctx, uint64_t time_ns, const char *line), void *ctx)
{
    uint64_t time_us;

    if (j->ended) {
        judge_found(j, JUDGED_INCOMPLETE, "serial.end", "after the last line: \"%s\"", line);
        return;
    }
    if (!console_take_time(line, &time_us)) {
        judge_found(j, JUDGED_FRAMING, "serial.time", "no time in: \"%s\"", line);
        return;
    }
    j->sim.now_ns = SIM_POWER_ON_NS + time_us * NS_PER_US;
    if (j->sequence == 1)
        judge_begin_line(j, line);
    if (on_line)
        on_line(ctx, j->sim.now_ns, line);
    judge_control_line(j, line);
    expectations_line(&j->expectations, line);
    judge_adopt(j, JUDGED_FAIL);
    expectations_check(&j->expectations, false);
    judge_adopt(j, JUDGED_MARKERS);
}

static void judge_whole_line(struct judge *j,
                             void (*on_line)(void *ctx, uint64_t time_ns, const char *line),
                             void *ctx)
{
    char *text;

    if (j->len && j->line[j->len - 1] == '\r')
        j->len--;
    j->line[j->len] = 0;
    if (!j->sequence && j->line[0] != '@') {
        if (++j->foreign > FOREIGN_LINES_MAX)
            judge_found(j, JUDGED_FRAMING, "serial.begin", "no framed line among the first %u",
                        FOREIGN_LINES_MAX);
    } else if (j->len && (text = judge_unframe(j, j->line, j->len))) {
        judge_body(j, text, on_line, ctx);
    }
    j->len = 0;
}

void judge_bytes(struct judge *j, const char *bytes, size_t len,
                 void (*on_line)(void *ctx, uint64_t time_ns, const char *line), void *ctx)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n') {
            judge_whole_line(j, on_line, ctx);
        } else if (j->len + 1 == sizeof(j->line)) {
            if (j->sequence)
                judge_found(j, JUDGED_FRAMING, "serial.frame", "a line is longer than %u octets",
                            LINE_MAX_OCTETS);
        } else {
            bool plain = (bytes[i] >= ' ' && bytes[i] <= '~') || bytes[i] == '\r';

            j->line[j->len++] = plain ? bytes[i] : '?'; /* messages print it on a terminal */
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

/* The verdict of how it ended, in the order of the verdicts. */
static void judge_status(struct judge *j, const struct judge_end *end)
{
    bool has_status = end->exited && !end->signal;
    unsigned long long last = j->sequence;

    if (has_status && end->status == STATUS_NO_START && !j->sequence)
        judge_found(j, JUDGED_START, "qemu", "exit status %d before the first line%s%s",
                    end->status, end->said ? ": " : "", end->said ? end->said : "");
    if (has_status && end->status == STATUS_PANIC)
        judge_found(j, JUDGED_PANIC, "panic", "status %d without a message", end->status);
    if (has_status && end->status == STATUS_FAIL)
        judge_found(j, JUDGED_FAIL, "test", "status %d without a message", end->status);
    if (end->exited && end->signal)
        judge_found(j, JUDGED_CRASH, "qemu", "killed by signal %d after line %llu", end->signal,
                    last);
    if (end->limit)
        judge_found(j, JUDGED_TIMEOUT, "limit", "%s; the last line is number %llu", end->limit,
                    last);
    if (has_status && end->status == 0)
        judge_found(j, JUDGED_RESET, "qemu",
                    "status 0 after line %llu: the machine was reset (a triple "
                    "fault?) or switched off",
                    last);
    if (!end->exited && !end->limit)
        return; /* it was stopped after a failure, so the end is missing */
    if (j->len)
        judge_found(j, JUDGED_INCOMPLETE, "serial.end", "the last line is incomplete: \"%.*s\"",
                    (int)j->len, j->line);
    if (!j->ended)
        judge_found(j, JUDGED_INCOMPLETE, "serial.end",
                    "status %d, and \"test: end\" is missing after line %llu", end->status, last);
    if (has_status && end->status != STATUS_OK)
        judge_found(j, JUDGED_INCOMPLETE, "qemu", "status %d instead of %d", end->status,
                    STATUS_OK);
}

/* A failure that the driver reported is the cause of most missing lines: report it first. */
static void judge_add_trouble(struct judge *j)
{
    char message[sizeof(j->failure.message)];

    if (!*j->trouble)
        return;
    memcpy(message, j->failure.message, sizeof(message));
    snprintf(j->failure.message, sizeof(j->failure.message), "\"%s\", then: %.*s", j->trouble,
             (int)(sizeof(message) - sizeof(j->trouble) - 16), message);
}

enum judgement judge_finish(struct judge *j, const struct judge_end *end, struct failure *failure)
{
    judge_status(j, end);
    expectations_check(&j->expectations, true);
    judge_adopt(j, JUDGED_MARKERS);
    if (j->verdict == JUDGED_PASS && j->run_unknown)
        judge_found(j, JUDGED_STALE, "serial.begin",
                    "the kernel does not know its run id, but it passed");
    if (j->verdict != JUDGED_PASS)
        judge_add_trouble(j);
    *failure = j->failure;
    return j->verdict;
}
