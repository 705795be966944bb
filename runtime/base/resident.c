/*
 * Linux keeps the peak in /proc/self/status (VmHWM) and forgets it when 5 is
 * written to clear_refs; elsewhere getrusage knows it since the start.
 */
#include "runtime/base/resident.h"

#include <stdio.h>
#include <sys/resource.h>

void inn_resident_restart(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");

    if (f == NULL)
        return;
    fputs("5\n", f);
    fclose(f);
}

size_t inn_resident_peak(void)
{
    FILE *f = fopen("/proc/self/status", "r");
    struct rusage usage;
    size_t kib = 0;
    char line[256];

    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "VmHWM: %zu kB", &kib) == 1)
            break;
    }
    if (f != NULL)
        fclose(f);
    if (kib == 0 && getrusage(RUSAGE_SELF, &usage) == 0 &&
        usage.ru_maxrss > 0)
        kib = (size_t)usage.ru_maxrss;
    return kib * 1024;
}
