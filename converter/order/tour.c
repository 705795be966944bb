/*
 * The order of a group's channels: two starts, each improved and kicked on
 * its own (on a thread of its own where there are two), the shorter tour
 * taken. The work depends on the number of channels only.
 */
#include "converter/order/order.h"

#include <math.h>
#include <string.h>

#include "converter/order/tour.h"
#include "runtime/base/error.h"
#include "runtime/base/threads.h"

#define STARTS 2

/*
 * Kicks for each start. Measured on all 37 groups of ResNet-50: one kick per
 * channel leaves the tours 0.05 % above four, at 60 % of the whole converter's
 * time; random points (tests/bench/order.c) ask for no more.
 */
#define KICKS_LEAST 1000
#define KICKS_MOST 2000
#define KICKS_EACH 1

struct chains {
    struct inn_tour tour[STARTS];
    int64_t kicks;
};

static void run_chain(void *context, size_t part)
{
    struct chains *c = context;
    struct inn_tour *tour = &c->tour[part];
    int i;

    for (i = 0; i < tour->n; i++)
        inn_tour_queue(tour, tour->city[i]);
    inn_tour_improve(tour);
    inn_tour_kick(tour, c->kicks, (uint64_t)part + 1);
}

/* The path after the dummy, from its end with the lower index. */
static void read_path(int64_t *order, const struct inn_tour *tour)
{
    int n = tour->n - 1, at = tour->pos[n], i;

    for (i = 0; i < n; i++) {
        at = at + 1 < tour->n ? at + 1 : 0;
        order[i] = tour->city[at];
    }
    if (order[0] < order[n - 1])
        return;
    for (i = 0; i < n - 1 - i; i++) {
        int64_t was = order[i];

        order[i] = order[n - 1 - i];
        order[n - 1 - i] = was;
    }
}

/* Leaves the best path in order; path is room for one more. */
static enum inn_status search(int64_t *order, int64_t *path,
                              const struct inn_space *space,
                              const struct inn_gram *gram, int64_t kicks,
                              int threads, struct inn_error *err)
{
    struct chains c = {.kicks = kicks};
    size_t n = (size_t)space->n, i;
    enum inn_status st = INN_OK;
    double least = INFINITY;
    int *city = inn_alloc(space->heap, n + 1, sizeof(*city), err);

    if (city == NULL)
        return inn_refused(err);
    for (i = 0; i < STARTS && st == INN_OK; i++) {
        st = i == 0 ? inn_start_greedy(city, space, err)
                    : inn_start_nearest(city, space, err);
        if (st == INN_OK)
            st = inn_tour_init(&c.tour[i], space, city, err);
    }
    if (st != INN_OK)
        goto out;
    inn_parallel(threads, STARTS, run_chain, &c);
    for (i = 0; i < STARTS; i++) {
        double length;

        read_path(path, &c.tour[i]);
        length = inn_gram_variation(gram, path);
        if (length < least) {
            least = length;
            memcpy(order, path, n * sizeof(*order));
        }
    }
out:
    for (i = 0; i < STARTS; i++)
        inn_tour_free(&c.tour[i]);
    inn_free(space->heap, city);
    return st;
}

enum inn_status inn_order_kicks(int64_t *order, double *before, double *after,
                                const struct inn_gram *gram, int64_t kicks,
                                int threads, struct inn_error *err)
{
    size_t n = (size_t)gram->n, i;
    struct inn_space space = {.heap = gram->heap};
    int64_t *path = NULL;
    enum inn_status st;

    *before = 0;
    *after = 0;
    for (i = 0; i < n; i++)
        order[i] = (int64_t)i;
    if (n == 0)
        return INN_OK;
    st = inn_space_init(&space, gram, threads, err);
    if (st != INN_OK)
        goto out;
    *before = inn_gram_variation(gram, order);
    path = inn_alloc(gram->heap, n, 2 * sizeof(*path), err);
    if (path == NULL) {
        st = inn_refused(err);
        goto out;
    }
    if (n <= INN_EXACT)
        inn_order_exact(path, gram);
    else
        st = search(path, path + n, &space, gram, kicks, threads, err);
    if (st != INN_OK)
        goto out;
    *after = inn_gram_variation(gram, path);
    if (*after < *before)
        memcpy(order, path, n * sizeof(*order));
    else
        *after = *before;
out:
    inn_free(gram->heap, path);
    inn_space_free(&space);
    return st;
}

int64_t inn_order_kicks_default(int64_t n)
{
    return n < (KICKS_MOST - KICKS_LEAST) / KICKS_EACH
         ? KICKS_LEAST + KICKS_EACH * n : KICKS_MOST;
}

enum inn_status inn_order_tour(int64_t *order, double *before, double *after,
                               const struct inn_gram *gram, int threads,
                               struct inn_error *err)
{
    return inn_order_kicks(order, before, after, gram,
                           inn_order_kicks_default(gram->n), threads, err);
}
