/* Reads a scenario for a run: see read_scenario.h. */
#include "read_scenario.h"
#include "files.h"
#include "exit_codes.h"
#include "paths.h"
#include "../../sim/base/memory.h"
#include "../../sim/run/vocabulary.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int read_scenario(const char *path, const struct run_choice *choice, struct scenario **out,
                  FILE *errors)
{
    int code;

    if (strcmp(path, "-") && access(path, R_OK)) {
        paths_report_missing(errors, path);
        return EXIT_USAGE;
    }
    code = scenario_read(path, &(struct scenario_reading){.device = choice->device}, out, errors);
    if (code || choice->guest || vocabulary_check(*out, errors)) /* external: any line */
        return code;
    scenario_free(*out);
    return EXIT_USAGE;
}

int read_scenario_line(const char *path, const struct run_choice *choice, struct scenario **out,
                       char **error)
{
    size_t len;
    FILE *errors = memory_stream(error, &len);
    int code = read_scenario(path, choice, out, errors);

    memory_stream_close(errors);
    (*error)[strcspn(*error, "\n")] = 0;
    if (code)
        return code;
    free(*error);
    *error = NULL;
    return 0;
}
