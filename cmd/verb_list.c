/*
 * `drywire list`: scenarios with their titles, programs, oracles; of a capture, its flows.
 */
#include "../user/programs.h"
#include "base/files.h"
#include "../sim/frame/dhcp_flow.h"
#include "../sim/frame/flow.h"
#include "../sim/base/memory.h"
#include "replay/import_echo.h"
#include "../sim/oracle/oracle.h"
#include "../sim/text/values.h"
#include "base/paths.h"
#include "verb.h"
#include "base/read_scenario.h"
#include "base/exit_codes.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- a capture ---- */

static const char *list_end(const struct flow *f)
{
    const struct flow_side *a = &f->sides[CLIENT], *b = &f->sides[SERVER];

    return a->rst || b->rst   ? "reset"
           : a->fin && b->fin ? "closed"
           : a->fin || b->fin ? "half closed"
                              : "open";
}

static void list_tcp(const struct flow *f, size_t number)
{
    const struct flow_side *a = &f->sides[CLIENT], *b = &f->sides[SERVER];
    char ends[2][VALUE_ADDRESS_MAX];

    printf("  flow %zu  tcp   %s:%u > %s:%u  from frame %zu, %zu bytes there, %zu back, %s%s%s\n",
           number, value_address_text(a->addr, ends[0]), a->port,
           value_address_text(b->addr, ends[1]), b->port, f->first_frame, a->len, b->len,
           list_end(f), f->begun ? "" : ", start not captured",
           a->gap || b->gap ? ", with a gap" : "");
}

static void list_dhcp(const struct dhcp_flow *f, size_t number)
{
    const uint8_t *mac = f->chaddr;
    size_t answers = 0;

    for (size_t i = 0; i < f->count; i++)
        answers += f->said[i].server;
    printf("  flow %zu  dhcp  %02x:%02x:%02x:%02x:%02x:%02x  from frame %zu, %zu messages, %zu "
           "answers\n",
           number, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], f->first_frame,
           f->count - answers, answers);
}

/* From number `number` on, in one pass: a capture may have as many pings as frames. */
static void list_pings(const struct echo_import *im, size_t number)
{
    struct ping {
        const struct echo *first;
        size_t requests, replies;
    } *pings = memory_new(im->flows, sizeof(*pings));
    char ends[2][VALUE_ADDRESS_MAX];

    for (size_t i = 0; i < im->count; i++) {
        const struct echo *e = &im->echoes[i];
        struct ping *p = &pings[e->flow];

        p->first = p->first ? p->first : e;
        p->requests++;
        p->replies += e->replied;
    }
    for (size_t i = 0; i < im->flows; i++)
        printf("  flow %zu  ping  %s > %s  id=%u, %zu requests, %zu replies\n", number + i,
               value_address_text(pings[i].first->from, ends[0]),
               value_address_text(pings[i].first->to, ends[1]), pings[i].first->id,
               pings[i].requests, pings[i].replies);
    free(pings);
}

/* The numbers are those of --flow. */
static int list_capture(const char *path)
{
    struct capture c;
    struct flows tcp;
    struct dhcp_flows dhcp;
    struct echo_import pings;
    size_t behind;
    char problem[200];

    if (capture_read_cut(&c, path, problem, sizeof(problem))) {
        value_message(stderr, "drywire: %s: %s\n", path, problem);
        return EXIT_USAGE;
    }
    capture_flows(&tcp, &c);
    capture_dhcp(&dhcp, &c);
    echo_import_open(&pings, &c);
    behind = tcp.count + dhcp.count;
    printf("%s: frames=%zu flows=%zu%s\n", value_shown(path), c.count, behind + pings.flows,
           c.origin && c.scenario ? ", and the run captured by drywire" : "");
    for (size_t i = 0; i < tcp.count; i++)
        list_tcp(&tcp.flows[i], i + 1);
    for (size_t i = 0; i < dhcp.count; i++)
        list_dhcp(&dhcp.flows[i], tcp.count + i + 1);
    list_pings(&pings, behind + 1);
    echo_import_close(&pings);
    capture_dhcp_free(&dhcp);
    capture_flows_free(&tcp);
    capture_free(&c);
    return EXIT_PASS;
}

/* ---- scenarios ---- */

static int list_scenarios(char **words, int count)
{
    const struct run_choice choice = {0};
    struct paths p = {0};
    int code = EXIT_PASS;

    paths_collect(&p, words, count, ".scn");
    for (size_t i = 0; i < p.count; i++) {
        struct scenario *sc;

        if (read_scenario(p.path[i], &choice, &sc, stderr)) {
            code = EXIT_USAGE;
            continue;
        }
        printf("%-48s %s\n", value_shown(sc->path), sc->title);
        scenario_free(sc);
    }
    paths_free(&p);
    return code;
}

/* The names that scenarios can use. */
static void list_known(void)
{
    puts("\nPrograms:");
    for (unsigned i = 0; i < programs_count; i++)
        printf("  %s\n", programs[i].usage);
    puts("\nOracles:");
    for (unsigned i = 0; i < ORACLE_COUNT; i++)
        printf("  %-24s %-6s  %s\n    %s\n", oracle_table[i].name,
               oracle_level_word(oracle_table[i].level), oracle_table[i].clause,
               oracle_table[i].sentence);
}

static int list_run(const struct call *call, const void *settings)
{
    static char standard[] = "tests/scenarios";
    char *only[] = {standard};
    int code;

    (void)settings;
    if (call->count == 1 && capture_recognised(call->words[0]))
        return list_capture(call->words[0]);
    if (call->count || access(standard, R_OK) == 0) {
        code = list_scenarios(call->count ? call->words : only, call->count ? call->count : 1);
        if (code)
            return code; /* without output after the message */
    } else {
        puts("No scenarios found; name files or folders, e.g. drywire list FOLDER");
    }
    list_known();
    return EXIT_PASS;
}

const struct verb verb_list = {list_run, 0, NULL};
