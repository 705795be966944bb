/*
 * Kicks: three short neighbouring runs of the tour in reverse order (a
 * double bridge, which no chain of flips finds), repaired around the four
 * places, and taken back where the tour got longer.
 */
#include "converter/order/tour.h"
#include "runtime/base/random.h"

/* Longest run, in cities. */
#define RUN 50

/* City offset places after position i, offset in 0..n. */
static int city_at(const struct inn_tour *tour, int i, int offset)
{
    int at = i + offset;

    return tour->city[at < tour->n ? at : at - tour->n];
}

/* x A B C y becomes x C B A y; returns by how much the tour grew. */
static double bridge(struct inn_tour *tour, uint64_t *state)
{
    const struct inn_space *s = tour->space;
    int most = (tour->n - 2) / 3 < RUN ? (tour->n - 2) / 3 : RUN;
    int i = inn_random_below(state, tour->n);
    int a = 1 + inn_random_below(state, most);
    int b = a + 1 + inn_random_below(state, most);
    int c = b + 1 + inn_random_below(state, most);
    int x = city_at(tour, i, 0), y = city_at(tour, i, c + 1);
    int a1 = city_at(tour, i, 1), a2 = city_at(tour, i, a);
    int b1 = city_at(tour, i, a + 1), b2 = city_at(tour, i, b);
    int c1 = city_at(tour, i, b + 1), c2 = city_at(tour, i, c);
    double grown = (double)inn_space_d(s, x, c1);
    int at[8], k;

    grown += (double)inn_space_d(s, c2, b1);
    grown += (double)inn_space_d(s, b2, a1);
    grown += (double)inn_space_d(s, a2, y);
    grown -= (double)inn_space_d(s, x, a1);
    grown -= (double)inn_space_d(s, a2, b1);
    grown -= (double)inn_space_d(s, b2, c1);
    grown -= (double)inn_space_d(s, c2, y);
    inn_tour_flip(tour, x, a1, y, c2); /* x C' B' A' y */
    inn_tour_flip(tour, x, c2, b2, c1);
    inn_tour_flip(tour, c2, b2, a2, b1);
    inn_tour_flip(tour, b2, a2, y, a1);
    at[0] = x;
    at[1] = c1;
    at[2] = c2;
    at[3] = b1;
    at[4] = b2;
    at[5] = a1;
    at[6] = a2;
    at[7] = y;
    for (k = 0; k < 8; k++)
        inn_tour_queue(tour, at[k]);
    return grown;
}

void inn_tour_kick(struct inn_tour *tour, int64_t kicks, uint64_t seed)
{
    uint64_t state = seed;
    int64_t k;

    tour->logging = true;
    for (k = 0; k < kicks; k++) {
        double grown;

        tour->log_n = 0;
        grown = bridge(tour, &state);
        grown -= inn_tour_improve(tour);
        if (grown > 0)
            inn_tour_undo(tour);
    }
    tour->logging = false;
    tour->log_n = 0;
}
