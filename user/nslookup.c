/*
 * nslookup: the IPv4 addresses of a name, by DNS.
 *
 *     address addr=10.0.2.2                   for each of them, in the order of the answer
 *     done addresses=1                        exit 0
 *     error resolve reason=no-such-name       exit 1: the name does not exist
 *         no-address                          it has no IPv4 address
 *         bad-address                         none that a host can connect to
 *         no-name-server, server-failed       no server is known, or none can answer
 *         timed-out                           no server answered; and the other words of err.h
 */
#include "drywire.h"
#include "programs.h"

int nslookup_main(int argc, char **argv)
{
    uint32_t addr[RESOLVE_ADDRESSES_MAX];
    struct text t;
    int count;

    if (argc != 2)
        return report_usage("nslookup");
    count = host_resolve(argv[1], word_length(argv[1]), addr, RESOLVE_ADDRESSES_MAX);
    if (count < 0)
        return report_error("resolve", error_word(count));
    text_start(&t);
    for (int i = 0; i < count; i++) {
        text_word(&t, "address");
        text_address(&t, "addr", addr[i]);
        report(&t);
    }
    text_word(&t, "done");
    text_number(&t, "addresses", (uint64_t)count);
    report(&t);
    return 0;
}
