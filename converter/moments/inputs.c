/*
 * Inputs for networks nobody gave data for. An axis-4 input of floats is
 * pictures, or mixes of them where its channels are no colours; what runs
 * along time gets noise with a spectrum near 1/f, features that have no
 * order white noise, token numbers what their table holds.
 */
#include "converter/moments/inputs.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "converter/moments/noise.h"
#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/threads.h"
#include "runtime/ops/common.h"

/* Pictures: as many as 192 of 224 × 224 have pixels, within these bounds. */
#define PIXELS ((int64_t)192 * 224 * 224)
#define PICTURES_LEAST 48
#define PICTURES_MOST 512
/* … and no more than this many multiply-accumulates, but some pictures. */
#define MACS ((int64_t)450 << 30)
#define PICTURES_FEW 4
/* Of vectors and sequences, which are small and say little each. */
#define SAMPLES_MOST 4096
/* All inputs of all samples together. */
#define MOST_BYTES ((size_t)512 << 20)
/* Sides from which on two axes are a plane. */
#define PLANE_LEAST 4
/* Graph nodes that may lie between token numbers and their table. */
#define HOPS 4
/* Where no table is found. */
#define IDS 2
/* Scales of time, in steps, whose sum is near 1/f. */
#define SCALES 4
static const double time_scales[SCALES] = {0.25, 2, 8, 32};
/* Black and white, in standardised units. */
#define BLACK (-2.0)
#define WHITE (0.55 / 0.225)

static bool is_called(const struct inn_node *node, const char *type)
{
    return node->domain[0] == '\0' && strcmp(node->op_type, type) == 0;
}

/* Rows of the table that v, perhaps reshaped, is looked up in; or 0. */
static int64_t table_rows(const struct inn_graph *g, int v, int hops)
{
    static const char *const through[] = {"Cast", "Identity", "Reshape",
                                          "Squeeze", "Unsqueeze", "Flatten",
                                          "Transpose"};
    int64_t least = 0, rows;
    size_t i;
    int k;

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
                node->inputs[0] == v && node->outputs[0] >= 0)
                rows = table_rows(g, node->outputs[0], hops - 1);
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
        if (plan->channels_last || is_plane(dims + 2))
            return;
    }
    if (inn_type_is_float(shape->type)) {
        plan_noise(plan, first, shape);
    } else if (shape->type == INN_BOOL ||
               strstr(graph->values[v].name, "mask") != NULL) {
        plan->kind = INN_DRAWN_ONES;
    } else {
        plan->kind = INN_DRAWN_IDS;
        plan->limit = table_rows(graph, v, HOPS);
        if (plan->limit == 0)
            plan->limit = IDS;
    }
}

/* One input of all samples while it is drawn. */
struct canvas {
    const struct inn_drawn_input *plan;
    const struct inn_input_range *range;
    const struct inn_tensor *shape; /* of one sample */
    struct inn_tensor *out;
    uint64_t seed;
    size_t one;   /* elements of a sample */
    float *drawn; /* pictures: [count · batch, C, H, W] */
    double *noise, *scratch; /* [parts × one] */
    size_t parts, count;
};

static double in_range(const struct inn_input_range *range, int64_t channel,
                       double z)
{
    int64_t at = range->n > 1 ? channel : 0;

    if (range->photo)
        z = z < BLACK ? BLACK : z > WHITE ? WHITE : z;
    return range->mean[at] + range->deviation[at] * z;
}

static void put(const struct canvas *c, size_t sample, size_t i, double x)
{
    size_t size = inn_type_size(c->out->type);

    inn_convert_elements((char *)c->out->data + (sample * c->one + i) * size,
                         c->out->type, &x, INN_F64, 1);
}

/* Makes white noise Markov along every axis of time, variance kept. */
static void correlate(const struct canvas *c, double *x, double scale)
{
    double keep = exp(-1 / scale), fresh = sqrt(1 - keep * keep);
    const struct inn_tensor *s = c->shape;
    int axis;

    for (axis = 1; axis < s->rank; axis++) {
        size_t inner = inn_dims_product(s->dims, axis + 1, s->rank);
        size_t length = (size_t)s->dims[axis], i;

        if (!c->plan->along[axis])
            continue;
        for (i = inner; i < c->one; i++) {
            if (i / inner % length != 0)
                x[i] = keep * x[i - inner] + fresh * x[i];
        }
    }
}

