/*
 * The devices of a machine: their interface to it, the addresses of their registers, and operations
 * on all of them. Shared by machine.c and devices.c.
 */
#ifndef DRYWIRE_MACHINE_DEVICES_H
#define DRYWIRE_MACHINE_DEVICES_H

#include "machine.h"

void machine_devices_init(struct machine *m); /* once */
void machine_devices_free(struct machine *m);

/* Power-on of the devices of the configuration. */
void machine_devices_start(struct machine *m, const struct machine_config *config);
void machine_devices_reset(struct machine *m);

/* The bits of a bus address that all of these devices support. */
unsigned machine_devices_bus_bits(const struct machine_config *config);

/* DMA memory has changed. */
void machine_devices_see_memory(struct machine *m);

/* Fill in their places; returns their number. */
unsigned machine_devices_places(const struct machine *m,
                                struct guest_place places[MACHINE_DEVICES]);

/* A register access of the guest: false without a device. */
bool machine_devices_read(struct machine *m, enum reg_space space, uint64_t addr, unsigned size,
                          uint32_t *value);
void machine_devices_write(struct machine *m, enum reg_space space, uint64_t addr, unsigned size,
                           uint32_t value);

/* Let each device act. */
void machine_devices_poke(struct machine *m);

/* As for one device: device.h. */
void machine_devices_check_idle(struct machine *m);
void machine_devices_check_asleep(struct machine *m);
void machine_devices_check_leaks(struct machine *m);
void machine_devices_check_quiet(struct machine *m);

/* After a poll: true if an interrupt line is asserted. A message (`woken`: one arrived) counts
 * once. */
bool machine_devices_interrupting(const struct machine *m, bool woken);

#endif
