/*
 * A trial: some pictures are degraded and run, and the square error against
 * the undegraded ones is compared before and after. A network that enlarges
 * needs no trial.
 */
#include "runtime/drawn/restore.h"

#include <math.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/exec/session.h"
#include "runtime/pictures/picture_net.h"

/* Pictures per trial, and multiply-accumulates of all trials. */
#define PICTURES 4
#define MACS ((int64_t)100 << 30)
/* Shares of the square error that may be left of what is undone. */
#define LEFT_OF_ENLARGED 0.95
#define LEFT_OF_NOISE 0.5

/* Enlargements first; noise in order, its ends being none of the answers. */
static const struct trial {
    enum inn_degradation_kind kind;
    int64_t amount;
} trials[] = {
    {INN_DEGRADE_ENLARGE, 2}, {INN_DEGRADE_ENLARGE, 3},
    {INN_DEGRADE_ENLARGE, 4}, {INN_DEGRADE_NOISE, 5},
    {INN_DEGRADE_NOISE, 15},  {INN_DEGRADE_NOISE, 25},
    {INN_DEGRADE_NOISE, 50},  {INN_DEGRADE_NOISE, 75},
};
#define TRIALS (sizeof(trials) / sizeof(trials[0]))

struct restorer {
    struct inn_canvas canvas;
    struct inn_session *session;
    struct inn_arena arena;
    struct inn_tensor clean, degraded; /* canvas.count samples */
    double before, after;              /* sums of squares */
    int threads;
    struct inn_error *err;
};

/* Element i of t in double. */
static double element(const struct inn_tensor *t, size_t i)
{
    double x;

    inn_convert_elements(&x, INN_F64,
                         (const char *)t->data + i * inn_type_size(t->type),
                         t->type, 1);
    return x;
}

/*
 * Adds the square errors of sample k where y has pixels: networks without
 * padding lose as many on either side. False: y is no such picture.
 */
static bool compare(struct restorer *r, size_t k, const struct inn_tensor *y)
{
    const struct inn_tensor *x = r->canvas.shape;
    bool last = r->canvas.plan->channels_last;
    size_t one = inn_tensor_count(x), n = inn_tensor_count(y), i;
    int64_t off[4] = {0}, index[4] = {0};
    int a, c = last ? 3 : 1;

    if (y->rank != 4 || y->dims[0] != x->dims[0] || y->dims[c] != x->dims[c])
        return false;
    for (a = 1; a < 4; a++) {
        off[a] = (x->dims[a] - y->dims[a]) / 2;
        if (y->dims[a] < 1 || y->dims[a] > x->dims[a] ||
            2 * off[a] != x->dims[a] - y->dims[a])
            return false;
    }
    for (i = 0; i < n; i++) {
        size_t at = 0;
        double want, had, got = element(y, i);

        for (a = 0; a < 4; a++)
            at = at * (size_t)x->dims[a] + (size_t)(index[a] + off[a]);
        want = element(&r->clean, k * one + at);
        had = element(&r->degraded, k * one + at);
        r->before += (had - want) * (had - want);
        r->after += (got - want) * (got - want);
        for (a = 3; a >= 0 && ++index[a] == y->dims[a]; a--)
            index[a] = 0;
    }
    return true;
}

static enum inn_status draw(struct restorer *r, struct inn_tensor *to)
{
    return inn_canvas_draw(to, &r->canvas, r->threads, r->arena.heap, r->err);
}

static enum inn_status make_room(struct restorer *r, struct inn_tensor *t)
{
    int64_t dims[INN_MAX_RANK];

    memcpy(dims, r->canvas.shape->dims, sizeof(dims));
    dims[0] *= (int64_t)r->canvas.count;
    return inn_tensor_new(t, &r->arena, r->canvas.shape->type,
                          r->canvas.shape->rank, dims, r->err);
}

