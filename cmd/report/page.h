/*
 * One run as a page: a single HTML file without network or server. It contains
 * cmd/report/page.{html,css,js}, which the build embeds, and the run as JSON for its own script;
 * the page shows it as text and never as markup, and a content security policy allows only that
 * script.
 */
#ifndef DRYWIRE_PAGE_H
#define DRYWIRE_PAGE_H

#include "../worker/page_log.h"
#include <stdio.h>

struct page_facts {
    const struct scenario *scenario;
    const struct failure *failure; /* kind FAILURE_NONE: it passed */
    const char *failure_kind;      /* its kind in words */
    uint64_t seed, hash, virtual_ns, events;
    const char *reproduce; /* the command that repeats the run */
    const char *versions;  /* of the programs that made it */
    const char *coverage;  /* path from the page to the coverage report; NULL: none */
};

/* Write the page. Errors are kept in `out`. */
void page_write(FILE *out, const struct page_facts *f, const struct page_log *log);

#endif
