/*
 * Gemm and MatMul. Reference kernels sum in double, in the order of the
 * contracted axis; integers sum exactly, modulo their size.
 */
#include <string.h>

#include "runtime/base/threads.h"
#include "runtime/ops/common.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/rows.h"

/* Columns of a row that are summed side by side. */
#define TILE 256

/* One product of matrices: y [m, n] = a [m, k] b [k, n], by strides. */
struct product {
    int64_t m, n, k;
    int64_t a_row, a_column, b_row, b_column; /* elements from one to next */
    enum inn_type type;
    const char *a, *b;
    void *y;
    double alpha, beta;
    const void *c; /* added, beta times; or NULL */
    int64_t c_row, c_column;
    /* Many products: offsets by axis of the output, outermost first. */
    int batch_rank;
    int64_t batch[INN_MAX_RANK], a_batch[INN_MAX_RANK],
        b_batch[INN_MAX_RANK];
};

static bool is_integer(enum inn_type type)
{
    return inn_type_size(type) > 0 && !inn_type_is_float(type) &&
           type != INN_BOOL;
}

/* n sums of row from column first on, in double. */
static void float_row(const struct product *p, double *sums, int64_t a,
                      int64_t b, int64_t n)
{
    int64_t k, j;

    for (j = 0; j < n; j++)
        sums[j] = 0;
    for (k = 0; k < p->k; k++, a += p->a_column, b += p->b_row) {
        double x = inn_element_get(p->type, p->a, (size_t)a);

        if (p->type == INN_F32 && p->b_column == 1) {
            const float *row = (const float *)(const void *)p->b + b;

            for (j = 0; j < n; j++)
                sums[j] += x * (double)row[j];
            continue;
        }
        for (j = 0; j < n; j++)
            sums[j] += x * inn_element_get(p->type, p->b,
                                           (size_t)(b + j * p->b_column));
    }
}

/* Any integer as 64 bits: products and sums agree modulo 2^64. */
static uint64_t integer(enum inn_type type, const void *data, int64_t i)
{
    if (type == INN_I64 || type == INN_U64)
        return ((const uint64_t *)data)[i];
    return (uint64_t)(int64_t)inn_element_get(type, data, (size_t)i);
}

/* The low bits of value, as the type has them. */
static void store_integer(enum inn_type type, void *data, int64_t i,
                          uint64_t value)
{
    size_t size = inn_type_size(type);

    switch (size) {
    case 1:
        ((uint8_t *)data)[i] = (uint8_t)value;
        break;
    case 2:
        ((uint16_t *)data)[i] = (uint16_t)value;
        break;
    case 4:
        ((uint32_t *)data)[i] = (uint32_t)value;
        break;
    default:
        ((uint64_t *)data)[i] = value;
        break;
    }
}

static void integer_row(const struct product *p, int64_t a, int64_t b,
                        int64_t y)
{
    int64_t j, k;

    for (j = 0; j < p->n; j++) {
        uint64_t sum = 0;

        for (k = 0; k < p->k; k++)
            sum += integer(p->type, p->a, a + k * p->a_column) *
                   integer(p->type, p->b, b + k * p->b_row +
                                              j * p->b_column);
        store_integer(p->type, p->y, y + j, sum);
    }
}

/* One row of the output, counted over all products. */
static void product_part(void *context, size_t part)
{
    const struct product *p = context;
    int64_t row = (int64_t)part % p->m, rest = (int64_t)part / p->m;
    int64_t a = row * p->a_row, b = 0, first, j, n;
    double sums[TILE];
    int i;

    for (i = p->batch_rank - 1; i >= 0; i--) {
        int64_t at = rest % p->batch[i];

        rest /= p->batch[i];
        a += at * p->a_batch[i];
        b += at * p->b_batch[i];
    }
    if (is_integer(p->type)) {
        integer_row(p, a, b, (int64_t)part * p->n);
        return;
    }
    for (first = 0; first < p->n; first += TILE) {
        n = p->n - first < TILE ? p->n - first : TILE;
        float_row(p, sums, a, b + first * p->b_column, n);
        for (j = 0; j < n; j++) {
            double sum = p->alpha * sums[j];

            if (p->c != NULL)
                sum += p->beta *
                       inn_element_get(p->type, p->c,
                                       (size_t)(row * p->c_row +
                                                (first + j) * p->c_column));
            inn_element_set(p->type, p->y,
                            part * (size_t)p->n + (size_t)(first + j), sum);
        }
    }
}

