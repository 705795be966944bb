/*
 * The registry's column `moments` against sampling: normal fields whose
 * covariance is known go through small networks once as laws and once,
 * thousands of them, as tensors.
 */
#include <check.h>
#include <math.h>
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/drawn/noise.h"
#include "runtime/ops/common.h"
#include "runtime/ops/moments.h"
#include "runtime/ops/shapes.h"
#include "tests/unit/net.h"
#include "tests/unit/suite.h"

/* r(δ) = SPATIAL^(|dy| + |dx|). */
#define SPATIAL 0.7
#define MOST_NODES 8

/* A network on its way, and what is known of its values. */
struct bench {
    struct inn_heap *heap;
    struct inn_graph *g;
    struct inn_arena arena;
    struct inn_shapes shapes;
    struct inn_field fields[64];
    struct inn_tensor tensors[64];
    uint64_t seed;
    bool standardise;
    int threads;
};

static struct bench start(void)
{
    struct bench b = {.seed = 17, .threads = 1};

    b.heap = inn_heap_new(0);
    inn_arena_init(&b.arena, b.heap);
    ck_assert_int_eq(inn_graph_new(&b.g, b.heap, NULL), INN_OK);
    return b;
}

static void finish(struct bench *b)
{
    int v;

    for (v = 0; v < 64; v++)
        inn_law_drop(b->fields[v].law, b->heap);
    inn_shapes_free(&b->shapes);
    inn_graph_free(b->g);
    inn_arena_free(&b->arena);
    ck_assert_uint_eq(inn_heap_used(b->heap), 0);
    inn_heap_free(b->heap);
}

static double uniform(struct bench *b)
{
    return (double)(inn_random_bits(&b->seed) >> 11) * 0x1p-53 - 0.5;
}

/* An initializer of numbers around 0, or around 1. */
static int weights(struct bench *b, const char *name, int rank,
                   const int64_t *dims, double about, double size)
{
    static float data[8192];
    size_t n, i;

    ck_assert(inn_count_dims(&n, dims, rank) && n <= 8192);
    for (i = 0; i < n; i++)
        data[i] = (float)(about + size * uniform(b));
    return net_init(b->g, name, INN_F32, rank, dims, data);
}

/* Rows of an axis become what depends on the row before: first order. */
static void relate(float *x, size_t outer, size_t length, size_t inner)
{
    float left = (float)sqrt(1 - SPATIAL * SPATIAL);
    size_t o, i, k;

    for (o = 0; o < outer; o++) {
        for (k = 1; k < length; k++) {
            float *row = x + (o * length + k) * inner;

            for (i = 0; i < inner; i++)
                row[i] = (float)SPATIAL * row[i - inner] + left * row[i];
        }
    }
}

/*
 * Input name of dims [samples, channels, space…]: a law, and that many
 * samples of it. shift and size: of all channels.
 */
static void input(struct bench *b, const char *name, int rank,
                  const int64_t *dims, double shift, double size)
{
    size_t n = (size_t)dims[1], plane = inn_dims_product(dims, 2, rank);
    int v = net_input(b->g, name, INN_F32, rank, dims, NULL), k, y, x;
    struct inn_tensor *t = &b->tensors[v];
    struct inn_field *f = &b->fields[v];
    double mix[16 * 16];
    size_t i, j, l, s, p;
    float *data, old[16];

    ck_assert_int_eq(inn_tensor_new(t, &b->arena, INN_F32, rank, dims, NULL),
                     INN_OK);
    data = t->data;
    for (i = 0; i < inn_tensor_count(t); i++)
        data[i] = (float)inn_random_normal(&b->seed);
    for (k = 2; k < rank; k++)
        relate(data, inn_dims_product(dims, 0, k), (size_t)dims[k],
               inn_dims_product(dims, k + 1, rank));
    f->law = inn_law_new(dims[1], b->heap, NULL);
    ck_assert_ptr_nonnull(f->law);
    for (i = 0; i < n; i++) {
        f->law->mean[i] = shift + 1.4 * size * uniform(b);
        for (j = 0; j < n; j++)
            mix[i * n + j] = size * ((i == j) + 1.2 * uniform(b));
    }
    for (i = 0; i < n; i++) {
        for (j = 0; j < n; j++) {
            for (l = 0; l < n; l++)
                f->law->cov[i * n + j] += mix[i * n + l] * mix[j * n + l];
        }
    }
    for (s = 0; s < (size_t)dims[0]; s++) {
        for (p = 0; p < plane; p++) {
            for (i = 0; i < n; i++)
                old[i] = data[(s * n + i) * plane + p];
            for (i = 0; i < n; i++) {
                double sum = f->law->mean[i];

                for (l = 0; l < n; l++)
                    sum += mix[i * n + l] * (double)old[l];
                data[(s * n + i) * plane + p] = (float)sum;
            }
        }
    }
    for (y = 0; y <= INN_REACH; y++) {
        for (x = 0; x <= INN_REACH; x++)
            f->law->r[y][x] = pow(SPATIAL, y + x);
    }
    f->channels = 2;
    f->repeat = f->plane[0] = f->plane[1] = 1;
    f->space[0] = rank > 3 ? rank - 2 : -1;
    f->space[1] = rank > 2 ? rank - 1 : -1;
}

