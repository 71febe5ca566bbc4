/* The loopback interface: see loopback.h. */
#include "loopback.h"
#include "../base/check.h"
#include "wire.h"

static bool loopback_receive(void *ctx, struct frame_view *view)
{
    struct loopback *lo = ctx;
    struct loopback_slot *slot = &lo->slots[lo->head];

    if (lo->count == 0)
        return false;
    *view = (struct frame_view){.frame = slot->frame, .len = slot->len, .token = slot};
    lo->netdev.frames_rx++;
    return true;
}

static void loopback_recycle(void *ctx, struct frame_view *view)
{
    struct loopback *lo = ctx;

    CHECK(lo->count > 0 && view->token == &lo->slots[lo->head]);
    lo->head = (lo->head + 1) % LOOPBACK_QUEUE;
    lo->count--;
}

static struct loopback_slot *slot_behind(struct loopback *lo)
{
    return &lo->slots[(lo->head + lo->count) % LOOPBACK_QUEUE];
}

/* One at a time: a packet is built and sent before anything else happens. */
static uint8_t *loopback_alloc(void *ctx)
{
    struct loopback *lo = ctx;

    CHECK(!lo->lent);
    if (lo->count == LOOPBACK_QUEUE)
        return 0;
    lo->lent = true;
    return slot_behind(lo)->frame;
}

static void loopback_send(void *ctx, uint8_t *frame, size_t len)
{
    struct loopback *lo = ctx;
    struct loopback_slot *slot = slot_behind(lo);

    CHECK(lo->lent);
    CHECK(frame == slot->frame);
    CHECK(len <= sizeof(slot->frame));
    slot->len = (uint16_t)len;
    lo->lent = false;
    lo->count++;
    lo->netdev.frames_tx++;
}

static void loopback_free(void *ctx, uint8_t *frame)
{
    struct loopback *lo = ctx;

    CHECK(lo->lent);
    CHECK(frame == slot_behind(lo)->frame);
    lo->lent = false;
}

void loopback_init(struct loopback *lo, struct loopback_slot *slots)
{
    *lo = (struct loopback){
        .netdev =
            {
                .ctx = lo,
                .mtu = LOOPBACK_MTU,
                .ip_only = true,
                .receive = loopback_receive,
                .recycle = loopback_recycle,
                .alloc = loopback_alloc,
                .send = loopback_send,
                .free = loopback_free,
            },
        .slots = slots,
    };
}
