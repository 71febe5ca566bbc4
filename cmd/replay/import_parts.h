/* The parts of an imported scenario (import.h), for import.c alone. */
#ifndef DRYWIRE_IMPORT_PARTS_H
#define DRYWIRE_IMPORT_PARTS_H

#include "import.h"

#define IMPORT_PEER "10.0.2.2"

/* The sum of all pauses: the clock of a capture may have jumped. */
#define IMPORT_WAITS_NS (864000 * NS_PER_S)

/* import_program.c: the program that the core runs, from the flow and the side: `webget`,
 * `web_close`, `refused`, `said` and `filled`. Then its run line and its expectations. */
void import_choose_program(struct import *im);
void import_put_program(const struct import *im, FILE *out);
void import_put_expect(const struct import *im, FILE *out);

/* import_peer.c: the latency of the wire, and the peer's lines; with `side`, a file name, the file
 * has its bytes. Returns the sum of its pauses. */
uint64_t import_latency(const struct import *im);
uint64_t import_put_peer(const struct import *im, FILE *out, const char *side, uint64_t latency_ns);

#endif
