/*
 * netinfo: report the network configuration of this machine.
 *
 * Waits until there is an address, at most a minute (not with -n), and reports two lines, the first
 * of which may be followed by one of what else the lease says, without what it does not:
 *
 *     addr=10.0.2.15 mask=255.255.255.0 gateway=10.0.2.2 dns=10.0.2.3 src=dhcp
 *         mac=52:54:00:12:34:56 mtu=1500 lease_s=86400      (in one line; lease_s may be `forever`)
 *     lease host=guest domain=example.com search=example.com,example.org ntp=10.0.2.4
 *     counters tx=4 rx=3 drops=0
 *
 * Without an address: `error network reason=timed-out`, exit 1; with -n everything unknown is 0 and
 * src is none, exit 0.
 */
#include "drywire.h"
#include "programs.h"

#define NETWORK_WAIT_NS (60 * NS_PER_S)
#define NETWORK_STEP_NS (100 * NS_PER_MS)

static const char *source_word(uint32_t source)
{
    switch (source) {
    case ADDRESS_NONE:
        return "none";
    case ADDRESS_DHCP:
        return "dhcp";
    }
    return "unknown";
}

/* What is known besides addresses. */
static void netinfo_report_more(const struct netinfo *info)
{
    struct text t;

    text_start(&t);
    text_word(&t, "lease");
    if (*info->host)
        text_field(&t, "host", info->host);
    if (*info->domain)
        text_field(&t, "domain", info->domain);
    if (*info->search)
        text_field(&t, "search", info->search);
    if (info->ntp)
        text_address(&t, "ntp", info->ntp);
    if (t.len > sizeof("lease") - 1)
        report(&t);
}

static void netinfo_report(const struct netinfo *info)
{
    struct text t;

    text_start(&t);
    text_address(&t, "addr", info->addr);
    text_address(&t, "mask", info->mask);
    text_address(&t, "gateway", info->gateway);
    text_address(&t, "dns", info->dns);
    text_field(&t, "src", source_word(info->source));
    text_mac(&t, "mac", info->mac);
    text_number(&t, "mtu", info->mtu);
    if (info->lease_left_s == UINT32_MAX)
        text_field(&t, "lease_s", "forever");
    else
        text_number(&t, "lease_s", info->lease_left_s);
    report(&t);
    netinfo_report_more(info);

    text_word(&t, "counters");
    text_number(&t, "tx", info->frames_tx);
    text_number(&t, "rx", info->frames_rx);
    text_number(&t, "drops", info->drops);
    report(&t);
}

int netinfo_main(int argc, char **argv)
{
    bool wait = argc == 1;
    struct netinfo info;
    int err;

    if (argc > 2 || (argc == 2 && !word_equal(argv[1], "-n")))
        return report_usage("netinfo");

    err = sys_netinfo(&info);
    for (uint64_t waited = 0; wait && err >= 0 && info.addr == 0 && waited < NETWORK_WAIT_NS;
         waited += NETWORK_STEP_NS) {
        sys_sleep(NETWORK_STEP_NS);
        err = sys_netinfo(&info);
    }
    if (err < 0)
        return report_error("network", error_word(err));
    if (wait && info.addr == 0)
        return report_error("network", error_word(ERR_TIMEDOUT));
    netinfo_report(&info);
    return 0;
}