/* *left: the share of the square error that the network leaves. */
static enum inn_status try(struct restorer *r, const struct trial *t,
                           double *left)
{
    const struct inn_tensor *shape = r->canvas.shape, *out;
    enum inn_status st;
    size_t k;

    r->canvas.degradation =
        (struct inn_degradation){t->kind, 1, {t->amount}};
    r->before = r->after = 0;
    *left = 1;
    st = draw(r, &r->degraded);
    for (k = 0; k < r->canvas.count && st == INN_OK; k++) {
        struct inn_tensor in = *shape;

        in.data = (char *)r->degraded.data + k * shape->bytes;
        st = inn_session_run(r->session, &out, &in, 1, r->err);
        if (st == INN_OK && !compare(r, k, out))
            return INN_OK;
    }
    /* NaN is no restoration. */
    if (st == INN_OK && r->after < r->before)
        *left = r->after / r->before;
    return st;
}

/* What the trials say; noise at the ends is a blur's doing. */
static void judge(struct inn_degradation *d, const double left[TRIALS])
{
    double best = LEFT_OF_ENLARGED;
    size_t i;

    memset(d, 0, sizeof(*d));
    for (i = 0; i < TRIALS && d->n < INN_AMOUNTS; i++) {
        if (trials[i].kind != INN_DEGRADE_ENLARGE ||
            !(left[i] < LEFT_OF_ENLARGED))
            continue;
        d->kind = INN_DEGRADE_ENLARGE;
        d->amounts[d->n++] = trials[i].amount;
        best = left[i] < best ? left[i] : best;
    }
    best = best < LEFT_OF_NOISE ? best : LEFT_OF_NOISE;
    for (i = 1; i + 1 < TRIALS; i++) {
        if (trials[i - 1].kind == INN_DEGRADE_NOISE && left[i] < best &&
            left[i] < left[i - 1] && left[i] < left[i + 1]) {
            *d = (struct inn_degradation){INN_DEGRADE_NOISE, 1,
                                          {trials[i].amount}};
            best = left[i];
        }
    }
}

static enum inn_status try_all(struct restorer *r,
                               const struct inn_graph *graph,
                               struct inn_degradation *found)
{
    const struct inn_session_options options = {.threads = r->threads};
    double left[TRIALS];
    enum inn_status st;
    size_t i;

    st = inn_session_new(&r->session, graph, &options, r->err);
    if (st == INN_OK)
        st = make_room(r, &r->clean);
    if (st == INN_OK)
        st = make_room(r, &r->degraded);
    if (st == INN_OK)
        st = draw(r, &r->clean);
    for (i = 0; i < TRIALS && st == INN_OK; i++)
        st = try(r, &trials[i], &left[i]);
    if (st == INN_OK)
        judge(found, left);
    return st;
}

/* How many pictures a trial may have, by the cost of a sample; or 0. */
static size_t count_pictures(int64_t macs)
{
    int64_t most = MACS / (int64_t)TRIALS / (macs < 1 ? 1 : macs);

    return (size_t)(most < PICTURES ? most : PICTURES);
}

enum inn_status inn_find_degradation(struct inn_canvas *canvas,
                                     const struct inn_model *model,
                                     const struct inn_graph *graph,
                                     int64_t macs, int threads,
                                     struct inn_error *err)
{
    const struct inn_prep_options none = INN_PREP_DEFAULTS;
    struct restorer r = {.canvas = *canvas, .threads = threads, .err = err};
    struct inn_picture_net net;
    enum inn_status st;

    memset(&canvas->degradation, 0, sizeof(canvas->degradation));
    r.canvas.count = count_pictures(macs);
    st = inn_picture_net_init(&net, graph, model, &none, 1, err);
    if (st != INN_OK)
        return st == INN_ERR_MEMORY ? st : INN_OK;
    if (net.factor > 1)
        canvas->degradation = (struct inn_degradation){
            INN_DEGRADE_SHRINK, 1,
            {net.factor < INN_SHRINK_MOST ? net.factor : INN_SHRINK_MOST}};
    if (net.factor != 1 || r.canvas.count < 1)
        return INN_OK;
    inn_arena_init(&r.arena, model->heap);
    st = try_all(&r, graph, &canvas->degradation);
    inn_session_free(r.session);
    inn_arena_free(&r.arena);
    return st == INN_ERR_MEMORY ? st : INN_OK;
}
