/*
 * The program `drywire`: from the command line to the verb (verbs.h).
 */
#include "reactive.h"
#include "verbs.h"

int main(int argc, char **argv)
{
    struct options o;
    int code = options_parse(argc, argv, &o);

    if (code >= 0)
        return code;
    switch (o.verb) {
    case VERB_RUN:
        return verb_run(&o);
    case VERB_LIST:
        return verb_list(&o);
    case VERB_EXPLAIN:
        return verb_explain(&o);
    case VERB_WORLD:
        return verb_world(&o);
    case VERB_QEMU:
        return verb_qemu(&o);
    case VERB_COMPARE:
        return verb_compare(&o);
    case VERB_SEQ:
        return verb_seq(&o);
    case VERB_REPORT:
        return verb_report(&o);
    case VERB_REPLAY:
        return verb_replay(&o);
    case VERB_IMPORT:
        return import_capture(&o);
    }
    return EXIT_USAGE;
}
