/* A verdict as text and as JSON: see report.h. */
#include "report.h"
#include "json.h"
#include "../../core/base/minmax.h"
#include "../../sim/text/values.h"
#include "../../sim/base/memory.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *report_path(const struct report_item *it)
{
    return it->path ? it->path : it->scenario->path;
}

bool report_failed(const struct report_item *it)
{
    return !it->skip && !it->error && it->verdict->failure.kind != FAILURE_NONE;
}

const char *report_word(const struct report_item *it)
{
    return it->error ? "error" : it->skip ? "skip" : report_failed(it) ? "fail" : "pass";
}

unsigned report_place(const struct report_item *it, char *file, size_t size)
{
    const char *site = it->error ? it->error : it->verdict->failure.site;
    const char *path = report_path(it), *shown = value_shown(path), *colon;
    size_t len = strlen(shown);

    snprintf(file, size, "%s", path);
    if (it->error) /* file:line: message */
        return !strncmp(site, shown, len) && site[len] == ':' ? (unsigned)atoi(site + len + 1) : 0;
    colon = strrchr(site, ':');
    if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return 0;
    snprintf(file, size, "%.*s", (int)(colon - site), site);
    return (unsigned)atoi(colon + 1);
}

static void report_command(char *buf, size_t size, const char *program,
                           const struct report_item *it)
{
    struct again again = {""};

    again_word(&again, program);
    again_add(&again, " %s", it->again->words);
    snprintf(buf, size, "%s", again.words);
}

void report_replay(char *buf, size_t size, const struct report_item *it)
{
    report_command(buf, size, it->program, it);
}

/* ---- for people ---- */

void report_story(FILE *out, const struct report_item *it)
{
    const struct verdict *v = it->verdict;
    unsigned kept = min_u32(v->tail_count, STORY_TAIL);

    fprintf(out, "%s\n", it->scenario->title);
    fwrite(v->story, 1, v->story_len, out);
    if (v->tail_count > kept)
        fprintf(out, "   ... %u lines left out (-v shows them all)\n", v->tail_count - kept);
    for (unsigned i = v->tail_count - kept; i < v->tail_count; i++)
        fputs(v->tail[i % STORY_TAIL], out);
}

static void report_put_duration(FILE *out, uint64_t ns)
{
    if (ns < 10 * NS_PER_MS)
        fprintf(out, "%" PRIu64 ".%03" PRIu64 " ms", ns / NS_PER_MS, ns / NS_PER_US % 1000);
    else
        fprintf(out, "%" PRIu64 ".%03" PRIu64 " s", ns / NS_PER_S, ns / NS_PER_MS % 1000);
}

static void report_put_words(FILE *out, const char *name, const char *const *words, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        fprintf(out, "%s%s", i ? " " : name, words[i]);
}

/* The allowances of the scenario that avoid failures; returns how many. */
static unsigned report_allowed_words(const struct scenario *sc, const char *words[ALLOW_COUNT])
{
    unsigned n = 0;

    for (unsigned i = 0; i < ALLOW_COUNT; i++)
        if (scenario_allows(sc, i))
            words[n++] = allowance_words[i];
    return n;
}

void report_permits(FILE *out, const struct scenario *sc)
{
    const char *allowed[ALLOW_COUNT];
    unsigned allowances = report_allowed_words(sc, allowed);

    report_put_words(out, ", off: ", sc->oracles_off, sc->oracles_off_count);
    report_put_words(out, ", allowed: ", allowed, allowances);
}

/* The text after the verdict. */
static void report_put_claim(FILE *out, const struct report_item *it)
{
    static const char *const side[] = {"out", "in"};
    const struct claim *c = &it->verdict->claim;

    if (it->verdict->faults)
        fprintf(out, ", %" PRIu64 " touched by a fault", it->verdict->faults);
    if (c->faults)
        fprintf(out, ", %u fault%s of %u fired", c->fired, c->fired == 1 ? "" : "s", c->faults);
    if (c->idle[0])
        fprintf(out, " (not %s)", c->idle);
    if (c->healed_ns != SIM_NEVER)
        fprintf(out, ", healed at %" PRIu64 " s", c->healed_ns / NS_PER_S);
    for (unsigned dir = 0; dir < 2; dir++)
        if (c->lost[dir])
            fprintf(out, ", %" PRIu64 " %s lost (%s)", c->lost[dir], side[dir], c->why[dir]);
    fprintf(out, ", %u oracles looked", c->looked);
    report_permits(out, it->scenario);
    fputs(c->weak ? ", weak" : ", strong", out);
}

void report_line(FILE *out, const struct report_item *it)
{
    const struct verdict *v = it->verdict;
    const char *colour = report_failed(it) || it->error ? "\033[31m"
                         : it->skip                     ? "\033[33m"
                                                        : "\033[32m";
    bool color = it->color;

    fprintf(out, "%s%s%s  %s", color ? colour : "", report_word(it), color ? "\033[0m" : "",
            value_shown(report_path(it)));
    if (it->skip || it->error) {
        fprintf(out, "  %s\n", value_shown(it->skip ? it->skip : it->error));
        return;
    }
    fprintf(out, "  seed=%" PRIu64 " hash=%016" PRIx64 "  ", it->seed, v->hash);
    report_put_duration(out, v->virtual_ns);
    fputs(" virtual, ", out);
    report_put_duration(out, v->real_ns);
    fprintf(out, " real, %" PRIu64 " frames out, %" PRIu64 " in", v->frames_tx, v->frames_rx);
    report_put_claim(out, it);
    fputc('\n', out);
}