static void step(struct bench *b, const struct inn_node *node)
{
    const struct inn_op *op = inn_node_op(node);
    const struct inn_tensor *in[8] = {NULL}, *out[8] = {NULL};
    struct inn_field from[8], to[8];
    struct inn_tensor results[8];
    struct inn_error err = {0};
    struct inn_run run = {.node = node, .in = in, .out = results,
                          .n_in = node->n_inputs, .n_out = node->n_outputs,
                          .threads = 1, .err = &err};
    struct inn_carry c = {.node = node, .op = op, .in = in, .out = out,
                          .from = from, .to = to, .n_in = node->n_inputs,
                          .n_out = node->n_outputs,
                          .standardise = b->standardise,
                          .product = inn_product_plain,
                          .threads = b->threads, .heap = b->heap,
                          .scratch = &b->arena, .err = &err};
    struct inn_tensor full[8];
    int i, v;

    memset(from, 0, sizeof(from));
    memset(to, 0, sizeof(to));
    ck_assert(op != NULL && op->moments != NULL);
    for (i = 0; i < node->n_inputs; i++) {
        v = node->inputs[i];
        if (v < 0)
            continue;
        in[i] = b->g->values[v].init;
        if (in[i] == NULL)
            in[i] = inn_shapes_get(&b->shapes, v);
        from[i] = b->fields[v];
    }
    for (i = 0; i < node->n_outputs; i++)
        out[i] = inn_shapes_get(&b->shapes, node->outputs[i]);
    ck_assert_msg(op->moments(&c) == INN_OK, "%s", err.message);
    for (i = 0; i < node->n_inputs; i++) {
        v = node->inputs[i];
        if (v < 0 || b->g->values[v].init != NULL)
            continue;
        full[i] = b->tensors[v];
        in[i] = &full[i];
    }
    for (i = 0; i < node->n_outputs; i++) {
        v = node->outputs[i];
        b->fields[v] = to[i];
        ck_assert_ptr_nonnull(out[i]);
        ck_assert_int_eq(inn_tensor_new(&results[i], &b->arena,
                                        out[i]->type, out[i]->rank,
                                        out[i]->dims, NULL),
                         INN_OK);
        b->tensors[v] = results[i];
    }
    ck_assert_msg(inn_op_run(op, &run, &b->arena) == INN_OK, "%s",
                  err.message);
}

/* Both ways through all graph nodes. */
static void carry(struct bench *b)
{
    struct inn_error err = {0};
    int k;

    inn_shapes_free(&b->shapes);
    ck_assert_msg(inn_shapes_infer(&b->shapes, b->g, NULL, 0, 8, 1 << 20,
                                   &err) == INN_OK, "%s", err.message);
    for (k = 0; k < b->g->n_nodes; k++)
        step(b, &b->g->nodes[k]);
}

/* A tensor as [outer, channels, inner]; positions of a map are rows × width. */
struct seen {
    const float *x;
    size_t outer, n, height, width, margin;
};

/* Rows at either end that are passed over; a single one never is. */
static size_t edge_of(const struct seen *s)
{
    return s->height > 2 * s->margin ? s->margin : 0;
}

static double mean_of(const struct seen *s, size_t a)
{
    size_t m = edge_of(s), o, y, x;
    double sum = 0, count = 0;

    for (o = 0; o < s->outer; o++) {
        const float *p = s->x + (o * s->n + a) * s->height * s->width;

        for (y = m; y < s->height - m; y++) {
            for (x = s->margin; x < s->width - s->margin; x++) {
                sum += (double)p[y * s->width + x];
                count++;
            }
        }
    }
    return sum / count;
}

