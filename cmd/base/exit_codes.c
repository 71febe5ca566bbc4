/* Exit codes: see exit_codes.h. */
#include "exit_codes.h"
#include "../../core/base/array.h"

int worse_exit(int a, int b)
{
    static const int order[] = {EXIT_PASS,     EXIT_NOTHING,  EXIT_CANNOT_TEST,
                                EXIT_LIVELOCK, EXIT_DIVERGED, EXIT_EARLIER,
                                EXIT_FAIL,     EXIT_USAGE,    EXIT_HARNESS};
    int best = 0;

    for (unsigned i = 0; i < ARRAY_COUNT(order); i++)
        if (order[i] == a || order[i] == b)
            best = order[i];
    return best;
}

int failure_code(enum failure_kind kind)
{
    switch (kind) {
    case FAILURE_NONE:
        return EXIT_PASS;
    case FAILURE_SAFETY:
    case FAILURE_LIVENESS:
    case FAILURE_EXPECT:
    case FAILURE_RESOURCE:
    case FAILURE_CRASH:
        return EXIT_FAIL;
    case FAILURE_LIVELOCK:
        return EXIT_LIVELOCK;
    case FAILURE_DIVERGENCE:
        return EXIT_DIVERGED;
    case FAILURE_HARNESS:
        return EXIT_HARNESS;
    }
    return EXIT_HARNESS;
}
