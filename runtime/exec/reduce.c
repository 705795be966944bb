/*
 * Sums and means over axes of values as they lie; where the axes that stay and
 * those that go take too many turns, the row's own kernel runs.
 */
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/threads.h"
#include "runtime/exec/strided.h"
#include "runtime/exec/sums.h"

/* Elements that one part adds up at least. */
#define PART ((size_t)16384)

struct reduce {
    enum inn_reduce kind;
    struct inn_turns of;
    size_t blocks, per_part; /* of columns; what a part takes */
};

static void cut(struct reduce *r)
{
    size_t each;

    r->blocks = r->of.after == 1 ? (r->of.kept + INN_COLUMNS - 1) / INN_COLUMNS
                              : r->of.kept;
    each = r->of.before * (r->of.after == 1 ? INN_COLUMNS : r->of.after);
    r->per_part = each < PART ? PART / each : 1;
}

struct job {
    const struct reduce *r;
    float *out;
    const float *in;
};

static float ended(const struct reduce *r, double sum)
{
    if (r->kind == INN_RED_MEAN)
        sum /= (double)(r->of.before * r->of.after);
    return (float)sum;
}

static void reduce_part(void *context, size_t part)
{
    const struct job *job = context;
    const struct reduce *r = job->r;
    enum inn_term term = r->kind == INN_RED_SQUARES ? INN_TERM_SQUARE
                                                    : INN_TERM_VALUE;
    size_t all = r->of.outer * r->blocks, i = part * r->per_part, k, n;
    size_t end = i + r->per_part < all ? i + r->per_part : all;

    for (; i < end; i++) {
        size_t o = i / r->blocks, block = i % r->blocks;
        const float *x = job->in + o * r->of.before * r->of.kept * r->of.after;
        float *y = job->out + o * r->of.kept;
        double sum[INN_COLUMNS] = {0};

        if (r->of.after == 1) {
            x += block * INN_COLUMNS;
            y += block * INN_COLUMNS;
            n = r->of.kept - block * INN_COLUMNS;
            n = n < INN_COLUMNS ? n : INN_COLUMNS;
            inn_sum_columns(sum, x, r->of.before, r->of.kept, n, term, NULL);
        } else {
            x += block * r->of.after;
            y += block;
            n = 1;
            for (k = 0; k < r->of.before; k++, x += r->of.kept * r->of.after)
                sum[0] += inn_sum_row(x, r->of.after, term, 0.0);
        }
        for (k = 0; k < n; k++)
            y[k] = ended(r, sum[k]);
    }
}

static void run_reduce(struct inn_schedule *s, const struct inn_step *step)
{
    const struct reduce *r = step->state;
    struct job job = {r, s->slots[step->out[0]].tensor.data,
                      s->slots[step->in[0]].tensor.data};
    size_t all = r->of.outer * r->blocks;

    inn_parallel(s->threads, (all + r->per_part - 1) / r->per_part,
                 reduce_part, &job);
}

/* The axes of the result, in the order they had. */
static struct inn_order result_order(const struct inn_order *order,
                                     const bool *gone, int rank, bool keep)
{
    struct inn_order result = {0, {0}};
    int to[INN_MAX_RANK], i, n = 0;

    for (i = 0; i < rank; i++) {
        to[i] = n;
        n += keep || !gone[i];
    }
    for (i = 0; i < order->n; i++) {
        if (keep || !gone[order->axis[i]])
            result.axis[result.n++] = to[order->axis[i]];
    }
    return result;
}

enum inn_status inn_build_reduce(struct inn_builder *b, int w, bool *done,
                                 struct inn_error *err)
{
    const struct inn_work *work = &b->work[w];
    const bool *gone = work->prim->u.reduce.gone;
    const struct inn_tensor *t;
    struct inn_order order;
    struct reduce *r;
    enum inn_status st;
    int x, y, index, v = work->node->outputs[0];
    bool keep;

    r = inn_arena_alloc(&b->s->arena, 1, sizeof(*r), err);
    if (r == NULL)
        return inn_refused(err);
    r->kind = work->prim->u.reduce.kind;
    st = inn_build_ordered(b, &x, work->node->inputs[0], &order, err);
    if (st != INN_OK)
        return st;
    t = &b->s->slots[x].tensor;
    if (!inn_turns_find(&r->of, &order, t, gone))
        return INN_OK;
    cut(r);
    keep = inn_shapes_get(&b->s->shapes, v)->rank == t->rank;
    order = result_order(&order, gone, t->rank, keep);
    st = inn_build_in_order(b, &y, v, &order, err);
    if (st == INN_OK)
        st = inn_build_own(b, &index, w, x, y, run_reduce, r, err);
    if (st != INN_OK)
        return st;
    b->s->steps[index].impl = "sums";
    *done = true;
    return INN_OK;
}
