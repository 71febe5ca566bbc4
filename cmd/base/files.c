/* Scenarios and captures in files: see files.h. */
#include "files.h"
#include "../../core/base/minmax.h"
#include "../../sim/base/memory.h"
#include "../../sim/text/values.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The whole file, at most `max` bytes and one more. */
static uint8_t *files_bytes(FILE *f, size_t max, size_t *len)
{
    size_t size = 1 << 16, most = max + 1;
    uint8_t *bytes = NULL;

    for (*len = 0;; size = min_u64(size * 2, most)) {
        uint8_t *bigger = realloc(bytes, size);

        if (!bigger)
            out_of_memory();
        bytes = bigger;
        *len += fread(bytes + *len, 1, size - *len, f);
        if (*len < size || size == most)
            return bytes;
    }
}

/* The rest of an open file; NULL: it could not be opened; see struct source. A file that is already
 * too large is not read. */
static int files_take(FILE *f, size_t max, uint8_t **bytes, size_t *len, char *problem,
                      size_t problem_size)
{
    struct stat st;
    int error = f ? 0 : errno;

    *bytes = NULL;
    *len = max + 1;
    if (f && (fstat(fileno(f), &st) || !S_ISREG(st.st_mode) || (uint64_t)st.st_size <= max))
        *bytes = files_bytes(f, max, len);
    if (f && ferror(f))
        error = errno;
    if (error)
        snprintf(problem, problem_size, "cannot be read: %s", strerror(error));
    if (error || *len > max) {
        free(*bytes);
        *bytes = NULL;
    }
    return error ? -1 : 0;
}

static int files_read(void *ctx, const char *path, size_t max, uint8_t **bytes, size_t *len,
                      char *problem, size_t problem_size)
{
    FILE *f = fopen(path, "rb");
    int error = files_take(f, max, bytes, len, problem, problem_size);

    (void)ctx;
    if (f)
        fclose(f);
    return error;
}

const struct source host_files = {NULL, files_read};

int scenario_read(const char *path, const struct scenario_reading *how, struct scenario **out,
                  FILE *errors)
{
    struct scenario_reading with_files = how ? *how : (struct scenario_reading){0};
    char problem[200];
    uint8_t *bytes;
    size_t len;
    int result = 2;

    with_files.files = &host_files;
    if (strcmp(path, "-") == 0
            ? files_take(stdin, SCENARIO_MAX, &bytes, &len, problem, sizeof(problem))
            : files_read(NULL, path, SCENARIO_MAX, &bytes, &len, problem, sizeof(problem)))
        value_message(errors, "%s: %s\n", path, problem);
    else if (len > SCENARIO_MAX)
        value_message(errors, "%s: too large for a scenario (1 MiB at most)\n", path);
    else if (capture_magic(bytes, len))
        value_message(
            errors, "%s: this is a capture, not a scenario: use drywire replay or drywire import\n",
            path);
    else
        result = scenario_parse(path, (const char *)bytes, len, &with_files, out, errors);
    free(bytes);
    return result;
}

int files_parse(const char *path, const char *text, size_t len, struct scenario **out, FILE *errors)
{
    return scenario_parse(path, text, len, &(struct scenario_reading){.files = &host_files}, out,
                          errors);
}

int capture_read(struct capture *c, const char *path, char *problem, size_t problem_size)
{
    return capture_from(c, &host_files, path, false, problem, problem_size);
}

int capture_read_cut(struct capture *c, const char *path, char *problem, size_t problem_size)
{
    return capture_from(c, &host_files, path, true, problem, problem_size);
}

bool capture_recognised(const char *path)
{
    uint8_t first[4];
    struct stat st;
    size_t len;
    FILE *f;

    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return true; /* a pipe can be read only once, by its reader */
    f = fopen(path, "rb");
    len = f ? fread(first, 1, sizeof(first), f) : 0;
    if (f)
        fclose(f);
    return capture_magic(first, len);
}
