/* inn eval --task class: how often the right class comes first. */
#include <math.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/pictures/pictures.h"
#include "runtime/tools/eval.h"

#define DEFAULT_BATCH 50

struct state {
    struct inn_pictures pictures;
    struct inn_input_prep prep;
    int64_t dims[4]; /* of a batch */
    /* Of full width: scores by picture, and their energy about the mean. */
    float *full;
    int64_t classes;
    double energy;
};

static const char *wrong(const struct inn_eval_values *v)
{
    if (v->data == NULL)
        return "the pictures are missing: --data FILE.npz, or a folder with "
               "labels.txt";
    if (!isnan(v->range))
        return "--range goes with --task sr";
    if (v->multiple > 0)
        return "--multiple goes with --task sr";
    return inn_prep_wrong(&v->prep);
}

/* dims of the batch, checked against what the graph declares. */
static enum inn_status input_dims(struct state *s, const struct inn_eval *e,
                                  struct inn_error *err)
{
    const struct inn_graph *g = inn_network_graph(&e->net);
    const struct inn_pictures *p = &s->pictures;
    const struct inn_value *v;
    char want[INN_SHAPE_TEXT], have[INN_SHAPE_TEXT];
    int64_t declared[4], *dims = s->dims;
    bool fits;
    int d;

    if (g->n_inputs != 1)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "has %d inputs; eval knows networks of one",
                        g->n_inputs);
    v = &g->values[g->inputs[0]];
    dims[1] = s->prep.nhwc ? p->height : p->channels;
    dims[2] = s->prep.nhwc ? p->width : p->height;
    dims[3] = s->prep.nhwc ? p->channels : p->width;
    dims[0] = e->v->batch > 0 ? e->v->batch : DEFAULT_BATCH;
    if (e->v->batch == 0 && dims[0] > e->n_chosen)
        dims[0] = e->n_chosen;
    if (v->rank >= 0 && v->rank != 4)
        return inn_fail(err, INN_ERR_RANGE,
                        "input '%s' has %d dimensions; eval knows "
                        "pictures, 4", v->name, v->rank);
    if (v->rank == 4 && v->dims[0].size > 0) {
        if (e->v->batch > 0 && e->v->batch != v->dims[0].size)
            return inn_fail(err, INN_ERR_RANGE,
                            "is fixed to batches of %lld, --batch is %lld",
                            (long long)v->dims[0].size,
                            (long long)e->v->batch);
        dims[0] = v->dims[0].size;
    }
    fits = true;
    for (d = 1; d < 4 && v->rank == 4; d++) {
        fits = fits && (v->dims[d].size < 0 || v->dims[d].size == dims[d]);
        declared[d] = v->dims[d].size < 0 ? dims[d] : v->dims[d].size;
    }
    if (!fits)
        return inn_fail(err, INN_ERR_RANGE,
                        "wants pictures of %s, those given are %s (%s; "
                        "--layout says otherwise)",
                        inn_shape_text(want, 3, declared + 1),
                        inn_shape_text(have, 3, dims + 1),
                        s->prep.nhwc ? "NHWC" : "NCHW");
    return INN_OK;
}

enum inn_status inn_eval_class_prep(struct inn_eval *e,
                                    const struct inn_prep_options *options,
                                    struct inn_error *err)
{
    struct state *s = e->state;

    return inn_prep_choose(&s->prep, options, e->net.model,
                           s->pictures.channels, "the picture data",
                           s->pictures.x.type == INN_U8, err);
}

int64_t inn_eval_class_channels(const struct inn_eval *e)
{
    const struct state *s = e->state;

    return s->pictures.channels;
}

/* Costs are those of one picture. */
static enum inn_status feed_sizes(struct inn_eval *e, const struct state *s,
                                  struct inn_error *err)
{
    const struct inn_graph *g = inn_network_graph(&e->net);
    struct inn_binding b = {.name = g->values[g->inputs[0]].name, .rank = 4};

    memcpy(b.dims, s->dims, 4 * sizeof(*s->dims));
    if (g->values[g->inputs[0]].dims[0].size < 0)
        b.dims[0] = 1;
    return inn_network_feed_sizes(&e->net, &b, err);
}

static enum inn_status open_pictures(struct inn_eval *e,
                                     struct inn_error *err)
{
    struct state *s = inn_arena_alloc(&e->cli->arena, 1, sizeof(*s), err);
    const char *path = e->at;
    enum inn_status st;

