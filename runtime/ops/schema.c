/*
 * What the standard lets a graph node have: attributes with their kinds, and
 * how many inputs and outputs. A row's functions ask for what they know and
 * would pass over all else without a word; what is not listed here is
 * therefore refused by name before they are asked. tests/unit/test_schema
 * holds the table to the standard, and shows of each entry that it matters.
 */
#include "runtime/ops/schema.h"

#include <string.h>

#include "runtime/ops/common.h"

#define MANY (-1)

/*
 * From opset `since` on, up to the next row of the name. An attribute is
 * NAME=KIND: i an integer, f a float, s text, t a tensor, p a sparse tensor;
 * I, F and S are lists.
 */
struct schema {
    const char *name;
    int since, max_in, max_out;
    const char *attrs;
};

/* Sorted by name, then by opset. */
static const struct schema schemas[] = {
    {"Abs", 1, 1, 1, ""},
    {"Add", 1, 2, 1, "axis=i broadcast=i"},
    {"Add", 7, 2, 1, ""},
    {"And", 1, 2, 1, "axis=i broadcast=i"},
    {"And", 7, 2, 1, ""},
    {"ArgMax", 1, 1, 1, "axis=i keepdims=i"},
    {"ArgMax", 12, 1, 1, "axis=i keepdims=i select_last_index=i"},
    {"ArgMin", 1, 1, 1, "axis=i keepdims=i"},
    {"ArgMin", 12, 1, 1, "axis=i keepdims=i select_last_index=i"},
    {"AveragePool", 1, 1, 1, "auto_pad=s kernel_shape=I pads=I strides=I"},
    {"AveragePool", 7, 1, 1,
     "auto_pad=s count_include_pad=i kernel_shape=I pads=I strides=I"},
    {"AveragePool", 10, 1, 1,
     "auto_pad=s ceil_mode=i count_include_pad=i kernel_shape=I pads=I "
     "strides=I"},
    {"AveragePool", 19, 1, 1,
     "auto_pad=s ceil_mode=i count_include_pad=i dilations=I kernel_shape=I "
     "pads=I strides=I"},
    {"BatchNormalization", 1, 5, 5, "epsilon=f is_test=i momentum=f spatial=i"},
    {"BatchNormalization", 7, 5, 5, "epsilon=f momentum=f spatial=i"},
    {"BatchNormalization", 9, 5, 5, "epsilon=f momentum=f"},
    {"BatchNormalization", 14, 5, 3, "epsilon=f momentum=f training_mode=i"},
    {"Cast", 1, 1, 1, "to=s"},
    {"Cast", 6, 1, 1, "to=i"},
    {"Cast", 19, 1, 1, "saturate=i to=i"},
    {"Cast", 24, 1, 1, "round_mode=s saturate=i to=i"},
    {"Ceil", 1, 1, 1, ""},
    {"Celu", 12, 1, 1, "alpha=f"},
    {"Clip", 1, 1, 1, "max=f min=f"},
    {"Clip", 11, 3, 1, ""},
    {"Concat", 1, MANY, 1, "axis=i"},
    {"Constant", 1, 0, 1, "value=t"},
    {"Constant", 11, 0, 1, "sparse_value=p value=t"},
    {"Constant", 12, 0, 1,
     "sparse_value=p value=t value_float=f value_floats=F value_int=i "
     "value_ints=I value_string=s value_strings=S"},
    {"ConstantOfShape", 9, 1, 1, "value=t"},
    {"Conv", 1, 3, 1,
     "auto_pad=s dilations=I group=i kernel_shape=I pads=I strides=I"},
    {"ConvTranspose", 1, 3, 1,
     "auto_pad=s dilations=I group=i kernel_shape=I output_padding=I "
     "output_shape=I pads=I strides=I"},
    {"Cos", 7, 1, 1, ""},
    {"CumSum", 11, 2, 1, "exclusive=i reverse=i"},
    {"DepthToSpace", 1, 1, 1, "blocksize=i"},
    {"DepthToSpace", 11, 1, 1, "blocksize=i mode=s"},
    {"Div", 1, 2, 1, "axis=i broadcast=i"},
    {"Div", 7, 2, 1, ""},
    {"Dropout", 1, 1, 2, "is_test=i ratio=f"},
    {"Dropout", 7, 1, 2, "ratio=f"},
    {"Dropout", 12, 3, 2, "seed=i"},
    {"Elu", 1, 1, 1, "alpha=f"},
    {"Equal", 1, 2, 1, "axis=i broadcast=i"},
    {"Equal", 7, 2, 1, ""},
    {"Erf", 9, 1, 1, ""},
    {"Exp", 1, 1, 1, ""},
    {"Expand", 8, 2, 1, ""},
    {"Flatten", 1, 1, 1, "axis=i"},
    {"Floor", 1, 1, 1, ""},
    {"Gather", 1, 2, 1, "axis=i"},
    {"Gelu", 20, 1, 1, "approximate=s"},
    {"Gemm", 1, 3, 1, "alpha=f beta=f broadcast=i transA=i transB=i"},
    {"Gemm", 7, 3, 1, "alpha=f beta=f transA=i transB=i"},
    {"GlobalAveragePool", 1, 1, 1, ""},
    {"GlobalMaxPool", 1, 1, 1, ""},
    {"Greater", 1, 2, 1, "axis=i broadcast=i"},
    {"Greater", 7, 2, 1, ""},
    {"GreaterOrEqual", 12, 2, 1, ""},
    {"GroupNormalization", 18, 3, 1, "epsilon=f num_groups=i"},
    {"GroupNormalization", 21, 3, 1, "epsilon=f num_groups=i stash_type=i"},
    {"HardSigmoid", 1, 1, 1, "alpha=f beta=f"},
    {"HardSwish", 14, 1, 1, ""},
    {"Hardmax", 1, 1, 1, "axis=i"},
    {"Identity", 1, 1, 1, ""},
    {"InstanceNormalization", 1, 3, 1, "epsilon=f"},
    {"LRN", 1, 1, 1, "alpha=f beta=f bias=f size=i"},
    {"LayerNormalization", 17, 3, 3, "axis=i epsilon=f stash_type=i"},
    {"LeakyRelu", 1, 1, 1, "alpha=f"},
    {"Less", 1, 2, 1, "axis=i broadcast=i"},
    {"Less", 7, 2, 1, ""},
    {"LessOrEqual", 12, 2, 1, ""},
    {"Log", 1, 1, 1, ""},
    {"LogSoftmax", 1, 1, 1, "axis=i"},
    {"MatMul", 1, 2, 1, ""},
    {"Max", 1, MANY, 1, ""},
    {"MaxPool", 1, 1, 1, "auto_pad=s kernel_shape=I pads=I strides=I"},
    {"MaxPool", 8, 1, 2,
     "auto_pad=s kernel_shape=I pads=I storage_order=i strides=I"},
    {"MaxPool", 10, 1, 2,
     "auto_pad=s ceil_mode=i dilations=I kernel_shape=I pads=I "
     "storage_order=i strides=I"},
    {"Mean", 1, MANY, 1, ""},
    {"Min", 1, MANY, 1, ""},
    {"Mish", 18, 1, 1, ""},
    {"Mod", 10, 2, 1, "fmod=i"},
    {"Mul", 1, 2, 1, "axis=i broadcast=i"},
    {"Mul", 7, 2, 1, ""},
    {"Neg", 1, 1, 1, ""},
    {"Not", 1, 1, 1, ""},
    {"Or", 1, 2, 1, "axis=i broadcast=i"},
    {"Or", 7, 2, 1, ""},
    {"PRelu", 1, 2, 1, ""},
    {"Pad", 1, 1, 1, "mode=s paddings=I value=f"},
    {"Pad", 2, 1, 1, "mode=s pads=I value=f"},
    {"Pad", 11, 3, 1, "mode=s"},
    {"Pad", 18, 4, 1, "mode=s"},
    {"Pow", 1, 2, 1, "axis=i broadcast=i"},
    {"Pow", 7, 2, 1, ""},
    {"Range", 11, 3, 1, ""},
    {"Range", 27, 3, 1, "stash_type=i"},
    {"Reciprocal", 1, 1, 1, ""},
    {"ReduceL1", 1, 1, 1, "axes=I keepdims=i"},
    {"ReduceL1", 18, 2, 1, "keepdims=i noop_with_empty_axes=i"},
    {"ReduceL2", 1, 1, 1, "axes=I keepdims=i"},
    {"ReduceL2", 18, 2, 1, "keepdims=i noop_with_empty_axes=i"},
    {"ReduceLogSum", 1, 1, 1, "axes=I keepdims=i"},
    {"ReduceLogSum", 18, 2, 1, "keepdims=i noop_with_empty_axes=i"},
    {"ReduceLogSumExp", 1, 1, 1, "axes=I keepdims=i"},
    {"ReduceLogSumExp", 18, 2, 1, "keepdims=i noop_with_empty_axes=i"},
    {"ReduceMax", 1, 1, 1, "axes=I keepdims=i"},
    {"ReduceMax", 18, 2, 1, "keepdims=i noop_with_empty_axes=i"},
    {"ReduceMean", 1, 1, 1, "axes=I keepdims=i"},
    {"ReduceMean", 18, 2, 1, "keepdims=i noop_with_empty_axes=i"},
    {"ReduceMin", 1, 1, 1, "axes=I keepdims=i"},
    {"ReduceMin", 18, 2, 1, "keepdims=i noop_with_empty_axes=i"},
    {"ReduceProd", 1, 1, 1, "axes=I keepdims=i"},
    {"ReduceProd", 18, 2, 1, "keepdims=i noop_with_empty_axes=i"},
    {"ReduceSum", 1, 1, 1, "axes=I keepdims=i"},
    {"ReduceSum", 13, 2, 1, "keepdims=i noop_with_empty_axes=i"},
    {"ReduceSumSquare", 1, 1, 1, "axes=I keepdims=i"},
    {"ReduceSumSquare", 18, 2, 1, "keepdims=i noop_with_empty_axes=i"},
    {"Relu", 1, 1, 1, ""},
    {"Reshape", 1, 1, 1, "shape=I"},
    {"Reshape", 5, 2, 1, ""},
    {"Reshape", 14, 2, 1, "allowzero=i"},
    {"Resize", 10, 2, 1, "mode=s"},
    {"Resize", 11, 4, 1,
     "coordinate_transformation_mode=s cubic_coeff_a=f exclude_outside=i "
     "extrapolation_value=f mode=s nearest_mode=s"},
    {"Resize", 18, 4, 1,
     "antialias=i axes=I coordinate_transformation_mode=s cubic_coeff_a=f "
     "exclude_outside=i extrapolation_value=f keep_aspect_ratio_policy=s "
     "mode=s nearest_mode=s"},
    {"Round", 11, 1, 1, ""},
    {"Selu", 1, 1, 1, "alpha=f gamma=f"},
    {"Shape", 1, 1, 1, ""},
    {"Shape", 15, 1, 1, "end=i start=i"},
    {"Sigmoid", 1, 1, 1, ""},
    {"Sign", 9, 1, 1, ""},
    {"Sin", 7, 1, 1, ""},
    {"Size", 1, 1, 1, ""},
    {"Slice", 1, 1, 1, "axes=I ends=I starts=I"},
    {"Slice", 10, 5, 1, ""},
    {"Softmax", 1, 1, 1, "axis=i"},
    {"Softplus", 1, 1, 1, ""},
    {"Softsign", 1, 1, 1, ""},
    {"SpaceToDepth", 1, 1, 1, "blocksize=i"},
    {"Split", 1, 2, MANY, "axis=i split=I"},
    {"Split", 2, 1, MANY, "axis=i split=I"},
    {"Split", 13, 2, MANY, "axis=i"},
    {"Split", 18, 2, MANY, "axis=i num_outputs=i"},
    {"Sqrt", 1, 1, 1, ""},
    {"Squeeze", 1, 1, 1, "axes=I"},
    {"Squeeze", 13, 2, 1, ""},
    {"Sub", 1, 2, 1, "axis=i broadcast=i"},
    {"Sub", 7, 2, 1, ""},
    {"Sum", 1, MANY, 1, ""},
    {"Tanh", 1, 1, 1, ""},
    {"ThresholdedRelu", 10, 1, 1, "alpha=f"},
    {"Tile", 1, 3, 1, ""},
    {"Tile", 6, 2, 1, ""},
    {"Transpose", 1, 1, 1, "perm=I"},
    {"Unsqueeze", 1, 1, 1, "axes=I"},
    {"Unsqueeze", 13, 2, 1, ""},
    {"Upsample", 1, 1, 1, "height_scale=f mode=s width_scale=f"},
    {"Upsample", 7, 1, 1, "mode=s scales=F"},
    {"Upsample", 9, 2, 1, "mode=s"},
    {"Where", 9, 3, 1, ""},
    {"Xor", 1, 2, 1, "axis=i broadcast=i"},
    {"Xor", 7, 2, 1, ""},
};

