/* Which planted bug is in force (core/base/bug.h): see bugs.h. Empty in ordinary images. */
#include "bugs.h"
#include "../../core/base/bug.h"

#ifdef DRYWIRE_BUGS
static const char *const names[] = {
#define BUG_NAME(name, what) #name,
    BUG_LIST(BUG_NAME)
#undef BUG_NAME
};

static enum bug chosen = BUG_COUNT;

static bool same(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

bool bugs_choose(const char *name)
{
    for (chosen = 0; chosen < BUG_COUNT; chosen++)
        if (same(names[chosen], name))
            return true;
    return false;
}

int bug_chosen(enum bug bug)
{
    return chosen == bug;
}
#else
bool bugs_choose(const char *name)
{
    (void)name;
    return false;
}
#endif
