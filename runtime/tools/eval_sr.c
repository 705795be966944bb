/*
 * inn eval --task sr: how near a network comes to originals from their
 * reductions, as PSNR and SSIM of BT.601 Y without a border of the factor's
 * width, beside bicubic enlargement.
 */
#include <math.h>

#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/pictures/pairs.h"
#include "runtime/pictures/picture_net.h"
#include "runtime/pictures/presets.h"
#include "runtime/tools/eval.h"

struct state {
    struct inn_pair *pairs;
    int64_t (*sizes)[2]; /* height, width of the input, by chosen picture */
    int64_t factor;
    struct inn_picture_net net;
};

/* A pair in memory: what the network gets, what should come of it. */
struct sample {
    struct inn_planes low, high;
    struct inn_planes luma; /* of high */
};

static const char *wrong(const struct inn_eval_values *v)
{
    double factor = v->prep.scale;

    if (v->data == NULL)
        return "the pictures are missing: --data FOLDER";
    if (isnan(factor))
        return "--task sr needs --scale N: how much the network enlarges";
    if (!(factor >= 2 && factor <= 8 && factor == floor(factor)))
        return "--scale must be a whole number from 2 to 8 with --task sr";
    if (v->batch > 0)
        return "--batch goes with --task class";
    if (v->prep.preset >= INN_N_PRESETS)
        return "--prep all goes with --task class";
    if (v->prep.preset >= 0 && (v->prep.mean.n > 0 || v->prep.std.n > 0 ||
                                !isnan(v->range)))
        return "--prep says what --range, --mean and --std would: give it or "
               "them";
    return NULL;
}

static enum inn_status load(struct sample *s, const struct state *state,
                            int64_t i, struct inn_arena *arena,
                            struct inn_error *err)
{
    enum inn_status st;

    st = inn_pair_load(&s->low, &s->high, &state->pairs[i], state->factor,
                       arena, err);
    if (st != INN_OK)
        return st;
    st = inn_planes_luma(&s->luma, &s->high, arena, err);
    /* A network of Y is compared with the Y an image would hold. */
    if (st == INN_OK && state->net.channels == 1)
        inn_planes_round(&s->luma);
    return st;
}

/*
 * p, RGB or Y, lies at (top, left) in the original: adds what it scores. The
 * border counts from the original's edges.
 */
static enum inn_status score(struct inn_eval_row *row, const struct state *s,
                             const struct sample *sample,
                             struct inn_planes *p, int64_t top, int64_t left,
                             struct inn_arena *arena, struct inn_error *err)
{
    int64_t lost = top > left ? top : left;
    int64_t border = s->factor > lost ? s->factor - lost : 0;
    struct inn_planes y = *p, part;
    enum inn_status st = INN_OK;
    double ssim;

    inn_planes_round(p);
    if (s->net.channels == 3 || p->channels == 3)
        st = inn_planes_luma(&y, p, arena, err);
    if (st == INN_OK)
        st = inn_planes_cut(&part, &sample->luma, top, left, y.height,
                            y.width, arena, err);
    if (st == INN_OK)
        st = inn_planes_ssim(&ssim, &y, &part, border, arena, err);
    if (st != INN_OK)
        return st;
    row->psnr += inn_planes_psnr(&y, &part, border);
    row->ssim += ssim;
    return INN_OK;
}

/* Bicubic enlargement of the whole picture is what users know the figure of. */
static enum inn_status score_bicubic(struct inn_eval_row *row,
                                     const struct state *s,
                                     struct sample *sample,
                                     struct inn_arena *arena,
                                     struct inn_error *err)
{
    struct inn_planes big, luma = sample->luma, y;
    enum inn_status st;
    double ssim;

    st = inn_planes_bicubic(&big, &sample->low, sample->high.height,
                            sample->high.width, arena, err);
    if (st != INN_OK)
        return st;
    inn_planes_round(&big);
    st = inn_planes_luma(&y, &big, arena, err);
    if (st == INN_OK && s->net.channels == 1)
        st = inn_planes_luma(&luma, &sample->high, arena, err);
    if (st == INN_OK)
        st = inn_planes_ssim(&ssim, &y, &luma, s->factor, arena, err);
    if (st != INN_OK)
        return st;
    row->psnr += inn_planes_psnr(&y, &luma, s->factor);
    row->ssim += ssim;
    return INN_OK;
}

