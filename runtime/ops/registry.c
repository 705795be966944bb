/*
 * The operators: one row per operator and opset range, sorted by name, then
 * by the range. Everything that can be asked about an operator is asked
 * here; a new one is a row, its functions in the file of its family, and its
 * cases in tests/ops/.
 *
 * What an empty column means stands at struct inn_op.
 */
#include "runtime/ops/op.h"

#include <string.h>

#include "runtime/ops/common.h"
#include "runtime/ops/rows.h"

#define ONNX ""

static const struct inn_op ops[] = {
    {"Clip", ONNX, 1, 10, inn_infer_same, inn_couple_same, NULL,
     inn_run_clip, inn_lower_clip, INN_OP_ANY},
    {"Clip", ONNX, 11, 0, inn_infer_clip, inn_couple_same, NULL,
     inn_run_clip, inn_lower_clip, INN_OP_ANY},
    {"HardSigmoid", ONNX, 1, 0, inn_infer_same, inn_couple_same, NULL,
     inn_run_hard_sigmoid, NULL, INN_OP_FLOAT},
    {"HardSwish", ONNX, 14, 0, inn_infer_same, inn_couple_same, NULL,
     inn_run_hard_swish, inn_lower_hard_swish, INN_OP_FLOAT},
    {"LeakyRelu", ONNX, 1, 0, inn_infer_same, inn_couple_same, NULL,
     inn_run_leaky_relu, inn_lower_leaky_relu, INN_OP_FLOAT},
    {"PRelu", ONNX, 1, 6, inn_infer_prelu, inn_couple_prelu, NULL,
     inn_run_prelu, NULL, INN_OP_FLOAT},
    {"PRelu", ONNX, 7, 0, inn_infer_prelu, inn_couple_prelu, NULL,
     inn_run_prelu, NULL, INN_OP_FLOAT},
    {"Relu", ONNX, 1, 0, inn_infer_same, inn_couple_same, NULL,
     inn_run_relu, inn_lower_relu, INN_OP_ANY},
    {"Sigmoid", ONNX, 1, 0, inn_infer_same, inn_couple_same, NULL,
     inn_run_sigmoid, inn_lower_sigmoid, INN_OP_FLOAT},
    {"Tanh", ONNX, 1, 0, inn_infer_same, inn_couple_same, NULL,
     inn_run_tanh, inn_lower_tanh, INN_OP_FLOAT},
};

const struct inn_op *inn_op_row(size_t i)
{
    return i < INN_COUNT(ops) ? &ops[i] : NULL;
}

/* The first row of name, or past the last. */
static size_t first_row(const char *name)
{
    size_t low = 0, high = INN_COUNT(ops);

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(ops[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct inn_op *inn_op_find(const char *domain, const char *name,
                                 int version)
{
    size_t i;

    if (strcmp(domain, "ai.onnx") == 0)
        domain = ONNX;
    for (i = first_row(name); i < INN_COUNT(ops); i++) {
        if (strcmp(ops[i].name, name) != 0)
            break;
        if (strcmp(ops[i].domain, domain) == 0 && version >= ops[i].since &&
            (ops[i].until == 0 || version <= ops[i].until))
            return &ops[i];
    }
    return NULL;
}

const struct inn_op *inn_node_op(const struct inn_node *node)
{
    return inn_op_find(node->domain, node->op_type, node->version);
}
