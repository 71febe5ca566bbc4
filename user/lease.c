/*
 * lease: what the machine does about its address.
 *
 *     lease release    give it back; connections that use it end, and no other is asked for
 *     lease request    ask for one again
 *     lease probe      from now on, before an address is used, ask whether another host has it
 *
 * Reports `done`: it does not wait for what comes of it, which the machine reports.
 */
#include "drywire.h"
#include "programs.h"

int lease_main(int argc, char **argv)
{
    static const char *const words[] = {
        [LEASE_REQUEST] = "request", [LEASE_RELEASE] = "release", [LEASE_PROBE] = "probe"};
    struct text t;

    for (int action = LEASE_REQUEST; argc == 2 && action <= LEASE_PROBE; action++) {
        int err;

        if (!word_equal(argv[1], words[action]))
            continue;
        err = sys_lease((enum lease_action)action);
        if (err)
            return report_error(words[action], error_word(err));
        text_start(&t);
        text_word(&t, "done");
        report(&t);
        return 0;
    }
    return report_usage("lease");
}