    if (s == NULL)
        return inn_refused(err);
    e->state = s;
    e->at = e->v->data;
    st = inn_pictures_load(&s->pictures, e->v->data, &e->cli->arena, err);
    if (st == INN_OK)
        st = inn_eval_choose(e, s->pictures.n, err);
    if (st != INN_OK)
        return st;
    e->at = path;
    st = inn_eval_class_prep(e, &e->v->prep, err);
    if (st == INN_OK)
        st = input_dims(s, e, err);
    return st == INN_OK ? feed_sizes(e, s, err) : st;
}

static enum inn_status cost(struct inn_eval_row *row, struct inn_eval *e,
                            struct inn_error *err)
{
    return inn_network_cost(&row->cost, &e->net, err);
}

/* How many classes come before the label's: 0 is right. NaN is never right. */
static int64_t rank_of(const float *scores, int64_t classes, int64_t label)
{
    int64_t before = 0, c;

    for (c = 0; c < classes; c++) {
        if (c != label && (!(scores[c] <= scores[label]) ||
                           (scores[c] == scores[label] && c < label)))
            before++;
    }
    return before;
}

/* The largest probability; scores that sum to 1 are probabilities already. */
static double confidence(const float *scores, int64_t classes)
{
    double most = -INFINITY, sum = 0, exps = 0;
    bool positive = true;
    int64_t c;

    for (c = 0; c < classes; c++) {
        most = (double)scores[c] > most ? (double)scores[c] : most;
        positive = positive && scores[c] >= 0;
        sum += (double)scores[c];
    }
    if (positive && fabs(sum - 1) < 1e-3)
        return most;
    for (c = 0; c < classes; c++)
        exps += exp((double)scores[c] - most);
    return 1 / exps;
}

/* What a row sums over pictures. */
struct sums {
    int64_t top1, top5;
    double error; /* squares of differences from full width */
    double confidence;
};

/* Keeps the scores of a picture at full width, or compares them with those. */
static void compare(struct sums *sums, const struct state *s, bool is_full,
                    int64_t at, const float *scores, int64_t classes)
{
    float *full = s->full + at * classes;
    int64_t c;

    if (is_full) {
        memcpy(full, scores, (size_t)classes * sizeof(*full));
        return;
    }
    for (c = 0; c < classes; c++) {
        double d = (double)scores[c] - (double)full[c];

        sums->error += d * d;
    }
}

/* Scores of one batch against the labels. */
static enum inn_status count_hits(struct sums *sums, struct inn_eval_row *row,
                                  const struct inn_eval *e,
                                  const struct inn_tensor *out,
                                  int64_t first, int64_t count,
                                  float *scores, int64_t classes,
                                  struct inn_error *err)
{
    const struct state *s = e->state;
    size_t size = inn_type_size(out->type);
    int64_t i;

    for (i = 0; i < count; i++) {
        int64_t number = e->chosen[first + i];
        int64_t label = inn_tensor_int(&s->pictures.y, (size_t)number), rank;

        if (label < 0 || label >= classes)
            return inn_fail(err, INN_ERR_FORMAT,
                            "label %lld of picture %lld is no class of the "
                            "network's %lld", (long long)label,
                            (long long)number, (long long)classes);
        inn_convert_elements(scores, INN_F32, (const char *)out->data +
                             (size_t)(i * classes) * size, out->type,
                             (size_t)classes);
        rank = rank_of(scores, classes, label);
        row->scores[first + i] = rank < 1 ? 100 : 0;
        sums->top1 += rank < 1;
        sums->top5 += rank < 5;
        sums->confidence += confidence(scores, classes);
        if (s->full != NULL && s->classes == classes)
            compare(sums, s, row == &e->full, first + i, scores, classes);
    }
    return INN_OK;
}

/* Fills the batch; places past the last picture repeat it. */
static void fill(struct inn_tensor *in, float *picture,
                 const struct inn_eval *e, int64_t first, int64_t count,
                 int64_t batch)
{
    const struct state *s = e->state;
    size_t len = inn_tensor_count(in) / (size_t)batch;
    size_t size = inn_type_size(in->type);
    int64_t i;

    for (i = 0; i < batch; i++) {
        int64_t k = i < count ? i : count - 1;

        if (i < count)
            inn_picture_get(picture, &s->pictures, e->chosen[first + k],
                            &s->prep);
        inn_convert_elements((char *)in->data + (size_t)i * len * size,
                             in->type, picture, INN_F32, len);
    }
}

/* Memory for one batch's scores, and for all at full width. */
static enum inn_status make_room(float **scores, struct state *s,
                                 const struct inn_eval *e, bool is_full,
                                 int64_t classes, struct inn_arena *arena,
                                 struct inn_error *err)
{
    size_t count;