/* Gemm's A and B as [m, k] and [k, n]. */
struct gemm {
    int a_m, a_k, b_k, b_n; /* which axes of A and B */
};

static struct gemm gemm_axes(const struct inn_node *node)
{
    int a = inn_node_int(node, "transA", 0) != 0;
    int b = inn_node_int(node, "transB", 0) != 0;
    struct gemm g = {a, 1 - a, b, 1 - b};

    return g;
}

/*
 * Steps along rows and columns of C [m, n]; false where it does not
 * broadcast. Until opset 6 only attribute broadcast allows that.
 */
static bool bias_steps(const struct inn_node *node,
                       const struct inn_tensor *bias, int64_t m, int64_t n,
                       int64_t *row, int64_t *column)
{
    int64_t rows = bias->rank == 2 ? bias->dims[0] : 1;
    int64_t columns = bias->rank > 0 ? bias->dims[bias->rank - 1] : 1;

    *column = columns == 1 ? 0 : 1;
    *row = rows == 1 ? 0 : columns;
    if (bias->rank > 2 || (rows != 1 && rows != m) ||
        (columns != 1 && columns != n))
        return false;
    return node->version >= 7 || inn_node_int(node, "broadcast", 0) != 0 ||
           (bias->rank == 2 && rows == m && columns == n);
}

enum inn_status inn_infer_gemm(struct inn_infer *c)
{
    enum inn_status st = inn_infer_arity(c, 2, 3, 1);
    struct gemm g = gemm_axes(c->node);
    char x[INN_SHAPE_TEXT], y[INN_SHAPE_TEXT];
    struct inn_args a = INN_ARGS(c);
    int64_t dims[2], row, column;
    int i;

    for (i = 1; i < 3 && st == INN_OK; i++)
        st = inn_infer_same_type(c, i);
    if (st != INN_OK)
        return st;
    if (c->in[0]->rank != 2 || c->in[1]->rank != 2)
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "A is %s and B is %s, both must have two "
                             "dimensions",
                             inn_shape_text(x, c->in[0]->rank,
                                            c->in[0]->dims),
                             inn_shape_text(y, c->in[1]->rank,
                                            c->in[1]->dims));
    if (c->in[0]->dims[g.a_k] != c->in[1]->dims[g.b_k])
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "B has %lld inputs, A has %lld",
                             (long long)c->in[1]->dims[g.b_k],
                             (long long)c->in[0]->dims[g.a_k]);
    dims[0] = c->in[0]->dims[g.a_m];
    dims[1] = c->in[1]->dims[g.b_n];
    if (c->n_in > 2 && c->in[2] != NULL &&
        !bias_steps(c->node, c->in[2], dims[0], dims[1], &row, &column))
        return inn_args_fail(&a, INN_ERR_FORMAT,
                             "C is %s, which does not fit %s",
                             inn_shape_text(x, c->in[2]->rank,
                                            c->in[2]->dims),
                             inn_shape_text(y, 2, dims));
    return inn_infer_out(c, 0, c->in[0]->type, 2, dims);
}

/*
 * The product of operands 0 and 1 whose axes m × k and k × n are given and
 * appear as axes of the output, or −1 where they don't.
 */
