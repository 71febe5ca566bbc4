/*
 * A verdict for people and as JSON: see report.h.
 */
#include "report.h"
#include "json.h"
#include "../../sim/text/values.h"
#include "../../sim/base/memory.h"
#include <inttypes.h>
#include <stdarg.h>
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

/* Append text; what does not fit is cut. */
__attribute__((format(printf, 3, 4))) static void append(char *buf, size_t size, const char *format,
                                                         ...)
{
    size_t used = strlen(buf);
    va_list args;

    va_start(args, format);
    vsnprintf(buf + used, size - used, format, args);
    va_end(args);
}

/* Characters that a shell takes as they are. */
static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                            "%+,-./:=@_";

/* With octal numbers, for what a terminal would not show, and for a quote. */
static void append_printf(char *buf, size_t size, const char *word)
{
    append(buf, size, "\"$(printf -- ");
    for (; *word; word++)
        append(buf, size, strchr(plain, *word) && *word != '%' ? "%c" : "\\\\%03o",
               (unsigned char)*word);
    append(buf, size, ")\"");
}

/* A word for the shell, with backslashes, so that it can stand inside quotes of sh -c too. */
static void append_word(char *buf, size_t size, const char *word)
{
    if (strchr(word, '\'') || value_shown(word) != word) {
        append_printf(buf, size, word);
        return;
    }
    for (; *word; word++)
        append(buf, size, "%s%c", strchr(plain, *word) || *word & 0x80 ? "" : "\\", *word);
}

/* A file, which is no option. */
static void append_path(char *buf, size_t size, const char *path)
{
    char dotted[4100];

    snprintf(dotted, sizeof(dotted), "%s%s", path[0] == '-' && path[1] ? "./" : "", path);
    append_word(buf, size, dotted);
}

/* An exact replay has its seed from the capture. */
static void replay_capture(char *buf, size_t size, const struct options *o)
{
    append(buf, size, " replay ");
    append_path(buf, size, o->paths[0]);
    if (o->choice.memory != MEMORY_DRAW)
        append(buf, size, " --memory %s", memory_words[o->choice.memory]);
    if (o->role == ROLE_OBSERVER) {
        append(buf, size, " --as observer --seed %" PRIu64, o->choice.seed);
        return;
    }
    if (!o->loose)
        return;
    append(buf, size, " --loose");
    if (o->role)
        append(buf, size, " --as %s", o->role == ROLE_SERVER ? "server" : "client");
    if (o->flow)
        append(buf, size, " --flow %" PRIu64, o->flow);
    append(buf, size, " --seed %" PRIu64, o->choice.seed);
}

static void again_in_qemu(char *buf, size_t size, const struct options *o)
{
    if (o->icount != NO_ICOUNT)
        append(buf, size, " --icount %" PRIu64, o->icount);
    if (o->net != NET_WORLD)
        append(buf, size, " --net %s", net_word(o->net));
    if (o->kernel) {
        append(buf, size, " --kernel ");
        append_word(buf, size, o->kernel);
    }
    for (unsigned i = 0; i < o->qemu_arg_count; i++) {
        append(buf, size, " --arg ");
        append_word(buf, size, o->qemu_args[i]);
    }
    if (o->journal)
        append(buf, size, " --journal %s", o->journal == JOURNAL_MODE_DUMP ? "dump" : "on");
}

