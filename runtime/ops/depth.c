/*
 * DepthToSpace and SpaceToDepth: channels laid out as blocks of b x b pixels,
 * and back. Which of its b * b channels a pixel comes from is the mode's.
 */
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/ops/args.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/move.h"
#include "runtime/ops/rows.h"
#include "runtime/ops/walk.h"

static bool is_to_space(const struct inn_node *node)
{
    return strcmp(node->op_type, "DepthToSpace") == 0;
}

/* Blocks of a channel stay together (CRD), or channels of a block (DCR). */
static enum inn_status read_mode(const struct inn_args *a, bool *crd)
{
    const char *mode = "DCR";

    if (is_to_space(a->node) && a->node->version >= 11)
        mode = inn_node_string(a->node, "mode", mode);
    *crd = strcmp(mode, "CRD") == 0;
    if (!*crd && strcmp(mode, "DCR") != 0)
        return inn_args_fail(a, INN_ERR_FORMAT, "there is no mode '%s'",
                             mode);
    return INN_OK;
}

/* The block's side; its square can't overflow. */
static enum inn_status read_block(const struct inn_args *a, int64_t *block)
{
    enum inn_status st = inn_args_need(a, 1);

    if (st != INN_OK)
        return st;
    *block = inn_node_int(a->node, "blocksize", 0);
    if (*block < 1 || *block > INT32_MAX)
        return inn_args_fail(a, INN_ERR_FORMAT, "blocksize is %lld",
                             (long long)*block);
    if (a->in[0]->rank != 4)
        return inn_args_fail(a, INN_ERR_FORMAT,
                             "its input has %d axes, must have 4",
                             a->in[0]->rank);
    return INN_OK;
}

enum inn_status inn_infer_depth(struct inn_infer *c)
{
    struct inn_args a = INN_ARGS(c);
    int64_t b, dims[4];
    const int64_t *x;
    bool crd, fits;
    enum inn_status st = read_block(&a, &b);

    if (st == INN_OK)
        st = read_mode(&a, &crd);
    if (st != INN_OK)
        return st;
    x = c->in[0]->dims;
    dims[0] = x[0];
    if (is_to_space(c->node)) {
        dims[1] = x[1] / (b * b);
        fits = x[1] % (b * b) == 0 && inn_mul_i64(&dims[2], x[2], b) &&
               inn_mul_i64(&dims[3], x[3], b);
    } else {
        dims[2] = x[2] / b;
        dims[3] = x[3] / b;
        fits = x[2] % b == 0 && x[3] % b == 0 &&
               inn_mul_i64(&dims[1], x[1], b * b);
    }
    if (!fits)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "blocks of %lld do not fit %lldx%lldx%lld",
                             (long long)b, (long long)x[1], (long long)x[2],
                             (long long)x[3]);
    return inn_infer_out(c, 0, c->in[0]->type, 4, dims);
}

/*
 * The deep side has b * b channels for each of the other: they are one
 * class, whose first is at c (DCR) or c * b * b (CRD).
 */
enum inn_status inn_couple_depth(struct inn_couple *c)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_operand deep, flat;
    int64_t b, i, n, *map;
    bool crd;
    enum inn_status st;

    if (inn_args_in(&a, 0) == NULL || c->n_out < 1 || c->out[0] == NULL)
        return INN_OK;
    st = read_block(&a, &b);
    if (st == INN_OK)
        st = read_mode(&a, &crd);
    if (st != INN_OK)
        return st;
    deep = is_to_space(c->node) ? inn_in(0, 1) : inn_out(0, 1);
    flat = is_to_space(c->node) ? inn_out(0, 1) : inn_in(0, 1);
    n = deep.is_output ? c->out[0]->dims[1] : c->in[0]->dims[1];
    if (n == 0)
        return INN_OK;
    map = inn_couple_count_from(c, 0, n);
    if (map == NULL)
        return inn_refused(c->err);
    for (i = 0; i < n; i++)
        map[i] = crd ? i / (b * b) : i % (n / (b * b));
    st = c->sink->unite(c->state, deep, map, c->err);
    return st == INN_OK ? inn_couple_map(c, deep, flat, map) : st;
}

