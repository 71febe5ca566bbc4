/*
 * `drywire pkt`: plays .pkt scripts to the core's TCP/IP stack (sim/pkt), each in a child, which a
 * failed assertion of the stack may end. docs/ladders.md describes the language.
 *
 * Each script runs twice: as it is, and with the initial sequence numbers of both ends just below
 * 2^32, at another time. Both runs must have the same verdict.
 */
#include "../sim/base/memory.h"
#include "../sim/pkt/run.h"
#include "../sim/text/values.h"
#include "base/exit_codes.h"
#include "base/files.h"
#include "base/guest_file.h"
#include "base/paths.h"
#include "base/story_line.h"
#include "report/again.h"
#include "verb.h"
#include "worker/child.h"
#include "worker/crash.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pkt_settings {
    uint64_t seed, timeout_s;
    const char *guest; /* NULL: the core */
    bool verbose, quiet;
};

/* The exit code of a child: this and the outcome. */
enum { VERB_PKT_CHILD = 64, VERB_PKT_OUTCOMES = PKT_SYNTAX + 1 };

struct pkt_job {
    const char *path, *program;
    const struct pkt_stack *stack;
    const struct pkt_settings *settings;
};

static int verb_pkt_code(enum pkt_outcome o)
{
    switch (o) {
    case PKT_PASS:
    case PKT_WEAK:
        return EXIT_PASS;
    case PKT_VACUOUS:
        return EXIT_NOTHING;
    case PKT_UNRUNNABLE:
        return EXIT_CANNOT_TEST;
    case PKT_FAIL:
        return EXIT_FAIL;
    case PKT_LIVELOCK:
        return EXIT_LIVELOCK;
    case PKT_SYNTAX:
        return EXIT_USAGE;
    }
    return EXIT_HARNESS;
}

/* ---- output ---- */

/* "path:line" or "path:line:column". */
static void verb_pkt_place(FILE *out, const char *path, const struct pkt_problem *p)
{
    fputs(value_shown(path), out);
    if (p->line)
        fprintf(out, ":%u", p->line);
    if (p->column)
        fprintf(out, ":%u", p->column);
}

static void verb_pkt_frames(const struct pkt_result *r)
{
    unsigned count = r->frames_tx + r->frames_rx;
    unsigned first = count > PKT_LAST_FRAMES ? count - PKT_LAST_FRAMES : 0;
    char line[320];

    for (unsigned i = first; i < count; i++) {
        const struct pkt_seen *s = &r->last[i % PKT_LAST_FRAMES];

        story_frame(line, sizeof(line), SIM_POWER_ON_NS + s->time_ns,
                    s->tx ? DIRECTION_TX : DIRECTION_RX, &s->d, NULL);
        printf("    %s\n", line);
    }
}

static void verb_pkt_failure(const struct pkt_job *job, const struct pkt_script *s,
                             const struct pkt_result *r, const char *variant)
{
    uint64_t us = r->time_ns / NS_PER_US;
    struct again again;

    printf("fail  %s%s%s\n", value_shown(job->path), s->title[0] ? "  " : "",
           value_shown(s->title));
    printf("what:      %s%s\nwhere:     ", value_shown(r->problem.text), variant);
    verb_pkt_place(stdout, job->path, &r->problem);
    printf("\nwhen:      %" PRIu64 ".%06" PRIu64 " s virtual\n", us / 1000000, us % 1000000);
    if (r->expected[0])
        printf("expected:  %s\n", r->expected);
    if (r->came[0])
        printf("came:      %s\n", r->came);
    puts("frames:    (numbers as in the script)");
    verb_pkt_frames(r);
    again_start(&again, "pkt", job->path, job->settings->seed);
    if (job->settings->guest) {
        again_add(&again, " --guest ");
        again_word(&again, job->settings->guest);
    }
    printf("replay:    %s %s\n", job->program, again.words);
}

static void verb_pkt_print(const struct pkt_job *job, const struct pkt_script *s,
                           const struct pkt_result *r, const char *variant)
{
    uint64_t us = r->time_ns / NS_PER_US;

    switch (r->outcome) {
    case PKT_PASS:
        if (job->settings->quiet)
            return;
        printf("pass  %s  %u frames out, %u in, %" PRIu64 ".%06" PRIu64 " s virtual\n",
               value_shown(job->path), r->frames_tx, r->frames_rx, us / 1000000, us % 1000000);
        if (job->settings->verbose)
            verb_pkt_frames(r);
        return;
    case PKT_WEAK:
        printf("weak  %s  a shell command that checks was not executed\n", value_shown(job->path));
        return;
    case PKT_VACUOUS:
        printf("vacuous  %s  no packet and no silence is expected\n", value_shown(job->path));
        return;
    case PKT_FAIL:
    case PKT_LIVELOCK:
        verb_pkt_failure(job, s, r, variant);
        return;
    case PKT_UNRUNNABLE:
        printf("unrunnable  ");
        verb_pkt_place(stdout, job->path, &r->problem);
        printf(": %s\n", value_shown(r->problem.text));
        return;
    case PKT_SYNTAX:
        verb_pkt_place(stderr, job->path, &r->problem);
        fprintf(stderr, ": %s\n", value_shown(r->problem.text));
        return;
    }
}

/* ---- one script ---- */

/* What runs in this process, for the handler of signals. */
static struct verb_pkt_running {
    const struct pkt_job *job;
    const struct pkt_script *script;
    struct pkt_result result;
    const char *variant;
} running;

