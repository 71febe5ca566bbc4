/* The comments of a capture's header: see origin.h. */
#include "origin.h"
#include "../../sim/frame/pcapng.h"
#include "revision.h"
#include "version.h"
#include "../../sim/text/values.h"
#include "../../sim/world/world.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A line; backslashes and unprintable bytes are written as \xNN. */
static void origin_add(char *buf, const char *key, const char *value)
{
    size_t n = strlen(buf);

    n += (size_t)snprintf(buf + n, ORIGIN_MAX - n, "%s=", key);
    for (; *value && n + 8 < ORIGIN_MAX; value++) {
        unsigned char c = (unsigned char)*value;
        bool plain = c >= 0x20 && c != 0x7f && c != '\\';

        n += (size_t)snprintf(buf + n, ORIGIN_MAX - n, plain ? "%c" : "\\x%02x", c);
    }
    snprintf(buf + n, ORIGIN_MAX - n, "\n");
}

static void origin_add_number(char *buf, const char *key, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    origin_add(buf, key, text);
}

void origin_of(struct origin *origin, const struct scenario *sc, const struct origin_facts *f)
{
    char *buf = origin->words;

    *buf = 0;
    origin_add(buf, "drywire", DRYWIRE_VERSION);
    origin_add(buf, "revision", DRYWIRE_REVISION);
    origin_add(buf, "source", DRYWIRE_SOURCE);
    origin_add(buf, "verb", f->verb);
    origin_add(buf, "scenario", sc->path);
    origin_add_number(buf, "seed", f->choice->seed);
#ifdef DRYWIRE_SLIRP
    if (sc->world == WORLD_SLIRP)
        origin_add(buf, "libslirp", world_slirp_version());
#endif
    if (f->choice->device)
        origin_add(buf, "device", f->choice->device);
    if (f->choice->guest)
        origin_add(buf, "guest", f->choice->guest);
    if (f->choice->memory != MEMORY_DRAW)
        origin_add(buf, "memory", memory_words[f->choice->memory]);
    if (f->registers)
        origin_add(buf, "detail", "on");
    if (f->machine)
        origin_add(buf, "machine", f->machine);
    if (f->build)
        origin_add(buf, "build", f->build);
    if (f->net)
        origin_add(buf, "net", f->net);
    if (f->icount)
        origin_add(buf, "icount", f->icount);
    origin->header.verdict_at = 0;
    if (f->verdict) {
        size_t at = strlen(buf) + sizeof("verdict=") - 1;
        char unfinished[FAILURE_WORDS_MAX + 1];

        snprintf(unfinished, sizeof(unfinished), "%-*s", FAILURE_WORDS_MAX, "unfinished");
        origin_add(buf, "verdict", unfinished);
        origin->header.verdict_at =
            strlen(buf) == at + FAILURE_WORDS_MAX + 1 ? at : 0; /* there was room */
    }
    buf[strlen(buf) - 1] = 0; /* no newline after the last line */
    origin->header.comments[0] = buf;
    origin->header.comments[1] = strlen(sc->text) <= PCAPNG_COMMENT_MAX ? sc->text : NULL;
    origin->header.comments[2] = NULL;
}

void origin_word(const struct capture *c, const char *key, char *buf, size_t size)
{
    if (!capture_origin(c, key, buf, size))
        *buf = 0;
    value_show(buf, size);
}
