/*
 * Distances between channels and the lists of the nearest. Single precision
 * is enough for choosing edges and halves the memory that the search walks
 * through; lengths that are told to anybody are summed in double.
 */
#include "converter/order/tour.h"

#include <math.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/threads.h"

/* Rows that one part fills. */
#define ROWS 32

/* Below this share of the squared lengths, a square is rounding. */
#define SAME 1e-13

/* Two cities nearer each other than this share of the way to both. */
#define SHADOW 0.1f

struct space_work {
    const struct inn_gram *gram;
    struct inn_space *space;
    double *largest; /* [parts] the largest distance; NaN: not finite */
    int *heaps; /* [parts × n] */
    double unit;
};

double inn_gram_distance(const struct inn_gram *gram, size_t i, size_t j)
{
    size_t n = (size_t)gram->n;
    double sum = gram->g[i * n + i] + gram->g[j * n + j];
    double square = sum - 2 * gram->g[i * n + j];

    if (!isfinite(square))
        return NAN;
    return square > SAME * sum ? sqrt(square) : 0;
}

double inn_gram_variation(const struct inn_gram *gram, const int64_t *order)
{
    double sum = 0;
    int64_t k;

    for (k = 0; k + 1 < gram->n; k++)
        sum += inn_gram_distance(gram, (size_t)order[k],
                                 (size_t)order[k + 1]);
    return sum;
}

static void find_largest(void *context, size_t part)
{
    const struct space_work *w = context;
    size_t n = (size_t)w->gram->n, i, j;
    double largest = 0;

    for (i = part * ROWS; i < n && i < (part + 1) * ROWS; i++) {
        for (j = 0; j < n; j++) {
            double d = inn_gram_distance(w->gram, i, j);

            if (!(d <= largest)) /* larger, or NaN */
                largest = d;
            if (isnan(d))
                goto out;
        }
    }
out:
    w->largest[part] = largest;
}

static void fill_distances(void *context, size_t part)
{
    const struct space_work *w = context;
    size_t n = (size_t)w->gram->n, i, j;

    for (i = part * ROWS; i <= n && i < (part + 1) * ROWS; i++) {
        float *d = w->space->d + i * (n + 1);

        for (j = 0; j <= n; j++)
            d[j] = i == n || j == n ? 0 :
                (float)(inn_gram_distance(w->gram, i, j) / w->unit);
    }
}

static bool nearer(const float *d, int a, int b)
{
    return d[a] != d[b] ? d[a] < d[b] : a < b;
}

