/* Maps captured addresses to the simulator's network: see dhcp_rebase.h. */
#include "dhcp_rebase.h"
#include "../../sim/scenario/dhcp_script.h"
#include "../../sim/world/native/native.h"

enum { LAST_PLACE = 254, FIRST_PLACE = 2, OTHERS = 64 };

static bool rebase_is_host(uint32_t a)
{
    return a >> 24 && a >> 24 != 127 && a >> 24 < 224;
}

/* A mask with room for other hosts. */
static bool rebase_is_usual(uint32_t mask)
{
    return mask >= 0xff000000 && mask <= 0xfffffffc && !(~mask & (~mask + 1));
}

void rebase_net(struct rebase *r, uint32_t yiaddr, uint32_t mask)
{
    if (!mask)
        mask = yiaddr >> 31 == 0 ? 0xff000000 : yiaddr >> 30 == 2 ? 0xffff0000 : NATIVE_MASK;
    if (!rebase_is_usual(mask))
        mask = NATIVE_MASK;
    if (!rebase_is_host(yiaddr) || r->net_count == REBASE_NETS)
        return;
    if (mask == NATIVE_MASK && (yiaddr & mask) == NATIVE_NET) /* already there */
        return;
    for (unsigned i = 0; i < r->net_count; i++)
        if (r->nets[i].mask == mask && r->nets[i].net == (yiaddr & mask))
            return;
    r->nets[r->net_count].net = yiaddr & mask;
    r->nets[r->net_count++].mask = mask;
}

static uint32_t rebase_place(struct rebase *r, unsigned from)
{
    for (unsigned i = from; i <= LAST_PLACE; i++)
        if (!r->used[i]) {
            r->used[i] = true;
            return NATIVE_NET + i;
        }
    return NATIVE_NET + LAST_PLACE;
}

uint32_t rebase_address(struct rebase *r, uint32_t addr, unsigned from)
{
    for (unsigned i = 0; i < r->net_count; i++) {
        uint32_t net = r->nets[i].net, mask = r->nets[i].mask;

        if ((addr & mask) != net)
            continue;
        if (addr == net || addr == (net | ~mask))
            return addr == net ? NATIVE_NET : NATIVE_NET + 255;
        for (unsigned k = 0; k < r->moved_count; k++)
            if (r->moved[k].from == addr)
                return r->moved[k].to;
        if (r->moved_count == REBASE_MOVED)
            return NATIVE_NET + LAST_PLACE;
        r->moved[r->moved_count].from = addr;
        return r->moved[r->moved_count++].to = rebase_place(r, from);
    }
    return addr;
}

static void rebase_move_field(struct rebase *r, uint8_t *at)
{
    uint32_t addr = dhcp_word(at, 4, 0);

    if (addr && addr != UINT32_MAX)
        put32(at, rebase_address(r, addr, OTHERS));
}

/* Option 1 and the lists of addresses; malformed ones are unchanged. */
static void rebase_move_option(struct rebase *r, uint8_t *option)
{
    uint8_t code = option[0], len = option[1];

    if (code == OPTION_MASK && len == 4 && rebase_is_usual(dhcp_word(option, 6, 2)))
        put32(option + 2, NATIVE_MASK);
    if (code == OPTION_MASK || !dhcp_is_address_list(code) || len % 4)
        return;
    for (unsigned i = 0; i < len; i += 4)
        rebase_move_field(r, option + 2 + i);
}

void rebase_message(struct rebase *r, uint8_t *m, size_t len)
{
    static const uint8_t fields[] = {DHCP_AT_CIADDR, DHCP_AT_YIADDR, DHCP_AT_SIADDR,
                                     DHCP_AT_GIADDR};

    for (unsigned i = 0; i < sizeof(fields); i++)
        if (fields[i] + 4u <= len)
            rebase_move_field(r, m + fields[i]);
    for (size_t i = DHCP_AT_OPTIONS; i < len && m[i] != OPTION_END;) {
        size_t n = m[i] ? i + 1 < len ? 2u + m[i + 1] : SIZE_MAX : 1;

        if (n > len - i)
            return;
        if (m[i])
            rebase_move_option(r, m + i);
        i += n;
    }
}