static enum inn_status couple_product(struct inn_couple *c, int a_m, int a_k,
                                      int b_k, int b_n, int y_m, int y_n)
{
    bool a_const = inn_couple_is_const(c, 0);
    bool b_const = inn_couple_is_const(c, 1);
    enum inn_status st;

    if (b_const && !a_const) {
        st = c->sink->sum(c->state, inn_in(1, b_k), inn_in(0, a_k), NULL,
                          c->err);
        if (st == INN_OK && y_n >= 0)
            st = c->sink->make(c->state, inn_in(1, b_n), inn_out(0, y_n),
                               NULL, c->err);
        if (st == INN_OK && y_m >= 0)
            st = inn_couple_map(c, inn_out(0, y_m), inn_in(0, a_m), NULL);
        return st;
    }
    if (a_const && !b_const) {
        st = c->sink->sum(c->state, inn_in(0, a_k), inn_in(1, b_k), NULL,
                          c->err);
        if (st == INN_OK && y_m >= 0)
            st = c->sink->make(c->state, inn_in(0, a_m), inn_out(0, y_m),
                               NULL, c->err);
        if (st == INN_OK && y_n >= 0)
            st = inn_couple_map(c, inn_out(0, y_n), inn_in(1, b_n), NULL);
        return st;
    }
    st = inn_couple_pin(c, inn_in(0, a_k), "summed over in a product of two "
                                           "computed matrices");
    if (st == INN_OK)
        st = inn_couple_pin(c, inn_in(1, b_k), "summed over in a product of "
                                               "two computed matrices");
    if (st == INN_OK && y_m >= 0)
        st = inn_couple_map(c, inn_out(0, y_m), inn_in(0, a_m), NULL);
    if (st == INN_OK && y_n >= 0)
        st = inn_couple_map(c, inn_out(0, y_n), inn_in(1, b_n), NULL);
    return st;
}

enum inn_status inn_couple_gemm(struct inn_couple *c)
{
    struct gemm g = gemm_axes(c->node);
    enum inn_status st;

    st = couple_product(c, g.a_m, g.a_k, g.b_k, g.b_n, 0, 1);
    if (st == INN_OK && c->n_in > 2 && c->in[2] != NULL)
        st = inn_couple_alike(c, inn_in(2, 0), inn_out(0, 0));
    return st;
}

enum inn_status inn_run_gemm(struct inn_run *c)
{
    struct gemm g = gemm_axes(c->node);
    const struct inn_tensor *a = c->in[0], *b = c->in[1];
    struct product p = {.type = a->type, .alpha = 1, .beta = 1};

    if (!inn_run_wants(c, 0) || c->out[0].bytes == 0)
        return INN_OK;
    p.m = c->out[0].dims[0];
    p.n = c->out[0].dims[1];
    p.k = a->dims[g.a_k];
    p.a_row = g.a_m == 0 ? p.k : 1;
    p.a_column = g.a_m == 0 ? 1 : p.m;
    p.b_row = g.b_k == 0 ? p.n : 1;
    p.b_column = g.b_k == 0 ? 1 : p.k;
    p.a = a->data;
    p.b = b->data;
    p.y = c->out[0].data;
    p.alpha = inn_node_float(c->node, "alpha", 1);
    p.beta = inn_node_float(c->node, "beta", 1);
    if (is_integer(p.type) &&
        (p.alpha != 1 || (c->n_in > 2 && c->in[2] != NULL)))
        return inn_node_fail(c->node, c->err, INN_ERR_UNSUPPORTED,
                             "alpha or C on type %s", inn_type_name(p.type));
    if (c->n_in > 2 && c->in[2] != NULL &&
        bias_steps(c->node, c->in[2], p.m, p.n, &p.c_row, &p.c_column))
        p.c = c->in[2]->data;
    inn_parallel(c->threads, (size_t)p.m, product_part, &p);
    return INN_OK;
}

bool inn_lower_gemm(const struct inn_infer *c, struct inn_prim *prim)
{
    prim->kind = INN_PRIM_MATMUL;
    prim->u.matmul.transpose_a = inn_node_int(c->node, "transA", 0) != 0;
    prim->u.matmul.transpose_b = inn_node_int(c->node, "transB", 0) != 0;
    prim->u.matmul.alpha = inn_node_float(c->node, "alpha", 1);
    prim->u.matmul.beta = inn_node_float(c->node, "beta", 1);
    return true;
}