/* Σ over positions off the margin that have a neighbour dy, dx away. */
static double products(const struct seen *s, const double *mean, size_t a,
                       size_t c, size_t dy, size_t dx, double *count)
{
    size_t m = edge_of(s), o, y, x;
    double sum = 0;

    *count = 0;
    for (o = 0; o < s->outer; o++) {
        const float *pa = s->x + (o * s->n + a) * s->height * s->width;
        const float *pc = s->x + (o * s->n + c) * s->height * s->width;

        for (y = m; y + dy < s->height - m; y++) {
            for (x = s->margin; x + dx < s->width - s->margin; x++) {
                sum += ((double)pa[y * s->width + x] - mean[a]) *
                       ((double)pc[(y + dy) * s->width + x + dx] - mean[c]);
                ++*count;
            }
        }
    }
    return sum;
}

/*
 * The law of value against its samples: means and covariances in shares of
 * the largest deviation and variance, correlations as they are. Positions
 * less than margin from the border are not looked at.
 */
static void compare(const struct bench *b, const char *name, size_t margin,
                    double tolerance)
{
    int v = inn_graph_find(b->g, name);
    const struct inn_tensor *t = &b->tensors[v];
    const struct inn_field *f = &b->fields[v];
    int axis = inn_field_axis(f), far;
    static const size_t steps[][2] = {{0, 1}, {1, 0}, {1, 1}, {0, 2}};
    struct seen s = {.x = t->data, .margin = margin};
    double mean[64] = {0}, most = 0, count, got, want, trace;
    size_t a, c;

    ck_assert_msg(f->law != NULL, "nothing is known of %s", name);
    ck_assert_int_ge(axis, 1);
    s.n = (size_t)f->law->n;
    ck_assert_int_eq(t->dims[axis], f->law->n * f->repeat);
    s.outer = inn_dims_product(t->dims, 0, axis);
    s.width = axis + 1 < t->rank ? (size_t)t->dims[t->rank - 1] : 1;
    s.height = inn_dims_product(t->dims, axis + 1, t->rank) / s.width;
    if (s.width == 1)
        s.width = (size_t)f->repeat;
    for (a = 0; a < s.n; a++) {
        mean[a] = mean_of(&s, a);
        most = fmax(most, f->law->cov[a * s.n + a]);
    }
    for (a = 0; a < s.n; a++) {
        ck_assert_msg(fabs(mean[a] - f->law->mean[a]) <=
                          tolerance * sqrt(most),
                      "%s: mean of %zu is %g, said to be %g", name, a,
                      mean[a], f->law->mean[a]);
        for (c = 0; c <= a; c++) {
            got = products(&s, mean, a, c, 0, 0, &count) / count;
            want = f->law->cov[a * s.n + c];
            ck_assert_msg(fabs(got - want) <= tolerance * most,
                          "%s: covariance of %zu and %zu is %g, said to be "
                          "%g, largest %g", name, a, c, got, want, most);
            ck_assert(want == f->law->cov[c * s.n + a]);
        }
    }
    for (far = 0; far < 4; far++) {
        if (steps[far][0] + 2 * margin >= s.height ||
            steps[far][1] + 2 * margin >= s.width || f->space[1] < 0 ||
            (t->rank > 4 && steps[far][0] > 0)) /* rows of all depths */
            continue;
        for (got = trace = 0, a = 0; a < s.n; a++) {
            got += products(&s, mean, a, a, steps[far][0], steps[far][1],
                            &count) / count;
            trace += products(&s, mean, a, a, 0, 0, &count) / count;
        }
        want = f->law->r[steps[far][0]][steps[far][1]];
        ck_assert_msg(fabs(got / trace - want) <= tolerance,
                      "%s: r(%zu, %zu) is %g, said to be %g", name,
                      steps[far][0], steps[far][1], got / trace, want);
    }
}

/* ------------------------------------------------- functions of one element */

/* Rows that are functions of one element, and how well 63 points do. */
static const struct {
    const char *name;
    double shift, size; /* of the input */
    double tolerance;   /* jumps are hard for any quadrature */
} functions[] = {
    {"Abs", 0, 1, 0.03},       {"Ceil", 0, 1, 0.15},
    {"Celu", 0, 1, 0.03},      {"Cos", 0, 1, 0.03},
    {"Elu", 0, 1, 0.03},       {"Erf", 0, 1, 0.03},
    {"Exp", 0, 0.4, 0.05},     {"Floor", 0, 1, 0.15},
    {"Gelu", 0, 1, 0.03},      {"HardSigmoid", 0, 2, 0.03},
    {"HardSwish", 0, 2, 0.03}, {"LeakyRelu", 0, 1, 0.03},
    {"Log", 9, 0.5, 0.03},     {"Mish", 0, 1, 0.03},
    {"Neg", 0, 1, 0.03},       {"Reciprocal", 9, 0.5, 0.03},
    {"Relu", 0, 1, 0.03},      {"Round", 0, 1, 0.15},
    {"Selu", 0, 1, 0.03},      {"Sigmoid", 0, 2, 0.03},
    {"Sign", 0, 1, 0.15},      {"Sin", 0, 1, 0.03},
    {"Softplus", 0, 1, 0.03},  {"Softsign", 0, 1, 0.03},
    {"Sqrt", 9, 0.5, 0.03},    {"Tanh", 0, 1, 0.03},
    {"ThresholdedRelu", 0, 1, 0.08},
};

