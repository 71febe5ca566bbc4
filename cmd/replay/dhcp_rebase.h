/*
 * The addresses of a captured network onto the simulator's, 10.0.2.0/24. Only addresses of subnets
 * from which the captured server gave addresses move; equal ones stay equal, and whatever lies
 * elsewhere (a router outside the subnet, 8.8.8.8) stays as it is.
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
    } moved[REBASE_MOVED]; /* hosts, in the order in which they got their places */
    unsigned moved_count;
    bool used[256];
};

/* Addresses of yiaddr's subnet move from now on. `mask` 0: none was given. */
void rebase_net(struct rebase *r, uint32_t yiaddr, uint32_t mask);

/* Where an address is now; a new one gets the first free place from 10.0.2.FROM on. */
uint32_t rebase_address(struct rebase *r, uint32_t addr, unsigned from);

/* Rebase a message in place: addresses in the header and in options, the mask. */
void rebase_message(struct rebase *r, uint8_t *m, size_t len);

#endif
