/*
 * Drawing and degrading, picture by picture where pictures are drawn larger
 * than they are wanted: a batch of those would not fit into memory.
 */
#include "runtime/drawn/degrade.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/threads.h"
#include "runtime/drawn/noise.h"
#include "runtime/pictures/planes.h"

/* Bytes of large pictures that are drawn at once, if more than one are. */
#define CHUNK_BYTES ((size_t)256 << 20)
/* A generator apart from those that draw. */
#define NOISE_STREAM UINT64_C(0x6e6f697365)

struct job {
    const struct inn_degradation *d;
    float *out;              /* [count, channels, height, width] */
    float *large;            /* SHRINK: [count, channels, high, wide] */
    int64_t first;           /* number of the first picture */
    int64_t channels, height, width;
    uint64_t seed;
    struct inn_heap *heap;
    struct inn_error *errors; /* [count] */
};

static void cut_off(float *x, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++)
        x[i] = x[i] < (float)INN_BLACK   ? (float)INN_BLACK
               : x[i] > (float)INN_WHITE ? (float)INN_WHITE : x[i];
}

/* from in another size, to data that is there. */
static enum inn_status resize(float *data, int64_t height, int64_t width,
                              const struct inn_planes *from,
                              struct inn_arena *arena, struct inn_error *err)
{
    struct inn_planes to;
    enum inn_status st = inn_planes_bicubic(&to, from, height, width, arena,
                                            err);

    if (st == INN_OK)
        memcpy(data, to.data, (size_t)(to.channels * height * width) *
                                  sizeof(*data));
    return st;
}

static enum inn_status shrink(const struct job *j, size_t k, int64_t times,
                              struct inn_arena *arena, struct inn_error *err)
{
    struct inn_planes p = {j->channels, j->height * times, j->width * times,
                           NULL};
    size_t one = (size_t)(j->channels * j->height * j->width);
    size_t large = one * (size_t)(times * times);

    p.data = j->large + k * large;
    cut_off(p.data, large);
    return resize(j->out + k * one, j->height, j->width, &p, arena, err);
}

static int64_t part_of(int64_t side, int64_t times)
{
    return side > times ? side / times : 1;
}

static enum inn_status enlarge(const struct job *j, float *data,
                               int64_t times, struct inn_arena *arena,
                               struct inn_error *err)
{
    const struct inn_planes p = {j->channels, j->height, j->width, data};
    struct inn_planes small;
    enum inn_status st;

    st = inn_planes_bicubic(&small, &p, part_of(j->height, times),
                            part_of(j->width, times), arena, err);
    return st != INN_OK ? st : resize(data, j->height, j->width, &small,
                                      arena, err);
}

static void add_noise(float *x, size_t n, int64_t amount, uint64_t state)
{
    float deviation = (float)((INN_WHITE - INN_BLACK) / 255 * (double)amount);
    size_t i;

    for (i = 0; i < n; i++)
        x[i] += deviation * inn_random_grain(&state);
}

static void degrade_one(void *context, size_t k)
{
    const struct job *j = context;
    int64_t picture = j->first + (int64_t)k;
    int64_t amount = j->d->amounts[picture % j->d->n];
    size_t one = (size_t)(j->channels * j->height * j->width);
    struct inn_error *err = &j->errors[k];
    struct inn_arena arena;

    inn_arena_init(&arena, j->heap);
    if (j->d->kind == INN_DEGRADE_SHRINK) {
        err->status = shrink(j, k, amount, &arena, err);
    } else {
        cut_off(j->out + k * one, one);
        if (j->d->kind == INN_DEGRADE_ENLARGE)
            err->status = enlarge(j, j->out + k * one, amount, &arena, err);
        else
            add_noise(j->out + k * one, one, amount,
                      inn_random_start(j->seed ^ NOISE_STREAM,
                                       (uint64_t)picture));
    }
    inn_arena_free(&arena);
}

