/* How much memory the machine has, or the container that this runs in. */
#ifndef INN_BASE_MACHINE_H
#define INN_BASE_MACHINE_H

#include <stddef.h>

/* Bytes; SIZE_MAX where nobody says. */
size_t inn_machine_memory(void);

#endif
