/*
 * Which planted bug is in force (core/base/bug.h): named by the environment variable DRYWIRE_BUG,
 * read once; DRYWIRE_BARRIER=SITE=KIND asks for another barrier at SITE (`all`: everywhere), KIND
 * none, read, write or full. Empty in ordinary builds.
 */
#ifdef DRYWIRE_BUGS
#include "../../core/base/bug.h"
#include "../../core/port/platform.h"
#include "../text/values.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
#define BUG_NAME(name, what) #name,
    BUG_LIST(BUG_NAME)
#undef BUG_NAME
};

int bug_chosen(enum bug bug)
{
    static int chosen = -1;

    if (chosen < 0) {
        const char *want = getenv("DRYWIRE_BUG");

        chosen = BUG_COUNT;
        for (int i = 0; want && i < BUG_COUNT; i++)
            if (strcmp(names[i], want) == 0)
                chosen = i;
        if (want && *want && chosen == BUG_COUNT) {
            value_message(stderr, "drywire: there is no planted bug '%s'\n", want);
            exit(2);
        }
    }
    return chosen == (int)bug;
}

int bug_barrier(const char *site, int kind)
{
    static const char *const kinds[] = {
        [BARRIER_READ] = "read", [BARRIER_WRITE] = "write", [BARRIER_FULL] = "full"};
    static const char *want;
    size_t len;
    bool here;

    if (!want)
        want = getenv("DRYWIRE_BARRIER") ? getenv("DRYWIRE_BARRIER") : "";
    len = strcspn(want, "=");
    here = (strncmp(want, site, len) == 0 && !site[len]) || strncmp(want, "all=", len + 1) == 0;
    if (!here || !want[len])
        return kind;
    for (int i = 0; i < (int)(sizeof(kinds) / sizeof(kinds[0])); i++)
        if (strcmp(want + len + 1, kinds[i]) == 0)
            return i;
    if (strcmp(want + len + 1, "none") == 0)
        return -1;
    value_message(stderr, "drywire: DRYWIRE_BARRIER=%s names no kind of barrier\n", want);
    exit(2);
}
#else
typedef int drywire_has_no_bugs; /* a translation unit is never empty */
#endif