static enum inn_status degrade(struct job *j, size_t count, int threads,
                               struct inn_error *err)
{
    enum inn_status st = INN_OK;
    size_t k;

    j->errors = inn_alloc(j->heap, count, sizeof(*j->errors), err);
    if (j->errors == NULL)
        return inn_refused(err);
    inn_parallel(threads, count, degrade_one, j);
    for (k = 0; k < count && st == INN_OK; k++) {
        if (j->errors[k].status != INN_OK)
            st = inn_fail(err, j->errors[k].status, "%s",
                          j->errors[k].message);
    }
    inn_free(j->heap, j->errors);
    return st;
}

/* As many large pictures at once as memory may hold. */
static enum inn_status draw_and_shrink(struct job *j, int64_t count,
                                       int threads, struct inn_error *err)
{
    int64_t times = j->d->amounts[0], at_once, n;
    int64_t high = j->height * times, wide = j->width * times;
    const int64_t dims[] = {j->channels, high, wide, (int64_t)sizeof(float)};
    float *out = j->out;
    enum inn_status st = INN_OK;
    size_t bytes;

    if (!inn_count_dims(&bytes, dims, 4) || bytes == 0)
        return inn_fail(err, INN_ERR_RANGE, "pictures are too large");
    at_once = bytes < CHUNK_BYTES ? (int64_t)(CHUNK_BYTES / bytes) : 1;
    at_once = at_once < count ? at_once : count;
    j->large = inn_alloc_raw(j->heap, (size_t)at_once, bytes, err);
    if (j->large == NULL)
        return inn_refused(err);
    for (; j->first < count && st == INN_OK; j->first += n) {
        n = count - j->first < at_once ? count - j->first : at_once;
        j->out = out + j->first * j->channels * j->height * j->width;
        st = inn_draw_pictures(j->large, n, j->channels, high, wide,
                               j->seed + (uint64_t)j->first, threads, j->heap,
                               err);
        if (st == INN_OK)
            st = degrade(j, (size_t)n, threads, err);
    }
    inn_free(j->heap, j->large);
    return st;
}

enum inn_status inn_degrade_pictures(float *out,
                                     const struct inn_degradation *d,
                                     int64_t count, int64_t channels,
                                     int64_t height, int64_t width,
                                     uint64_t seed, int threads,
                                     struct inn_heap *heap,
                                     struct inn_error *err)
{
    struct job j = {.d = d, .out = out, .channels = channels,
                    .height = height, .width = width, .seed = seed,
                    .heap = heap};
    enum inn_status st;

    if (d->kind == INN_DEGRADE_SHRINK)
        return draw_and_shrink(&j, count, threads, err);
    st = inn_draw_pictures(out, count, channels, height, width, seed, threads,
                           heap, err);
    if (st == INN_OK && d->kind != INN_DEGRADE_NOT)
        st = degrade(&j, (size_t)count, threads, err);
    return st;
}

void inn_degradation_text(char text[INN_DEGRADATION_TEXT],
                          const struct inn_degradation *d)
{
    static const char *const before[] = {"", ", shrunk ", ", enlarged ",
                                         ", with noise of "};
    size_t at;
    int i;

    snprintf(text, INN_DEGRADATION_TEXT, "%s", before[d->kind]);
    for (i = 0; i < d->n && d->kind != INN_DEGRADE_NOT; i++) {
        at = strlen(text);
        snprintf(text + at, INN_DEGRADATION_TEXT - at, "%s%lld",
                 i == 0 ? "" : i + 1 < d->n ? ", " : " and ",
                 (long long)d->amounts[i]);
    }
    at = strlen(text);
    snprintf(text + at, INN_DEGRADATION_TEXT - at, "%s",
             d->kind == INN_DEGRADE_NOT     ? ""
             : d->kind == INN_DEGRADE_NOISE ? "/255" : " times");
}
