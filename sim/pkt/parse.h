/* The parts of the reader of .pkt scripts: parse.c reads events, parse_packet.c what is after < and
 * >, parse_call.c calls. */
#ifndef DRYWIRE_PKT_PARSE_H
#define DRYWIRE_PKT_PARSE_H

#include "lexer.h"

/* One time, or a range; `range`: it may be one. */
bool pkt_parse_time(struct pkt_lexer *l, bool range, struct pkt_time *t);

/* What follows < or >: sets kind and contents of the event. */
bool pkt_parse_packet(struct pkt_lexer *l, bool inject, struct pkt_event *e);

/* A call with its result: sets the contents of the event, all but its end time. */
bool pkt_parse_call(struct pkt_lexer *l, struct pkt_script *s, struct pkt_event *e);

#endif
