/* Time that only goes forward. */
#ifndef INN_BASE_CLOCK_H
#define INN_BASE_CLOCK_H

#include <stdint.h>

/* Now, in ns from some point in the past. */
int64_t inn_clock_ns(void);

#endif
