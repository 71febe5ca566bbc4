/* The report of a run in QEMU: its verdict as text, and the command that repeats it. */
#include "qemu_run.h"
#include "../../sim/base/memory.h"
#include "../../sim/text/values.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The output of a child. */
static void qemu_show(FILE *out, int fd, const char *head)
{
    char buf[4096];
    ssize_t n;
    off_t at = 0;

    while ((n = pread(fd, buf, sizeof(buf), at)) > 0) {
        if (!at)
            fputs(head, out);
        fwrite(buf, 1, (size_t)n, out);
        at += n;
    }
}

const char *qemu_first_line(int fd, char *buf, size_t size)
{
    ssize_t n = pread(fd, buf, size - 1, 0);

    buf[n > 0 ? n : 0] = 0;
    buf[strcspn(buf, "\n")] = 0;
    return *buf ? buf : NULL;
}

static void qemu_print_command(FILE *out, const struct qemu_run *r)
{
    fprintf(out, "command:  ");
    for (unsigned i = 0; i < r->command.argc; i++)
        fprintf(out, strpbrk(r->command.argv[i], " ,()") ? " '%s'" : " %s", r->command.argv[i]);
    fputc('\n', out);
}

void qemu_again(struct again *a, const struct qemu_settings *s, const char *path,
                const char *machine)
{
    machine = machine ? machine : s->machine;
    again_start(a, "qemu", path, s->choice.seed);
    again_add(a, " --%s %s", machine ? "machine" : "target", machine ? machine : s->target);
    if (s->icount != NO_ICOUNT)
        again_add(a, " --icount %" PRIu64, s->icount);
    if (s->net != NET_WORLD)
        again_add(a, " --net %s", net_words[s->net]);
    if (s->kernel) {
        again_add(a, " --kernel ");
        again_word(a, s->kernel);
    }
    for (unsigned i = 0; i < s->args.count; i++) {
        again_add(a, " --arg ");
        again_word(a, s->args.word[i]);
    }
    if (s->journal)
        again_add(a, " --journal %s", journal_mode_words[s->journal]);
    again_choice(a, &s->choice);
}

/* The command that runs it again, on the same machine. */
static void qemu_again_line(FILE *out, const struct qemu_run *r)
{
    struct again again;
    struct report_item it = {.program = r->settings->program, .again = &again};
    char replay[AGAIN_MAX];

    qemu_again(&again, r->settings, r->scenario->path, r->command.machine->name);
    report_replay(replay, sizeof(replay), &it);
    fprintf(out, "again:     %s\n", replay);
}

static void qemu_block(FILE *out, const struct qemu_run *r, enum judgement v,
                       const struct failure *f)
{
    uint64_t us = f->time_ns >= SIM_POWER_ON_NS ? (f->time_ns - SIM_POWER_ON_NS) / NS_PER_US : 0;
    unsigned first = r->line_count > QEMU_LINES_KEPT ? r->line_count - QEMU_LINES_KEPT : 0;

    fprintf(out, "what:      %s %s: %s\n", judgement_word(v), f->oracle, value_shown(f->message));
    fprintf(out, "where:     %s\n", value_shown(f->site));
    fprintf(out, "when:      %" PRIu64 ".%06" PRIu64 " s on the %s clock\n", us / 1000000,
            us % 1000000, v == JUDGED_FAIL && r->violation->kind ? "far side's" : "machine's");
    fprintf(out, "lines:");
    for (unsigned i = first; i < r->line_count; i++)
        fprintf(out, "%s%s\n", i == first ? "     " : "           ", r->lines[i % QEMU_LINES_KEPT]);
    fputs(r->line_count ? "\n" : "     none\n", out);
    qemu_show(out, r->qemu_said, "qemu:      ");
    qemu_show(out, r->world_said, "world:     ");
    if (v == JUDGED_PANIC && r->settings->journal && r->settings->log)
        fprintf(out, "replay:    %s replay --gdb %s\n", r->settings->program, r->settings->log);
    qemu_again_line(out, r);
    qemu_print_command(out, r);
}

void qemu_tell(const struct qemu_run *r, enum judgement v, int world, struct qemu_result *result)
{
    uint64_t ms = qemu_now_ms() - r->start_ms;
    size_t len;
    FILE *out = memory_stream(&result->text, &len);

    result->real_ns = ms * NS_PER_MS;
    fprintf(out, "%s  %s  machine=%s  %" PRIu64 " ms%s\n", v || world ? "FAIL" : "pass",
            value_shown(r->scenario->path), r->command.machine->name, ms,
            scenario_claims(r->scenario) ? ", idle faults and lines not judged" : "");
    if (v)
        qemu_block(out, r, v, &result->failure);
    else if (world || r->settings->verbose)
        qemu_show(out, r->world_said, "");
    memory_stream_close(out);
}
