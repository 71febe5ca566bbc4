#include "paths.h"
#include "exit_codes.h"
#include "../../sim/text/values.h"
#include "../../sim/base/memory.h"
#include "../../sim/scenario/scenario.h"
#include "../../sim/text/values.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void paths_add(struct paths *p, const char *path)
{
    p->path = memory_grow(p->path, p->count + 1, &p->size, sizeof(*p->path));
    p->path[p->count] = strdup(path);
    if (!p->path[p->count++])
        out_of_memory();
}

static void paths_walk(struct paths *p, const char *folder, const char *ending)
{
    DIR *d = opendir(folder);
    struct dirent *e;
    char path[4096];
    struct stat st;

    if (!d) {
        paths_add(p, folder);
        return;
    }
    while ((e = readdir(d))) {
        size_t n = strlen(e->d_name), m = strlen(ending);

        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/",
                 e->d_name);
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            paths_walk(p, path, ending);
        else if (n > m && strcmp(e->d_name + n - m, ending) == 0)
            paths_add(p, path);
    }
    closedir(d);
}

static int paths_by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void paths_report_missing(FILE *errors, const char *path)
{
    enum { NAMES = 1000 };
    const char *slash = strrchr(path, '/'), *near;
    size_t folder_len = slash ? (size_t)(slash - path) + 1 : 0;
    char folder[4096];
    char *names[NAMES + 1];
    size_t count = 0;
    int error = errno;
    struct dirent *e;
    DIR *d;

    snprintf(folder, sizeof(folder), "%.*s", (int)folder_len, path);
    d = opendir(slash ? folder : ".");
    while (d && count < NAMES && (e = readdir(d)))
        if ((names[count] = strdup(e->d_name)))
            count++;
    if (d)
        closedir(d);
    qsort(names, count, sizeof(*names), paths_by_bytes);
    names[count] = NULL;
    near = nearest_word(path + folder_len, (const char *const *)names);
    value_message(errors, "drywire: %s: %s%s%s%s%s\n", path, strerror(error),
                  near ? ", did you mean '" : "", near ? folder : "", near ? near : "",
                  near ? "'?" : "");
    while (count)
        free(names[--count]);
}

void paths_collect(struct paths *p, char **words, int count, const char *ending)
{
    struct stat st;

    for (int i = 0; i < count; i++) {
        size_t before = p->count;

        if (stat(words[i], &st) || !S_ISDIR(st.st_mode)) {
            paths_add(p, words[i]);
            continue;
        }
        paths_walk(p, words[i], ending);
        if (p->count > before)
            qsort(p->path + before, p->count - before, sizeof(*p->path), paths_by_bytes);
    }
}

void paths_free(struct paths *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->path[i]);
    free(p->path);
}

int paths_scenarios(struct paths *p, char **words, int count, const char *ending,
                    const char *example)
{
    if (!count) {
        value_message(stderr,
                      "drywire: nothing to run; name *%s files or folders, e.g. drywire %s\n",
                      ending, example);
        return EXIT_USAGE;
    }
    paths_collect(p, words, count, ending);
    if (p->count)
        return 0;
    value_message(stderr, "drywire: no scenario (*%s) below %s\n", ending, words[0]);
    return EXIT_NOTHING;
}
