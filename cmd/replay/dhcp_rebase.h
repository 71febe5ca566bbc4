/*
 * Maps the addresses of a captured network to the simulator's, 10.0.2.0/24. Only addresses of
 * subnets from which the captured server gave addresses are changed; equal ones stay equal, and
 * others (a router outside the subnet, 8.8.8.8) are unchanged.
 */
#ifndef DRYWIRE_DHCP_REBASE_H
#define DRYWIRE_DHCP_REBASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REBASE_NETS = 8, REBASE_MOVED = 64 };

struct rebase {
    struct {
        uint32_t net, mask;
    } nets[REBASE_NETS];
    unsigned net_count;
    struct {
        uint32_t from, to;
    } moved[REBASE_MOVED]; /* hosts, in the order of mapping */
    unsigned moved_count;
    bool used[256];
};

/* Addresses of yiaddr's subnet are mapped from now on. `mask` 0: no mask. */
void rebase_net(struct rebase *r, uint32_t yiaddr, uint32_t mask);

/* The mapped address; a new one gets the first free address from 10.0.2.FROM on. */
uint32_t rebase_address(struct rebase *r, uint32_t addr, unsigned from);

/* Rebase a message in place: addresses in the header and in options, the mask. */
void rebase_message(struct rebase *r, uint8_t *m, size_t len);

#endif