static void average(struct inn_eval_row *row, int64_t n)
{
    row->psnr /= (double)n;
    row->ssim /= (double)n;
}

/*
 * What the network is fed: bytes at every step, as from image files. A
 * network of Y that doesn't enlarge gets Y of the original, reduced and
 * enlarged, because that is how such networks are trained and measured; Y of
 * a reduction of RGB differs.
 */
static enum inn_status make_input(struct inn_planes *in,
                                  const struct state *s,
                                  const struct sample *sample,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    const struct inn_planes *low = &sample->low, *high = &sample->high;
    struct inn_planes small = *low;
    enum inn_status st = INN_OK;

    if (s->net.channels == 1 && s->net.factor == 1)
        st = inn_planes_bicubic(&small, &sample->luma, low->height,
                                low->width, arena, err);
    else if (s->net.channels == 1)
        st = inn_planes_luma(&small, low, arena, err);
    if (st != INN_OK)
        return st;
    inn_planes_round(&small);
    *in = small;
    if (s->net.factor == 1)
        st = inn_planes_bicubic(in, &small, high->height, high->width, arena,
                                err);
    if (st == INN_OK)
        inn_planes_round(in);
    return st;
}

/* Reads every picture once: sizes, and the bicubic figures. */
static enum inn_status look(struct inn_eval *e, struct inn_error *err)
{
    struct state *s = e->state;
    enum inn_status st = INN_OK;
    int64_t i;

    inn_progress_phase(&e->cli->progress, 1, 1, "reading pictures");
    for (i = 0; i < e->n_chosen && st == INN_OK; i++) {
        struct inn_arena arena;
        struct sample sample;

        inn_arena_init(&arena, e->cli->heap);
        st = load(&sample, s, e->chosen[i], &arena, err);
        if (st == INN_OK)
            st = score_bicubic(&e->baseline, s, &sample, &arena, err);
        if (st == INN_OK) {
            const struct inn_planes *p = s->net.factor == 1 ? &sample.high
                                                            : &sample.low;

            s->sizes[i][0] = p->height;
            s->sizes[i][1] = p->width;
        }
        inn_arena_free(&arena);
        inn_progress_step(&e->cli->progress, i + 1, e->n_chosen);
    }
    average(&e->baseline, e->n_chosen);
    return st;
}

static enum inn_status open_network(struct inn_eval *e, struct inn_error *err)
{
    struct inn_prep_options prep = e->v->prep;
    struct state *s = e->state;
    enum inn_status st;

    prep.scale = isnan(e->v->range) ? NAN : e->v->range / 255;
    s->factor = (int64_t)e->v->prep.scale;
    st = inn_picture_net_init(&s->net, inn_network_graph(&e->net),
                              e->net.model, &prep, e->v->multiple, err);
    if (st != INN_OK)
        return st;
    if (s->net.factor == 0)
        return inn_fail(err, INN_ERR_UNSUPPORTED,
                        "its first output is no picture");
    if (s->net.factor != 1 && s->net.factor != s->factor)
        return inn_fail(err, INN_ERR_RANGE,
                        "enlarges by %lld; --scale is %lld",
                        (long long)s->net.factor, (long long)s->factor);
    return INN_OK;
}

static enum inn_status open_pictures(struct inn_eval *e,
                                     struct inn_error *err)
{
    struct state *s = inn_arena_alloc(&e->cli->arena, 1, sizeof(*s), err);
    const char *path = e->at;
    enum inn_status st;
    size_t n;

