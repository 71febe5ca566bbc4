/*
 * The one address space (four levels): the kernel at its physical addresses, text not writable and
 * data not executable; the devices; the programs' window, in which only the stack is remapped.
 */
#ifndef DRYWIRE_PAGING_H
#define DRYWIRE_PAGING_H

void paging_start(void);

#endif