START_TEST(functions_of_one_element_agree_with_sampling)
{
    static const int64_t dims[4] = {6000, 4, 3, 3};
    struct bench b = start();
    int version = 20;

    input(&b, "x", 4, dims, functions[_i].shift, functions[_i].size);
    net_node(b.g, functions[_i].name, version, "x", "y");
    net_output(b.g, "y");
    carry(&b);
    compare(&b, "y", 0, functions[_i].tolerance);
    finish(&b);
}
END_TEST

/* A row that is forgotten above is found here. */
START_TEST(every_row_of_one_element_is_tested)
{
    const struct inn_op *op;
    size_t i, k;

    for (i = 0; (op = inn_op_row(i)) != NULL; i++) {
        if (op->moments != inn_moments_elementwise ||
            strcmp(op->name, "Clip") == 0 || strcmp(op->name, "PRelu") == 0)
            continue;
        for (k = 0; k < INN_COUNT(functions); k++) {
            if (strcmp(functions[k].name, op->name) == 0)
                break;
        }
        ck_assert_msg(k < INN_COUNT(functions), "%s", op->name);
    }
}
END_TEST

START_TEST(clip_and_prelu_take_their_constants)
{
    static const int64_t dims[4] = {6000, 4, 3, 3}, slope[3] = {4, 1, 1};
    static const float low = -0.5f, high = 0.8f;
    struct bench b = start();

    input(&b, "x", 4, dims, 0, 1);
    net_init(b.g, "low", INN_F32, 0, NULL, &low);
    net_init(b.g, "high", INN_F32, 0, NULL, &high);
    weights(&b, "slope", 3, slope, 0.3, 0.4);
    net_node(b.g, "Clip", 13, "x low high", "clipped");
    net_node(b.g, "PRelu", 16, "x slope", "bent");
    carry(&b);
    compare(&b, "clipped", 0, 0.03);
    compare(&b, "bent", 0, 0.03);
    finish(&b);
}
END_TEST

/* x · f(x) written out: as one function of x, not as two fields. */
START_TEST(functions_written_out_are_one_function)
{
    static const int64_t dims[4] = {6000, 4, 3, 3};
    static const float factor = 1.702f, three = 3, zero = 0, six = 6;
    struct bench b = start();

    input(&b, "x", 4, dims, 0, 1.5);
    net_init(b.g, "factor", INN_F32, 0, NULL, &factor);
    net_init(b.g, "three", INN_F32, 0, NULL, &three);
    net_init(b.g, "zero", INN_F32, 0, NULL, &zero);
    net_init(b.g, "six", INN_F32, 0, NULL, &six);
    net_node(b.g, "Mul", 13, "x factor", "a");
    net_node(b.g, "Sigmoid", 13, "a", "s");
    net_node(b.g, "Mul", 13, "x s", "gelu");
    net_node(b.g, "Add", 13, "x three", "c");
    net_node(b.g, "Clip", 13, "c zero six", "d");
    net_node(b.g, "Mul", 13, "d x", "e");
    net_node(b.g, "Div", 13, "e six", "swish");
    net_node(b.g, "Add", 13, "x x", "twice");
    carry(&b);
    compare(&b, "gelu", 0, 0.03);
    compare(&b, "swish", 0, 0.03);
    compare(&b, "twice", 0, 0.03);
    finish(&b);
}
END_TEST

/* ------------------------------------------------------------ convolutions */

static const struct {
    int rank;
    int64_t weight[5], group, stride, dilation, side;
} convolutions[] = {
    {4, {5, 4, 3, 3}, 1, 1, 1, 5}, {4, {5, 4, 1, 1}, 1, 2, 1, 5},
    {4, {5, 4, 3, 2}, 1, 2, 1, 6}, {4, {3, 4, 2, 2}, 1, 1, 2, 5},
    {4, {6, 2, 3, 3}, 2, 1, 1, 5}, {4, {4, 1, 3, 3}, 4, 2, 1, 6},
    {4, {8, 1, 2, 2}, 4, 1, 1, 4}, {3, {5, 4, 3}, 1, 1, 2, 9},
    {5, {3, 4, 2, 2, 2}, 1, 1, 1, 4},
};

