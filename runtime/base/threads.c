/*
 * OpenMP, because oneDNN and OpenBLAS use it too: one pool of threads for all
 * of us. Without OpenMP the loops are serial and everything still works.
 */
#define _GNU_SOURCE /* syscall */
#include "runtime/base/threads.h"

#ifdef _OPENMP
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#endif

#include "runtime/base/heap.h"

int inn_threads_available(void)
{
#ifdef _OPENMP
    int n = omp_get_num_procs();

    return n > 0 ? n : 1;
#else
    return 1;
#endif
}

#ifdef _OPENMP

#define POOL_ROOM ((size_t)4 << 20)

/* Threads on trial wait for the end of it, so that all exist at once. */
struct trial {
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool is_over;
};

struct candidate {
    struct trial *trial;
    pthread_t thread;
    long id; /* the system's */
};

static void *wait_for_the_end(void *context)
{
    struct candidate *c = context;

#ifdef __linux__
    c->id = syscall(SYS_gettid);
#endif
    pthread_mutex_lock(&c->trial->lock);
    while (!c->trial->is_over)
        pthread_cond_wait(&c->trial->over, &c->trial->lock);
    pthread_mutex_unlock(&c->trial->lock);
    return NULL;
}

/*
 * A thread that has been joined still counts for `ulimit -u` until the kernel
 * has let go of it, some microseconds later: OpenMP would be refused.
 */
static void wait_until_gone(const struct candidate *c)
{
#ifdef __linux__
    enum { MOST_TRIES = 10000 };
    int i;

    for (i = 0; i < MOST_TRIES &&
                syscall(SYS_tgkill, (long)getpid(), c->id, 0L) == 0; i++)
        sched_yield();
#else
    (void)c;
#endif
}

/* How many threads can be, the calling one among them, up to threads. */
static int try_threads(int threads)
{
    struct trial t = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER,
                      false};
    struct candidate *c = calloc((size_t)threads, sizeof(*c));
    bool enough;
    int n = 0, i;

    if (c == NULL)
        return 1;
    for (; n + 1 < threads; n++) {
        c[n].trial = &t;
        if (pthread_create(&c[n].thread, NULL, wait_for_the_end, &c[n]) != 0)
            break;
    }
    /* What OpenMP takes for itself. */
    enough = inn_heap_has_room(POOL_ROOM);
    pthread_mutex_lock(&t.lock);
    t.is_over = true;
    pthread_cond_broadcast(&t.over);
    pthread_mutex_unlock(&t.lock);
    for (i = 0; i < n; i++)
        pthread_join(c[i].thread, NULL);
    for (i = 0; i < n; i++)
        wait_until_gone(&c[i]);
    free(c);
    pthread_mutex_destroy(&t.lock);
    pthread_cond_destroy(&t.over);
    return enough ? n + 1 : 1;
}

/*
 * OpenMP has a pool of threads for each thread that begins regions, so what
 * was granted is remembered by thread: the largest number so far, and whether
 * that is all there is.
 */
static _Thread_local int granted = 1;
static _Thread_local bool refused;

int inn_threads_granted(int threads)
{
    int n;

    if (threads <= 0)
        threads = inn_threads_available();
    if (threads <= granted || omp_in_parallel())
        return threads;
    if (refused)
        return granted;
    n = try_threads(threads);
    if (n > granted)
        granted = n;
    if (n < threads) {
        refused = true;
        /* For regions that libraries begin by themselves. */
        if (omp_get_max_threads() > granted)
            omp_set_num_threads(granted);
    }
    return granted;
}

#else

int inn_threads_granted(int threads)
{
    (void)threads;
    return 1;
}

#endif

void inn_parallel(int threads, size_t parts, inn_part_fn *part, void *context)
{
    size_t i;

#ifdef _OPENMP
    if (threads <= 0)
        threads = inn_threads_available();
    if (threads > 1 && parts > 1 && !omp_in_parallel())
        threads = inn_threads_granted(threads);
    if (threads > 1 && parts > 1 && !omp_in_parallel()) {
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
        for (i = 0; i < parts; i++)
            part(context, i);
        return;
    }
#else
    (void)threads;
#endif
    for (i = 0; i < parts; i++)
        part(context, i);
}