/* The stack has crashed, or the time is up: a failure like any other. */
static void verb_pkt_on_signal(int number, siginfo_t *info, void *context)
{
    struct pkt_result *r = &running.result;
    struct failure f = {0};

    crash_describe(&f, number, info, context);
    r->problem.line = r->line;
    snprintf(r->problem.text, sizeof(r->problem.text), "%s: %s%s%s", f.oracle, f.message,
             f.site[0] ? ", at " : "", f.site);
    verb_pkt_failure(running.job, running.script, r, running.variant);
    fflush(stdout);
    _exit(VERB_PKT_CHILD + (number == SIGALRM ? PKT_LIVELOCK : PKT_FAIL));
}

/* As it is; then with initial sequence numbers just below 2^32, at a time at which a clock that
 * makes them (RFC 6528) has them there. */
static enum pkt_outcome verb_pkt_play(const struct pkt_job *job, const struct pkt_script *s,
                                      enum pkt_outcome parsed)
{
    const uint32_t near_wrap = 0 - UINT32_C(40);
    struct pkt_variant v = {.start_ns = 1000 * NS_PER_S, .seed = job->settings->seed};
    struct pkt_result *r = &running.result, first;

    running.job = job;
    running.script = s;
    running.variant = "";
    crash_watch(verb_pkt_on_signal);
    pkt_run(s, parsed, job->stack, &v, r);
    first = *r;
    v.peer_isn = near_wrap;
    if (first.has_isn)
        v.start_ns += (uint64_t)(near_wrap - first.isn) * 4 * NS_PER_US;
    if (first.outcome == parsed) {
        running.variant = " (with sequence numbers that wrap)";
        pkt_run(s, parsed, job->stack, &v, r);
    }
    verb_pkt_print(job, s, r->outcome == parsed ? &first : r, running.variant);
    return r->outcome;
}

/* Read and parse a script; bytes that it needs are in *bytes. */
static enum pkt_outcome verb_pkt_read(const char *path, struct pkt_script *s, uint8_t **bytes,
                                      struct pkt_problem *problem)
{
    size_t len;

    if (host_files.read(NULL, path, PKT_SCRIPT_MAX, bytes, &len, problem->text,
                        sizeof(problem->text)))
        return PKT_SYNTAX;
    if (len <= PKT_SCRIPT_MAX)
        return pkt_parse(s, (const char *)*bytes, len, problem);
    snprintf(problem->text, sizeof(problem->text), "too large for a script (1 MiB at most)");
    return PKT_SYNTAX;
}

static int verb_pkt_child(void *ctx)
{
    const struct pkt_job *job = ctx;
    struct pkt_result r = {0};
    struct pkt_script s = {""};
    uint8_t *bytes = NULL;

    r.outcome = verb_pkt_read(job->path, &s, &bytes, &r.problem);
    if (r.outcome < PKT_UNRUNNABLE)
        r.outcome = verb_pkt_play(job, &s, r.outcome);
    else
        verb_pkt_print(job, &s, &r, "");
    pkt_script_free(&s);
    free(bytes);
    return VERB_PKT_CHILD + (int)r.outcome;
}

/* ---- all of them ---- */

static int verb_pkt_run(const struct call *call, const void *settings)
{
    const struct pkt_settings *s = settings;
    unsigned counts[VERB_PKT_OUTCOMES] = {0};
    const struct pkt_stack *stack = s->guest ? guest_file_stack(s->guest) : &pkt_core_stack;
    struct paths p = {0};
    int code = !stack ? EXIT_USAGE
                      : paths_scenarios(&p, call->words, call->count, ".pkt", "pkt tests/ladders");

    for (size_t i = 0; !code && i < p.count; i++) {
        struct pkt_job job = {p.path[i], call->program, stack, s};
        int got = child_call(verb_pkt_child, &job, s->timeout_s) - VERB_PKT_CHILD;

        if (got < 0 || got >= VERB_PKT_OUTCOMES) {
            printf("fail  %s  its process was killed\n", value_shown(p.path[i]));
            got = PKT_FAIL;
        }
        counts[got]++;
    }
    for (int o = 0; o < VERB_PKT_OUTCOMES; o++)
        if (counts[o])
            code = worse_exit(code, verb_pkt_code((enum pkt_outcome)o));
    if (p.count > 1)
        printf("%u pass, %u fail, %u unrunnable, %u weak, %u vacuous%s\n", counts[PKT_PASS],
               counts[PKT_FAIL] + counts[PKT_LIVELOCK], counts[PKT_UNRUNNABLE], counts[PKT_WEAK],
               counts[PKT_VACUOUS], counts[PKT_SYNTAX] ? ", and errors" : "");
    paths_free(&p);
    return code;
}

static const struct option_place places[] = {
    OPTION("seed", pkt_settings, seed),         OPTION("guest", pkt_settings, guest),
    OPTION("timeout", pkt_settings, timeout_s), OPTION("verbose", pkt_settings, verbose),
    OPTION("quiet", pkt_settings, quiet),       {NULL},
};

const struct verb verb_pkt = {
    verb_pkt_run,
    sizeof(struct pkt_settings),
    places,
    .notes = {"Exit: 0 pass, 1 a script failed, 2 usage or syntax error, 5 a script expects no "
              "packet, 124 a step or time limit was reached, 125 a script cannot be run here.",
              "docs/ladders.md describes the language of the scripts."},
};