static void list(struct inn_graph *g, int node, const char *name, int64_t x,
                 size_t n)
{
    int64_t all[3] = {x, x, x};

    ck_assert_int_eq(inn_node_set_ints(g, &g->nodes[node], name, all, n,
                                       NULL), INN_OK);
}

START_TEST(convolutions_agree_with_sampling)
{
    int rank = convolutions[_i].rank;
    int64_t s = convolutions[_i].side;
    int64_t dims[5] = {rank == 5 ? 4000 : 6000, 4, s, s, s};
    struct bench b = start();
    size_t n = (size_t)rank - 2;
    int node;

    input(&b, "x", rank, dims, 0, 1);
    weights(&b, "w", rank, convolutions[_i].weight, 0.1, 1);
    weights(&b, "b", 1, convolutions[_i].weight, 0, 1);
    node = net_node(b.g, "Conv", 13, "x w b", "y");
    net_int(b.g, node, "group", convolutions[_i].group);
    list(b.g, node, "strides", convolutions[_i].stride, n);
    list(b.g, node, "dilations", convolutions[_i].dilation, n);
    carry(&b);
    compare(&b, "y", 0, 0.05);
    finish(&b);
}
END_TEST

static const struct {
    int64_t weight[4], group, stride;
} transposed[] = {{{4, 3, 3, 3}, 1, 1}, {{4, 3, 4, 4}, 1, 2},
                  {{4, 3, 2, 2}, 1, 2}, {{4, 2, 3, 3}, 2, 2},
                  {{4, 1, 4, 4}, 4, 2}};

/* Two rows of inputs from the border, and both phases alike. */
START_TEST(transposed_convolutions_agree_with_sampling)
{
    int64_t dims[4] = {4000, 4, 8, 8}, outputs;
    struct bench b = start();
    int node;

    input(&b, "x", 4, dims, 0, 1);
    weights(&b, "w", 4, transposed[_i].weight, 0.1, 1);
    outputs = transposed[_i].weight[1] * transposed[_i].group;
    weights(&b, "b", 1, &outputs, 0, 1);
    node = net_node(b.g, "ConvTranspose", 13, "x w b", "y");
    net_int(b.g, node, "group", transposed[_i].group);
    list(b.g, node, "strides", transposed[_i].stride, 2);
    if (transposed[_i].stride == 2 && transposed[_i].weight[2] == 3)
        list(b.g, node, "output_padding", 1, 2);
    carry(&b);
    compare(&b, "y", transposed[_i].stride == 1 ? 2 : 4, 0.06);
    finish(&b);
}
END_TEST

/* ------------------------------------------------------- pools and the rest */

START_TEST(pools_agree_with_sampling)
{
    static const int64_t dims[4] = {6000, 4, 7, 7};
    struct bench b = start();
    int node;

    input(&b, "x", 4, dims, 0, 1);
    net_node(b.g, "Relu", 13, "x", "r");
    node = net_node(b.g, "AveragePool", 13, "x", "average");
    list(b.g, node, "kernel_shape", 3, 2);
    list(b.g, node, "strides", 2, 2);
    net_node(b.g, "GlobalAveragePool", 13, "r", "mean");
    node = net_node(b.g, "MaxPool", 13, "x", "max");
    list(b.g, node, "kernel_shape", 3, 2);
    list(b.g, node, "strides", 2, 2);
    node = net_node(b.g, "MaxPool", 13, "r", "top");
    list(b.g, node, "kernel_shape", 2, 2);
    list(b.g, node, "strides", 2, 2);
    carry(&b);
    compare(&b, "average", 0, 0.05);
    /* Negative correlations fade faster with distance than others. */
    compare(&b, "mean", 0, 0.1);
    /* Nine values equally correlated, which these are not quite. */
    compare(&b, "max", 0, 0.12);
    compare(&b, "top", 0, 0.12);
    finish(&b);
}
END_TEST

