/* The files that a failure leaves: see artifacts.h. */
#include "artifacts.h"
#include "../../sim/base/memory.h"
#include "../base/outputs.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void artifact_name(char *buf, size_t size, const char *path, const struct options *o,
                   const char *suffix)
{
    size_t n = (size_t)snprintf(buf, size, "%s/", o->artifacts);
    const char *c = path + strspn(path, "./");

    for (; *c && n + 1 < size; c++)
        buf[n++] = *c == '/' ? '-' : *c;
    snprintf(buf + n, size - n, "-seed%" PRIu64 "%s%s%s", o->choice.seed,
             o->choice.memory ? "-" : "", o->choice.memory ? memory_words[o->choice.memory] : "",
             suffix);
}

int artifact_block(const struct report_item *it)
{
    char path[PATH_MAX];
    char *text;
    size_t len;
    FILE *out = memory_stream(&text, &len);
    int code;

    if (it->text) {
        fputs(it->text, out);
    } else {
        report_story(out, it);
        report_block(out, it);
    }
    memory_stream_close(out);
    artifact_name(path, sizeof(path), report_path(it), it->options, ".txt");
    code = output_write("artifacts", path, text, len);
    free(text);
    return code;
}
