/*
 * Where the search for a short tour starts: greedy edges from the neighbour
 * lists, fragments joined end to end; or always on to the nearest channel.
 * Ties go to the lower index.
 */
#include "converter/order/tour.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"

struct edge {
    float d;
    int a, b;
};

static int compare_edges(const void *left, const void *right)
{
    const struct edge *x = left, *y = right;

    if (x->d != y->d)
        return x->d < y->d ? -1 : 1;
    if (x->a != y->a)
        return x->a < y->a ? -1 : 1;
    return (x->b > y->b) - (x->b < y->b);
}

static int find_root(int *parent, int i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

/* Edges a < b of the neighbour lists, those of the dummy left out. */
static size_t list_edges(struct edge *edges, const struct inn_space *space)
{
    size_t count = 0;
    int a, k;

    for (a = 0; a < space->n; a++) {
        const int *near = space->near + (size_t)a * (size_t)space->near_n;

        for (k = 1; k < space->near_n; k++) {
            int b = near[k];

            edges[count].d = inn_space_d(space, a, b);
            edges[count].a = a < b ? a : b;
            edges[count].b = a < b ? b : a;
            count++;
        }
    }
    qsort(edges, count, sizeof(*edges), compare_edges);
    return count;
}

/* link[2·c], link[2·c + 1]: the neighbours of c in its fragment, or −1. */
static void take_edges(int *link, int *parent, const struct edge *edges,
                       size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        int a = edges[i].a, b = edges[i].b, ra, rb;

        if (link[2 * a + 1] >= 0 || link[2 * b + 1] >= 0)
            continue;
        ra = find_root(parent, a);
        rb = find_root(parent, b);
        if (ra == rb)
            continue;
        parent[ra > rb ? ra : rb] = ra > rb ? rb : ra;
        link[2 * a + (link[2 * a] >= 0)] = b;
        link[2 * b + (link[2 * b] >= 0)] = a;
    }
}

/* Walks through fragments, each time on to the nearest end not yet seen. */
static void join_fragments(int *city, const int *link, int *ends,
                           const struct inn_space *space)
{
    int n = space->n, count = 0, ends_n = 0, c, k, from = -1;

    for (c = 0; c < n; c++) {
        if (link[2 * c + 1] < 0)
            ends[ends_n++] = c;
    }
    while (count < n) {
        int best = 0, last = -1;

        for (k = 1; from >= 0 && k < ends_n; k++) {
            if (inn_space_d(space, from, ends[k]) <
                inn_space_d(space, from, ends[best]))
                best = k;
        }
        c = ends[best];
        for (;;) {
            int next = link[2 * c] != last ? link[2 * c] : link[2 * c + 1];

            city[count++] = c;
            if (next < 0)
                break;
            last = c;
            c = next;
        }
        /* Both ends of the fragment are used up; the list stays sorted. */
        from = c;
        c = ends[best];
        for (k = 0, best = 0; k < ends_n; k++) {
            if (ends[k] != c && ends[k] != from)
                ends[best++] = ends[k];
        }
        ends_n = best;
    }
    city[n] = n;
}

enum inn_status inn_start_greedy(int *city, const struct inn_space *space,
                                 struct inn_error *err)
{
    size_t n = (size_t)space->n;
    struct inn_error why = {INN_ERR_MEMORY, ""};
    enum inn_status st = INN_OK;
    struct edge *edges;
    int *link = NULL, c;

    edges = inn_alloc(space->heap, n,
                      (size_t)space->near_n * sizeof(*edges), &why);
    /* Two links and a parent for each city; then the ends. */
    link = edges == NULL ? NULL :
        inn_alloc(space->heap, n, 3 * sizeof(*link), &why);
    if (link == NULL) {
        st = inn_fail(err, why.status, "%s", why.message);
        goto out;
    }
    memset(link, 0xff, n * 2 * sizeof(*link));
    for (c = 0; c < space->n; c++)
        link[2 * n + (size_t)c] = c;
    take_edges(link, link + 2 * n, edges, list_edges(edges, space));
    join_fragments(city, link, link + 2 * n, space);
out:
    inn_free(space->heap, link);
    inn_free(space->heap, edges);
    return st;
}

enum inn_status inn_start_nearest(int *city, const struct inn_space *space,
                                  struct inn_error *err)
{
    int n = space->n, k, i, c = 0, left = n;
    int *rest = inn_alloc(space->heap, (size_t)n, sizeof(*rest), err);

    if (rest == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++)
        rest[i] = i;
    for (k = 0; k < n; k++) {
        int best = 0;

        for (i = 1; k > 0 && i < left; i++) {
            float d = inn_space_d(space, c, rest[i]);
            float least = inn_space_d(space, c, rest[best]);

            if (d < least || (d == least && rest[i] < rest[best]))
                best = i;
        }
        c = rest[best];
        rest[best] = rest[--left];
        city[k] = c;
    }
    city[n] = n;
    inn_free(space->heap, rest);
    return INN_OK;
}