START_TEST(sums_and_products_of_independent_fields_agree)
{
    static const int64_t dims[4] = {9000, 4, 3, 3}, gate[4] = {9000, 4, 1, 1};
    static const int64_t vector[3] = {4, 1, 1};
    struct bench b = start();

    input(&b, "x", 4, dims, 0, 1);
    input(&b, "y", 4, dims, 0.5, 1.5);
    input(&b, "g", 4, gate, 1, 0.01);
    weights(&b, "c", 3, vector, 1, 1);
    net_node(b.g, "Add", 13, "x y", "sum");
    net_node(b.g, "Sub", 13, "x y", "less");
    net_node(b.g, "Mul", 13, "x y", "product");
    net_node(b.g, "Mul", 13, "x g", "gated");
    net_node(b.g, "Mul", 13, "c x", "scaled");
    net_node(b.g, "Sub", 13, "c x", "from");
    net_node(b.g, "Mean", 13, "x c y", "average");
    carry(&b);
    compare(&b, "sum", 0, 0.04);
    compare(&b, "less", 0, 0.04);
    compare(&b, "product", 0, 0.05);
    compare(&b, "gated", 0, 0.04);
    compare(&b, "scaled", 0, 0.04);
    compare(&b, "from", 0, 0.04);
    compare(&b, "average", 0, 0.04);
    finish(&b);
}
END_TEST

/* As stored, and from the statistics of what comes in. */
START_TEST(batch_norm_is_affine_or_starts_afresh)
{
    static const int64_t dims[4] = {6000, 4, 3, 3}, four = 4;
    struct bench b = start();
    const float *scale, *shift;
    int i, v;

    input(&b, "x", 4, dims, 1, 2);
    weights(&b, "s", 1, &four, 1, 1);
    weights(&b, "o", 1, &four, 0, 1);
    weights(&b, "m", 1, &four, 0, 1);
    weights(&b, "v", 1, &four, 1, 1);
    net_node(b.g, "BatchNormalization", 15, "x s o m v", "y");
    carry(&b);
    compare(&b, "y", 0, 0.03);
    v = inn_graph_find(b.g, "y");
    inn_law_drop(b.fields[v].law, b.heap);
    b.standardise = true;
    carry(&b);
    scale = b.g->values[inn_graph_find(b.g, "s")].init->data;
    shift = b.g->values[inn_graph_find(b.g, "o")].init->data;
    for (i = 0; i < 4; i++) {
        ck_assert_double_eq_tol(b.fields[v].law->mean[i], (double)shift[i],
                                1e-12);
        ck_assert_double_eq_tol(b.fields[v].law->cov[5 * i],
                                (double)scale[i] * (double)scale[i], 1e-12);
    }
    finish(&b);
}
END_TEST

START_TEST(own_statistics_normalise)
{
    static const int64_t maps[4] = {3000, 4, 12, 12}, rows[2] = {20000, 16};
    static const int64_t four = 4, sixteen = 16;
    struct bench b = start();
    int node;

    input(&b, "x", 4, maps, 0, 1);
    input(&b, "z", 2, rows, 0, 1);
    weights(&b, "s", 1, &four, 1, 1);
    weights(&b, "o", 1, &four, 0, 1);
    weights(&b, "gain", 1, &sixteen, 1, 1);
    net_node(b.g, "InstanceNormalization", 13, "x s o", "instance");
    node = net_node(b.g, "GroupNormalization", 21, "x s o", "group");
    net_int(b.g, node, "num_groups", 2);
    net_node(b.g, "LayerNormalization", 17, "z gain", "layer");
    carry(&b);
    compare(&b, "instance", 0, 0.2);
    compare(&b, "group", 0, 0.25);
    compare(&b, "layer", 0, 0.15);
    finish(&b);
}
END_TEST

START_TEST(products_with_matrices_agree_flattened_too)
{
    static const int64_t dims[4] = {6000, 4, 3, 2}, rows[2] = {20000, 8};
    static const int64_t wide[2] = {5, 24}, narrow[2] = {8, 3}, five = 5;
    struct bench b = start();
    int node;

    input(&b, "x", 4, dims, 0, 1);
    input(&b, "z", 2, rows, 0, 1);
    weights(&b, "w", 2, wide, 0, 1);
    weights(&b, "v", 2, narrow, 0, 1);
    weights(&b, "c", 1, &five, 0, 1);
    net_node(b.g, "Flatten", 13, "x", "flat");
    node = net_node(b.g, "Gemm", 13, "flat w c", "y");
    net_int(b.g, node, "transB", 1);
    net_node(b.g, "MatMul", 13, "z v", "u");
    carry(&b);
    compare(&b, "flat", 0, 0.04);
    compare(&b, "y", 0, 0.05);
    compare(&b, "u", 0, 0.05);
    finish(&b);
}
END_TEST

