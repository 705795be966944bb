/*
 * Inputs for networks nobody gave data for. An axis-4 input of floats is
 * pictures, or mixes of them where its channels are no colours; what runs
 * along time gets noise with a spectrum near 1/f, features that have no
 * order white noise, token numbers what their table holds.
 */
#include "converter/moments/inputs.h"

#include <stdio.h>
#include <string.h>

#include "converter/moments/canvas.h"
#include "converter/moments/restore.h"
#include "runtime/base/checked.h"
#include "runtime/base/error.h"
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
/* Sides from which on two axes are a plane. */
#define PLANE_LEAST 4
/* Numbers for tables, all samples together: as many places as are looked at. */
#define TOKENS ((int64_t)1 << 17)
/*
 * Graph nodes that may lie between token numbers and their table, and values
 * that are looked at on the way: each takes a pass over the graph.
 */
#define HOPS 4
#define VISITS 64
/* Where no table is found. */
#define IDS 2

static bool is_called(const struct inn_node *node, const char *type)
{
    return node->domain[0] == '\0' && strcmp(node->op_type, type) == 0;
}

/* Rows of the table that v, perhaps reshaped, is looked up in; or 0. */
static int64_t table_rows(const struct inn_graph *g, int v, int hops,
                          int *visits)
{
    static const char *const through[] = {"Cast", "Clip", "Expand",
                                          "Flatten", "Identity", "Reshape",
                                          "Slice", "Squeeze", "Tile",
                                          "Transpose", "Unsqueeze"};
    int64_t least = 0, rows;
    size_t i;
    int k;

    if (--*visits < 0)
        return 0;
    for (k = 0; k < g->n_nodes; k++) {
        const struct inn_node *node = &g->nodes[k];

        rows = 0;
        if (is_called(node, "Gather") && node->n_inputs == 2 &&
            node->inputs[1] == v && node->inputs[0] >= 0) {
            const struct inn_tensor *t = g->values[node->inputs[0]].init;
            int64_t axis = inn_node_int(node, "axis", 0);

            if (t != NULL && axis < 0)
                axis += t->rank;
            if (t != NULL && axis >= 0 && axis < t->rank)
                rows = t->dims[axis];
        }
        for (i = 0; i < INN_COUNT(through) && hops > 0; i++) {
            if (is_called(node, through[i]) && node->n_inputs > 0 &&
                node->inputs[0] == v && node->n_outputs > 0 &&
                node->outputs[0] >= 0)
                rows = table_rows(g, node->outputs[0], hops - 1,
                                  visits);
        }
        if (rows > 0 && (least == 0 || rows < least))
            least = rows;
    }
    return least;
}

/* Whether a convolution or normalisation reads v: axis 1 has its channels. */
static bool has_channels_first(const struct inn_graph *g, int v)
{
    static const char *const types[] = {"Conv", "ConvTranspose",
                                        "BatchNormalization",
                                        "InstanceNormalization"};
    size_t i;
    int k;

    for (k = 0; k < g->n_nodes; k++) {
        for (i = 0; i < INN_COUNT(types); i++) {
            if (g->nodes[k].n_inputs > 0 && g->nodes[k].inputs[0] == v &&
                is_called(&g->nodes[k], types[i]))
                return true;
        }
    }
    return false;
}

static bool is_colour(int64_t channels)
{
    return channels == 1 || channels == 3;
}

static bool is_plane(const int64_t *dims)
{
    return dims[0] >= PLANE_LEAST && dims[1] >= PLANE_LEAST;
}

static void plan_noise(struct inn_drawn_input *plan, bool channels_first,
                       const struct inn_tensor *shape)
{
    int i;

    plan->kind = INN_DRAWN_NOISE;
    plan->channel_axis = shape->rank < 2 ? -1
                         : shape->rank == 3 && !channels_first ? 2 : 1;
    plan->channels = plan->channel_axis < 0
                         ? 1 : shape->dims[plan->channel_axis];
    for (i = 1; i < shape->rank; i++)
        plan->along[i] = i != plan->channel_axis;
}

void inn_plan_input(struct inn_drawn_input *plan,
                    const struct inn_graph *graph,
                    const struct inn_input_prep *prep, int v,
                    const struct inn_tensor *shape)
{
    const int64_t *dims = shape->dims;
    int visits = VISITS;
    bool first = has_channels_first(graph, v);
    bool numbers = inn_type_is_float(shape->type) || shape->type == INN_U8;

    memset(plan, 0, sizeof(*plan));
    plan->channel_axis = -1;
    plan->channels = 1;
    if (shape->rank == 4 && numbers) {
        plan->kind = INN_DRAWN_PICTURE;
        plan->channels_last = is_plane(dims + 1) &&
                              (prep->nhwc || (is_colour(dims[3]) && !first &&
                                              !is_colour(dims[1])));
        plan->channels = dims[plan->channels_last ? 3 : 1];
        plan->bgr = prep->bgr && plan->channels == 3;
        if (plan->channels_last || is_plane(dims + 2))
            return;
    }
    /* What hides padding hides none, in whatever type. */
    if (inn_type_is_float(shape->type) && shape->rank < 4 &&
        strstr(graph->values[v].name, "attention_mask") != NULL) {
        plan->kind = INN_DRAWN_ONES;
    } else if (inn_type_is_float(shape->type)) {
        plan_noise(plan, first, shape);
    } else if (shape->type == INN_BOOL ||
               strstr(graph->values[v].name, "mask") != NULL) {
        plan->kind = INN_DRAWN_ONES;
    } else {
        plan->kind = INN_DRAWN_IDS;
        plan->limit = table_rows(graph, v, HOPS, &visits);
        if (plan->limit == 0)
            plan->limit = IDS;
    }
}

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
                                   const struct inn_moments_options *o,
                                   struct inn_arena *arena,
                                   struct inn_error *err)
{
    const struct inn_drawn_input *plan = &p->items[i];
    bool picture = plan->kind == INN_DRAWN_PICTURE &&
                   is_colour(plan->channels);
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
                              const struct inn_moments_options *o,
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