static void again_with(char *buf, size_t size, const char *program, const struct report_item *it)
{
    const struct options *o = it->options;

    buf[0] = 0;
    append_word(buf, size, program);
    if (o->verb == VERB_REPLAY) {
        replay_capture(buf, size, o);
        return;
    }
    append(buf, size, " %s ",
           o->verb == VERB_WORLD || o->verb == VERB_QEMU ? verb_word(o->verb) : "run");
    append_path(buf, size, report_path(it));
    append(buf, size, " --seed %" PRIu64, o->choice.seed);
    if (o->verb == VERB_WORLD)
        append(buf, size, " --socket PATH");
    if (o->verb == VERB_QEMU)
        append(buf, size, " --%s %s", o->machine ? "machine" : "target",
               o->machine ? o->machine : o->target);
    if (o->verb == VERB_QEMU)
        again_in_qemu(buf, size, o);
    if (o->choice.guest) {
        append(buf, size, " --guest ");
        append_word(buf, size, o->choice.guest);
    }
    if (o->choice.device) {
        append(buf, size, " --device ");
        append_word(buf, size, o->choice.device);
    }
    if (o->choice.memory != MEMORY_DRAW)
        append(buf, size, " --memory %s", memory_words[o->choice.memory]);
    if (o->check_determinism)
        append(buf, size, " --check-determinism");
    if (o->repeat > 1)
        append(buf, size, " --repeat %" PRIu64, o->repeat);
}

void report_replay(char *buf, size_t size, const struct report_item *it)
{
    again_with(buf, size, it->options->program, it);
}

/* ---- for people ---- */

void report_story(FILE *out, const struct report_item *it)
{
    const struct verdict *v = it->verdict;
    unsigned kept = v->tail_count < STORY_TAIL ? v->tail_count : STORY_TAIL;

    fprintf(out, "%s\n", it->scenario->title);
    fwrite(v->story, 1, v->story_len, out);
    if (v->tail_count > kept)
        fprintf(out, "   ... %u lines left out (-v shows them all)\n", v->tail_count - kept);
    for (unsigned i = v->tail_count - kept; i < v->tail_count; i++)
        fputs(v->tail[i % STORY_TAIL], out);
}

static void put_duration(FILE *out, uint64_t ns)
{
    if (ns < 10 * NS_PER_MS)
        fprintf(out, "%" PRIu64 ".%03" PRIu64 " ms", ns / NS_PER_MS, ns / NS_PER_US % 1000);
    else
        fprintf(out, "%" PRIu64 ".%03" PRIu64 " s", ns / NS_PER_S, ns / NS_PER_MS % 1000);
}

static void put_words(FILE *out, const char *name, const char *const *words, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        fprintf(out, "%s%s", i ? " " : name, words[i]);
}

/* The words with which the scenario allows what would be a failure; how many. */
static unsigned allowed_words(const struct scenario *sc, const char *words[ALLOW_COUNT])
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
    unsigned allowances = allowed_words(sc, allowed);

    put_words(out, ", off: ", sc->oracles_off, sc->oracles_off_count);
    put_words(out, ", allowed: ", allowed, allowances);
}

/* What stands behind the verdict. */
static void put_claim(FILE *out, const struct report_item *it)
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
    bool color = it->options->color;

    fprintf(out, "%s%s%s  %s", color ? colour : "", report_word(it), color ? "\033[0m" : "",
            value_shown(report_path(it)));
    if (it->skip || it->error) {
        fprintf(out, "  %s\n", value_shown(it->skip ? it->skip : it->error));
        return;
    }
    fprintf(out, "  seed=%" PRIu64 " hash=%016" PRIx64 "  ", it->options->choice.seed, v->hash);
    put_duration(out, v->virtual_ns);
    fputs(" virtual, ", out);
    put_duration(out, v->real_ns);
    fprintf(out, " real, %" PRIu64 " frames out, %" PRIu64 " in", v->frames_tx, v->frames_rx);
    put_claim(out, it);
    fputc('\n', out);
}

