/*
 * Multiply-accumulates as papers count them: of convolutions and matrix
 * products, biases and everything else free.
 */
#include <string.h>

#include "runtime/base/checked.h"
#include "runtime/ops/common.h"
#include "runtime/ops/shapes.h"

/* The product, or INT64_MAX. */
static int64_t product(int64_t a, int64_t b)
{
    int64_t n;

    return inn_mul_i64(&n, a, b) ? n : INT64_MAX;
}

static int64_t count(const struct inn_tensor *t)
{
    size_t n = inn_tensor_count(t);

    return n > (size_t)INT64_MAX ? INT64_MAX : (int64_t)n;
}

/* Of all outputs times the weight's elements that make one of them. */
static int64_t conv_macs(const struct inn_tensor *weight,
                         const struct inn_tensor *y)
{
    if (weight->rank < 1 || weight->dims[0] == 0)
        return 0;
    return product(count(y), count(weight) / weight->dims[0]);
}

/* A transposed convolution spreads each of its inputs. */
static int64_t transposed_macs(const struct inn_tensor *x,
                               const struct inn_tensor *weight)
{
    if (weight->rank < 1 || weight->dims[0] == 0)
        return 0;
    return product(count(x), count(weight) / weight->dims[0]);
}

int64_t inn_node_macs(const struct inn_infer *c)
{
    const char *type = c->node->op_type;
    const struct inn_tensor *a, *b;

    if (c->node->domain[0] != '\0' || c->n_in < 2 || c->n_out < 1 ||
        c->in[0] == NULL || c->in[1] == NULL ||
        c->out[0].type == INN_UNDEFINED)
        return 0;
    a = c->in[0];
    b = c->in[1];
    if (strcmp(type, "Conv") == 0)
        return conv_macs(b, &c->out[0]);
    if (strcmp(type, "ConvTranspose") == 0)
        return transposed_macs(a, b);
    if (strcmp(type, "MatMul") == 0 && a->rank >= 1)
        return product(count(&c->out[0]), a->dims[a->rank - 1]);
    if (strcmp(type, "Gemm") == 0 && a->rank == 2)
        return product(count(&c->out[0]),
                       a->dims[inn_node_int(c->node, "transA", 0) ? 0 : 1]);
    return 0;
}

int64_t inn_shapes_macs(const struct inn_shapes *shapes,
                        const struct inn_node *node)
{
    const struct inn_tensor *in[2] = {NULL, NULL}, *y = NULL;
    struct inn_tensor out;
    struct inn_infer c = {.node = node, .in = in, .out = &out, .n_out = 1};

    if (node->n_outputs > 0)
        y = inn_shapes_get(shapes, node->outputs[0]);
    if (y == NULL)
        return 0;
    out = *y;
    for (; c.n_in < 2 && c.n_in < node->n_inputs; c.n_in++)
        in[c.n_in] = inn_shapes_get(shapes, node->inputs[c.n_in]);
    return inn_node_macs(&c);
}