enum inn_status inn_run_depth(struct inn_run *c)
{
    struct inn_args a = INN_ARGS(c);
    struct inn_walk w;
    const int64_t *x, *y;
    int64_t b, dims[6], plane, pixels, *deep;
    bool crd;
    enum inn_status st = read_block(&a, &b);

    if (st == INN_OK)
        st = read_mode(&a, &crd);
    if (st != INN_OK || !inn_run_wants(c, 0) || c->out[0].bytes == 0)
        return st;
    /* x has few channels and many pixels, y the reverse. */
    x = is_to_space(c->node) ? c->out[0].dims : c->in[0]->dims;
    y = is_to_space(c->node) ? c->in[0]->dims : c->out[0].dims;
    dims[0] = x[0];
    dims[1] = x[1];
    dims[2] = y[2];
    dims[3] = b;
    dims[4] = y[3];
    dims[5] = b;
    inn_walk_init(&w, 2, 6, dims);
    deep = w.step[is_to_space(c->node) ? 1 : 0];
    inn_walk_dense(&w, is_to_space(c->node) ? 0 : 1, 6, dims);
    plane = y[2] * y[3];
    pixels = crd ? plane : plane * x[1];
    deep[0] = y[1] * plane;
    deep[1] = crd ? plane * b * b : plane;
    deep[2] = y[3];
    deep[3] = pixels * b;
    deep[4] = 1;
    deep[5] = pixels;
    inn_walk_copy(&w, c->out[0].data, c->in[0]->data,
                  inn_type_size(c->out[0].type), c->threads);
    return INN_OK;
}

bool inn_lower_depth(const struct inn_infer *c, struct inn_prim *prim)
{
    bool to_space = is_to_space(c->node), crd;
    struct inn_args a = INN_ARGS(c);
    const int64_t *deep;
    struct inn_move *m;
    int64_t b, each;
    int i;

    if (read_block(&a, &b) != INN_OK || read_mode(&a, &crd) != INN_OK)
        return false;
    m = inn_move_new(prim, c, 1);
    if (m == NULL)
        return false;
    deep = to_space ? c->in[0]->dims : c->out[0].dims;
    each = deep[1] / (b * b);
    /* Written as to space; the way back is the same with sides swapped. */
    inn_move_loop(m, deep[0], 0, 1, 0, 1);
    inn_move_loop(m, deep[2], 2, 1, 2, b);
    inn_move_loop(m, b, 1, crd ? b : b * each, 2, 1);
    inn_move_loop(m, deep[3], 3, 1, 3, b);
    inn_move_loop(m, b, 1, crd ? 1 : each, 3, 1);
    inn_move_loop(m, each, 1, crd ? b * b : 1, 1, 1);
    for (i = 0; !to_space && i < m->n_loops; i++) {
        struct inn_loop old = m->loops[i];

        m->loops[i].in_axis = old.out_axis;
        m->loops[i].in_step = old.out_step;
        m->loops[i].out_axis = old.in_axis;
        m->loops[i].out_step = old.in_step;
    }
    return true;
}

/* The deep channel of pixel k of a block and flat channel i, of m. */
static int64_t deep_channel(bool crd, int64_t b, int64_t m, int64_t k,
                            int64_t i)
{
    return crd ? i * b * b + k : k * m + i;
}

/* Pixels of a block become channels: correlated as positions are. */
static struct inn_law *to_depth(struct inn_carry *c, int64_t b, bool crd)
{
    const struct inn_law *x = c->from[0].law;
    int64_t m = x->n, k, l, i, j;
    struct inn_law *law = inn_law_new(m * b * b, c->heap, c->err);

    if (law == NULL)
        return NULL;
    for (k = 0; k < b * b; k++) {
        for (i = 0; i < m; i++)
            law->mean[deep_channel(crd, b, m, k, i)] = x->mean[i];
        for (l = 0; l < b * b; l++) {
            double r = inn_law_r(x, l / b - k / b, l % b - k % b);

            for (i = 0; i < m; i++) {
                int64_t row = deep_channel(crd, b, m, k, i);

                for (j = 0; j < m; j++)
                    law->cov[row * law->n +
                             deep_channel(crd, b, m, l, j)] =
                        r * x->cov[i * m + j];
            }
        }
    }
    inn_law_stride(law, x, b, b);
    return law;
}

