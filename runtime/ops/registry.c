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
    {"Abs", ONNX, 1, 0, inn_infer_unary, inn_couple_same, NULL, inn_run_unary,
     NULL, INN_OP_ANY},
    {"Add", ONNX, 1, 6, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, inn_lower_binary, INN_OP_ANY},
    {"Add", ONNX, 7, 0, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, inn_lower_binary, INN_OP_ANY},
    {"And", ONNX, 1, 6, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, NULL, INN_OP_ANY},
    {"And", ONNX, 7, 0, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, NULL, INN_OP_ANY},
    {"Cast", ONNX, 1, 5, inn_infer_cast, inn_couple_same, NULL, inn_run_cast,
     inn_lower_view, INN_OP_ANY},
    {"Cast", ONNX, 6, 0, inn_infer_cast, inn_couple_same, NULL, inn_run_cast,
     inn_lower_view, INN_OP_ANY},
    {"Ceil", ONNX, 1, 0, inn_infer_unary, inn_couple_same, NULL, inn_run_unary,
     NULL, INN_OP_ANY},
    {"Clip", ONNX, 1, 10, inn_infer_same, inn_couple_same, NULL,
     inn_run_clip, inn_lower_clip, INN_OP_ANY},
    {"Clip", ONNX, 11, 0, inn_infer_clip, inn_couple_same, NULL,
     inn_run_clip, inn_lower_clip, INN_OP_ANY},
    {"Concat", ONNX, 1, 3, inn_infer_concat, inn_couple_concat, NULL,
     inn_run_concat, NULL, INN_OP_ANY},
    {"Concat", ONNX, 4, 0, inn_infer_concat, inn_couple_concat, NULL,
     inn_run_concat, NULL, INN_OP_ANY},
    {"Constant", ONNX, 1, 0, inn_infer_constant, inn_couple_nothing, NULL,
     inn_run_constant, NULL, INN_OP_ANY},
    {"ConstantOfShape", ONNX, 9, 0, inn_infer_constant_of_shape,
     inn_couple_nothing, NULL, inn_run_constant_of_shape, NULL, INN_OP_ANY},
    {"Cos", ONNX, 7, 0, inn_infer_unary, inn_couple_same, NULL, inn_run_unary,
     NULL, INN_OP_ANY},
    {"Div", ONNX, 1, 6, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, inn_lower_binary, INN_OP_ANY},
    {"Div", ONNX, 7, 0, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, inn_lower_binary, INN_OP_ANY},
    {"Dropout", ONNX, 1, 9, inn_infer_dropout, inn_couple_dropout, NULL,
     inn_run_dropout, inn_lower_dropout, INN_OP_ANY},
    {"Dropout", ONNX, 10, 11, inn_infer_dropout, inn_couple_dropout, NULL,
     inn_run_dropout, inn_lower_dropout, INN_OP_ANY},
    {"Dropout", ONNX, 12, 0, inn_infer_dropout, inn_couple_dropout, NULL,
     inn_run_dropout, inn_lower_dropout, INN_OP_ANY},
    {"Equal", ONNX, 1, 6, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, NULL, INN_OP_ANY},
    {"Equal", ONNX, 7, 0, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, NULL, INN_OP_ANY},
    {"Erf", ONNX, 9, 0, inn_infer_unary, inn_couple_same, NULL, inn_run_unary,
     NULL, INN_OP_ANY},
    {"Exp", ONNX, 1, 0, inn_infer_unary, inn_couple_same, NULL, inn_run_unary,
     NULL, INN_OP_ANY},
    {"Expand", ONNX, 8, 0, inn_infer_expand, inn_couple_expand,
     inn_resize_expand, inn_run_expand, NULL, INN_OP_ANY},
    {"Flatten", ONNX, 1, 10, inn_infer_flatten, inn_couple_reshape, NULL,
     inn_run_copy, inn_lower_view, INN_OP_ANY},
    {"Flatten", ONNX, 11, 0, inn_infer_flatten, inn_couple_reshape, NULL,
     inn_run_copy, inn_lower_view, INN_OP_ANY},
    {"Floor", ONNX, 1, 0, inn_infer_unary, inn_couple_same, NULL,
     inn_run_unary, NULL, INN_OP_ANY},
    {"Gather", ONNX, 1, 0, inn_infer_gather, inn_couple_gather,
     inn_resize_gather, inn_run_gather, NULL, INN_OP_ANY},
    {"Greater", ONNX, 1, 6, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, NULL, INN_OP_ANY},
    {"Greater", ONNX, 7, 0, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, NULL, INN_OP_ANY},
    {"GreaterOrEqual", ONNX, 12, 0, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, NULL, INN_OP_ANY},
    {"HardSigmoid", ONNX, 1, 0, inn_infer_same, inn_couple_same, NULL,
     inn_run_hard_sigmoid, NULL, INN_OP_FLOAT},
    {"HardSwish", ONNX, 14, 0, inn_infer_same, inn_couple_same, NULL,
     inn_run_hard_swish, inn_lower_hard_swish, INN_OP_FLOAT},
    {"Identity", ONNX, 1, 0, inn_infer_same, inn_couple_same, NULL,
     inn_run_copy, inn_lower_view, INN_OP_ANY},
    {"LeakyRelu", ONNX, 1, 0, inn_infer_same, inn_couple_same, NULL,
     inn_run_leaky_relu, inn_lower_leaky_relu, INN_OP_FLOAT},
    {"Less", ONNX, 1, 6, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, NULL, INN_OP_ANY},
    {"Less", ONNX, 7, 0, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, NULL, INN_OP_ANY},
    {"LessOrEqual", ONNX, 12, 0, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, NULL, INN_OP_ANY},
    {"Log", ONNX, 1, 0, inn_infer_unary, inn_couple_same, NULL, inn_run_unary,
     NULL, INN_OP_ANY},
    {"Max", ONNX, 1, 7, inn_infer_variadic, inn_couple_variadic, NULL,
     inn_run_variadic, NULL, INN_OP_ANY},
    {"Max", ONNX, 8, 0, inn_infer_variadic, inn_couple_variadic, NULL,
     inn_run_variadic, NULL, INN_OP_ANY},
    {"Mean", ONNX, 1, 7, inn_infer_variadic, inn_couple_variadic, NULL,
     inn_run_variadic, NULL, INN_OP_ANY},
    {"Mean", ONNX, 8, 0, inn_infer_variadic, inn_couple_variadic, NULL,
     inn_run_variadic, NULL, INN_OP_ANY},
    {"Min", ONNX, 1, 7, inn_infer_variadic, inn_couple_variadic, NULL,
     inn_run_variadic, NULL, INN_OP_ANY},
    {"Min", ONNX, 8, 0, inn_infer_variadic, inn_couple_variadic, NULL,
     inn_run_variadic, NULL, INN_OP_ANY},
    {"Mod", ONNX, 10, 0, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, NULL, INN_OP_ANY},
    {"Mul", ONNX, 1, 6, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, inn_lower_binary, INN_OP_ANY},
    {"Mul", ONNX, 7, 0, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, inn_lower_binary, INN_OP_ANY},
    {"Neg", ONNX, 1, 0, inn_infer_unary, inn_couple_same, NULL, inn_run_unary,
     NULL, INN_OP_ANY},
    {"Not", ONNX, 1, 0, inn_infer_unary, inn_couple_same, NULL, inn_run_unary,
     NULL, INN_OP_ANY},
    {"Or", ONNX, 1, 6, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, NULL, INN_OP_ANY},
    {"Or", ONNX, 7, 0, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, NULL, INN_OP_ANY},
    {"PRelu", ONNX, 1, 6, inn_infer_prelu, inn_couple_prelu, NULL,
     inn_run_prelu, NULL, INN_OP_FLOAT},
    {"PRelu", ONNX, 7, 0, inn_infer_prelu, inn_couple_prelu, NULL,
     inn_run_prelu, NULL, INN_OP_FLOAT},
    {"Pad", ONNX, 1, 1, inn_infer_pad, inn_couple_pad, inn_resize_pad,
     inn_run_pad, NULL, INN_OP_ANY},
    {"Pad", ONNX, 2, 10, inn_infer_pad, inn_couple_pad, inn_resize_pad,
     inn_run_pad, NULL, INN_OP_ANY},
    {"Pad", ONNX, 11, 17, inn_infer_pad, inn_couple_pad, inn_resize_pad,
     inn_run_pad, NULL, INN_OP_ANY},
    {"Pad", ONNX, 18, 0, inn_infer_pad, inn_couple_pad, inn_resize_pad,
     inn_run_pad, NULL, INN_OP_ANY},
    {"Pow", ONNX, 1, 6, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, NULL, INN_OP_ANY},
    {"Pow", ONNX, 7, 0, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, NULL, INN_OP_ANY},
    {"Range", ONNX, 11, 0, inn_infer_range, inn_couple_nothing, NULL,
     inn_run_range, NULL, INN_OP_ANY},
    {"Reciprocal", ONNX, 1, 0, inn_infer_unary, inn_couple_same, NULL,
     inn_run_unary, NULL, INN_OP_ANY},
    {"Relu", ONNX, 1, 0, inn_infer_same, inn_couple_same, NULL,
     inn_run_relu, inn_lower_relu, INN_OP_ANY},
    {"Reshape", ONNX, 1, 4, inn_infer_reshape, inn_couple_reshape,
     inn_resize_reshape, inn_run_copy, inn_lower_view, INN_OP_ANY},
    {"Reshape", ONNX, 5, 13, inn_infer_reshape, inn_couple_reshape,
     inn_resize_reshape, inn_run_copy, inn_lower_view, INN_OP_ANY},
    {"Reshape", ONNX, 14, 0, inn_infer_reshape, inn_couple_reshape,
     inn_resize_reshape, inn_run_copy, inn_lower_view, INN_OP_ANY},
    {"Round", ONNX, 11, 0, inn_infer_unary, inn_couple_same, NULL,
     inn_run_unary, NULL, INN_OP_ANY},
    {"Shape", ONNX, 1, 14, inn_infer_shape, inn_couple_nothing, NULL,
     inn_run_shape, NULL, INN_OP_ANY},
    {"Shape", ONNX, 15, 0, inn_infer_shape, inn_couple_nothing, NULL,
     inn_run_shape, NULL, INN_OP_ANY},
    {"Sigmoid", ONNX, 1, 0, inn_infer_same, inn_couple_same, NULL,
     inn_run_sigmoid, inn_lower_sigmoid, INN_OP_FLOAT},
    {"Sign", ONNX, 9, 0, inn_infer_unary, inn_couple_same, NULL, inn_run_unary,
     NULL, INN_OP_ANY},
    {"Sin", ONNX, 7, 0, inn_infer_unary, inn_couple_same, NULL, inn_run_unary,
     NULL, INN_OP_ANY},
    {"Size", ONNX, 1, 0, inn_infer_size, inn_couple_nothing, NULL,
     inn_run_size, NULL, INN_OP_ANY},
    {"Slice", ONNX, 1, 9, inn_infer_slice, inn_couple_slice, inn_resize_slice,
     inn_run_slice, NULL, INN_OP_ANY},
    {"Slice", ONNX, 10, 0, inn_infer_slice, inn_couple_slice, inn_resize_slice,
     inn_run_slice, NULL, INN_OP_ANY},
    {"Split", ONNX, 1, 1, inn_infer_split, inn_couple_split, inn_resize_split,
     inn_run_split, NULL, INN_OP_ANY},
    {"Split", ONNX, 2, 12, inn_infer_split, inn_couple_split, inn_resize_split,
     inn_run_split, NULL, INN_OP_ANY},
    {"Split", ONNX, 13, 17, inn_infer_split, inn_couple_split,
     inn_resize_split, inn_run_split, NULL, INN_OP_ANY},
    {"Split", ONNX, 18, 0, inn_infer_split, inn_couple_split, inn_resize_split,
     inn_run_split, NULL, INN_OP_ANY},
    {"Sqrt", ONNX, 1, 0, inn_infer_unary, inn_couple_same, NULL, inn_run_unary,
     NULL, INN_OP_ANY},
    {"Squeeze", ONNX, 1, 12, inn_infer_squeeze, inn_couple_reshape, NULL,
     inn_run_copy, inn_lower_view, INN_OP_ANY},
    {"Squeeze", ONNX, 13, 0, inn_infer_squeeze, inn_couple_reshape, NULL,
     inn_run_copy, inn_lower_view, INN_OP_ANY},
    {"Sub", ONNX, 1, 6, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, inn_lower_binary, INN_OP_ANY},
    {"Sub", ONNX, 7, 0, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, inn_lower_binary, INN_OP_ANY},
    {"Sum", ONNX, 1, 7, inn_infer_variadic, inn_couple_variadic, NULL,
     inn_run_variadic, inn_lower_sum, INN_OP_ANY},
    {"Sum", ONNX, 8, 0, inn_infer_variadic, inn_couple_variadic, NULL,
     inn_run_variadic, inn_lower_sum, INN_OP_ANY},
    {"Tanh", ONNX, 1, 0, inn_infer_same, inn_couple_same, NULL,
     inn_run_tanh, inn_lower_tanh, INN_OP_FLOAT},
    {"Tile", ONNX, 1, 5, inn_infer_tile, inn_couple_tile, NULL, inn_run_tile,
     NULL, INN_OP_ANY},
    {"Tile", ONNX, 6, 0, inn_infer_tile, inn_couple_tile, NULL, inn_run_tile,
     NULL, INN_OP_ANY},
    {"Transpose", ONNX, 1, 0, inn_infer_transpose, inn_couple_transpose, NULL,
     inn_run_transpose, NULL, INN_OP_ANY},
    {"Unsqueeze", ONNX, 1, 12, inn_infer_unsqueeze, inn_couple_reshape, NULL,
     inn_run_copy, inn_lower_view, INN_OP_ANY},
    {"Unsqueeze", ONNX, 13, 0, inn_infer_unsqueeze, inn_couple_reshape, NULL,
     inn_run_copy, inn_lower_view, INN_OP_ANY},
    {"Where", ONNX, 9, 0, inn_infer_where, inn_couple_variadic, NULL,
     inn_run_where, NULL, INN_OP_ANY},
    {"Xor", ONNX, 1, 6, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, NULL, INN_OP_ANY},
    {"Xor", ONNX, 7, 0, inn_infer_binary, inn_couple_binary, NULL,
     inn_run_binary, NULL, INN_OP_ANY},
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