static void draw_noise(const struct canvas *c, size_t part, size_t sample)
{
    double *sum = c->noise + part * c->one, *x = c->scratch + part * c->one;
    uint64_t state = inn_random_start(c->seed, sample);
    const struct inn_tensor *s = c->shape;
    int axis = c->plan->channel_axis;
    size_t inner = axis < 0 ? 1 : inn_dims_product(s->dims, axis + 1,
                                                   s->rank);
    size_t i;
    int k;

    memset(sum, 0, c->one * sizeof(*sum));
    for (k = 0; k < SCALES; k++) {
        for (i = 0; i < c->one; i++)
            x[i] = inn_random_normal(&state);
        correlate(c, x, time_scales[k]);
        for (i = 0; i < c->one; i++)
            sum[i] += x[i] / sqrt(SCALES);
    }
    for (i = 0; i < c->one; i++)
        put(c, sample, i,
            in_range(c->range, (int64_t)(i / inner) % c->plan->channels,
                     sum[i]));
}

static void draw_ids(const struct canvas *c, size_t sample)
{
    uint64_t state = inn_random_start(c->seed, sample);
    bool ones = c->plan->kind == INN_DRAWN_ONES;
    size_t i;

    for (i = 0; i < c->one; i++)
        put(c, sample, i,
            ones ? 1 : floor(inn_random_unit(&state) *
                             (double)c->plan->limit));
}

/* Pictures come as [C, H, W] and standardised. */
static void place_picture(const struct canvas *c, size_t sample)
{
    const int64_t *dims = c->shape->dims;
    bool last = c->plan->channels_last;
    size_t channels = (size_t)c->plan->channels;
    size_t plane = (size_t)(dims[last ? 1 : 2] * dims[last ? 2 : 3]), i;
    const float *from = c->drawn + sample * c->one;

    for (i = 0; i < c->one; i++) {
        size_t picture = i / (channels * plane) * channels * plane;
        size_t channel = i / plane % channels, at = i % plane;

        put(c, sample, last ? picture + at * channels + channel : i,
            in_range(c->range, (int64_t)channel, (double)from[i]));
    }
}

static void draw_part(void *context, size_t part)
{
    const struct canvas *c = context;
    size_t k;

    for (k = part; k < c->count; k += c->parts) {
        if (c->plan->kind == INN_DRAWN_PICTURE)
            place_picture(c, k);
        else if (c->plan->kind == INN_DRAWN_NOISE)
            draw_noise(c, part, k);
        else
            draw_ids(c, k);
    }
}

static enum inn_status draw(struct canvas *c, int threads,
                            struct inn_heap *heap, struct inn_error *err)
{
    const int64_t *dims = c->shape->dims;
    bool last = c->plan->channels_last;
    enum inn_status st = INN_OK;

    c->one = inn_tensor_count(c->shape);
    c->parts = c->count < 16 ? c->count : 16;
    if (c->plan->kind == INN_DRAWN_PICTURE) {
        c->drawn = inn_alloc_raw(heap, c->count, c->one * sizeof(float), err);
        if (c->drawn == NULL)
            return inn_refused(err);
        st = inn_draw_pictures(c->drawn, (int64_t)c->count * dims[0],
                               c->plan->channels, dims[last ? 1 : 2],
                               dims[last ? 2 : 3], c->seed, threads, heap,
                               err);
    } else if (c->plan->kind == INN_DRAWN_NOISE) {
        c->noise = inn_alloc_raw(heap, c->parts, c->one * sizeof(double),
                                 err);
        c->scratch = inn_alloc_raw(heap, c->parts, c->one * sizeof(double),
                                   err);
        if (c->noise == NULL || c->scratch == NULL)
            st = inn_refused(err);
    }
    if (st == INN_OK)
        inn_parallel(threads, c->parts, draw_part, c);
    inn_free(heap, c->drawn);
    inn_free(heap, c->noise);
    inn_free(heap, c->scratch);
    return st;
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
                            "the size of input '%.80s' is not known",
                            g->values[g->inputs[i]].name);
        if (inn_tensor_count(t) == 0)
            return inn_fail(err, INN_ERR_UNSUPPORTED,
                            "input '%.80s' is empty",
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

static int64_t count_samples(const struct plans *p, int64_t wanted,
                             int64_t macs)
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
        count = count < PICTURES_FEW ? PICTURES_FEW : count;
    }
    if (count > (int64_t)(MOST_BYTES / p->bytes))
        count = (int64_t)(MOST_BYTES / p->bytes);
    return count < 1 ? 1 : count;
}

