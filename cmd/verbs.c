#include "verbs.h"
#include "base/exit_codes.h"
#include "base/outputs.h"
#include "../sim/text/values.h"
#include <stdio.h>

int check_apart(const struct options *o)
{
    const struct {
        const char *option, *path;
    } outputs[] = {{"output", o->output}, {"pcap", o->pcap},   {"nic-pcap", o->nic_pcap},
                   {"trace", o->trace},   {"junit", o->junit}, {"log", o->log}};

    for (unsigned i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++)
        for (int k = 0; outputs[i].path && k < o->path_count; k++)
            if (output_is_file(outputs[i].path, o->paths[k])) {
                value_message(stderr, "drywire: --%s %s: that is the file to read\n",
                              outputs[i].option, outputs[i].path);
                return EXIT_USAGE;
            }
    return 0;
}

int check_outputs(const struct options *o, size_t scenarios)
{
    const char *one = o->pcap       ? "pcap"
                      : o->trace    ? "trace"
                      : o->log      ? "log"
                      : o->nic_pcap ? "nic-pcap"
                                    : NULL;

    if (one && (scenarios > 1 || o->seeds > 1 || o->choice.memory == MEMORY_BOTH)) {
        value_message(stderr, "drywire: --%s is for a single run of a single scenario%s\n", one,
                      o->verb == VERB_RUN ? "; --artifacts DIR is for many" : "");
        return EXIT_USAGE;
    }
    if (output_folder("artifacts", o->artifacts) || output_check("pcap", o->pcap) ||
        output_check("trace", o->trace) || output_check("nic-pcap", o->nic_pcap) ||
        output_check("junit", o->junit) || output_check("log", o->log))
        return EXIT_USAGE;
    return 0;
}

int collect_scenarios(const struct options *o, struct paths *p)
{
    paths_collect(p, o->paths, o->path_count);
    if (!p->count) {
        value_message(stderr, "drywire: there is no scenario (*.scn) below %s\n", o->paths[0]);
        return EXIT_NOTHING;
    }
    return check_outputs(o, p->count);
}