/*
 * MatMul's operands with a 1 put before a vector A and behind a vector B:
 * dims of the full output, of which the vectors' axes are then left out.
 */
struct matmul {
    int64_t m, n, k;
    int batch_rank;
    int64_t batch[INN_MAX_RANK];
    bool a_vector, b_vector;
};

static enum inn_status matmul_shape(const struct inn_infer *c,
                                    struct matmul *p)
{
    const struct inn_tensor *a = c->in[0], *b = c->in[1];
    char x[INN_SHAPE_TEXT], y[INN_SHAPE_TEXT];
    struct inn_args args = INN_ARGS(c);
    int64_t b_k;
    int i;

    if (a->rank < 1 || b->rank < 1)
        return inn_args_fail(&args, INN_ERR_FORMAT,
                             "operands %s and %s: a scalar has no product",
                             inn_shape_text(x, a->rank, a->dims),
                             inn_shape_text(y, b->rank, b->dims));
    p->a_vector = a->rank == 1;
    p->b_vector = b->rank == 1;
    p->k = a->dims[a->rank - 1];
    b_k = b->dims[p->b_vector ? 0 : b->rank - 2];
    p->m = p->a_vector ? 1 : a->dims[a->rank - 2];
    p->n = p->b_vector ? 1 : b->dims[b->rank - 1];
    p->batch_rank = (a->rank > b->rank ? a->rank : b->rank) - 2;
    if (p->batch_rank < 0)
        p->batch_rank = 0;
    for (i = 0; i < p->batch_rank; i++) {
        int in_a = i - p->batch_rank + a->rank - 2;
        int in_b = i - p->batch_rank + b->rank - 2;
        int64_t da = in_a < 0 ? 1 : a->dims[in_a];
        int64_t db = in_b < 0 ? 1 : b->dims[in_b];

        p->batch[i] = da == 1 ? db : da;
        if (da != db && da != 1 && db != 1)
            break;
    }
    if (i < p->batch_rank || p->k != b_k)
        return inn_args_fail(&args, INN_ERR_FORMAT,
                             "there is no product of %s and %s",
                             inn_shape_text(x, a->rank, a->dims),
                             inn_shape_text(y, b->rank, b->dims));
    return INN_OK;
}

enum inn_status inn_infer_matmul(struct inn_infer *c)
{
    enum inn_status st = inn_infer_arity(c, 2, 2, 1);
    int64_t dims[INN_MAX_RANK];
    struct matmul p;
    int rank;

    if (st == INN_OK)
        st = inn_infer_same_type(c, 1);
    if (st == INN_OK)
        st = matmul_shape(c, &p);
    if (st != INN_OK)
        return st;
    rank = p.batch_rank;
    memcpy(dims, p.batch, (size_t)rank * sizeof(*dims));
    if (!p.a_vector)
        dims[rank++] = p.m;
    if (!p.b_vector)
        dims[rank++] = p.n;
    return inn_infer_out(c, 0, c->in[0]->type, rank, dims);
}

/* Axes of products, from input i to the output, where they aren't 1 long. */
static enum inn_status couple_batch(struct inn_couple *c, int i)
{
    const struct inn_tensor *in = c->in[i], *out = c->out[0];
    int last = (c->in[0]->rank > 1) + (c->in[1]->rank > 1);
    enum inn_status st = INN_OK;
    int axis;

    for (axis = 0; axis < in->rank - 2 && st == INN_OK; axis++) {
        int to = out->rank - last - (in->rank - 2) + axis;

        if (in->dims[axis] == out->dims[to] && in->dims[axis] > 1)
            st = inn_couple_map(c, inn_out(0, to), inn_in(i, axis), NULL);
    }
    return st;
}

enum inn_status inn_couple_matmul(struct inn_couple *c)
{
    int a = c->in[0]->rank, b = c->in[1]->rank, y = c->out[0]->rank;
    enum inn_status st;