static void say(char text[INN_DRAWN_TEXT], const struct plans *p, int n,
                const struct inn_input_range *range)
{
    static const char *const words[] = {
        [INN_DRAWN_PICTURE] = "drawn pictures",
        [INN_DRAWN_NOISE] = "drawn samples of noise",
        [INN_DRAWN_IDS] = "samples of drawn numbers",
        [INN_DRAWN_ONES] = "samples of ones"};
    const struct inn_drawn_input *plan = &p->items[p->largest];
    const struct inn_tensor *t = p->shapes[p->largest];
    char shape[INN_SHAPE_TEXT], how[64] = "";

    if (plan->kind == INN_DRAWN_IDS)
        snprintf(how, sizeof(how), "below %lld", (long long)plan->limit);
    else if (plan->kind != INN_DRAWN_ONES)
        snprintf(how, sizeof(how), "%s", range->what);
    inn_shape_text(shape, t->rank > 0 ? t->rank - 1 : 0, t->dims + 1);
    snprintf(text, INN_DRAWN_TEXT, "%s %.40s%s%s", words[plan->kind], shape,
             how[0] != '\0' ? ", " : "", how);
    if (n > 1) {
        size_t at = strlen(text);

        snprintf(text + at, INN_DRAWN_TEXT - at, ", and %d other input%s",
                 n - 1, n > 2 ? "s" : "");
    }
}

/* Input i of all samples. */
static enum inn_status draw_input(struct inn_feed *feed,
                                  struct inn_input_range *range,
                                  const struct plans *p, int i,
                                  const struct inn_model *model,
                                  const struct inn_graph *graph,
                                  const struct inn_moments_options *o,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    const struct inn_drawn_input *plan = &p->items[i];
    const struct inn_tensor *one = p->shapes[i];
    struct inn_tensor *all = &feed->items[i];
    int64_t dims[INN_MAX_RANK] = {1};
    enum inn_status st;
    /* Input 0 is what it was before there were others. */
    struct canvas c = {.plan = plan, .range = range, .shape = one,
                       .out = all, .seed = o->seed + (uint64_t)i *
                                                         0x100000001b3u,
                       .count = (size_t)feed->count};

    if (one->rank > 0)
        memcpy(dims, one->dims, sizeof(dims));
    dims[0] *= feed->count;
    st = inn_tensor_new(all, arena, one->type, one->rank > 0 ? one->rank : 1,
                        dims, err);
    if (st == INN_OK)
        st = inn_find_range(range, graph, &model->prep, graph->inputs[i],
                            plan->channels,
                            plan->kind == INN_DRAWN_PICTURE &&
                                is_colour(plan->channels), arena, err);
    if (st == INN_OK)
        st = draw(&c, o->threads, model->heap, err);
    return st;
}

enum inn_status inn_draw_feed(struct inn_feed *feed, bool *pictures,
                              char text[INN_DRAWN_TEXT],
                              const struct inn_model *model,
                              const struct inn_graph *graph,
                              const struct inn_moments_options *o,
                              struct inn_arena *arena, struct inn_error *err)
{
    struct inn_input_range range;
    struct inn_shapes shapes;
    struct plans p = {0};
    enum inn_status st;
    int i;

    text[0] = '\0';
    memset(feed, 0, sizeof(*feed));
    st = inn_shapes_infer(&shapes, graph, model->bindings,
                          (size_t)model->n_bindings, INN_MODEL_SPATIAL,
                          (size_t)64 << 10, err);
    if (st == INN_OK)
        st = plan_all(&p, graph, &shapes, &model->prep, arena, err);
    if (st != INN_OK)
        goto out;
    feed->n = graph->n_inputs;
    feed->count = count_samples(&p, o->pictures, shapes.macs);
    feed->items = inn_arena_alloc(arena, (size_t)feed->n,
                                  sizeof(*feed->items), err);
    if (feed->items == NULL) {
        st = inn_refused(err);
        goto out;
    }
    for (i = 0; i < feed->n && st == INN_OK; i++) {
        st = draw_input(feed, &range, &p, i, model, graph, o, arena, err);
        if (st == INN_OK && i == p.largest)
            say(text, &p, feed->n, &range);
    }
    *pictures = p.items[p.largest].kind == INN_DRAWN_PICTURE;
out:
    inn_shapes_free(&shapes);
    return st;
}
