/* The parts of an imported scenario (import.h), for import.c alone. */
#ifndef DRYWIRE_IMPORT_PARTS_H
#define DRYWIRE_IMPORT_PARTS_H

#include "import.h"

#define IMPORT_PEER "10.0.2.2"

/* All pauses together: the clock of a capture may have jumped. */
#define IMPORT_WAITS_NS (864000 * NS_PER_S)

/* import_program.c: which program the core runs, from the flow and the side: `webget`, `web_close`,
 * `refused`, `said` and `filled`. Then its run line, and what is expected of it. */
void import_choose_program(struct import *im);
void import_put_program(const struct import *im, FILE *out);
void import_put_expect(const struct import *im, FILE *out);

/* import_peer.c: the latency of the wire, and the peer's lines; with `side`, a file's name, its
 * bytes are there. Returns how long it pauses in all. */
uint64_t import_latency(const struct import *im);
uint64_t import_put_peer(const struct import *im, FILE *out, const char *side, uint64_t latency_ns);

#endif
