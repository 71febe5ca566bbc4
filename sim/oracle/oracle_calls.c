/* The oracle of system calls: see oracle_calls.h. */
#include "oracle_calls.h"
#include "../../core/interface/syscall.h"
#include <inttypes.h>

enum { AREAS = 2 };

/* Memory that a call passes. */
struct area {
    uint64_t address, len;
    bool read, write; /* what the kernel may do with it */
};

static struct area area_address(uint64_t address, bool write)
{
    uint64_t len = address ? sizeof(struct socket_address) : 0;

    return (struct area){address, len, true, write};
}

/* The memory that a call passes, by the comments of core/interface/syscall.h. */
static void areas_of(const struct process_stop *call, struct area area[AREAS])
{
    const uint64_t *a = call->args;

    area[0] = area[1] = (struct area){0};
    switch ((enum syscall_nr)call->nr) {
    case SYS_READ:
        area[0] = (struct area){a[1], a[2], false, true};
        break;
    case SYS_WRITE:
        area[0] = (struct area){a[1], a[2], true, false};
        break;
    case SYS_POLL:
        area[0] = (struct area){a[0], a[1] * sizeof(struct poll_entry), true, true};
        break;
    case SYS_CONNECT:
    case SYS_BIND:
        area[0] = area_address(a[1], false);
        break;
    case SYS_ACCEPT: /* the address is read and written back to check access */
        area[0] = area_address(a[1], true);
        break;
    case SYS_SENDTO:
        area[0] = (struct area){a[1], a[2], true, false};
        area[1] = area_address(a[3], false);
        break;
    case SYS_RECVFROM:
        area[0] = (struct area){a[1], a[2], false, true};
        area[1] = area_address(a[3], true);
        break;
    case SYS_NETINFO:
        area[0] = (struct area){a[0], sizeof(struct netinfo), false, true};
        break;
    case SYS_RESOLVE:
        area[0] = (struct area){a[0], a[1], true, false};
        area[1] = (struct area){a[2], a[3] * sizeof(uint32_t), false, true};
        break;
    case SYS_EXIT:
    case SYS_SLEEP:
    case SYS_CLOCK:
    case SYS_CLOSE:
    case SYS_SOCKET:
    case SYS_LISTEN:
    case SYS_SHUTDOWN:
    case SYS_KEEPALIVE:
    case SYS_LEASE:
        break;
    }
}

void oracle_call_copies(struct sim *sim, const struct process_stop *call, uint64_t address,
                        size_t len, bool write)
{
    struct area area[AREAS];

    oracle_set_add(&sim->looked, CALLS_MEMORY);
    areas_of(call, area);
    for (unsigned i = 0; i < AREAS; i++)
        if ((write ? area[i].write : area[i].read) && address - area[i].address <= area[i].len &&
            len <= area[i].len - (address - area[i].address))
            return;
    sim_fail(sim, FAILURE_SAFETY, oracle_table[CALLS_MEMORY].name, SIM_SITE,
             "call %" PRIu64
             " copies %zu bytes %s its program outside the memory given to the call (%s)",
             call->nr, len, write ? "to" : "from", oracle_table[CALLS_MEMORY].clause);
}
