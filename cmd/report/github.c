/*
 * GitHub Actions: a workflow command on stderr for each failure, and a row in the job summary.
 *
 * The runner unescapes %25, %0D and %0A in the message, and in the values of properties %3A and %2C
 * as well; other text is unchanged.
 */
#include "report.h"
#include "../../sim/base/memory.h"
#include "../../sim/text/values.h"
#include "../base/exit_codes.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void github_text(FILE *out, const char *text, const char *special)
{
    for (; *text; text++)
        if (strchr(special, *text))
            fprintf(out, "%%%02X", (unsigned char)*text);
        else
            fputc(*text, out);
}

static void github_annotation(FILE *out, const struct report_item *it, const char *title,
                              const char *message)
{
    char file[4096];
    unsigned line = report_place(it, file, sizeof(file));

    fputs("::error file=", out);
    github_text(out, file, "%\r\n:,");
    fprintf(out, ",line=%u,title=", line ? line : 1);
    github_text(out, title, "%\r\n:,");
    fputs("::", out);
    github_text(out, message, "%\r\n");
    fputc('\n', out);
}

/* `text` in a cell of a Markdown table: in one line. */
static void github_markdown_text(FILE *out, const char *text)
{
    for (; *text; text++)
        fprintf(out, "%s%c", *text == '|' ? "\\" : "", (unsigned char)*text < ' ' ? ' ' : *text);
}

static int github_summary(const struct report_item *it, const char *what, const char *replay)
{
    const char *path = getenv("GITHUB_STEP_SUMMARY");
    FILE *out;
    bool good;

    if (!path || !*path)
        return 0;
    out = fopen(path, "a");
    if (out) {
        if (ftell(out) == 0)
            fputs("| scenario | failed | replay |\n|---|---|---|\n", out);
        fputs("| ", out);
        github_markdown_text(out, report_path(it));
        fputs(" | ", out);
        github_markdown_text(out, what);
        fputs(" | `", out);
        github_markdown_text(out, replay);
        fputs("` |\n", out);
        good = !fflush(out) && !ferror(out);
        if (!fclose(out) && good)
            return 0;
    }
    value_message(stderr, "drywire: GITHUB_STEP_SUMMARY %s: %s\n", path, strerror(errno));
    return EXIT_HARNESS;
}

int report_github(const struct report_item *it)
{
    const char *title = it->error ? "cannot be read" : it->verdict->failure.oracle;
    const char *message = it->error ? it->error : it->verdict->failure.message;
    static char *last, *text; /* one line and rule is annotated once, not for each memory */
    char replay[1200];
    size_t len;
    FILE *out;

    if (!report_failed(it) && !it->error)
        return 0;
    report_replay(replay, sizeof(replay), it);
    out = memory_stream(&text, &len);
    github_annotation(out, it, title, message);
    memory_stream_close(out);
    if (!last || strncmp(last, text, (size_t)(strstr(text + 2, "::") - text)))
        fputs(text, stderr);
    free(last);
    last = text;
    return github_summary(it, title, replay);
}
