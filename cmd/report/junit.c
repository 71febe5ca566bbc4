/*
 * JUnit: the test cases are collected in memory and written at the end. Text is always valid UTF-8
 * and valid XML: bytes that are not characters of XML 1.0 (section 2.2) become U+FFFD.
 */
#include "report.h"
#include "json.h"
#include "../../sim/base/memory.h"
#include "../base/outputs.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static char *cases;
static size_t cases_len;
static FILE *junit; /* into them */
static unsigned tests, failures, errors, skipped;
static uint64_t total_ns;

static bool junit_xml_has(const unsigned char *c, size_t n)
{
    if (n == 1)
        return *c >= ' ' || *c == '\t' || *c == '\n' || *c == '\r';
    return n && memcmp(c, "\xef\xbf\xbe", 3) && memcmp(c, "\xef\xbf\xbf", 3);
}

/* Newlines are kept in an element, and written as numbers in an attribute, which would lose
 * them. */
static void junit_text(const char *text, const char *special)
{
    const unsigned char *c = (const unsigned char *)text, *end = c + strlen(text);

    while (c < end) {
        size_t n = utf8_len(c, (size_t)(end - c));

        if (!junit_xml_has(c, n))
            fputs("\xef\xbf\xbd", junit);
        else if (strchr(special, *c))
            fprintf(junit, "&#%u;", *c);
        else
            fwrite(c, 1, n, junit);
        c += n ? n : 1;
    }
}

static void junit_attribute(const char *name, const char *text)
{
    fprintf(junit, " %s=\"", name);
    junit_text(text, "&<>\"\t\r\n");
    fputc('"', junit);
}

static void junit_property(const char *name, const char *value)
{
    fputs("<property", junit);
    junit_attribute("name", name);
    junit_attribute("value", value);
    fputs("/>", junit);
}

/* The block of a failure, as on the terminal. */
static void junit_block(const struct report_item *it)
{
    char *text;
    size_t len;
    FILE *out;

    if (it->text) {
        junit_text(it->text, "&<>\r");
        return;
    }
    out = memory_stream(&text, &len);
    report_block(out, it);
    memory_stream_close(out);
    junit_text(text, "&<>\r");
    free(text);
}

static void junit_failure(const struct report_item *it)
{
    const struct failure *f = &it->verdict->failure;
    char message[sizeof(f->oracle) + sizeof(f->message) + 2];

    failures++;
    snprintf(message, sizeof(message), "%s: %s", f->oracle, f->message);
    fprintf(junit, "    <failure type=\"%s\"", failure_kind_word(f->kind));
    junit_attribute("message", message);
    fputc('>', junit);
    junit_block(it);
    fputs("</failure>\n", junit);
}

void junit_add(const struct report_item *it)
{
    uint64_t real_ns = it->verdict->real_ns;
    char replay[1200], file[4096];
    unsigned line = report_place(it, file, sizeof(file));

    if (!junit)
        junit = memory_stream(&cases, &cases_len);
    report_replay(replay, sizeof(replay), it);
    tests++;
    total_ns += real_ns;
    fputs("  <testcase classname=\"drywire\"", junit);
    junit_attribute("name", report_path(it));
    junit_attribute("file", file);
    if (line)
        fprintf(junit, " line=\"%u\"", line);
    fprintf(junit, " time=\"%" PRIu64 ".%06" PRIu64 "\">\n    <properties>", real_ns / NS_PER_S,
            real_ns % NS_PER_S / NS_PER_US);
    junit_property("replay", replay);
    if (it->scenario)
        junit_property("title", it->scenario->title);
    if (it->tally)
        junit_property("seeds", it->tally);
    fputs("</properties>\n", junit);
    if (it->error) {
        errors++;
        fputs("    <error type=\"unreadable\"", junit);
        junit_attribute("message", it->error);
        fputs("/>\n", junit);
    } else if (it->skip) {
        skipped++;
        fputs("    <skipped", junit);
        junit_attribute("message", it->skip);
        fputs("/>\n", junit);
    } else if (report_failed(it)) {
        junit_failure(it);
    }
    fputs("  </testcase>\n", junit);
}

int junit_write(const char *path)
{
    char *report;
    size_t len;
    FILE *out = memory_stream(&report, &len);
    int code;

    if (junit)
        memory_stream_close(junit);
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"drywire\" tests=\"%u\" "
            "failures=\"%u\" errors=\"%u\" skipped=\"%u\" time=\"%" PRIu64 ".%06" PRIu64 "\">\n",
            tests, failures, errors, skipped, total_ns / NS_PER_S, total_ns % NS_PER_S / NS_PER_US);
    fwrite(cases, 1, cases_len, out);
    fputs("</testsuite>\n", out);
    memory_stream_close(out);
    code = output_write("junit", path, report, len);
    free(report);
    free(cases);
    junit = NULL;
    cases = NULL;
    cases_len = 0;
    return code;
}