    *scores = inn_arena_alloc(arena, (size_t)classes, sizeof(**scores), err);
    if (*scores == NULL)
        return inn_refused(err);
    if (!is_full)
        return INN_OK;
    if (!inn_mul_size(&count, (size_t)classes, (size_t)e->n_chosen))
        return inn_fail(err, INN_ERR_LIMIT, "has too many scores");
    s->full = inn_arena_alloc(&e->cli->arena, count, sizeof(*s->full), err);
    s->classes = classes;
    return s->full != NULL ? INN_OK : inn_refused(err);
}

static enum inn_status run_batches(struct sums *sums,
                                   struct inn_eval_row *row,
                                   struct inn_eval *e,
                                   struct inn_session *session,
                                   struct inn_arena *arena,
                                   struct inn_error *err)
{
    struct state *s = e->state;
    const struct inn_graph *g = e->net.graph;
    const struct inn_value *v = &g->values[g->inputs[0]];
    const struct inn_tensor *out;
    struct inn_tensor in;
    int64_t first, batch = s->dims[0], classes = 0;
    float *picture, *scores = NULL;
    enum inn_status st;

    st = inn_tensor_new(&in, arena, v->type != INN_UNDEFINED ? v->type
                                                             : INN_F32,
                        4, s->dims, err);
    if (st != INN_OK)
        return st;
    if (!inn_type_is_float(in.type))
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "input '%s' is %s; eval knows floats", v->name,
                        inn_type_name(in.type));
    picture = inn_arena_alloc(arena, inn_tensor_count(&in) / (size_t)batch,
                              sizeof(*picture), err);
    if (picture == NULL)
        return inn_refused(err);
    for (first = 0; first < e->n_chosen; first += batch) {
        int64_t left = e->n_chosen - first;
        int64_t count = left < batch ? left : batch;

        fill(&in, picture, e, first, count, batch);
        st = inn_session_run(session, &out, &in, 1, err);
        if (st != INN_OK)
            return st;
        if (scores == NULL) {
            classes = (int64_t)inn_tensor_count(&out[0]) / batch;
            if (out[0].rank < 1 || out[0].dims[0] != batch || classes < 1)
                return inn_fail(err, INN_ERR_UNSUPPORTED,
                                "its first output is no table of scores");
            st = make_room(&scores, s, e, row == &e->full, classes, arena,
                           err);
            if (st != INN_OK)
                return st;
        }
        st = count_hits(sums, row, e, &out[0], first, count, scores, classes,
                        err);
        if (st != INN_OK)
            return st;
        inn_progress_step(&e->cli->progress, first + count, e->n_chosen);
    }
    return INN_OK;
}

/* Σ over pictures and classes of (z − mean of z over the pictures)². */
static double energy(const float *z, int64_t n, int64_t classes)
{
    double sum = 0;
    int64_t i, c;

    for (c = 0; c < classes; c++) {
        double mean = 0;

        for (i = 0; i < n; i++)
            mean += (double)z[i * classes + c];
        mean /= (double)n;
        for (i = 0; i < n; i++) {
            double d = (double)z[i * classes + c] - mean;

            sum += d * d;
        }
    }
    return sum;
}

static enum inn_status run_row(struct inn_eval_row *row, struct inn_eval *e,
                               struct inn_session *session,
                               struct inn_arena *arena, struct inn_error *err)
{
    struct sums sums = {0, 0, 0, 0};
    enum inn_status st = run_batches(&sums, row, e, session, arena, err);
    struct state *s = e->state;

    row->top1 = 100.0 * (double)sums.top1 / (double)e->n_chosen;
    row->top5 = 100.0 * (double)sums.top5 / (double)e->n_chosen;
    row->confidence = sums.confidence / (double)e->n_chosen;
    if (st == INN_OK && row == &e->full)
        s->energy = energy(s->full, e->n_chosen, s->classes);
    if (st == INN_OK && s->energy > 0)
        row->logit_error = sums.error / s->energy;
    return st;
}

static void add_cells(struct inn_table *table, const struct inn_eval_row *row)
{
    inn_table_printf(table, "%.2f %%", row->top1);
    inn_table_printf(table, "%.2f %%", row->top5);
    if (!row->ruled)
        return;
    inn_table_fixed(table, row->loss, 2);
    inn_table_fixed(table, row->loss_se, 2);
    inn_table_number(table, row->logit_error, 3);
}

const struct inn_eval_task inn_eval_class = {
    .heads = "top-1>|top-5>",
    .wrong = wrong,
    .open = open_pictures,
    .cost = cost,
    .run = run_row,
    .add_cells = add_cells,
    .quality = "top-1",
    .unit = "%",
    .compared = "|loss>|±>|error>",
};
