/*
 * The table of user programs; see programs.h.
 */
#include "programs.h"
#include "../core/base/array.h"

const struct program programs[] = {
    {"calls", calls_main, "calls"},
    {"echod", echod_main, "echod [PORT]"},
    {"lease", lease_main, "lease release|request|probe"},
    {"netinfo", netinfo_main, "netinfo [-n]"},
    {"nslookup", nslookup_main, "nslookup NAME"},
    {"ping", ping_main, "ping [-c COUNT] [-i MILLISECONDS] [-s BYTES] ADDR"},
    {"talk", talk_main, "talk [-q] ADDR PORT [STEP]... | talk [-q] -l PORT [STEP]..."},
    {"tcpsend", tcpsend_main, "tcpsend [-q] ADDR PORT BYTES"},
    {"udpsend", udpsend_main, "udpsend ADDR PORT TEXT [-n COUNT] [-w]"},
    {"webget", webget_main, "webget [-q] URL"},
};

const unsigned programs_count = ARRAY_COUNT(programs);
