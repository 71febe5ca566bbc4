/*
 * A record of the accesses of a driver and its virtio-net device, taken at struct platform and from
 * the rings in DMA memory, by the offsets of the specification. It is independent of the device, so
 * that the record of a real one can be compared with that of the fake one, line by line:
 *
 *     phase boot                            until the guest is up; then run, then stop
 *     reg r 0x034 4 0x400                   a register read: offset, size, value
 *     reg w 0x070 4 0x3                     a write; an address of a queue is shown as `dma`
 *     queue 0 size=1024 desc=0x0 avail=0x4000 used=0x5000      places within DMA memory
 *     used 1 id=0 len=0                     an entry of a used ring: queue, head, length
 *     frame rx header=0000... len=42 sum=0123456789abcdef arp 10.0.2.2 is-at ...
 *
 * `sum` is over the frame up to the end of its IP packet with IP identification and header checksum
 * left out; the rest is sim/frame/decode.h's line. Over PCI, `reg` is `common`, `notify`, `isr`,
 * `device` or `legacy`, and configuration space is `pci`. Only split rings are supported; with
 * others, only register accesses are recorded.
 */
#ifndef DRYWIRE_RECORD_H
#define DRYWIRE_RECORD_H

#include "../../sim/machine/guest.h"
#include <stdio.h>

struct record_options {
    FILE *out;    /* NULL: no record */
    int withhold; /* a feature bit that is never passed to the device as accepted; -1: none */

    /* Called with each frame that passes the rings; may be NULL. */
    void (*frame)(bool outbound, const uint8_t *frame, size_t len);
};

/* The guest, recorded. There is one record at a time. */
const struct guest_ops *record_guest(const struct guest_ops *inner, const struct record_options *o);

/* The feature bits that the driver accepted, as written to the device. */
uint64_t record_features(void);

#endif
