/* The files of a failure: see artifacts.h. */
#include "artifacts.h"
#include "../../sim/base/memory.h"
#include "../base/outputs.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void artifact_name(char *buf, size_t size, const char *folder, const char *path,
                   const struct run_choice *choice, const char *suffix)
{
    size_t n = (size_t)snprintf(buf, size, "%s/", folder);
    const char *c = path + strspn(path, "./");

    for (; *c && n + 1 < size; c++)
        buf[n++] = *c == '/' ? '-' : *c;
    snprintf(buf + n, size - n, "-seed%" PRIu64 "%s%s%s", choice->seed, choice->memory ? "-" : "",
             choice->memory ? memory_words[choice->memory] : "", suffix);
}

int artifact_block(const char *folder, const struct report_item *it)
{
    struct run_choice choice = {.seed = it->seed, .memory = it->memory};
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
    artifact_name(path, sizeof(path), folder, report_path(it), &choice, ".txt");
    code = output_write("artifacts", path, text, len);
    free(text);
    return code;
}
