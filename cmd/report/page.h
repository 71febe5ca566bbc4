/*
 * One run as a page: a single HTML file that needs nothing else, no network and no server. What is
 * in it is cmd/report/page.{html,css,js}, which the build embeds, and the run as JSON that only its
 * own script reads; the page shows it as text and never as markup, and a content security policy
 * lets nothing run but that script.
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
    const char *versions;  /* of what it was made with */
    const char *coverage;  /* where the coverage report is, seen from the page; NULL: nowhere */
};

/* Write the page. Errors stay in `out`. */
void page_write(FILE *out, const struct page_facts *f, const struct page_log *log);

#endif
