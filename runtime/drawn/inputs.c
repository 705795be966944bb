/*
 * Inputs for networks nobody gave data for. An axis-4 input of floats is
 * pictures, or mixes of them where its channels are no colours; what runs
 * along time gets noise with a spectrum near 1/f, features that have no
 * order white noise, token numbers what their table holds.
 */
#include "runtime/drawn/inputs.h"

#include <stdio.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/drawn/canvas.h"
#include "runtime/drawn/restore.h"
#include "runtime/ops/common.h"

/* Pictures: as many as 192 of 224 × 224 have pixels, within these bounds. */
#define PIXELS ((int64_t)192 * 224 * 224)
#define PICTURES_LEAST 48
#define PICTURES_MOST 512
/* … and no more than this many multiply-accumulates, but some pictures. */
#define MACS ((int64_t)450 << 30)
/*
 * … and no more elements of activations: what multiplies nothing costs time,
 * too. No network that we know comes near.
 */
#define ELEMENTS ((int64_t)16 << 30)
#define PICTURES_FEW 4
/* Of vectors and sequences, which are small and say little each. */
#define SAMPLES_MOST 4096
/* All inputs of all samples together. */
#define MOST_BYTES ((size_t)512 << 20)
/* Numbers for tables, all samples together: as many places as are looked at. */
#define TOKENS ((int64_t)1 << 17)

/* All inputs of a graph, as planned. */
struct plans {
    const struct inn_tensor **shapes; /* of one sample, by input */
    struct inn_drawn_input *items;
    size_t bytes; /* of a sample */
    int largest;
    bool pictures; /* one of them is */
};

static enum inn_status plan_all(struct plans *p, const struct inn_graph *g,
                                const struct inn_shapes *shapes,
                                const struct inn_input_prep *prep,
                                struct inn_arena *arena,
                                struct inn_error *err)
{
    size_t n = (size_t)g->n_inputs + 1;
    int i;

    p->shapes = inn_arena_alloc(arena, n, sizeof(*p->shapes), err);
    p->items = inn_arena_alloc(arena, n, sizeof(*p->items), err);
    if (p->shapes == NULL || p->items == NULL)
        return inn_refused(err);
    if (g->n_inputs < 1)
        return inn_fail(err, INN_ERR_UNSUPPORTED, "it has no inputs");
    for (i = 0; i < g->n_inputs; i++) {
        const struct inn_tensor *t = inn_shapes_get(shapes, g->inputs[i]);

        if (t == NULL || inn_type_size(t->type) == 0)
            return inn_fail(err, INN_ERR_UNSUPPORTED,
                            "the size of input '%s' is not known",
                            g->values[g->inputs[i]].name);
        if (inn_tensor_count(t) == 0)
            return inn_fail(err, INN_ERR_UNSUPPORTED,
                            "input '%s' is empty",
                            g->values[g->inputs[i]].name);
        p->shapes[i] = t;
        if (!inn_add_size(&p->bytes, p->bytes, t->bytes))
            p->bytes = SIZE_MAX;
        inn_plan_input(&p->items[i], g, prep, g->inputs[i], t);
        p->pictures = p->pictures || p->items[i].kind == INN_DRAWN_PICTURE;
        if (t->bytes > p->shapes[p->largest]->bytes)
            p->largest = i;
    }
    return INN_OK;
}

/* Elements of all that a run computes. */
static int64_t count_elements(const struct inn_graph *g,
                              const struct inn_shapes *shapes)
{
    int64_t sum = 0;
    int v;

    for (v = 0; v < g->n_values; v++) {
        const struct inn_tensor *t = inn_shapes_get(shapes, v);

        if (t != NULL && g->values[v].producer >= 0 && t->data == NULL &&
            !inn_add_i64(&sum, sum, (int64_t)inn_tensor_count(t)))
            return INT64_MAX;
    }
    return sum;
}

static int64_t count_samples(const struct plans *p, int64_t wanted,
                             int64_t macs, int64_t elements)
{
    const struct inn_tensor *t = p->shapes[p->largest];
    int64_t most = p->pictures ? PICTURES_MOST : SAMPLES_MOST;
    int64_t pixels = (int64_t)inn_tensor_count(t) /
                     p->items[p->largest].channels;
    int64_t count = wanted;

    if (count == 0) {
        count = PIXELS / (pixels < 1 ? 1 : pixels);
        count = count < PICTURES_LEAST ? PICTURES_LEAST
                : count > most ? most : count;
        if (macs > 0 && count > MACS / macs)
            count = MACS / macs;
        if (elements > 0 && count > ELEMENTS / elements)
            count = ELEMENTS / elements;
        if (p->items[p->largest].kind == INN_DRAWN_IDS &&
            count > TOKENS / pixels)
            count = TOKENS / pixels;
        count = count < PICTURES_FEW ? PICTURES_FEW : count;
    }
    if (count > (int64_t)(MOST_BYTES / p->bytes))
        count = (int64_t)(MOST_BYTES / p->bytes);
    return count < 1 ? 1 : count;
}

