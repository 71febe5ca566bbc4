/* `drywire world`: the far side of a scenario for an external guest. */
#include "qemu/live.h"
#include "base/files.h"
#include "verb.h"
#include "../sim/text/values.h"
#include "base/outputs.h"
#include "base/can_run.h"
#include "base/exit_codes.h"
#include <stdio.h>

/* 0, or EXIT_USAGE after a line on stderr. */
static int world_check(const struct call *call, const struct live_settings *s)
{
    if (call->count != 1) {
        value_message(stderr,
                      "drywire: world takes one scenario file, e.g. drywire world FILE --socket "
                      "net.sock\n");
        return EXIT_USAGE;
    }
    if (!s->socket == (s->fd == NO_FD)) {
        value_message(stderr, "drywire: world needs --socket PATH or --fd N%s\n",
                      s->socket ? ", not both" : "");
        return EXIT_USAGE;
    }
    if (s->peer && !s->socket) {
        value_message(stderr, "drywire: --peer needs --socket\n");
        return EXIT_USAGE;
    }
    return output_check("pcap", s->pcap);
}

/* The struct of the command is the one of live.h. */
static int world_run(const struct call *call, const void *settings)
{
    struct live_settings s = *(const struct live_settings *)settings;
    struct run_choice choice = {.seed = s.seed};
    struct origin_facts facts = {.verb = "world", .choice = &choice};
    struct again again;
    struct scenario *sc;
    int code = world_check(call, &s);

    if (code)
        return code;
    if (scenario_read(call->words[0], &(struct scenario_reading){.far_side = true}, &sc, stderr))
        return EXIT_USAGE;
    again_start(&again, "world", sc->path, s.seed);
    again_add(&again, " --socket PATH");
    s.facts = &facts;
    s.program = call->program;
    s.again = &again;
    code = can_run(sc);
    if (!code)
        code = can_run_slirp();
    if (!code)
        code = live_serve(sc, &s, (struct live_guest){0});
    scenario_free(sc);
    return code;
}

static const struct option_place places[] = {
    OPTION("seed", live_settings, seed),
    OPTION("pcap", live_settings, pcap),
    OPTION("socket", live_settings, socket),
    OPTION("peer", live_settings, peer),
    OPTION("fd", live_settings, fd),
    OPTION("limit", live_settings, limit_s),
    OPTION("ready-fd", live_settings, ready_fd),
    OPTION("verbose", live_settings, verbose),
    {NULL},
};

const struct verb verb_world = {
    world_run,
    sizeof(struct live_settings),
    places,
    "the far side of a scenario in real time, for your own guest",
    "  drywire world lease.scn --socket net.sock -v &\n"
    "  qemu-system-x86_64 ... -device virtio-net-pci,netdev=n \\\n"
    "      -netdev dgram,id=n,local.type=unix,local.path=guest.sock,\\\n"
    "remote.type=unix,remote.path=net.sock\n",
    {"Each datagram is one frame. Scenario times count from the guest's first frame. World, wire, "
     "serve, dial and fault lines apply, and so do the oracles that check frames. Program and "
     "device lines are ignored: they belong to the simulated machine. Expect and never lines are "
     "not judged: the guest's console is not available. Ends on SIGTERM or SIGINT, when the "
     "guest's socket is closed, or when a rule is violated.",
     "Exit: 0 ended as asked, 1 the guest violated a rule or a dial was not answered, "
     "2 usage or scenario error, 4 internal error, 6 no frame from a guest within "
     "--limit, 125 the scenario needs libslirp, which is not installed. See docs/any-guest.md."},
};
