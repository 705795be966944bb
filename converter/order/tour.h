/*
 * What the steps of ordering share: the distances with their neighbour
 * lists, and a closed tour kept as an array. The open path that we look for
 * is a closed tour through one city more, the dummy, at distance 0 from all:
 * where the tour passes it, the path begins and ends.
 */
#ifndef INN_CONVERTER_TOUR_H
#define INN_CONVERTER_TOUR_H

#include "converter/order/order.h"

/* Neighbours of a city, and the dummy before them. */
#define INN_NEAR 16

/* A gain below this is rounding: distances are at most 1. */
#define INN_NO_GAIN 1e-13

struct inn_space {
    struct inn_heap *heap;
    int n;      /* channels; city n is the dummy */
    int near_n; /* entries in a row of near, at most INN_NEAR + 1 */
    float *d;   /* [(n+1) × (n+1)], the largest is 1, own */
    /* [(n+1) × near_n], nearest first, ties by index, with distances; own */
    int *near;
    float *near_d;
};

/* INN_ERR_FORMAT: a distance that is not finite. */
enum inn_status inn_space_init(struct inn_space *space,
                               const struct inn_gram *gram, int threads,
                               struct inn_error *err);
void inn_space_free(struct inn_space *space);

/* d_ij in double and in the features' own unit. */
double inn_gram_distance(const struct inn_gram *gram, size_t i, size_t j);
double inn_gram_variation(const struct inn_gram *gram, const int64_t *order);

static inline float inn_space_d(const struct inn_space *space, int a, int b)
{
    return space->d[(size_t)a * ((size_t)space->n + 1) + (size_t)b];
}

/* Starts: city[n + 1], a closed tour with the dummy last. */
enum inn_status inn_start_greedy(int *city, const struct inn_space *space,
                                 struct inn_error *err);
enum inn_status inn_start_nearest(int *city, const struct inn_space *space,
                                  struct inn_error *err);

/* Most path reversals that can be taken back. */
#define INN_TOUR_LOG 4096

struct inn_tour {
    const struct inn_space *space;
    int n;         /* cities, the dummy counted */
    int *city;     /* [n] */
    int *pos;      /* [n] */
    int *queue;    /* [n], a ring of cities to look at again */
    unsigned char *queued;
    int queue_head, queue_n;
    int *log;      /* [2 × INN_TOUR_LOG] positions of reversals done */
    int log_n;
    bool logging;
};

/* Needs at least 8 cities. city is copied. */
enum inn_status inn_tour_init(struct inn_tour *tour,
                              const struct inn_space *space, const int *city,
                              struct inn_error *err);
void inn_tour_free(struct inn_tour *tour);

/*
 * Removes the edges t1 t2 and t3 t4, adds t2 t3 and t4 t1; t4 comes before
 * t3 in the direction in which t2 follows t1.
 */
void inn_tour_flip(struct inn_tour *tour, int t1, int t2, int t3, int t4);
/*
 * Exchanges the paths b … b2 and c … c2, c following b2, between a (before
 * b) and d (after c2); a and d may be one city.
 */
void inn_tour_exchange(struct inn_tour *tour, int a, int b, int b2, int c,
                       int c2, int d);
/* Takes back everything since log_n was 0. */
void inn_tour_undo(struct inn_tour *tour);
void inn_tour_queue(struct inn_tour *tour, int city);

/*
 * Looks at the queued cities until none is left that a sequential exchange
 * of two or three edges would help. Returns what was gained.
 */
double inn_tour_improve(struct inn_tour *tour);

/* kicks double bridges, each kept unless the tour gets longer. */
void inn_tour_kick(struct inn_tour *tour, int64_t kicks, uint64_t seed);

/* Most channels that are ordered by trying everything. */
#define INN_EXACT 8

/* The shortest path of n <= INN_EXACT channels. */
void inn_order_exact(int64_t *order, const struct inn_gram *gram);

/* How often inn_order_tour kicks the tour from each start. */
int64_t inn_order_kicks_default(int64_t n);

/* As inn_order_tour, with another number of kicks for each start. */
enum inn_status inn_order_kicks(int64_t *order, double *before, double *after,
                                const struct inn_gram *gram, int64_t kicks,
                                int threads, struct inn_error *err);

#endif
