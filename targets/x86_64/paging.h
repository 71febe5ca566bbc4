/*
 * The one address space (four levels): the kernel where it lies, text not writable and data not
 * executable; the devices; the programs' window, of which only the stack ever changes.
 */
#ifndef DRYWIRE_PAGING_H
#define DRYWIRE_PAGING_H

void paging_start(void);

#endif