/* Where y lies, counted in blocks and pixels of one. */
static int64_t floor_to(int64_t y, int64_t b, int64_t *pixel)
{
    *pixel = (y % b + b) % b;
    return (y - *pixel) / b;
}

/* Covariance of pixels k and l of a flat channel, summed over channels. */
static double trace_of(const struct inn_law *x, const struct inn_law *law,
                       int64_t k, int64_t l, double r, int64_t b, bool crd)
{
    double sum = 0;
    int64_t i, m = law->n;

    for (i = 0; i < m; i++) {
        int64_t row = deep_channel(crd, b, m, k, i);
        int64_t column = deep_channel(crd, b, m, l, i);

        sum += r * x->cov[row * x->n + column] +
               (x->mean[row] - law->mean[i]) *
                   (x->mean[column] - law->mean[i]);
    }
    return sum;
}

/*
 * Channels become the pixels of a block, and their moments those of the
 * block's pixels on average: what means differ by is variance too.
 */
static struct inn_law *to_space(struct inn_carry *c, int64_t b, bool crd)
{
    const struct inn_law *x = c->from[0].law;
    int64_t m = x->n / (b * b), k, i, j, py, px;
    struct inn_law *law = inn_law_new(m, c->heap, c->err);
    double share = 1.0 / (double)(b * b), r;
    int y, at, sign;

    if (law == NULL)
        return NULL;
    for (k = 0; k < b * b; k++) {
        for (i = 0; i < m; i++)
            law->mean[i] += share * x->mean[deep_channel(crd, b, m, k, i)];
    }
    for (k = 0; k < b * b; k++) {
        for (i = 0; i < m; i++) {
            int64_t row = deep_channel(crd, b, m, k, i);

            for (j = 0; j < m; j++) {
                int64_t column = deep_channel(crd, b, m, k, j);

                law->cov[i * m + j] +=
                    share * (x->cov[row * x->n + column] +
                             (x->mean[row] - law->mean[i]) *
                                 (x->mean[column] - law->mean[j]));
            }
        }
    }
    for (y = INN_REACH; y >= 0; y--) {
        for (at = INN_REACH; at >= 0; at--) {
            for (r = 0, sign = -1; sign < 2; sign += 2) {
                for (k = 0; k < b * b; k++) {
                    int64_t qy = floor_to(k / b + y, b, &py);
                    int64_t qx = floor_to(k % b + sign * at, b, &px);

                    r += trace_of(x, law, k, py * b + px,
                                  inn_law_r(x, qy, qx), b, crd);
                }
            }
            law->r[y][at] = r;
        }
    }
    for (y = INN_REACH; y >= 0; y--) {
        for (at = INN_REACH; at >= 0; at--)
            law->r[y][at] = law->r[0][0] > 0 ? law->r[y][at] / law->r[0][0]
                                             : y + at == 0;
    }
    return law;
}

enum inn_status inn_moments_depth(struct inn_carry *c)
{
    const struct inn_field *x = &c->from[0];
    struct inn_args a = INN_ARGS(c);
    struct inn_law *law;
    enum inn_status st;
    int64_t b;
    bool crd;

    if (x->law == NULL || inn_field_axis(x) != 1 || x->repeat != 1 ||
        x->space[0] != 2 || x->space[1] != 3)
        return INN_OK;
    st = read_block(&a, &b);
    if (st == INN_OK)
        st = read_mode(&a, &crd);
    if (st != INN_OK || c->out[0] == NULL)
        return st;
    if (c->out[0]->dims[1] < 1 || c->out[0]->dims[1] > INN_MOST_TAPS * 16)
        return INN_OK;
    law = is_to_space(c->node) ? to_space(c, b, crd) : to_depth(c, b, crd);
    if (law == NULL)
        return inn_refused(c->err);
    inn_carry_put(c, 0, law, x);
    return INN_OK;
}
