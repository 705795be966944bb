/*
 * Sequential exchanges of two and three edges, found through neighbour
 * lists: a chain t1 t2 | t3 t4 | t5 t6 whose odd steps leave the tour and
 * whose even ones join it, followed only while what was removed is longer
 * than what was added. Moving a run of channels (or-opt), turned or not, is
 * one of them. Cities rest until an edge of theirs changes (don't-look bits).
 */
#include "converter/order/tour.h"

enum kind {
    NONE,
    TWO,     /* turn t2 … t4 */
    TWICE,   /* that, then the flip t1 t4 | t5 t6 */
    BOTH,    /* t2 … t6 and t5 … t3 turned where they are */
    EXCHANGE /* t2 … t5 and t6 … t3 change places */
};

struct move {
    double gain;
    enum kind kind;
    int t[7];
};

/* One end of the chain, and the direction in which t2 follows t1. */
struct search {
    const struct inn_tour *tour;
    struct move best;
    bool forward;
    int t1, t2;
};

static int step(const struct inn_tour *tour, int c, bool forward)
{
    int i = tour->pos[c];

    if (forward)
        i = i + 1 < tour->n ? i + 1 : 0;
    else
        i = i > 0 ? i - 1 : tour->n - 1;
    return tour->city[i];
}

/* Whether b is met on the way from a to c. */
static bool between(const struct inn_tour *tour, int a, int b, int c,
                    bool forward)
{
    int pa = tour->pos[a], pb = tour->pos[b], pc = tour->pos[c];

    if (!forward) {
        int was = pa;

        pa = pc;
        pc = was;
    }
    if (pa <= pc)
        return pa <= pb && pb <= pc;
    return pb >= pa || pb <= pc;
}

static void offer(struct search *s, double gain, enum kind kind, int t3,
                  int t4, int t5, int t6)
{
    struct move *best = &s->best;

    if (gain <= best->gain)
        return;
    best->gain = gain;
    best->kind = kind;
    best->t[1] = s->t1;
    best->t[2] = s->t2;
    best->t[3] = t3;
    best->t[4] = t4;
    best->t[5] = t5;
    best->t[6] = t6;
}

/* t4 before t3: closing gives a tour, and so does any step after it. */
static void search_twice(struct search *s, int t3, int t4, double g2)
{
    const struct inn_tour *tour = s->tour;
    const struct inn_space *space = tour->space;
    size_t row = (size_t)t4 * (size_t)space->near_n;
    const int *near = space->near + row;
    const float *near_d = space->near_d + row;
    int k;

    offer(s, g2 - (double)inn_space_d(space, s->t1, t4), TWO, t3, t4, t4, t4);
    for (k = 0; k < space->near_n; k++) {
        int t5 = near[k], t6;
        double g3 = g2 - (double)near_d[k];

        if (g3 <= INN_NO_GAIN)
            break;
        if (t5 == t3 || t5 == s->t1)
            continue;
        t6 = step(tour, t5,
                  between(tour, s->t2, t5, t4, s->forward) == s->forward);
        if (t6 == t4)
            continue;
        offer(s, g3 + (double)inn_space_d(space, t5, t6) -
              (double)inn_space_d(space, s->t1, t6), TWICE, t3, t4, t5, t6);
    }
}

/* t4 after t3: t2 … t3 is a ring of its own until t5, in it, opens it. */
static void search_ring(struct search *s, int t3, int t4, double g2)
{
    const struct inn_tour *tour = s->tour;
    const struct inn_space *space = tour->space;
    size_t row = (size_t)t4 * (size_t)space->near_n;
    const int *near = space->near + row;
    const float *near_d = space->near_d + row;
    int k, t1 = s->t1;

    for (k = 0; k < space->near_n; k++) {
        int t5 = near[k], t6;
        double g3 = g2 - (double)near_d[k];

        if (g3 <= INN_NO_GAIN)
            break;
        if (t5 == t3 || !between(tour, s->t2, t5, t3, s->forward))
            continue;
        t6 = step(tour, t5, s->forward);
        offer(s, g3 + (double)inn_space_d(space, t5, t6) -
              (double)inn_space_d(space, t1, t6), EXCHANGE, t3, t4, t5, t6);
        if (t5 == s->t2)
            continue;
        t6 = step(tour, t5, !s->forward);
        offer(s, g3 + (double)inn_space_d(space, t5, t6) -
              (double)inn_space_d(space, t1, t6), BOTH, t3, t4, t5, t6);
    }
}

static void search_from(struct search *s)
{
    const struct inn_tour *tour = s->tour;
    const struct inn_space *space = tour->space;
    size_t row = (size_t)s->t2 * (size_t)space->near_n;
    const int *near = space->near + row;
    const float *near_d = space->near_d + row;
    double g0 = (double)inn_space_d(space, s->t1, s->t2);
    int k;

    for (k = 0; k < space->near_n; k++) {
        int t3 = near[k], t4;
        double g1 = g0 - (double)near_d[k];

        if (g1 <= INN_NO_GAIN)
            break;
        t4 = step(tour, t3, !s->forward);
        if (t3 == s->t1 || t4 == s->t2)
            continue;
        search_twice(s, t3, t4,
                     g1 + (double)inn_space_d(space, t3, t4));
        t4 = step(tour, t3, s->forward);
        search_ring(s, t3, t4, g1 + (double)inn_space_d(space, t3, t4));
    }
}

static void make_move(struct inn_tour *tour, const struct move *m)
{
    const int *t = m->t;
    int i;

    switch (m->kind) {
    case NONE:
        return;
    case TWO:
        inn_tour_flip(tour, t[1], t[2], t[3], t[4]);
        break;
    case TWICE:
        inn_tour_flip(tour, t[1], t[2], t[3], t[4]);
        inn_tour_flip(tour, t[1], t[4], t[5], t[6]);
        break;
    case BOTH:
        inn_tour_flip(tour, t[1], t[2], t[5], t[6]);
        inn_tour_flip(tour, t[2], t[5], t[4], t[3]);
        break;
    case EXCHANGE:
        inn_tour_exchange(tour, t[1], t[2], t[5], t[6], t[3], t[4]);
        break;
    }
    for (i = 1; i <= 6; i++)
        inn_tour_queue(tour, t[i]);
}

double inn_tour_improve(struct inn_tour *tour)
{
    struct search s = {.tour = tour};
    double gained = 0;
    int way;

    while (tour->queue_n > 0) {
        int c = tour->queue[tour->queue_head];
        tour->queue_head = tour->queue_head + 1 < tour->n
                         ? tour->queue_head + 1 : 0;
        tour->queue_n--;
        tour->queued[c] = 0;
        /* No room to take more back: what is left in the queue rests. */
        if (tour->logging && tour->log_n + 3 > INN_TOUR_LOG)
            continue;
        s.best.gain = INN_NO_GAIN;
        s.best.kind = NONE;
        s.t1 = c;
        for (way = 0; way < 2; way++) {
            s.forward = way == 0;
            s.t2 = step(tour, c, s.forward);
            search_from(&s);
        }
        if (s.best.kind == NONE)
            continue;
        make_move(tour, &s.best);
        gained += s.best.gain;
    }
    return gained;
}
