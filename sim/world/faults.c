/* Faults of the wire: see faults.h. */
#include "faults.h"
#include "../frame/malform.h"
#include <stdio.h>
#include <string.h>

/* The delay of a reordered frame: enough for a few others to overtake it. */
#define REORDER_NS (2 * NS_PER_MS)

static void fault_word(struct frame_faults *t, const char *word)
{
    size_t n = strlen(t->words);

    snprintf(t->words + n, sizeof(t->words) - n, "%s%s", n ? ", " : "", word);
}

/* True if it would change the frame. A frame that is short already, or without the field, is not
 * changed. */
static bool fault_applies(const struct scenario_action *a, const uint8_t *frame, size_t len)
{
    uint8_t copy[WIRE_FRAME_MAX];

    if (a->kind == ACTION_TRUNCATE)
        return a->to < len;
    if (a->kind != ACTION_CORRUPT || !a->field)
        return true;
    memcpy(copy, frame, len);
    return malform(copy, len, a->field, 0);
}

/* True if this action hits this frame now. Counts matching frames. */
static bool fault_hits(struct wire *w, unsigned i, enum direction dir, const struct decoded *d,
                       const uint8_t *frame, size_t len)
{
    const struct scenario_action *a = &w->scenario->actions[i];
    uint64_t nth;

    if (a->direction != dir || w->sim->now_ns < SIM_POWER_ON_NS + a->at_ns || w->healed)
        return false;
    if (a->kind == ACTION_CUT || a->kind == ACTION_HEAL || a->kind == ACTION_KILL ||
        a->kind == ACTION_LINK || !decode_matches(d, a->match) || !fault_applies(a, frame, len))
        return false;
    nth = w->hits[i]++;
    if (nth < a->skip || nth - a->skip >= a->count)
        return false;
    w->fired[i]++;
    return true;
}

static void faults_by_time(struct wire *w, enum direction dir, const struct decoded *d,
                           const uint8_t *frame, size_t len, struct frame_faults *t)
{
    for (unsigned i = 0; i < w->scenario->action_count; i++) {
        const struct scenario_action *a = &w->scenario->actions[i];

        if (!fault_hits(w, i, dir, d, frame, len))
            continue;
        switch (a->kind) {
        case ACTION_DROP:
            t->lost = true;
            fault_word(t, "dropped");
            break;
        case ACTION_DUPLICATE:
            t->duplicate = true;
            fault_word(t, "duplicated");
            break;
        case ACTION_DELAY:
            t->late_ns += a->by_ns;
            fault_word(t, "delayed");
            break;
        case ACTION_CORRUPT:
            t->corrupt = a->field == 0;
            t->field = a->field;
            fault_word(t, a->field ? malform_fields[a->field] : "corrupted");
            break;
        case ACTION_TRUNCATE:
            t->truncate = a->to;
            fault_word(t, "truncated");
            break;
        case ACTION_CUT:
        case ACTION_HEAL:
        case ACTION_KILL:
        case ACTION_LINK:
            break;
        }
    }
}

static void faults_by_rate(struct wire *w, enum direction dir, const struct wire_options *o,
                           struct frame_faults *t)
{
    struct wire_streams *s = &w->streams[dir];

    if (sim_chance(w->sim, &s->drop, o->drop)) {
        w->rates[dir][RATE_DROP]++;
        t->lost = true;
        fault_word(t, "dropped");
    }
    if (sim_chance(w->sim, &s->duplicate, o->duplicate)) {
        w->rates[dir][RATE_DUPLICATE]++;
        t->duplicate = true;
        fault_word(t, "duplicated");
    }
    if (sim_chance(w->sim, &s->reorder, o->reorder)) {
        w->rates[dir][RATE_REORDER]++;
        t->late_ns += REORDER_NS;
        fault_word(t, "delayed");
    }
    if (sim_chance(w->sim, &s->corrupt, o->corrupt)) {
        w->rates[dir][RATE_CORRUPT]++;
        t->corrupt = true;
        fault_word(t, "corrupted");
    }
}

void faults_meet(struct wire *w, enum direction dir, const struct decoded *d, const uint8_t *frame,
                 size_t len, struct frame_faults *t)
{
    *t = (struct frame_faults){0};
    faults_by_time(w, dir, d, frame, len, t);
    faults_by_rate(w, dir, wire_options(w, dir), t);
    if (w->cut && !w->healed) {
        t->lost = true;
        w->fired[w->cut - 1]++;
        fault_word(t, "cut");
    }
    if (t->words[0])
        w->faults++;
}

void faults_damage(struct wire *w, enum direction dir, const struct frame_faults *t,
                   struct wire_frame *f)
{
    if (t->truncate && t->truncate < f->len) {
        f->len = t->truncate;
        f->damaged = true;
    }
    if (t->field)
        f->damaged |= malform(f->bytes, f->len, t->field, sim_draw(w->sim, &w->streams[dir].bit));
    if (t->corrupt && f->len) {
        /* Drawn without the tape: the fault itself is already recorded. */
        uint64_t bit = sim_draw(w->sim, &w->streams[dir].bit) % (f->len * 8);

        f->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        f->damaged = true;
    }
}
