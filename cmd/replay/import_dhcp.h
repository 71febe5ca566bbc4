/*
 * Converts a captured DHCP exchange to a scenario: the core is the client, the replies of the
 * captured servers become `peer dhcp` lines (dhcp_script.h). docs/replay.md lists what is kept and
 * what is rebased.
 */
#ifndef DRYWIRE_IMPORT_DHCP_H
#define DRYWIRE_IMPORT_DHCP_H

#include "../../sim/frame/dhcp_flow.h"
#include "dhcp_predict.h"
#include "dhcp_rebase.h"
#include "import.h"

struct dhcp_import {
    const struct capture *capture;
    const char *name; /* of the capture */
    struct dhcp_flows flows;
    const struct dhcp_flow *flow;
    size_t number, total; /* of the flow, among all of the capture; from 1 */
    size_t before;        /* flows of TCP */
    bool tcp_data;        /* one of them carries data */
    struct rebase rebase;
    struct dhcp_answer *answers;
    const struct dhcp_said **said; /* the captured message of each; NULL: silence */
    size_t count, size, said_size;
    bool made;        /* the OFFER is made from an ACK */
    size_t made_acks; /* ACKs made from OFFERs */
    size_t left_out;  /* replies without a request, or too many */
    struct dhcp_outlook outlook;
};

/* The requested flow, if it is a DHCP conversation: its number follows those of TCP connections;
 * without a number, if no TCP connection carries data. wish->others are numbered after the
 * conversations. */
bool dhcp_import_open(struct dhcp_import *im, const struct capture *c,
                      const struct import_wish *wish);

void dhcp_import_write(struct dhcp_import *im, FILE *out);

/* Print what was changed in the import, a line each after `prefix`. */
void dhcp_import_notes(const struct dhcp_import *im, FILE *out, const char *prefix);

/* True if the capture has a request of the client. */
bool dhcp_import_asked(const struct dhcp_import *im);

void dhcp_import_close(struct dhcp_import *im);

#endif