static void say(char text[INN_DRAWN_TEXT], int n,
                const struct inn_canvas *largest)
{
    static const char *const words[] = {
        [INN_DRAWN_PICTURE] = "drawn pictures",
        [INN_DRAWN_NOISE] = "drawn samples of noise",
        [INN_DRAWN_IDS] = "samples of drawn numbers",
        [INN_DRAWN_ONES] = "samples of ones"};
    const struct inn_drawn_input *plan = largest->plan;
    const struct inn_tensor *t = largest->shape;
    char shape[INN_SHAPE_TEXT], how[64] = "", spoilt[INN_DEGRADATION_TEXT];

    if (plan->kind == INN_DRAWN_IDS)
        snprintf(how, sizeof(how), "below %lld", (long long)plan->limit);
    else if (plan->kind != INN_DRAWN_ONES)
        snprintf(how, sizeof(how), "%s", largest->range->what);
    inn_shape_text(shape, t->rank > 0 ? t->rank - 1 : 0, t->dims + 1);
    inn_degradation_text(spoilt, &largest->degradation);
    snprintf(text, INN_DRAWN_TEXT, "%s %.40s%s%s%s", words[plan->kind], shape,
             how[0] != '\0' ? ", " : "", how, spoilt);
    if (n > 1) {
        size_t at = strlen(text);

        snprintf(text + at, INN_DRAWN_TEXT - at, ", and %d other input%s",
                 n - 1, n > 2 ? "s" : "");
    }
}

/*
 * Plans how input i is drawn: its range, and what is done to pictures that go
 * into a network for pictures. *canvas borrows range.
 */
static enum inn_status plan_canvas(struct inn_canvas *canvas,
                                   struct inn_input_range *range,
                                   const struct plans *p, int i, int64_t macs,
                                   const struct inn_model *model,
                                   const struct inn_graph *graph,
                                   const struct inn_drawn_options *o,
                                   struct inn_arena *arena,
                                   struct inn_error *err)
{
    const struct inn_drawn_input *plan = &p->items[i];
    bool picture = plan->kind == INN_DRAWN_PICTURE &&
                   (plan->channels == 1 || plan->channels == 3);
    enum inn_status st;

    st = inn_find_range(range, graph, &model->prep, graph->inputs[i],
                        plan->channels, picture, arena, err);
    /* Input 0 is what it was before there were others. */
    *canvas = (struct inn_canvas){
        .plan = plan, .range = range, .shape = p->shapes[i],
        .seed = o->seed + (uint64_t)i * 0x100000001b3u};
    if (st == INN_OK && picture && graph->n_inputs == 1)
        st = inn_find_degradation(canvas, model, graph, macs, o->threads,
                                  err);
    return st;
}

static enum inn_status draw_input(struct inn_tensor *all,
                                  struct inn_canvas *canvas, int threads,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    const struct inn_tensor *one = canvas->shape;
    int64_t dims[INN_MAX_RANK] = {1};
    enum inn_status st;

    if (one->rank > 0)
        memcpy(dims, one->dims, sizeof(dims));
    dims[0] *= (int64_t)canvas->count;
    st = inn_tensor_new(all, arena, one->type, one->rank > 0 ? one->rank : 1,
                        dims, err);
    return st != INN_OK ? st : inn_canvas_draw(all, canvas, threads,
                                               arena->heap, err);
}

enum inn_status inn_draw_feed(struct inn_feed *feed, bool *pictures,
                              char text[INN_DRAWN_TEXT],
                              const struct inn_model *model,
                              const struct inn_graph *graph,
                              const struct inn_drawn_options *o,
                              struct inn_arena *arena, struct inn_error *err)
{
    struct inn_input_range range;
    struct inn_canvas canvas;
    struct inn_shapes shapes;
    struct plans p = {0};
    enum inn_status st;
    int i;

    text[0] = '\0';
    memset(feed, 0, sizeof(*feed));
    st = inn_shapes_infer(&shapes, graph, model->bindings,
                          (size_t)model->n_bindings, INN_DEFAULT_SPATIAL,
                          (size_t)64 << 10, err);
    if (st == INN_OK)
        st = plan_all(&p, graph, &shapes, &model->prep, arena, err);
    if (st != INN_OK)
        goto out;
    feed->n = graph->n_inputs;
    feed->count = count_samples(&p, o->pictures, shapes.macs,
                                count_elements(graph, &shapes));
    feed->items = inn_arena_alloc(arena, (size_t)feed->n,
                                  sizeof(*feed->items), err);
    if (feed->items == NULL) {
        st = inn_refused(err);
        goto out;
    }
    for (i = 0; i < feed->n && st == INN_OK; i++) {
        st = plan_canvas(&canvas, &range, &p, i, shapes.macs, model, graph, o,
                         arena, err);
        canvas.count = (size_t)feed->count;
        if (st == INN_OK)
            st = draw_input(&feed->items[i], &canvas, o->threads, arena, err);
        if (st == INN_OK && i == p.largest) {
            feed->familiar = canvas.degradation.kind != INN_DEGRADE_NOT;
            say(text, feed->n, &canvas);
        }
    }
    *pictures = p.items[p.largest].kind == INN_DRAWN_PICTURE;
out:
    inn_shapes_free(&shapes);
    return st;
}