/* Lets the city at place i of a heap sink; the nearest city is on top. */
static void sink(const float *d, int *heap, size_t count, size_t i)
{
    int c = heap[i];
    size_t child;

    while ((child = 2 * i + 1) < count) {
        if (child + 1 < count && nearer(d, heap[child + 1], heap[child]))
            child++;
        if (!nearer(d, heap[child], c))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = c;
}

/* Whether city is, seen from where d is measured, the same as one listed. */
static bool shadowed(const struct inn_space *s, const float *d,
                     const int *list, int count, int city)
{
    int k;

    for (k = 1; k < count; k++) {
        if (inn_space_d(s, list[k], city) < SHADOW * d[city])
            return true;
    }
    return false;
}

/*
 * The dummy, then the nearest cities. Of a knot of cities that are all but
 * equal (dead channels, say: with lengths near 0 they are the nearest of
 * all) only one is listed while others are left: else every list would hold
 * the knot and nothing else.
 */
static void list_city(const struct inn_space *s, int city, int *heap)
{
    const float *d = s->d + (size_t)city * ((size_t)s->n + 1);
    int *list = s->near + (size_t)city * (size_t)s->near_n;
    float *list_d = s->near_d + (size_t)city * (size_t)s->near_n;
    int spare[INN_NEAR], spare_n = 0, count = 0, k, c;
    size_t left = 0, i;

    for (c = 0; c < s->n; c++) {
        if (c != city)
            heap[left++] = c;
    }
    for (i = left / 2; i > 0; i--)
        sink(d, heap, left, i - 1);
    list[count++] = s->n;
    while (left > 0 && count < s->near_n) {
        c = heap[0];
        heap[0] = heap[--left];
        sink(d, heap, left, 0);
        if (!shadowed(s, d, list, count, c))
            list[count++] = c;
        else if (spare_n < INN_NEAR)
            spare[spare_n++] = c;
    }
    for (i = 0; count < s->near_n; i++) {
        for (k = count++; k > 1 && nearer(d, spare[i], list[k - 1]); k--)
            list[k] = list[k - 1];
        list[k] = spare[i];
    }
    for (k = 0; k < s->near_n; k++)
        list_d[k] = d[list[k]];
}

static void fill_lists(void *context, size_t part)
{
    const struct space_work *w = context;
    size_t n = (size_t)w->gram->n, near_n = (size_t)w->space->near_n, i, k;

    for (i = part * ROWS; i <= n && i < (part + 1) * ROWS; i++) {
        if (i < n)
            list_city(w->space, (int)i, w->heaps + part * n);
        /* All are at distance 0 from the dummy: none is its nearest. */
        for (k = 0; i == n && k < near_n; k++)
            w->space->near_d[n * near_n + k] = INFINITY;
    }
}

enum inn_status inn_space_init(struct inn_space *space,
                               const struct inn_gram *gram, int threads,
                               struct inn_error *err)
{
    struct space_work w = {.gram = gram, .space = space};
    size_t n = (size_t)gram->n, parts = n / ROWS + 1, cells = 0, i;
    enum inn_status st;
    struct inn_error why = {INN_ERR_MEMORY, ""};

    space->heap = gram->heap;
    space->n = (int)n;
    space->near_n = n > INN_NEAR ? INN_NEAR + 1 : (int)n;
    space->d = NULL;
    space->near = NULL;
    space->near_d = NULL;
    if (!inn_mul_size(&cells, n + 1, n + 1))
        return inn_fail(err, INN_ERR_LIMIT,
                        "%zu x %zu distances are too many", n, n);
    w.largest = inn_alloc(gram->heap, parts, sizeof(*w.largest), &why);
    space->d = w.largest == NULL ? NULL :
        inn_alloc_raw(gram->heap, cells, sizeof(*space->d), &why);
    space->near = space->d == NULL ? NULL :
        inn_alloc(gram->heap, n + 1,
                  (size_t)space->near_n * sizeof(*space->near), &why);
    space->near_d = space->near == NULL ? NULL :
        inn_alloc(gram->heap, n + 1,
                  (size_t)space->near_n * sizeof(*space->near_d), &why);
    w.heaps = space->near_d == NULL ? NULL :
        inn_alloc_raw(gram->heap, parts, n * sizeof(*w.heaps), &why);
    if (w.heaps == NULL) {
        st = inn_fail(err, why.status, "%s", why.message);
        goto out;
    }
    inn_parallel(threads, parts, find_largest, &w);
    for (i = 0; i < parts; i++) {
        if (isnan(w.largest[i])) {
            st = inn_fail(err, INN_ERR_FORMAT,
                          "distances of channels %zu to %zu, of %zu, are "
                          "not finite", i * ROWS,
                          (i + 1) * ROWS < n ? (i + 1) * ROWS - 1 : n - 1,
                          n);
            goto out;
        }
        if (w.largest[i] > w.unit)
            w.unit = w.largest[i];
    }
    if (w.unit == 0)
        w.unit = 1;
    inn_parallel(threads, parts, fill_distances, &w);
    inn_parallel(threads, parts, fill_lists, &w);
    st = INN_OK;
out:
    inn_free(gram->heap, w.heaps);
    inn_free(gram->heap, w.largest);
    if (st != INN_OK)
        inn_space_free(space);
    return st;
}

void inn_space_free(struct inn_space *space)
{
    inn_free(space->heap, space->d);
    inn_free(space->heap, space->near);
    inn_free(space->heap, space->near_d);
    space->d = NULL;
    space->near = NULL;
    space->near_d = NULL;
}