    st = couple_product(c, a > 1 ? a - 2 : -1, a - 1, b > 1 ? b - 2 : 0,
                        b > 1 ? b - 1 : -1,
                        a > 1 ? y - (b > 1 ? 2 : 1) : -1,
                        b > 1 ? y - 1 : -1);
    if (st == INN_OK)
        st = couple_batch(c, 0);
    if (st == INN_OK)
        st = couple_batch(c, 1);
    return st;
}

/* Elements from one product to the next along each batch axis of in. */
static void batch_steps(int64_t *steps, const struct matmul *m,
                        const struct inn_tensor *in, int64_t matrix)
{
    int i;

    for (i = m->batch_rank - 1; i >= 0; i--) {
        int axis = i - m->batch_rank + in->rank - 2;

        steps[i] = 0;
        if (axis < 0)
            continue;
        if (in->dims[axis] != 1)
            steps[i] = matrix;
        matrix *= in->dims[axis];
    }
}

enum inn_status inn_run_matmul(struct inn_run *c)
{
    struct inn_infer shapes = {.node = c->node, .in = c->in,
                               .n_in = c->n_in, .err = c->err};
    struct product p = {.type = c->in[0]->type, .alpha = 1};
    enum inn_status st;
    struct matmul m;

    if (!inn_run_wants(c, 0) || c->out[0].bytes == 0)
        return INN_OK;
    st = matmul_shape(&shapes, &m);
    if (st != INN_OK)
        return st;
    p.m = m.m;
    p.n = m.n;
    p.k = m.k;
    p.a_row = p.k;
    p.a_column = 1;
    p.b_row = p.n;
    p.b_column = 1;
    p.a = c->in[0]->data;
    p.b = c->in[1]->data;
    p.y = c->out[0].data;
    p.batch_rank = m.batch_rank;
    memcpy(p.batch, m.batch, sizeof(p.batch));
    batch_steps(p.a_batch, &m, c->in[0], m.a_vector ? 0 : p.m * p.k);
    batch_steps(p.b_batch, &m, c->in[1], m.b_vector ? 0 : p.k * p.n);
    inn_parallel(c->threads, inn_tensor_count(&c->out[0]) / (size_t)p.n,
                 product_part, &p);
    return INN_OK;
}

bool inn_lower_matmul(const struct inn_infer *c, struct inn_prim *prim)
{
    if (c->in[0]->rank < 2 || c->in[1]->rank < 2)
        return false;
    prim->kind = INN_PRIM_MATMUL;
    prim->u.matmul.transpose_a = prim->u.matmul.transpose_b = false;
    prim->u.matmul.alpha = 1;
    prim->u.matmul.beta = 0;
    return true;
}

/* A constant matrix against the channels of one operand. */
struct carried {
    int x, weight;   /* operands */
    int k, n;        /* axes of the weight: summed, made */
    int channels;    /* axis of the output that is made */
    double alpha, beta;
    const struct inn_tensor *bias;
};

/* What was flattened is summed over its positions too: as many taps. */
static enum inn_status read_mix(struct inn_carry *c, struct inn_mix *m,
                                const struct carried *p)
{
    const struct inn_field *x = &c->from[p->x];
    const struct inn_tensor *weight = c->in[p->weight];
    size_t columns = (size_t)weight->dims[1], o, i, t, row, column;
    double *to;

    m->groups = 1;
    m->outputs = (size_t)weight->dims[p->n];
    m->inputs = (size_t)x->law->n;
    m->taps = (size_t)x->repeat;
    m->share = 1;
    if ((int64_t)(m->inputs * m->taps) != weight->dims[p->k] ||
        inn_mix_is_large(m) || m->taps > INN_MOST_TAPS)
        return INN_OK;
    to = inn_arena_alloc(c->scratch, inn_tensor_count(weight), sizeof(*to),
                         c->err);
    m->relate = inn_arena_alloc(c->scratch, m->taps,
                                m->taps * sizeof(double), c->err);
    if (to == NULL || m->relate == NULL)
        return inn_refused(c->err);
    for (t = 0; t < m->taps; t++) {
        for (o = 0; o < m->outputs; o++) {
            for (i = 0; i < m->inputs; i++) {
                row = p->k == 0 ? i * m->taps + t : o;
                column = p->k == 0 ? o : i * m->taps + t;
                to[(t * m->outputs + o) * m->inputs + i] =
                    p->alpha * inn_element_get(weight->type, weight->data,
                                               row * columns + column);
            }
        }
        for (i = 0; i < m->taps; i++) {
            int64_t width = x->plane[1], a = (int64_t)t, b = (int64_t)i;

            m->relate[t * m->taps + i] = m->taps == 1 ? 1 : inn_law_r(
                x->law, b / width - a / width, b % width - a % width);
        }
    }
    m->weight = to;
    return INN_OK;
}