    if (s == NULL)
        return inn_refused(err);
    e->state = s;
    st = open_network(e, err);
    if (st != INN_OK)
        return st;
    e->at = e->v->data;
    st = inn_pairs_list(&s->pairs, &n, e->v->data, s->factor, &e->cli->arena,
                        err);
    if (st == INN_OK)
        st = inn_eval_choose(e, (int64_t)n, err);
    if (st != INN_OK)
        return st;
    s->sizes = inn_arena_alloc(&e->cli->arena, (size_t)e->n_chosen,
                               sizeof(*s->sizes), err);
    if (s->sizes == NULL)
        return inn_refused(err);
    e->at = NULL; /* messages name the picture */
    st = look(e, err);
    if (st == INN_OK)
        e->at = path;
    return st;
}

/*
 * MACs are the mean over the pictures, whose sizes differ, unless the user
 * says what sizes are to be counted at.
 */
static enum inn_status cost(struct inn_eval_row *row, struct inn_eval *e,
                            struct inn_error *err)
{
    const struct inn_graph *g = e->net.graph;
    const struct state *s = e->state;
    struct inn_binding b = {.name = g->values[g->inputs[0]].name, .rank = 4};
    enum inn_status st = INN_OK;
    int64_t i, macs = 0;

    if (e->net.given)
        return inn_network_cost(&row->cost, &e->net, err);
    for (i = 0; i < e->n_chosen && st == INN_OK; i++) {
        inn_picture_net_dims(b.dims, &s->net, s->sizes[i][0],
                             s->sizes[i][1]);
        st = inn_graph_cost(&row->cost, g, &b, 1, err);
        if (st == INN_OK && !inn_add_i64(&macs, macs, row->cost.macs))
            st = inn_fail(err, INN_ERR_RANGE, "has too many MACs to count");
    }
    row->cost.macs = macs / e->n_chosen;
    return st;
}

static enum inn_status run_one(struct inn_eval_row *row, struct inn_eval *e,
                               struct inn_session *session, int64_t i,
                               struct inn_error *err)
{
    const struct state *s = e->state;
    const struct inn_tensor *out;
    struct inn_planes planes, result;
    struct inn_tensor in;
    struct sample sample;
    struct inn_arena arena;
    enum inn_status st;
    int64_t top, left;

    inn_arena_init(&arena, e->cli->heap);
    st = load(&sample, s, i, &arena, err);
    if (st == INN_OK)
        st = make_input(&planes, s, &sample, &arena, err);
    if (st == INN_OK)
        st = inn_picture_net_feed(&in, &s->net, &planes, &arena, err);
    if (st == INN_OK)
        st = inn_session_run(session, &out, &in, 1, err);
    if (st == INN_OK)
        st = inn_picture_net_take(&result, &top, &left, &s->net, &out[0],
                                  planes.height, planes.width, &arena, err);
    if (st == INN_OK)
        st = score(row, s, &sample, &result, top, left, &arena, err);
    inn_arena_free(&arena);
    if (st != INN_OK)
        inn_error_prefix(err, "picture '%s'", s->pairs[i].name);
    return st;
}

static enum inn_status run_row(struct inn_eval_row *row, struct inn_eval *e,
                               struct inn_session *session,
                               struct inn_arena *arena, struct inn_error *err)
{
    enum inn_status st = INN_OK;
    int64_t i;

    (void)arena;
    row->psnr = row->ssim = 0;
    for (i = 0; i < e->n_chosen && st == INN_OK; i++) {
        double before = row->psnr;

        st = run_one(row, e, session, e->chosen[i], err);
        row->scores[i] = (float)(row->psnr - before);
        inn_progress_step(&e->cli->progress, i + 1, e->n_chosen);
    }
    average(row, e->n_chosen);
    return st;
}

static void add_cells(struct inn_table *table, const struct inn_eval_row *row)
{
    inn_table_printf(table, "%.2f dB", row->psnr);
    inn_table_printf(table, "%.4f", row->ssim);
    if (!row->ruled)
        return;
    inn_table_fixed(table, row->loss, 2);
    inn_table_fixed(table, row->loss_se, 2);
}

const struct inn_eval_task inn_eval_sr = {
    .heads = "PSNR>|SSIM>",
    .wrong = wrong,
    .open = open_pictures,
    .cost = cost,
    .run = run_row,
    .add_cells = add_cells,
    .baseline = "bicubic",
    .quality = "PSNR",
    .unit = "dB",
    .compared = "|loss>|±>",
};
