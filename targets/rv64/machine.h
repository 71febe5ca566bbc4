/* Shared by the files of the rv64 target. */
#ifndef DRYWIRE_RV64_H
#define DRYWIRE_RV64_H

#include "../common/port.h"

/* From the device tree: of rdtime; the windows of PCI's other two spaces. */
extern uint64_t timebase_hz, pci_config_base, pci_port_base;

void interrupts_start(void);
_Noreturn void rv64_panic(const uint64_t *x);
_Noreturn void rv64_main(const void *device_tree);

#endif
