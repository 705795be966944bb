/*
 * The memory that the system counts as ours, mapped files and other
 * libraries' memory included, which an inn_heap does not see.
 */
#ifndef INN_BASE_RESIDENT_H
#define INN_BASE_RESIDENT_H

#include <stddef.h>

/*
 * Forgets the peak so far. Where the system can't (only Linux does), peaks
 * are those since the process started.
 */
void inn_resident_restart(void);

/* Most bytes resident at once since then; 0 where nobody knows. */
size_t inn_resident_peak(void);

#endif
