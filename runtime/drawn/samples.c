/* Samples that are given, stored or drawn. */
#include "runtime/drawn/samples.h"

#include <string.h>

#include "runtime/drawn/inputs.h"
#include "runtime/pictures/calibration.h"
#include "runtime/pictures/stored.h"

/* Leaves n of the feed's samples, evenly spread, if there are more. */
static void thin(struct inn_feed *feed, int64_t n)
{
    int64_t k;
    int i;

    if (n <= 0 || n >= feed->count)
        return;
    for (i = 0; i < feed->n; i++) {
        struct inn_tensor *t = &feed->items[i];
        size_t one = t->bytes / (size_t)feed->count;

        for (k = 1; k < n; k++)
            memmove((char *)t->data + (size_t)k * one,
                    (char *)t->data + (size_t)(k * feed->count / n) * one,
                    one);
        t->dims[0] = t->dims[0] / feed->count * n;
        t->bytes = one * (size_t)n;
    }
    feed->count = n;
}

enum inn_status inn_refit_samples(struct inn_feed *feed,
                                  enum inn_refit_source source,
                                  const char *path, int64_t n, int threads,
                                  const struct inn_model *model,
                                  const struct inn_graph *full,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    const struct inn_calibration given = {.path = path, .samples = n};
    const struct inn_drawn_options o = {
        .pictures = n > 0 ? n : INN_DRAWN_SAMPLES, .threads = threads};
    char text[INN_DRAWN_TEXT];
    enum inn_status st;
    bool pictures;

    if (source == INN_REFIT_GIVEN)
        return inn_calibrate(feed, &given, model, full, arena, err);
    if (source == INN_REFIT_DRAWN)
        return inn_draw_feed(feed, &pictures, text, model, full, &o, arena,
                             err);
    st = inn_stored_feed(feed, model, full, arena, err);
    if (st == INN_OK)
        thin(feed, n);
    return st;
}
