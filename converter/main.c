/*
 * The program inn-convert. OpenBLAS takes its first buffers, one per core, as
 * it is loaded, before main; where the system refuses them it asks again for
 * ever. Only what a program has in .preinit_array runs before that, so there
 * it is asked whether they can be had.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"
#include "converter/blas_room.h"
#include "converter/command.h"

#if defined(__linux__) && defined(__ELF__) && defined(__GNUC__) && \
    defined(HAVE_BLAS_MEMORY_ALLOC)

/* What libraries take as they are loaded, besides. */
#define SLACK ((size_t)16 << 20)

/* The C library is not set up yet: system calls only. */
static void look_for_room(void)
{
    static const char text[] =
        "inn-convert: out of memory: OpenBLAS wants 128 MiB of address space "
        "for each core as it is loaded; `ulimit -v` limits it\n";
    size_t bytes;
    cpu_set_t cores;
    void *p;

    if (sched_getaffinity(0, sizeof(cores), &cores) != 0)
        return;
    bytes = (size_t)CPU_COUNT(&cores) * INN_BLAS_BUFFER + SLACK;
    p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);

        (void)n;
        _exit(INN_EXIT_MEMORY);
    }
    munmap(p, bytes);
}

__attribute__((section(".preinit_array"),
               used)) static void (*const before_libraries)(void) =
    look_for_room;

#endif

int main(int argc, char **argv)
{
    return inn_cli_run("inn-convert", &inn_converter, argc, argv);
}
