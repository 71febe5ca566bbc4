/* The meaning of a stream of draws: see stream_words.h. */
#include "stream_words.h"
#include "../../core/base/array.h"
#include <string.h>

const char *stream_words(const char *stream)
{
    static const struct {
        const char *stream, *words;
    } known[] = {
        {"wire.tx.drop", "a frame of the machine is lost"},
        {"wire.rx.drop", "a frame to the machine is lost"},
        {"wire.tx.dup", "a frame of the machine arrives twice"},
        {"wire.rx.dup", "a frame to the machine arrives twice"},
        {"wire.tx.reorder", "a frame of the machine is held back"},
        {"wire.rx.reorder", "a frame to the machine is held back"},
        {"wire.tx.corrupt", "a bit of a frame of the machine is flipped"},
        {"wire.rx.corrupt", "a bit of a frame to the machine is flipped"},
        {"wire.tx.jitter", "more delay for a frame of the machine"},
        {"wire.rx.jitter", "more delay for a frame to the machine"},
        {"memory.store", "a late store becomes visible early"},
        {"device.delay", "the device takes longer to react"},
        {"device.pause", "the device stops in the middle of a batch"},
        {"device.reorder", "the device returns two chains in reverse order"},
        {"device.suppress", "the device suppresses notifications for a while"},
        {"device.poke", "the device polls its rings"},
        {"device.event", "the device requests a notification for a later entry"},
        {"memory.load", "a load sees a store of the device early"},
    };

    for (unsigned i = 0; i < ARRAY_COUNT(known); i++)
        if (strcmp(stream, known[i].stream) == 0)
            return known[i].words;
    return "";
}