static void report_put_last_frames(FILE *out, const struct verdict *v)
{
    unsigned n = min_u32(v->last_count, LAST_FRAMES);

    if (!n)
        fputs(" none", out);
    for (unsigned i = 0; i < n; i++)
        fprintf(out, "\n    %s", v->last[(v->last_count - n + i) % LAST_FRAMES]);
    fputc('\n', out);
}

void report_block(FILE *out, const struct report_item *it)
{
    const struct verdict *v = it->verdict;
    const struct failure *f = &v->failure;
    uint64_t at_us = f->time_ns >= SIM_POWER_ON_NS ? (f->time_ns - SIM_POWER_ON_NS) / NS_PER_US : 0;
    struct again capture = {""};
    char replay[AGAIN_MAX], name[FAILURE_NAME_MAX + 1];

    report_replay(replay, sizeof(replay), it);
    if (it->capture)
        again_path(&capture, it->capture);
    failure_name(name, f);
    fprintf(out, "what:      %s: %s\n", name, value_shown(f->message));
    fprintf(out, "where:     %s\n", value_shown(f->site));
    fprintf(out, "when:      %" PRIu64 ".%06" PRIu64 " s virtual, event %" PRIu64 "%s%s\n",
            at_us / 1000000, at_us % 1000000, f->event, v->world[0] ? "; " : "",
            value_shown(v->world));
    fprintf(out, "diverged:  %s\n", v->diverged[0] ? value_shown(v->diverged) : "-");
    fprintf(out, "frames:");
    report_put_last_frames(out, v);
    fprintf(out, "%s    %s\n", it->bisect ? "replay:" : "again: ", replay);
    if (it->capture)
        fprintf(out, "wireshark: wireshark %s\n", capture.words);
    else
        fprintf(out, "wireshark: %s --pcap fail.pcapng; wireshark fail.pcapng\n", replay);
    if (it->bisect) {
        report_command(replay, sizeof(replay), "build/drywire",
                       it); /* the program that make builds at each commit */
        fprintf(out, "bisect:    git bisect run sh -c 'make -s build/drywire || exit 125; %s'\n",
                replay);
    }
}

/* ---- JSON ---- */

static void report_json_text(FILE *out, const char *name, const char *text)
{
    fprintf(out, ", \"%s\": ", name);
    json_string(out, text, strlen(text));
}

static void report_json_words(FILE *out, const char *name, const char *const *words, unsigned count)
{
    fprintf(out, ", \"%s\": [", name);
    for (unsigned i = 0; i < count; i++) {
        fputs(i ? ", " : "", out);
        json_string(out, words[i], strlen(words[i]));
    }
    fputc(']', out);
}

static void report_json_claim(FILE *out, const struct report_item *it)
{
    const struct claim *c = &it->verdict->claim;
    const char *allowed[ALLOW_COUNT];

    fprintf(out, ", \"touched\": %" PRIu64 ", \"faults\": %u, \"fired\": %u", it->verdict->faults,
            c->faults, c->fired);
    report_json_text(out, "idle", c->idle);
    fprintf(out, ", \"lost_tx\": %" PRIu64 ", \"lost_rx\": %" PRIu64 ", \"looked\": %u",
            c->lost[DIRECTION_TX], c->lost[DIRECTION_RX], c->looked);
    if (c->healed_ns != SIM_NEVER)
        fprintf(out, ", \"healed_ns\": %" PRIu64, c->healed_ns);
    report_json_words(out, "off", it->scenario->oracles_off, it->scenario->oracles_off_count);
    report_json_words(out, "allowed", allowed, report_allowed_words(it->scenario, allowed));
    report_json_text(out, "memory", c->weak ? "weak" : "strong");
}

void report_json(FILE *out, const struct report_item *it)
{
    const struct verdict *v = it->verdict;
    char replay[1200], hash[20];

    fputs("{\"schema\": 1", out);
    report_json_text(out, "scenario", report_path(it));
    fprintf(out, ", \"seed\": %" PRIu64, it->seed);
    report_json_text(out, "verdict", report_word(it));
    if (it->skip) {
        report_json_text(out, "reason", it->skip);
    } else if (it->error) {
        report_json_text(out, "message", it->error);
    } else if (it->text) {
        fprintf(out, ", \"real_ns\": %" PRIu64, v->real_ns);
    } else {
        snprintf(hash, sizeof(hash), "%016" PRIx64, v->hash);
        report_json_text(out, "hash", hash);
        fprintf(out,
                ", \"virtual_ns\": %" PRIu64 ", \"real_ns\": %" PRIu64 ", \"frames_tx\": %" PRIu64
                ", \"frames_rx\": %" PRIu64 ", \"events\": %" PRIu64,
                v->virtual_ns, v->real_ns, v->frames_tx, v->frames_rx, v->events);
        report_json_claim(out, it);
    }
    if (report_failed(it)) {
        report_replay(replay, sizeof(replay), it);
        report_json_text(out, "kind", failure_kind_word(v->failure.kind));
        report_json_text(out, "oracle", v->failure.oracle);
        report_json_text(out, "site", v->failure.site);
        report_json_text(out, "message", v->failure.message);
        report_json_text(out, "reproduce", replay);
    }
    fputs("}\n", out);
}
