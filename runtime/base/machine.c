/*
 * A container's limit is in the file system of control groups: version 2 has
 * one folder per group, version 1 one for memory. The own group's files are
 * those at the mount as seen from inside; elsewhere the machine's is what
 * counts.
 */
#include "runtime/base/machine.h"

#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* The number in the file; SIZE_MAX where there is none ("max"). */
static size_t read_limit(const char *path)
{
    FILE *f = fopen(path, "r");
    unsigned long long limit = 0;
    int n;

    if (f == NULL)
        return SIZE_MAX;
    n = fscanf(f, "%20llu", &limit);
    fclose(f);
    return n == 1 && limit > 0 && limit < SIZE_MAX ? (size_t)limit : SIZE_MAX;
}

size_t inn_machine_memory(void)
{
    static const char *const limits[] = {
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t least = SIZE_MAX, i;

    if (pages > 0 && page > 0 &&
        (size_t)pages <= SIZE_MAX / (size_t)page)
        least = (size_t)pages * (size_t)page;
    for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        size_t limit = read_limit(limits[i]);

        least = limit < least ? limit : least;
    }
    return least;
}
