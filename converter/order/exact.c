/*
 * Few channels: the shortest path by dynamic programming over subsets (Held
 * and Karp 1962), where a search by kicks has no room to kick.
 */
#include "converter/order/tour.h"

#include <math.h>

#define SUBSETS (1 << INN_EXACT)

void inn_order_exact(int64_t *order, const struct inn_gram *gram)
{
    /* The shortest path through a subset that ends in a channel of it. */
    double best[SUBSETS][INN_EXACT], d[INN_EXACT][INN_EXACT];
    unsigned char from[SUBSETS][INN_EXACT];
    int n = (int)gram->n, i, j, last = 0;
    unsigned set, all = (1u << n) - 1;

    for (i = 0; i < n; i++) {
        for (j = 0; j < n; j++)
            d[i][j] = inn_gram_distance(gram, (size_t)i, (size_t)j);
    }
    for (set = 1; set <= all; set++) {
        for (i = 0; i < n; i++) {
            unsigned rest = set & ~(1u << i);

            from[set][i] = 0;
            best[set][i] = rest == 0 && set == 1u << i ? 0 : INFINITY;
            if (rest == 0 || rest == set)
                continue;
            for (j = 0; j < n; j++) {
                if ((rest >> j & 1) != 0 &&
                    best[rest][j] + d[j][i] < best[set][i]) {
                    best[set][i] = best[rest][j] + d[j][i];
                    from[set][i] = (unsigned char)j;
                }
            }
        }
    }
    for (i = 1; i < n; i++) {
        if (best[all][i] < best[all][last])
            last = i;
    }
    set = all;
    for (i = 0; i < n; i++) {
        int was = last;

        order[i] = last;
        last = from[set][last];
        set &= ~(1u << was);
    }
}
