/*
 * omp_set_num_threads sets a variable of the calling thread's own, so two
 * sessions in two threads don't disturb each other. The flush modes live in a
 * register of each thread. GNU's OpenMP leaves that alone, so every thread is
 * told, and told again at the end, for it keeps them between regions. LLVM's
 * gives each region the caller's mode and undoes what the region did: there
 * it is setting the caller's, outside of any region, that counts. Beside the
 * modes lie flags that stay up once an operation has raised them.
 */
#include "runtime/exec/workers.h"

#include <fenv.h>

#include "runtime/base/threads.h"

#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef __SSE__
#include <xmmintrin.h>
#endif

#ifdef __SSE__
/* FTZ (bit 15) and DAZ (bit 6) of MXCSR, and its six flags. */
#define FLUSH 0x8040u
#define FLAGS 0x3fu
#define INVALID 0x01u

static unsigned get_mode(void)
{
    return _mm_getcsr();
}

static void set_mode(unsigned mode)
{
    _mm_setcsr(mode);
}

static bool is_raised(void)
{
    return (_mm_getcsr() & INVALID) != 0;
}
#else
/* No portable way: denormals stay, results are right, only slower. */
#define FLUSH 0u
#define FLAGS 0u

static unsigned get_mode(void)
{
    return 0;
}

static void set_mode(unsigned mode)
{
    (void)mode;
    feclearexcept(FE_INVALID);
}

static bool is_raised(void)
{
    return fetestexcept(FE_INVALID) != 0;
}
#endif

/* The mode of a run, no flag up. */
static unsigned run_mode(unsigned saved)
{
    return (saved & ~FLAGS) | FLUSH;
}

void inn_workers_enter(struct inn_workers *workers, int threads)
{
    if (threads <= 0)
        threads = inn_threads_available();
    if (threads > INN_MAX_WORKERS)
        threads = INN_MAX_WORKERS;
    threads = inn_threads_granted(threads);
    workers->threads = threads;
    /* OpenMP may grant fewer threads now than at the end. */
    for (int k = 0; k < threads; k++)
        workers->saved[k] = get_mode();
    workers->old_threads = inn_workers_use(threads);
#ifdef _OPENMP
    if (threads > 1) {
#pragma omp parallel num_threads(threads)
        {
            int i = omp_get_thread_num();

            workers->saved[i] = get_mode();
            set_mode(run_mode(workers->saved[i]));
        }
    }
#endif
    set_mode(run_mode(workers->saved[0]));
}

bool inn_workers_leave(const struct inn_workers *workers)
{
    int raised = is_raised();
#ifdef _OPENMP
    int threads = workers->threads;

    if (threads > 1) {
#pragma omp parallel num_threads(threads) reduction(| : raised)
        {
            raised |= is_raised();
            set_mode(workers->saved[omp_get_thread_num()]);
        }
    }
#endif
    set_mode(workers->saved[0]);
    inn_workers_use(workers->old_threads);
    return raised != 0;
}

int inn_workers_use(int threads)
{
#ifdef _OPENMP
    int old = omp_get_max_threads();

    omp_set_num_threads(threads);
    return old;
#else
    (void)threads;
    return 1;
#endif
}