/* The row for a graph node of ONNX's own domain, or NULL. */
static const struct schema *find_schema(const struct inn_node *node)
{
    size_t low = 0, high = INN_COUNT(schemas), middle;
    const struct schema *s;
    int order;

    if (node->domain[0] != '\0' && strcmp(node->domain, "ai.onnx") != 0)
        return NULL;
    /* The last row that is not behind the graph node. */
    while (low < high) {
        middle = low + (high - low) / 2;
        s = &schemas[middle];
        order = strcmp(s->name, node->op_type);
        if (order < 0 || (order == 0 && s->since <= node->version))
            low = middle + 1;
        else
            high = middle;
    }
    s = low > 0 ? &schemas[low - 1] : NULL;
    return s != NULL && strcmp(s->name, node->op_type) == 0 ? s : NULL;
}

/* The kind that attrs has for name, or 0. */
static char find_kind(const char *attrs, const char *name)
{
    size_t len = strlen(name);
    const char *at = attrs;

    while (at != NULL && *at != '\0') {
        if (strncmp(at, name, len) == 0 && at[len] == '=')
            return at[len + 1];
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
    return '\0';
}

static const struct {
    char letter;
    enum inn_attr_kind kind;
    const char *name;
} kinds[] = {
    {'i', INN_ATTR_INT, "an integer"},
    {'f', INN_ATTR_FLOAT, "a float"},
    {'s', INN_ATTR_STRING, "text"},
    {'t', INN_ATTR_TENSOR, "a tensor"},
    {'p', INN_ATTR_RAW, "a sparse tensor"},
    {'I', INN_ATTR_INTS, "a list of integers"},
    {'F', INN_ATTR_FLOATS, "a list of floats"},
    {'S', INN_ATTR_STRINGS, "a list of texts"},
};

static enum inn_status check_attr(const struct schema *s,
                                  const struct inn_node *node,
                                  const struct inn_attr *attr,
                                  struct inn_error *err)
{
    char letter = find_kind(s->attrs, attr->name);
    size_t i;

    /* What begins so is its writer's own, the standard's checker says. */
    if (strncmp(attr->name, "__", 2) == 0)
        return INN_OK;
    /* A hint about memory that every operator of that time may have. */
    if (node->version < 6 && strcmp(attr->name, "consumed_inputs") == 0)
        letter = 'I';
    if (letter == '\0')
        return inn_node_fail(node, err, INN_ERR_UNSUPPORTED,
                             "attribute '%.60s' is not known at opset %d",
                             attr->name, node->version);
    for (i = 0; i < INN_COUNT(kinds); i++) {
        if (kinds[i].letter == letter && attr->kind != kinds[i].kind)
            return inn_node_fail(node, err, INN_ERR_UNSUPPORTED,
                                 "attribute '%.60s' must be %s", attr->name,
                                 kinds[i].name);
    }
    return INN_OK;
}

/* How many are given, those left out at the end not counted. */
static int count_given(const int *values, int n)
{
    while (n > 0 && values[n - 1] < 0)
        n--;
    return n;
}

enum inn_status inn_schema_check(const struct inn_node *node,
                                 struct inn_error *err)
{
    const struct schema *s = find_schema(node);
    enum inn_status st = INN_OK;
    int i, n;

    if (s == NULL)
        return INN_OK;
    for (i = 0; i < node->n_attrs && st == INN_OK; i++)
        st = check_attr(s, node, &node->attrs[i], err);
    if (st != INN_OK)
        return st;
    n = count_given(node->inputs, node->n_inputs);
    if (s->max_in != MANY && n > s->max_in)
        return inn_node_fail(node, err, INN_ERR_UNSUPPORTED,
                             "has %d inputs, takes at most %d at opset %d", n,
                             s->max_in, node->version);
    n = count_given(node->outputs, node->n_outputs);
    if (s->max_out != MANY && n > s->max_out)
        return inn_node_fail(node, err, INN_ERR_UNSUPPORTED,
                             "has %d outputs, gives at most %d at opset %d",
                             n, s->max_out, node->version);
    return INN_OK;
}

bool inn_schema_get(struct inn_schema_entry *entry, const char *name,
                     int version)
{
    const struct inn_node node = {.op_type = name, .domain = "",
                                  .version = version};
    const struct schema *s = find_schema(&node);

    if (s == NULL)
        return false;
    entry->max_in = s->max_in;
    entry->max_out = s->max_out;
    entry->attrs = s->attrs;
    return true;
}

enum inn_status inn_op_infer(const struct inn_op *op, struct inn_infer *c)
{
    enum inn_status st = inn_schema_check(c->node, c->err);

    return st == INN_OK ? op->infer(c) : st;
}
