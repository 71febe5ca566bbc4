/* The verdicts of a command over many files: see results.h. */
#include "results.h"
#include "../../sim/base/memory.h"
#include "fold.h"
#include "../worker/progress.h"
#include "../../sim/text/values.h"
#include "../base/exit_codes.h"
#include <stdlib.h>
#include <string.h>

static void results_name(struct results *r, const struct report_item *it)
{
    char name[4200];
    enum memory_mode memory = it->memory;

    snprintf(name, sizeof(name), "%s: %s%s%s%s\n", it->error ? "unreadable" : "failed",
             value_shown(report_path(it)), memory ? " (" : "", memory ? memory_words[memory] : "",
             memory ? ")" : "");
    r->names = memory_grow(r->names, r->count + 1, &r->size, sizeof(*r->names));
    r->names[r->count] = strdup(name);
    if (!r->names[r->count++])
        out_of_memory();
}

/* The stream for text: stderr when stdout has JSON objects. */
static void results_print(const struct results *r, const struct report_item *it)
{
    const struct results_form *form = r->form;
    bool bad = report_failed(it);
    FILE *out = form->json ? stderr : stdout, *folded;
    char *text;
    size_t len;

    if (it->error) {
        value_message(stderr, "%s\n", it->error);
        return;
    }
    if (it->text) {
        if (bad || (!form->quiet && !form->json))
            fputs(it->text, out);
        return;
    }
    folded = memory_stream(&text, &len);
    if (!it->skip && !form->quiet && !form->json && (r->single || form->verbose || bad))
        report_story(folded, it);
    if (!form->json && (!form->quiet || bad))
        report_line(folded, it);
    if (bad)
        report_block(folded, it);
    memory_stream_close(folded);
    fold_print(out, text, fold_width(out));
    free(text);
}

int results_add(struct results *r, const struct report_item *it)
{
    const struct results_form *form = r->form;
    int code = EXIT_PASS;

    progress_erase();
    if (form->json)
        report_json(stdout, it);
    results_print(r, it);
    if (it->verdict->printed_len) {
        fflush(NULL);
        value_message(stderr, "drywire: %s printed:\n", report_path(it));
        fwrite(it->verdict->printed, 1, it->verdict->printed_len, stderr);
    }
    if (form->annotate)
        code = report_github(it);
    if (form->junit && !it->of_many)
        junit_add(it);
    if (report_failed(it) || it->error)
        results_name(r, it);
    fflush(NULL);
    return code;
}

int results_end(struct results *r)
{
    const struct results_form *form = r->form;
    FILE *out = form->json ? stderr : stdout;

    for (size_t i = 0; i < r->count; i++) {
        if (!r->single)
            fold_print(out, r->names[i], fold_width(out));
        free(r->names[i]);
    }
    free(r->names);
    *r = (struct results){0};
    return form->junit ? junit_write(form->junit) : EXIT_PASS;
}