static enum inn_status carry_product(struct inn_carry *c,
                                     const struct carried *p)
{
    struct inn_field y = inn_field_shift(
        &c->from[p->x], c->out[0]->rank - c->in[p->x]->rank);
    struct inn_mix m = {0};
    enum inn_status st = read_mix(c, &m, p);
    struct inn_law *law;
    double *bias = NULL;
    int i, k;

    if (st != INN_OK || m.weight == NULL)
        return st;
    st = inn_mix_law(&law, c, y.law, &m);
    if (st != INN_OK)
        return st;
    memcpy(law->r, y.law->r, sizeof(law->r));
    for (i = 0; i <= INN_REACH && y.repeat > 1; i++) {
        for (k = 0; k <= INN_REACH; k++)
            law->r[i][k] = 1; /* of all positions there is one left */
    }
    y.law = law;
    y.channels = 1u << p->channels;
    if (y.repeat > 1)
        y.repeat = y.plane[0] = y.plane[1] = 1;
    if (p->bias != NULL)
        st = inn_carry_constant(c, &bias, p->bias, &y, c->out[0]->rank);
    if (st != INN_OK || (p->bias != NULL && bias == NULL)) {
        inn_law_drop(law, c->heap);
        return st;
    }
    for (i = 0; bias != NULL && i < law->n; i++)
        law->mean[i] += p->beta * bias[i];
    c->to[0] = y;
    return INN_OK;
}

enum inn_status inn_moments_gemm(struct inn_carry *c)
{
    struct gemm g = gemm_axes(c->node);
    struct carried p = {.x = 0, .weight = 1, .k = g.b_k, .n = g.b_n,
                        .channels = 1};

    if (c->from[0].law == NULL || !inn_carry_is_const(c, 1) ||
        c->out[0] == NULL || inn_field_axis(&c->from[0]) != g.a_k)
        return INN_OK;
    if (c->n_in > 2 && c->in[2] != NULL) {
        p.bias = c->in[2];
        if (!inn_carry_is_const(c, 2))
            return INN_OK;
    }
    p.alpha = (double)inn_node_float(c->node, "alpha", 1);
    p.beta = (double)inn_node_float(c->node, "beta", 1);
    return carry_product(c, &p);
}

/* With a constant matrix on either side; of two fields nothing is known. */
enum inn_status inn_moments_matmul(struct inn_carry *c)
{
    struct carried p = {.alpha = 1};
    int rank;

    p.x = c->from[0].law != NULL ? 0 : 1;
    p.weight = 1 - p.x;
    if (c->from[p.x].law == NULL || !inn_carry_is_const(c, p.weight) ||
        c->out[0] == NULL || c->in[0]->rank < 2 || c->in[1]->rank < 2 ||
        c->in[p.weight]->rank != 2)
        return INN_OK;
    rank = c->in[p.x]->rank;
    if (inn_field_axis(&c->from[p.x]) != (p.x == 0 ? rank - 1 : rank - 2))
        return INN_OK;
    p.k = p.x == 0 ? 0 : 1;
    p.n = 1 - p.k;
    p.channels = c->out[0]->rank - (p.x == 0 ? 1 : 2);
    return carry_product(c, &p);
}
