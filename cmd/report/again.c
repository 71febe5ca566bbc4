/* The command that repeats a run: see again.h. */
#include "again.h"
#include "../../sim/text/values.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void again_add(struct again *a, const char *format, ...)
{
    size_t used = strlen(a->words);
    va_list args;

    va_start(args, format);
    vsnprintf(a->words + used, sizeof(a->words) - used, format, args);
    va_end(args);
}

/* Characters that a shell does not interpret. */
static const char again_plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "%+,-./:=@_";

/* With octal numbers, for unprintable characters, and for a quote. */
static void again_printf(struct again *a, const char *word)
{
    again_add(a, "\"$(printf -- ");
    for (; *word; word++)
        again_add(a, strchr(again_plain, *word) && *word != '%' ? "%c" : "\\\\%03o",
                  (unsigned char)*word);
    again_add(a, ")\"");
}

/* A word for the shell, escaped with backslashes, so that it is valid inside quotes of sh -c
 * too. */
void again_word(struct again *a, const char *word)
{
    if (strchr(word, '\'') || value_shown(word) != word) {
        again_printf(a, word);
        return;
    }
    while (*word) {
        size_t n = strspn(word, again_plain);

        if (n)
            again_add(a, "%.*s", (int)n, word);
        else
            again_add(a, "%s%c", *word & 0x80 ? "" : "\\", *word);
        word += n ? n : 1;
    }
}

/* A file, never an option. */
void again_path(struct again *a, const char *path)
{
    char dotted[4100];

    snprintf(dotted, sizeof(dotted), "%s%s", path[0] == '-' && path[1] ? "./" : "", path);
    again_word(a, dotted);
}

void again_start(struct again *a, const char *verb, const char *path, uint64_t seed)
{
    snprintf(a->words, sizeof(a->words), "%s ", verb);
    again_path(a, path);
    again_add(a, " --seed %" PRIu64, seed);
}

void again_choice(struct again *a, const struct run_choice *choice)
{
    if (choice->guest) {
        again_add(a, " --guest ");
        again_word(a, choice->guest);
    }
    if (choice->device) {
        again_add(a, " --device ");
        again_word(a, choice->device);
    }
    if (choice->memory != MEMORY_DRAW)
        again_add(a, " --memory %s", memory_words[choice->memory]);
}
