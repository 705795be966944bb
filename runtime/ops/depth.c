/*
 * DepthToSpace and SpaceToDepth: channels laid out as blocks of b x b pixels,
 * and back. Which of its b * b channels a pixel comes from is the mode's.
 */
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/ops/args.h"
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