START_TEST(channels_are_joined_cut_and_moved)
{
    static const int64_t dims[4] = {6000, 4, 4, 4}, two[2] = {1, 3};
    static const int64_t pads[8] = {0, 1, 0, 0, 0, 2, 0, 0}, axis = 1;
    static const int64_t fold[5] = {0, 2, 2, 4, 4}, back[4] = {0, 4, 4, 4};
    static const int64_t first = 1, last = 4, five = 5, four = 4, picks = 3;
    static const int64_t picked[3] = {3, 0, 2}, eight = 8, pair = 2, one = 1;
    static const int64_t perm[5] = {0, 2, 1, 3, 4};
    struct bench b = start();
    int node;

    input(&b, "x", 4, dims, 0, 1);
    input(&b, "y", 4, dims, 0, 1);
    net_init(b.g, "sizes", INN_I64, 1, &pair, two);
    net_init(b.g, "pads", INN_I64, 1, &eight, pads);
    net_init(b.g, "fold", INN_I64, 1, &five, fold);
    net_init(b.g, "back", INN_I64, 1, &four, back);
    net_init(b.g, "first", INN_I64, 1, &one, &first);
    net_init(b.g, "last", INN_I64, 1, &one, &last);
    net_init(b.g, "axis", INN_I64, 1, &one, &axis);
    net_init(b.g, "picked", INN_I64, 1, &picks, picked);
    node = net_node(b.g, "Concat", 13, "x y x", "joined");
    net_int(b.g, node, "axis", 1);
    node = net_node(b.g, "Split", 13, "x sizes", "a b");
    net_int(b.g, node, "axis", 1);
    net_node(b.g, "Slice", 13, "x first last axis", "cut");
    node = net_node(b.g, "Gather", 13, "x picked", "listed");
    net_int(b.g, node, "axis", 1);
    net_node(b.g, "Pad", 13, "x pads", "padded");
    net_node(b.g, "Reshape", 13, "x fold", "folded");
    node = net_node(b.g, "Transpose", 13, "folded", "turned");
    ck_assert_int_eq(inn_node_set_ints(b.g, &b.g->nodes[node], "perm", perm,
                                       5, NULL), INN_OK);
    net_node(b.g, "Reshape", 13, "turned back", "shuffled");
    carry(&b);
    compare(&b, "joined", 0, 0.05);
    compare(&b, "a", 0, 0.05);
    compare(&b, "b", 0, 0.05);
    compare(&b, "cut", 0, 0.05);
    compare(&b, "listed", 0, 0.05);
    compare(&b, "padded", 0, 0.05);
    compare(&b, "shuffled", 0, 0.05);
    finish(&b);
}
END_TEST

/* As ShuffleNet V2 is exported: maps joined to rows, halves picked. */
START_TEST(halves_of_shuffled_channels_are_picked)
{
    static const int64_t dims[4] = {1, 4, 20, 20}, fold[3] = {2, 2, 400};
    static const int64_t back[5] = {2, 1, 2, 20, 20}, three = 3, five = 5;
    static const int64_t perm[3] = {1, 0, 2}, one = 1;
    struct bench b = start();
    const struct inn_field *x, *y;
    int node, i, j;

    input(&b, "x", 4, dims, 0, 1);
    net_init(b.g, "fold", INN_I64, 1, &three, fold);
    net_init(b.g, "back", INN_I64, 1, &five, back);
    net_init(b.g, "one", INN_I64, 0, NULL, &one);
    net_node(b.g, "Reshape", 13, "x fold", "folded");
    node = net_node(b.g, "Transpose", 13, "folded", "turned");
    ck_assert_int_eq(inn_node_set_ints(b.g, &b.g->nodes[node], "perm", perm,
                                       3, NULL), INN_OK);
    net_node(b.g, "Reshape", 13, "turned back", "shuffled");
    net_node(b.g, "Gather", 13, "shuffled one", "half");
    carry(&b);
    x = &b.fields[inn_graph_find(b.g, "x")];
    y = &b.fields[inn_graph_find(b.g, "half")];
    ck_assert_ptr_nonnull(y->law);
    ck_assert_int_eq(y->law->n, 2);
    ck_assert_uint_eq(y->channels, 2);
    ck_assert(y->space[0] == 2 && y->space[1] == 3);
    for (i = 0; i < 2; i++) {
        ck_assert(y->law->mean[i] == x->law->mean[1 + 2 * i]);
        for (j = 0; j < 2; j++)
            ck_assert(y->law->cov[2 * i + j] ==
                      x->law->cov[4 * (1 + 2 * i) + 1 + 2 * j]);
    }
    ck_assert_mem_eq(y->law->r, x->law->r, sizeof(x->law->r));
    finish(&b);
}
END_TEST

