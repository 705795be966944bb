/*
 * Walks every request to a heap: something is done again and again, while its
 * first, its second, ... request fails, until it makes no more of them. What
 * has to hold of it is proved in this one place; any breach fails the test.
 */
#ifndef TESTS_UNIT_STARVE_H
#define TESTS_UNIT_STARVE_H

#include "runtime/base/heap.h"

/*
 *     struct starve s = starve(heap, 3, 90);
 *
 *     while (starving(&s)) {
 *         s.st = inn_graph_copy(&copy, graph, s.err);
 *         inn_graph_free(copy);
 *     }
 *
 * A round whose request fails ends in INN_ERR_MEMORY; so says err, with a
 * message; then the same is done once more, with nobody to listen. The last
 * round, in which no request fails, ends in INN_OK. Each frees what it makes:
 * heap is as full as starve found it. There have to be least to most
 * requests.
 */
struct starve {
    struct inn_heap *heap;
    size_t used, least, most;
    size_t n;   /* the request that fails in this round, from 1 */
    size_t met; /* the last that has failed */
    /*
     * Where rounds are slow: after request n comes n + 1 + n / apart.
     * 0: each one.
     */
    size_t apart;
    bool heard; /* always: what is starved takes no NULL for err */
    enum inn_status st;    /* for the round to set, */
    struct inn_error *err; /* and to fill; NULL: nobody listens */
    struct inn_error said;
};

struct starve starve(struct inn_heap *heap, size_t least, size_t most);

/* Judges the round before and begins the next; false after the last. */
bool starving(struct starve *s);

/*
 * Around what a round has to make first and does not starve: requests are
 * counted from starve_now, and none fails before.
 */
void starve_later(struct starve *s);
void starve_now(struct starve *s);

#endif