static void put_last_frames(FILE *out, const struct verdict *v)
{
    unsigned n = v->last_count < LAST_FRAMES ? v->last_count : LAST_FRAMES;

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
    char replay[1200], capture[1200] = "", name[FAILURE_NAME_MAX + 1];

    report_replay(replay, sizeof(replay), it);
    append_path(capture, sizeof(capture), it->capture ? it->capture : "");
    failure_name(name, f);
    fprintf(out, "what:      %s: %s\n", name, value_shown(f->message));
    fprintf(out, "where:     %s\n", value_shown(f->site));
    fprintf(out, "when:      %" PRIu64 ".%06" PRIu64 " s virtual, event %" PRIu64 "%s%s\n",
            at_us / 1000000, at_us % 1000000, f->event, v->world[0] ? "; " : "",
            value_shown(v->world));
    fprintf(out, "diverged:  %s\n", v->diverged[0] ? value_shown(v->diverged) : "-");
    fprintf(out, "frames:");
    put_last_frames(out, v);
    fprintf(out, "%s    %s\n", it->options->verb == VERB_RUN ? "replay:" : "again: ", replay);
    if (it->capture)
        fprintf(out, "wireshark: wireshark %s\n", capture);
    else
        fprintf(out, "wireshark: %s --pcap fail.pcapng; wireshark fail.pcapng\n", replay);
    if (it->options->verb == VERB_RUN) {
        again_with(replay, sizeof(replay), "build/drywire",
                   it); /* what make builds at each commit */
        fprintf(out, "bisect:    git bisect run sh -c 'make -s build/drywire || exit 125; %s'\n",
                replay);
    }
}

/* ---- JSON ---- */

static void json_text(FILE *out, const char *name, const char *text)
{
    fprintf(out, ", \"%s\": ", name);
    json_string(out, text, strlen(text));
}

static void json_words(FILE *out, const char *name, const char *const *words, unsigned count)
{
    fprintf(out, ", \"%s\": [", name);
    for (unsigned i = 0; i < count; i++) {
        fputs(i ? ", " : "", out);
        json_string(out, words[i], strlen(words[i]));
    }
    fputc(']', out);
}

static void json_claim(FILE *out, const struct report_item *it)
{
    const struct claim *c = &it->verdict->claim;
    const char *allowed[ALLOW_COUNT];

    fprintf(out, ", \"touched\": %" PRIu64 ", \"faults\": %u, \"fired\": %u", it->verdict->faults,
            c->faults, c->fired);
    json_text(out, "idle", c->idle);
    fprintf(out, ", \"lost_tx\": %" PRIu64 ", \"lost_rx\": %" PRIu64 ", \"looked\": %u",
            c->lost[DIRECTION_TX], c->lost[DIRECTION_RX], c->looked);
    if (c->healed_ns != SIM_NEVER)
        fprintf(out, ", \"healed_ns\": %" PRIu64, c->healed_ns);
    json_words(out, "off", it->scenario->oracles_off, it->scenario->oracles_off_count);
    json_words(out, "allowed", allowed, allowed_words(it->scenario, allowed));
    json_text(out, "memory", c->weak ? "weak" : "strong");
}

void report_json(FILE *out, const struct report_item *it)
{
    const struct verdict *v = it->verdict;
    char replay[1200], hash[20];

    fputs("{\"schema\": 1", out);
    json_text(out, "scenario", report_path(it));
    fprintf(out, ", \"seed\": %" PRIu64, it->options->choice.seed);
    json_text(out, "verdict", report_word(it));
    if (it->skip) {
        json_text(out, "reason", it->skip);
    } else if (it->error) {
        json_text(out, "message", it->error);
    } else if (it->text) {
        fprintf(out, ", \"real_ns\": %" PRIu64, v->real_ns);
    } else {
        snprintf(hash, sizeof(hash), "%016" PRIx64, v->hash);
        json_text(out, "hash", hash);
        fprintf(out,
                ", \"virtual_ns\": %" PRIu64 ", \"real_ns\": %" PRIu64 ", \"frames_tx\": %" PRIu64
                ", \"frames_rx\": %" PRIu64 ", \"events\": %" PRIu64,
                v->virtual_ns, v->real_ns, v->frames_tx, v->frames_rx, v->events);
        json_claim(out, it);
    }
    if (report_failed(it)) {
        report_replay(replay, sizeof(replay), it);
        json_text(out, "kind", failure_kind_word(v->failure.kind));
        json_text(out, "oracle", v->failure.oracle);
        json_text(out, "site", v->failure.site);
        json_text(out, "message", v->failure.message);
        json_text(out, "reproduce", replay);
    }
    fputs("}\n", out);
}
