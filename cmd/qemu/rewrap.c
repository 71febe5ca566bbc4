/* Converts a capture of another program to one of ours: see rewrap.h. */
#include "rewrap.h"
#include "../base/files.h"
#include "../base/whole_file.h"
#include "../../sim/frame/capture.h"
#include "../../sim/frame/decode.h"
#include "../../sim/run/reasons.h"
#include "../../sim/text/values.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void rewrap_add_frame(struct reasons *r, struct sim *sim, const struct capture_frame *frame,
                             const uint8_t mac[6])
{
    enum direction dir =
        frame->len >= 12 && memcmp(frame->bytes + 6, mac, 6) == 0 ? DIRECTION_TX : DIRECTION_RX;
    struct decoded d;

    sim->now_ns = frame->time_ns;
    decode_frame(frame->bytes, frame->len, &d);
    reasons_sent(r, dir, &d);
    reasons_fate(r, dir, frame->bytes, frame->len, &d, NULL, false);
    reasons_arrived(r, dir, &d, 0);
}

int rewrap(const char *path, const struct origin *origin, const uint8_t mac[6])
{
    struct capture_wish wish = {.header = origin->header};
    struct whole_file file;
    struct sink sink;
    static struct reasons r;
    static struct sim sim;
    struct capture capture;
    char problem[200];
    struct stat st;
    int error;

    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return 0;
    if (capture_read(&capture, path, problem, sizeof(problem))) {
        value_message(stderr, "drywire: %s: comments could not be added: %s\n", path, problem);
        return -1;
    }
    error = whole_file_open(&file, path);
    if (!error) {
        sink = whole_file_sink(&file);
        wish.out = &sink;
        reasons_open(&r, &sim, &wish);
        for (size_t i = 0; i < capture.count; i++)
            rewrap_add_frame(&r, &sim, &capture.frames[i], mac);
        reasons_close(&r);
        error = whole_file_close(&file);
    }
    if (error)
        value_message(stderr, "drywire: %s: comments could not be added: %s\n", path,
                      strerror(errno));
    reasons_free(&r);
    capture_free(&capture);
    return error;
}
