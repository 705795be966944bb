/*
 * How long ordering takes and how short its tours are, on random points.
 * Built with make check, not run by it.
 *
 *     tests/bench/order [-l] [-t THREADS] [N LEN]...
 *
 * N channels of LEN features, uniform in a cube; without any, a table of
 * sizes. -l: also a run with 30 times the kicks (minutes), and how far the
 * tour is above it. Measured on two cores of a shared Zen server (CPU time
 * of both starts is twice the tour's; -: not run):
 *
 *        n    len   gram s   tour s      before       after   above long
 *      512      2     0.02     0.55    263.8699     16.8173       0.32 %
 *      512     20     0.02     0.61    923.7403    596.1053       0.10 %
 *      512   4608     0.02     0.48  14160.6281  13861.8603       0.00 %
 *     2048      2     0.06     1.54   1064.6533     32.7484       0.27 %
 *     2048     20     0.03     1.63   3711.8546   2178.3941            -
 *     2048   5500     0.41     3.13  61970.5149  60612.8518            -
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "converter/order/tour.h"

static double now(void)
{
    struct timespec t;

    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fill(float *rows, int64_t count)
{
    uint64_t state = UINT64_C(88172645463325252); /* xorshift64 */
    int64_t i;

    for (i = 0; i < count; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        rows[i] = (float)((double)(state >> 40) / 16777216.0);
    }
}

static enum inn_status measure(struct inn_heap *heap, int64_t n, int64_t len,
                               bool longer, int threads,
                               struct inn_error *err)
{
    struct inn_gram gram = {0};
    double before, after, best, start, mid, end;
    int64_t *order = NULL;
    enum inn_status st = INN_ERR_MEMORY;
    float *rows = inn_alloc(heap, (size_t)n, (size_t)len * sizeof(*rows),
                            err);

    if (rows == NULL)
        goto out;
    order = inn_alloc(heap, (size_t)n, sizeof(*order), err);
    if (order == NULL)
        goto out;
    fill(rows, n * len);
    start = now();
    st = inn_gram_init(&gram, n, heap, err);
    if (st == INN_OK)
        st = inn_gram_add(&gram, rows, len, 1, threads, err);
    mid = now();
    if (st == INN_OK)
        st = inn_order_tour(order, &before, &after, &gram, threads, err);
    if (st != INN_OK)
        goto out;
    end = now();
    printf("%6lld %6lld %8.2f %8.2f %11.4f %11.4f", (long long)n,
           (long long)len, mid - start, end - mid, before, after);
    if (longer) {
        st = inn_order_kicks(order, &before, &best, &gram,
                             30 * inn_order_kicks_default(n), threads, err);
        if (st != INN_OK)
            goto out;
        printf(" %8.2f %%", best > 0 ? 100 * (after / best - 1) : 0);
    }
    putchar('\n');
    fflush(stdout);
out:
    inn_gram_free(&gram);
    inn_free(heap, order);
    inn_free(heap, rows);
    return st;
}

int main(int argc, char **argv)
{
    static const int64_t table[][2] = {
        {64, 2}, {64, 64}, {256, 2}, {256, 256}, {512, 2}, {512, 20},
        {512, 4608}, {1024, 20}, {2048, 2}, {2048, 20}, {2048, 5500}};
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_error err = {0};
    enum inn_status st = INN_OK;
    bool longer = false;
    int threads = 0, i = 1;
    size_t k;

    if (heap == NULL)
        return 6;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "-l") == 0)
            longer = true;
        else if (strcmp(argv[i], "-t") == 0 && i + 1 < argc)
            threads = atoi(argv[++i]);
        else
            return 2;
    }
    printf("%6s %6s %8s %8s %11s %11s%s\n", "n", "len", "gram s", "tour s",
           "before", "after", longer ? " above long" : "");
    for (k = 0; i == argc && k < sizeof(table) / sizeof(table[0]) &&
                st == INN_OK; k++)
        st = measure(heap, table[k][0], table[k][1], longer, threads, &err);
    for (; i + 1 < argc && st == INN_OK; i += 2)
        st = measure(heap, atoll(argv[i]), atoll(argv[i + 1]), longer,
                     threads, &err);
    if (st != INN_OK)
        fprintf(stderr, "order: %s\n", err.message);
    inn_heap_free(heap);
    return (int)st;
}
