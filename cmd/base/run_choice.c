/* The choice of a scenario's run: see run_choice.h. */
#include "run_choice.h"
#include <stddef.h>

const char *const memory_words[] = {"draw", "weak", "strong", "both", NULL};

enum toggle memory_toggle(enum memory_mode memory)
{
    return memory == MEMORY_WEAK ? TOGGLE_ON : memory == MEMORY_STRONG ? TOGGLE_OFF : TOGGLE_DRAW;
}
