/*
 * The devices of a machine: what they reach of it, which registers lie where, and what is asked of
 * all of them. Between machine.c and devices.c.
 */
#ifndef DRYWIRE_MACHINE_DEVICES_H
#define DRYWIRE_MACHINE_DEVICES_H

#include "machine.h"

void machine_devices_init(struct machine *m); /* once */
void machine_devices_free(struct machine *m);

/* Power-on of what the configuration names. */
void machine_devices_start(struct machine *m, const struct machine_config *config);
void machine_devices_reset(struct machine *m);

/* Bits of a bus address that all of these devices can be told. */
unsigned machine_devices_bus_bits(const struct machine_config *config);

/* The arena is another one from now on. */
void machine_devices_see_memory(struct machine *m);

/* Where they are: as many as there are. */
unsigned machine_devices_places(const struct machine *m,
                                struct guest_place places[MACHINE_DEVICES]);

/* A register access of the guest: false when nothing is there. */
bool machine_devices_read(struct machine *m, enum reg_space space, uint64_t addr, unsigned size,
                          uint32_t *value);
void machine_devices_write(struct machine *m, enum reg_space space, uint64_t addr, unsigned size,
                           uint32_t value);

/* Each acts on its own. */
void machine_devices_poke(struct machine *m);

/* As of one device: device.h. */
void machine_devices_check_idle(struct machine *m);
void machine_devices_check_asleep(struct machine *m);
void machine_devices_check_leaks(struct machine *m);
void machine_devices_check_quiet(struct machine *m);

/* After a poll: does an interrupt line stay up? A message, `woken` says whether one came, is seen
 * once. */
bool machine_devices_interrupting(const struct machine *m, bool woken);

#endif
