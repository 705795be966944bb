/*
 * A closed tour as an array of cities and their positions. Every change is
 * made of reversals of a path; of the two paths that a reversal may turn
 * round, the shorter is. So a tour has no direction of its own: callers name
 * cities, never positions.
 */
#include "converter/order/tour.h"

#include <string.h>

#include "runtime/base/error.h"

enum inn_status inn_tour_init(struct inn_tour *tour,
                              const struct inn_space *space, const int *city,
                              struct inn_error *err)
{
    struct inn_heap *heap = space->heap;
    size_t n = (size_t)space->n + 1, i;
    int *block;

    memset(tour, 0, sizeof(*tour));
    tour->space = space;
    tour->n = (int)n;
    /* city, pos and queue in one block, then the log, then the flags. */
    block = inn_alloc(heap, n, 3 * sizeof(*block) + 1, err);
    if (block == NULL)
        return inn_refused(err);
    tour->log = inn_alloc(heap, INN_TOUR_LOG, 2 * sizeof(*tour->log), err);
    if (tour->log == NULL) {
        inn_free(heap, block);
        return inn_refused(err);
    }
    tour->city = block;
    tour->pos = block + n;
    tour->queue = block + 2 * n;
    tour->queued = (unsigned char *)(block + 3 * n);
    for (i = 0; i < n; i++) {
        tour->city[i] = city[i];
        tour->pos[city[i]] = (int)i;
    }
    return INN_OK;
}

void inn_tour_free(struct inn_tour *tour)
{
    if (tour->city == NULL)
        return;
    inn_free(tour->space->heap, tour->log);
    inn_free(tour->space->heap, tour->city);
    tour->city = NULL;
    tour->log = NULL;
}

void inn_tour_queue(struct inn_tour *tour, int city)
{
    int at = tour->queue_head + tour->queue_n;

    if (tour->queued[city])
        return;
    tour->queued[city] = 1;
    tour->queue[at < tour->n ? at : at - tour->n] = city;
    tour->queue_n++;
}

/* Turns round the cities from position i on to position j. */
static void reverse(struct inn_tour *tour, int i, int j)
{
    int n = tour->n, len = j - i + 1, swaps;
    int *city = tour->city, *pos = tour->pos;

    if (len <= 0)
        len += n;
    if (2 * len > n) {
        int was = i;

        i = j + 1 < n ? j + 1 : 0;
        j = was > 0 ? was - 1 : n - 1;
        len = n - len;
    }
    for (swaps = len / 2; swaps > 0; swaps--) {
        int a = city[i], b = city[j];

        city[i] = b;
        pos[b] = i;
        city[j] = a;
        pos[a] = j;
        if (++i == n)
            i = 0;
        if (--j < 0)
            j = n - 1;
    }
}

/* Turns round the path whose ends are at positions i and j, and notes it. */
static void turn(struct inn_tour *tour, int i, int j)
{
    if (tour->logging) {
        tour->log[2 * tour->log_n] = i;
        tour->log[2 * tour->log_n + 1] = j;
        tour->log_n++;
    }
    reverse(tour, i, j);
}

void inn_tour_undo(struct inn_tour *tour)
{
    while (tour->log_n > 0) {
        tour->log_n--;
        reverse(tour, tour->log[2 * tour->log_n],
                tour->log[2 * tour->log_n + 1]);
    }
}

void inn_tour_flip(struct inn_tour *tour, int t1, int t2, int t3, int t4)
{
    const int *pos = tour->pos;
    int after = pos[t1] + 1 < tour->n ? pos[t1] + 1 : 0;

    (void)t3;
    if (pos[t2] == after)
        turn(tour, pos[t2], pos[t4]);
    else
        turn(tour, pos[t4], pos[t2]);
}

/* Cities on the path from a to b, one following the other that way. */
static int path_len(const struct inn_tour *tour, int a, int b, bool forward)
{
    int len = forward ? tour->pos[b] - tour->pos[a]
                      : tour->pos[a] - tour->pos[b];

    return len < 0 ? len + tour->n + 1 : len + 1;
}

void inn_tour_exchange(struct inn_tour *tour, int a, int b, int b2, int c,
                       int c2, int d)
{
    int after = tour->pos[a] + 1 < tour->n ? tour->pos[a] + 1 : 0;
    bool forward = tour->pos[b] == after;
    int len_b = path_len(tour, b, b2, forward);
    int len_c = path_len(tour, c, c2, forward);
    int len_d = tour->n - len_b - len_c;

    /*
     * Three paths make up the tour (d … a the third); exchanging any two is
     * the same tour. The longest is left where it is.
     */
    if (len_b > len_c && len_b > len_d) {
        int b_was = b, b2_was = b2;

        b = c;
        b2 = c2;
        c = d;
        c2 = a;
        a = b2_was;
        d = b_was;
    } else if (len_c > len_d) {
        int c_was = c, c2_was = c2;

        c = b;
        c2 = b2;
        b = d;
        b2 = a;
        a = c2_was;
        d = c_was;
    }
    inn_tour_flip(tour, a, b, d, c2);
    inn_tour_flip(tour, a, c2, b2, c);
    inn_tour_flip(tour, c2, b2, d, b);
}
