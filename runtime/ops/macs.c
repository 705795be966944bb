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

/* What a graph node's multiply-accumulates are told by. */
enum rule { NOTHING, CONVOLUTION, TRANSPOSED, PRODUCT, GENERAL_PRODUCT, NONE };

struct rule_of {
    const char *op_type;
    enum rule rule;
};

/* What multiplies, in whichever domain; a row that is missing is below. */
static const struct rule_of rules[] = {
    {"Attention", NONE},
    {"Conv", CONVOLUTION},
    {"ConvInteger", NONE},
    {"ConvTranspose", TRANSPOSED},
    {"DFT", NONE},
    {"DeformConv", NONE},
    {"Einsum", NONE},
    {"FusedConv", CONVOLUTION},
    {"FusedGemm", GENERAL_PRODUCT},
    {"GRU", NONE},
    {"Gemm", GENERAL_PRODUCT},
    {"If", NONE},
    {"LSTM", NONE},
    {"Loop", NONE},
    {"MatMul", PRODUCT},
    {"MatMulInteger", NONE},
    {"MultiHeadAttention", NONE},
    {"QLinearConv", NONE},
    {"QLinearMatMul", NONE},
    {"RNN", NONE},
    {"STFT", NONE},
    {"Scan", NONE},
    {"SequenceMap", NONE},
};

/*
 * Operators of ONNX's own that have no row here and no products. What is
 * neither here nor above nor has a row may multiply.
 */
static const char *const harmless[] = {
    "AffineGrid", "ArrayFeatureExtractor", "Bernoulli", "BitCast",
    "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor",
    "BlackmanWindow", "CastLike", "CenterCropPad", "Col2Im", "Compress",
    "ConcatFromSequence", "DequantizeLinear", "Det",
    "DynamicQuantizeLinear", "EyeLike", "GatherElements", "GatherND",
    "GlobalLpPool", "GridSample", "HammingWindow", "HannWindow",
    "ImageDecoder", "IsInf", "IsNaN", "LpNormalization", "LpPool",
    "MaxRoiPool", "MaxUnpool", "MeanVarianceNormalization",
    "MelWeightMatrix", "Multinomial", "NegativeLogLikelihoodLoss",
    "NonMaxSuppression", "NonZero", "OneHot", "Optional",
    "OptionalGetElement", "OptionalHasElement", "QuantizeLinear",
    "RMSNormalization", "RandomNormal", "RandomNormalLike", "RandomUniform",
    "RandomUniformLike", "RegexFullMatch", "ReverseSequence", "RoiAlign",
    "RotaryEmbedding", "Scatter", "ScatterElements", "ScatterND",
    "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase",
    "SequenceInsert", "SequenceLength", "Shrink", "SoftmaxCrossEntropyLoss",
    "SplitToSequence", "StringConcat", "StringNormalizer", "StringSplit",
    "TensorScatter", "TfIdfVectorizer", "TopK", "Trilu", "Unique",
};

/* The same of those that ONNX Runtime adds, or takes for ONNX's own. */
static const char *const harmless_elsewhere[] = {
    "BiasGelu", "BiasSoftmax", "FastGelu", "Gelu", "LayerNormalization",
    "QuickGelu", "SimplifiedLayerNormalization", "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
};

static bool is_harmless(const struct inn_node *node)
{
    bool own = node->domain[0] == '\0';
    size_t i;

    for (i = 0; own && i < INN_COUNT(harmless); i++) {
        if (strcmp(harmless[i], node->op_type) == 0)
            return true;
    }
    if (!own && strcmp(node->domain, "com.microsoft") != 0)
        return false;
    for (i = 0; i < INN_COUNT(harmless_elsewhere); i++) {
        if (strcmp(harmless_elsewhere[i], node->op_type) == 0)
            return true;
    }
    return false;
}

static enum rule rule_of(const struct inn_node *node)
{
    const char *type = node->op_type;
    size_t i;

    for (i = 0; i < INN_COUNT(rules); i++) {
        if (strcmp(rules[i].op_type, type) == 0)
            return rules[i].rule;
    }
    return inn_node_op(node) != NULL || is_harmless(node) ? NOTHING : NONE;
}

static int64_t macs_by(enum rule rule, const struct inn_infer *c)
{
    const struct inn_tensor *a = c->in[0], *b = c->in[1];
    const struct inn_tensor *y = &c->out[0];

    if (rule == CONVOLUTION)
        return conv_macs(b, y);
    if (rule == TRANSPOSED)
        return transposed_macs(a, b);
    if (rule == PRODUCT && a->rank >= 1)
        return product(count(y), a->dims[a->rank - 1]);
    if (rule == GENERAL_PRODUCT && a->rank == 2)
        return product(count(y),
                       a->dims[inn_node_int(c->node, "transA", 0) ? 0 : 1]);
    return 0;
}

int64_t inn_node_macs(const struct inn_infer *c)
{
    enum rule rule = rule_of(c->node);

    if (rule == NOTHING || rule == NONE || c->n_in < 2 || c->n_out < 1 ||
        c->in[0] == NULL || c->in[1] == NULL ||
        c->out[0].type == INN_UNDEFINED)
        return 0;
    return macs_by(rule, c);
}

enum inn_counted inn_shapes_count(int64_t *macs,
                                  const struct inn_shapes *shapes,
                                  const struct inn_node *node)
{
    const struct inn_tensor *in[2] = {NULL, NULL}, *y = NULL;
    struct inn_tensor out;
    struct inn_infer c = {.node = node, .in = in, .out = &out, .n_out = 1};
    enum rule rule = rule_of(node);

    *macs = 0;
    if (rule == NOTHING ||
        (node->n_outputs > 0 && node->outputs[0] >= 0 &&
         shapes->steady[node->outputs[0]]))
        return INN_COUNTED;
    if (rule == NONE)
        return INN_COUNTED_NO_RULE;
    if (node->n_outputs > 0)
        y = inn_shapes_get(shapes, node->outputs[0]);
    for (; c.n_in < 2 && c.n_in < node->n_inputs; c.n_in++)
        in[c.n_in] = inn_shapes_get(shapes, node->inputs[c.n_in]);
    if (y == NULL || in[0] == NULL || in[1] == NULL)
        return INN_COUNTED_NO_SIZE;
    out = *y;
    *macs = macs_by(rule, &c);
    return INN_COUNTED;
}

int64_t inn_shapes_macs(const struct inn_shapes *shapes,
                        const struct inn_node *node)
{
    int64_t macs;

    inn_shapes_count(&macs, shapes, node);
    return macs;
}