START_TEST(pixels_and_channels_change_places)
{
    static const int64_t deep[4] = {4000, 8, 5, 5}, flat[4] = {6000, 2, 6, 6};
    static const float scales[4] = {1, 1, 2, 2};
    static const int64_t four = 4;
    struct bench b = start();
    int node;

    input(&b, "x", 4, deep, 0, 1);
    input(&b, "y", 4, flat, 0, 1);
    net_init(b.g, "scales", INN_F32, 1, &four, scales);
    node = net_node(b.g, "DepthToSpace", 13, "x", "dcr");
    net_int(b.g, node, "blocksize", 2);
    node = net_node(b.g, "SpaceToDepth", 13, "y", "depth");
    net_int(b.g, node, "blocksize", 2);
    net_node(b.g, "Resize", 13, "y - scales", "nearest");
    carry(&b);
    compare(&b, "dcr", 0, 0.06);
    compare(&b, "depth", 0, 0.05);
    compare(&b, "nearest", 0, 0.08);
    finish(&b);
}
END_TEST

/* ------------------------------------------------------------ determinism */

START_TEST(threads_do_not_change_a_bit)
{
    static const int64_t dims[4] = {2, 12, 5, 5}, kernel[4] = {40, 12, 3, 3};
    struct bench b[2];
    const struct inn_law *laws[2];
    int k;

    for (k = 0; k < 2; k++) {
        b[k] = start();
        b[k].threads = 1 + k;
        input(&b[k], "x", 4, dims, 0, 1);
        weights(&b[k], "w", 4, kernel, 0, 0.3);
        net_node(b[k].g, "Conv", 13, "x w", "y");
        net_node(b[k].g, "Relu", 13, "y", "z");
        net_node(b[k].g, "Sigmoid", 13, "z", "s");
        carry(&b[k]);
        laws[k] = b[k].fields[inn_graph_find(b[k].g, "s")].law;
    }
    ck_assert_mem_eq(laws[0]->mean, laws[1]->mean, 40 * sizeof(double));
    ck_assert_mem_eq(laws[0]->cov, laws[1]->cov, 1600 * sizeof(double));
    ck_assert_mem_eq(laws[0]->r, laws[1]->r, sizeof(laws[0]->r));
    finish(&b[0]);
    finish(&b[1]);
}
END_TEST

/* Points and weights integrate polynomials of the unit normal exactly. */
START_TEST(quadrature_knows_the_normal_moments)
{
    double x[INN_POINTS], w[INN_POINTS], sum, want = 1;
    int k, power;

    inn_hermite_points(x, w);
    for (power = 0; power <= 20; power += 2) {
        for (sum = 0, k = 0; k < INN_POINTS; k++)
            sum += w[k] * pow(x[k], power);
        ck_assert_double_eq_tol(sum / want, 1, 1e-10);
        want *= power + 1;
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("laws");
    TCase *c = tcase_create("laws");

    tcase_set_timeout(c, 120);
    tcase_add_test(c, quadrature_knows_the_normal_moments);
    tcase_add_loop_test(c, functions_of_one_element_agree_with_sampling, 0,
                        (int)INN_COUNT(functions));
    tcase_add_test(c, every_row_of_one_element_is_tested);
    tcase_add_test(c, clip_and_prelu_take_their_constants);
    tcase_add_test(c, functions_written_out_are_one_function);
    tcase_add_loop_test(c, convolutions_agree_with_sampling, 0,
                        (int)INN_COUNT(convolutions));
    tcase_add_loop_test(c, transposed_convolutions_agree_with_sampling, 0,
                        (int)INN_COUNT(transposed));
    tcase_add_test(c, pools_agree_with_sampling);
    tcase_add_test(c, sums_and_products_of_independent_fields_agree);
    tcase_add_test(c, batch_norm_is_affine_or_starts_afresh);
    tcase_add_test(c, own_statistics_normalise);
    tcase_add_test(c, products_with_matrices_agree_flattened_too);
    tcase_add_test(c, channels_are_joined_cut_and_moved);
    tcase_add_test(c, halves_of_shuffled_channels_are_picked);
    tcase_add_test(c, pixels_and_channels_change_places);
    tcase_add_test(c, threads_do_not_change_a_bit);
    suite_add_tcase(s, c);
    return run_suite(s);
}
