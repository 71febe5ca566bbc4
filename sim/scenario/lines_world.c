/* `world` lines: the far end of the wire, and the captures that it plays. See scenario_lines.h. */
#include "scenario_lines.h"
#include <limits.h>
#include <string.h>

/* The path of a file that a line names: relative to the scenario's folder. */
const char *line_beside(struct reader *r, const char *file)
{
    const char *slash = *file == '/' ? NULL : strrchr(r->path, '/');
    int folder = slash ? (int)(slash + 1 - r->path) : 0;
    size_t size = (size_t)folder + strlen(file) + 1;
    char *path = reader_take(r->s, size);

    snprintf(path, size, "%.*s%s", folder, r->path, file);
    return path;
}

/* The files that the scenario may name, or NULL after a message. */
const struct source *line_files(struct reader *r)
{
    if (!r->how->files)
        reader_wrong(r, "this scenario is not a file and cannot name other files");
    return r->how->files;
}

/* A capture that a line names. */
static bool read_capture(struct reader *r, const char *path, bool cut, struct capture *c)
{
    const struct source *files = line_files(r);
    char problem[200];

    if (!files)
        return false;
    return !capture_from(c, files, path, cut, problem, sizeof(problem)) ||
           reader_wrong(r, "%.200s: %s", path, problem);
}

/* A capture of the peer; truncated frames are accepted. */
static bool native_capture(struct reader *r, const char *file, struct capture *c)
{
    return !file || read_capture(r, line_beside(r, file), true, c);
}

static bool world_native_line(struct reader *r)
{
#define NATIVE(field) FIELD(native_options, field)
    static const struct key keys[] = {
        {"lease", VALUE_SECONDS, NATIVE(lease_s), NUMBERS(1, UINT32_MAX - 1),
         .all_ones = "forever"},
        {"t1", VALUE_SECONDS, NATIVE(t1_s), NUMBERS(0, UINT32_MAX)},
        {"t2", VALUE_SECONDS, NATIVE(t2_s), NUMBERS(0, UINT32_MAX)},
        {"nak", VALUE_NUMBER, NATIVE(nak_requests), NUMBERS(0, UINT_MAX)},
        {"dhcp-silent", VALUE_NUMBER, NATIVE(silent_requests), NUMBERS(0, UINT_MAX - 1),
         .all_ones = "all"},
        {"renew-silent", VALUE_FLAG, NATIVE(renew_silent)},
        {"rebind-silent", VALUE_FLAG, NATIVE(rebind_silent)},
        {"nak-renew", VALUE_FLAG, NATIVE(nak_renew)},
        {"second-addr", VALUE_ADDRESS, NATIVE(second_address)},
        {"unicast-reply", VALUE_FLAG, NATIVE(unicast_reply)},
        {"second-server", VALUE_FLAG, NATIVE(second_server)},
        {"foreign-xid", VALUE_FLAG, NATIVE(foreign_xid)},
        {"arp-silent", VALUE_FLAG, NATIVE(arp_silent)},
        {"arp-silent", VALUE_NUMBER, NATIVE(arp_silent_first), NUMBERS(0, UINT_MAX)},
        {"arp-taken", VALUE_NUMBER, NATIVE(arp_taken), NUMBERS(0, UINT_MAX)},
        {"mss", VALUE_NUMBER, NATIVE(mss), NUMBERS(1, UINT16_MAX)},
        {"window", VALUE_NUMBER, NATIVE(window), NUMBERS(1, UINT16_MAX)},
        {"tcp-options", VALUE_FLAG, NATIVE(tcp_options)},
        {"zero-window", VALUE_DURATION, NATIVE(zero_window_ns)},
        {"pad", VALUE_FLAG, NATIVE(pad)},
        {"latency", VALUE_DURATION, NATIVE(latency_ns)},
        {"observe", VALUE_TEXT, NATIVE(observe)},
        {"play", VALUE_TEXT, NATIVE(play)},
        {"sha256", VALUE_TEXT, NATIVE(sha256)},
        {0},
    };
    struct native_options *o = &r->s->native;
    uint32_t given = 0;

    if (!line_keys(r, keys, 2, o, &given))
        return false;
    if (o->sha256 && !o->play)
        return reader_wrong(r, "sha256= needs play=CAPTURE");
    return native_capture(r, o->observe, &o->observed) && native_capture(r, o->play, &o->played);
}

static bool world_peer_line(struct reader *r)
{
#define PEER(field) FIELD(peer_options, field)
    static const struct key keys[] = {
        {"window", VALUE_SCALED, PEER(window), NUMBERS(PEER_WINDOW_MIN, PEER_WINDOW_MAX)},
        {"machine-window", VALUE_SCALED, PEER(machine_window),
         NUMBERS(PEER_WINDOW_MIN, PEER_WINDOW_MAX)},
        {0},
    };
    uint32_t given = 0;

    return line_keys(r, keys, 2, &r->s->peer, &given);
}

static bool world_slirp_line(struct reader *r)
{
#define SLIRP(field) FIELD(slirp_options, field)
    static const struct key keys[] = {
        {"restrict", VALUE_TOGGLE, SLIRP(restricted)},
        {0},
    };
    uint32_t given = 0;

    return line_keys(r, keys, 2, &r->s->slirp, &given);
}

/* The capture is read at once: an error in it is an error of the scenario. */
static bool world_replay_line(struct reader *r)
{
#define REPLAY(field) FIELD(replay_options, field)
    static const struct key keys[] = {
        {"file", VALUE_TEXT, REPLAY(file)},
        {"seed", VALUE_NUMBER, REPLAY(seed), NUMBERS(0, UINT64_MAX)},
        {0},
    };
    struct replay_options *o = &r->s->replay;
    uint32_t given = 0;
    const char *path;

    if (!line_keys(r, keys, 2, o, &given))
        return false;
    if (!o->file || !*o->file)
        return reader_wrong(r, "world replay needs file=CAPTURE");
    o->path = path = line_beside(r, o->file);
    if (!read_capture(r, path, false, &o->capture))
        return false;
    for (size_t i = 0; i < o->capture.count; i++)
        if (o->capture.frames[i].len > REPLAY_FRAME_MAX)
            return reader_wrong(r,
                                "%.200s: frame %zu has %zu bytes, more than a frame can have (%d)",
                                path, i + 1, o->capture.frames[i].len, REPLAY_FRAME_MAX);
    return true;
}

bool line_world(struct reader *r)
{
    static const char *const names[] = {[WORLD_SLIRP] = "slirp",
                                        [WORLD_NATIVE] = "native",
                                        [WORLD_PEER] = "peer",
                                        [WORLD_REPLAY] = "replay",
                                        NULL};
    bool (*const read[])(struct reader *) = {
        [WORLD_SLIRP] = world_slirp_line,
        [WORLD_NATIVE] = world_native_line,
        [WORLD_PEER] = world_peer_line,
        [WORLD_REPLAY] = world_replay_line,
    };

    for (unsigned i = 0; names[i]; i++)
        if (word_is(&r->words[1], names[i])) {
            r->s->world = i;
            r->s->world_line = r->line;
            return read[i](r);
        }
    return reader_unknown(r, "world", r->words[1].text, names);
}
