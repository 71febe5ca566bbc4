/*
 * Which planted bug is in force (core/bug.h): named by the environment variable DRYWIRE_BUG, read
 * once. Empty in ordinary builds.
 */
#ifdef DRYWIRE_BUGS
#include "../core/bug.h"
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
            fprintf(stderr, "drywire: there is no planted bug '%s'\n", want);
            exit(2);
        }
    }
    return chosen == (int)bug;
}
#else
typedef int drywire_has_no_bugs; /* a translation unit is never empty */
#endif
