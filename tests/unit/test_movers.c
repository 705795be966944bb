/*
 * What the rows that move channels say to a sink, and how they rewrite what
 * counts channels. The sink here writes down what it hears; the resizer
 * makes of 8 channels, two blocks of 4, blocks of 3 and 2.
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/port.h"
#include "runtime/ops/resize.h"
#include "runtime/ops/shapes.h"
#include "tests/unit/suite.h"

#define MAX_OPERANDS 5

struct setup {
    struct inn_heap *heap;
    struct inn_arena arena;
    struct inn_node node;
    struct inn_attr attrs[3];
    int outputs[MAX_OPERANDS];
    struct inn_tensor tensors[MAX_OPERANDS], out[MAX_OPERANDS];
    const struct inn_tensor *in[MAX_OPERANDS];
    const struct inn_tensor *out_p[MAX_OPERANDS];
    int64_t numbers[MAX_OPERANDS][16];
    int n_in, n_out;
    bool computed; /* no input is a constant of the graph */
    int varying;   /* the axis of any operand that has channels */
    struct inn_error err;
    char heard[2048];
};

static void say(struct setup *s, const char *format, ...)
    INN_PRINTF(2, 3);

static void say(struct setup *s, const char *format, ...)
{
    size_t at = strlen(s->heard);
    va_list args;

    va_start(args, format);
    vsnprintf(s->heard + at, sizeof(s->heard) - at, format, args);
    va_end(args);
}

static void say_operand(struct setup *s, struct inn_operand o)
{
    say(s, "%s%d.%d", o.is_output ? "out" : "in", o.index, o.axis);
}

static void say_numbers(struct setup *s, const int64_t *v, int64_t n)
{
    int64_t i;

    for (i = 0; i < n; i++)
        say(s, "%s%lld", i > 0 ? "," : " ", (long long)v[i]);
    say(s, "; ");
}

static const struct inn_tensor *tensor_of(const struct setup *s,
                                          struct inn_operand o)
{
    return o.is_output ? &s->out[o.index] : s->in[o.index];
}

static enum inn_status hear_alike(void *state, struct inn_operand a,
                                  struct inn_operand b,
                                  struct inn_error *err)
{
    (void)err;
    say(state, "alike ");
    say_operand(state, a);
    say_operand(state, b);
    say(state, "; ");
    return INN_OK;
}

static enum inn_status hear_map(void *state, struct inn_operand a,
                                struct inn_operand b, const int64_t *map,
                                struct inn_error *err)
{
    (void)err;
    say(state, "map ");
    say_operand(state, a);
    say_operand(state, b);
    say_numbers(state, map,
                map == NULL ? 0 : tensor_of(state, a)->dims[a.axis]);
    return INN_OK;
}

static enum inn_status hear_reshape(void *state, struct inn_operand in,
                                    struct inn_operand out,
                                    struct inn_error *err)
{
    (void)in;
    (void)out;
    (void)err;
    say(state, "reshape; ");
    return INN_OK;
}

static enum inn_status hear_transpose(void *state, struct inn_operand in,
                                      struct inn_operand out,
                                      const int64_t *perm,
                                      struct inn_error *err)
{
    (void)out;
    (void)err;
    say(state, "transpose");
    say_numbers(state, perm, tensor_of(state, in)->rank);
    return INN_OK;
}

static enum inn_status hear_pin(void *state, struct inn_operand a,
                                const char *reason, struct inn_error *err)
{
    (void)err;
    say(state, "pin ");
    say_operand(state, a);
    say(state, " %s; ", reason);
    return INN_OK;
}

static const struct inn_sink sink = {
    .alike = hear_alike,
    .map = hear_map,
    .reshape = hear_reshape,
    .transpose = hear_transpose,
    .pin = hear_pin,
};

static int64_t new_edge(int64_t at)
{
    return at < 4 ? at * 3 / 4 : 3 + (at - 4) * 2 / 4;
}

static bool to_varies(void *state, struct inn_operand o)
{
    const struct setup *s = state;

    return o.axis == s->varying;
}

static int64_t to_edge(void *state, struct inn_operand o, int64_t at)
{
    return to_varies(state, o) ? new_edge(at) : at;
}

static int64_t to_length(void *state, struct inn_operand o)
{
    return to_edge(state, o, tensor_of(state, o)->dims[o.axis]);
}

/* Turned round, and the last is left out. */
static enum inn_status to_remap(void *state, int64_t **list, size_t *n,
                                struct inn_operand out,
                                struct inn_operand in, const int64_t *from,
                                size_t count, struct inn_arena *scratch,
                                struct inn_error *err)
{
    size_t i;

    ck_assert(out.is_output && out.axis == 1);
    ck_assert(!in.is_output && in.index == 0 && in.axis == 1);
    *n = count - 1;
    *list = inn_arena_alloc(scratch, *n, sizeof(**list), err);
    for (i = 0; i < *n; i++)
        (*list)[i] = from[count - 1 - i];
    return to_varies(state, in) ? INN_OK : INN_ERR_RANGE;
}

static enum inn_status to_ints(void *state, const char *name,
                               const int64_t *values, size_t count,
                               struct inn_error *err)
{
    (void)err;
    say(state, "%s", name);
    say_numbers(state, values, (int64_t)count);
    return INN_OK;
}

static enum inn_status to_input(void *state, int input,
                                const int64_t *values, size_t count,
                                struct inn_error *err)
{
    (void)err;
    say(state, "input %d:", input);
    say_numbers(state, values, (int64_t)count);
    return INN_OK;
}

static enum inn_status to_drop(void *state, const char *name,
                               struct inn_error *err)
{
    (void)err;
    say(state, "drop %s; ", name);
    return INN_OK;
}

static bool to_is_const(void *state, int input)
{
    const struct setup *s = state;

    (void)input;
    return !s->computed;
}

static const struct inn_resizer resizer = {
    .length = to_length,
    .edge = to_edge,
    .remap = to_remap,
    .varies = to_varies,
    .set_ints = to_ints,
    .is_const = to_is_const,
    .set_input = to_input,
    .drop_attr = to_drop,
};

/* An operator with one input of the shape, whose channels lie on axis 1. */
static struct setup *new_setup(const char *op, int version, int rank,
                               const int64_t *dims, int n_out)
{
    struct setup *s = calloc(1, sizeof(*s));

    ck_assert_ptr_nonnull(s);
    s->heap = inn_heap_new(0);
    inn_arena_init(&s->arena, s->heap);
    s->node.name = "n";
    s->node.op_type = op;
    s->node.domain = "";
    s->node.version = version;
    s->node.attrs = s->attrs;
    s->node.outputs = s->outputs;
    s->node.n_outputs = s->n_out = n_out;
    s->varying = 1;
    ck_assert_int_eq(inn_tensor_init(&s->tensors[0], INN_F32, rank, dims,
                                     NULL),
                     INN_OK);
    s->in[0] = &s->tensors[0];
    s->n_in = 1;
    return s;
}

static void add_tensor(struct setup *s, int rank, const int64_t *dims)
{
    ck_assert_int_eq(inn_tensor_init(&s->tensors[s->n_in], INN_F32, rank,
                                     dims, NULL),
                     INN_OK);
    s->in[s->n_in] = &s->tensors[s->n_in];
    s->n_in++;
}

static void add_ints(struct setup *s, int rank, int64_t n, const int64_t *v)
{
    struct inn_tensor *t = &s->tensors[s->n_in];

    ck_assert_int_eq(inn_tensor_init(t, INN_I64, rank, &n, NULL), INN_OK);
    t->data = s->numbers[s->n_in];
    memcpy(t->data, v, (size_t)n * sizeof(*v));
    s->in[s->n_in++] = t;
}

static void set_int(struct setup *s, const char *name, int64_t value)
{
    struct inn_attr *a = &s->attrs[s->node.n_attrs++];

    a->name = name;
    a->kind = INN_ATTR_INT;
    a->i = value;
}

static void set_list(struct setup *s, const char *name, size_t n,
                     const int64_t *v)
{
    struct inn_attr *a = &s->attrs[s->node.n_attrs++];

    a->name = name;
    a->kind = INN_ATTR_INTS;
    a->count = n;
    a->ints = (int64_t *)(uintptr_t)v;
}

static struct inn_infer asking(struct setup *s)
{
    return (struct inn_infer){.node = &s->node, .in = s->in, .out = s->out,
                              .n_in = s->n_in, .n_out = s->n_out,
                              .arena = &s->arena, .err = &s->err};
}

static void infer(struct setup *s)
{
    struct inn_infer c = asking(s);
    const struct inn_op *op = inn_node_op(&s->node);
    int i;

    ck_assert_ptr_nonnull(op);
    ck_assert_msg(op->infer(&c) == INN_OK, "%s", s->err.message);
    for (i = 0; i < s->n_out; i++)
        s->out_p[i] = &s->out[i];
}

static void end(struct setup *s)
{
    inn_arena_free(&s->arena);
    ck_assert_uint_eq(inn_heap_used(s->heap), 0);
    inn_heap_free(s->heap);
    free(s);
}

static void expect_couple(struct setup *s, const char *text)
{
    struct inn_couple c = {.node = &s->node, .in = s->in, .out = s->out_p,
                           .n_in = s->n_in, .n_out = s->n_out,
                           .sink = &sink, .state = s, .scratch = &s->arena,
                           .err = &s->err};

    infer(s);
    ck_assert_msg(inn_node_op(&s->node)->couple(&c) == INN_OK, "%s",
                  s->err.message);
    ck_assert_str_eq(s->heard, text);
    end(s);
}

static void expect_resize(struct setup *s, const char *text)
{
    struct inn_resize c = {.node = &s->node, .in = s->in, .out = s->out_p,
                           .n_in = s->n_in, .n_out = s->n_out,
                           .to = &resizer, .state = s, .scratch = &s->arena,
                           .err = &s->err};

    infer(s);
    ck_assert_msg(inn_node_op(&s->node)->resize(&c) == INN_OK, "%s",
                  s->err.message);
    ck_assert_str_eq(s->heard, text);
    end(s);
}

#define DIMS(...) \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), \
        (const int64_t[]){__VA_ARGS__}
#define INTS(...) \
    sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), \
        (const int64_t[]){__VA_ARGS__}
#define LIST(...) \
    1, (int64_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), \
        (const int64_t[]){__VA_ARGS__}

START_TEST(add_is_alike_and_old_axis_is_mapped)
{
    struct setup *s = new_setup("Add", 13, DIMS(1, 3, 2), 1);

    add_tensor(s, DIMS(3, 1));
    expect_couple(s, "alike in0.0out0.0; alike in1.0out0.0; ");
    s = new_setup("Add", 6, DIMS(1, 3, 2), 1);
    add_tensor(s, DIMS(3));
    set_int(s, "broadcast", 1);
    set_int(s, "axis", 1);
    expect_couple(s, "alike in0.0out0.0; map in1.0out0.1; ");
    s = new_setup("Add", 6, DIMS(1, 3, 2), 1);
    add_tensor(s, DIMS(1, 2));
    set_int(s, "broadcast", 1);
    expect_couple(s, "alike in0.0out0.0; pin in1.0 stretched; "
                     "map in1.1out0.2; ");
}
END_TEST

START_TEST(concat_and_split_map_parts_to_their_places)
{
    struct setup *s = new_setup("Concat", 13, DIMS(1, 2), 1);

    add_tensor(s, DIMS(1, 3));
    set_int(s, "axis", -1);
    expect_couple(s, "map in0.0out0.0; map in0.1out0.1 0,1; "
                     "map in1.0out0.0; map in1.1out0.1 2,3,4; ");
    s = new_setup("Split", 13, DIMS(1, 5), 2);
    add_ints(s, LIST(2, 3));
    set_int(s, "axis", 1);
    expect_couple(s, "map out0.0in0.0; map out0.1in0.1 0,1; "
                     "map out1.0in0.0; map out1.1in0.1 2,3,4; ");
}
END_TEST

START_TEST(slice_maps_steps_of_one_and_pins_others)
{
    struct setup *s = new_setup("Slice", 9, DIMS(1, 8, 4), 1);

    set_list(s, "starts", INTS(-4));
    set_list(s, "ends", INTS(INT64_MAX));
    set_list(s, "axes", INTS(1));
    expect_couple(s, "map out0.0in0.0; map out0.1in0.1 4,5,6,7; "
                     "map out0.2in0.2; ");
    s = new_setup("Slice", 13, DIMS(1, 8), 1);
    add_ints(s, LIST(0));
    add_ints(s, LIST(8));
    add_ints(s, LIST(1));
    add_ints(s, LIST(2));
    expect_couple(s, "map out0.0in0.0; pin in0.1 sliced with a step; ");
}
END_TEST

START_TEST(pad_gives_added_channels_no_source)
{
    struct setup *s = new_setup("Pad", 13, DIMS(1, 2, 3), 1);

    add_ints(s, LIST(0, 1, 0, 0, 2, 0));
    expect_couple(s, "map out0.0in0.0; map out0.1in0.1 -1,0,1,-1,-1; "
                     "map out0.2in0.2; ");
}
END_TEST

START_TEST(gather_maps_lists_and_pins_picks_last)
{
    struct setup *s = new_setup("Gather", 13, DIMS(2, 3, 4), 1);

    add_ints(s, LIST(2, -3));
    set_int(s, "axis", 1);
    expect_couple(s, "map out0.0in0.0; map out0.2in0.2; "
                     "map out0.1in0.1 2,0; ");
    s = new_setup("Gather", 13, DIMS(2, 3, 4), 1);
    add_ints(s, LIST(1));
    s->tensors[1].rank = 0;
    expect_couple(s, "map out0.0in0.1; map out0.1in0.2; "
                     "pin in0.0 one of its channels is picked; ");
}
END_TEST

START_TEST(tile_repeats_channels_and_expand_pins_the_stretched)
{
    struct setup *s = new_setup("Tile", 13, DIMS(1, 2), 1);

    add_ints(s, LIST(1, 2));
    expect_couple(s, "map out0.0in0.0; map out0.1in0.1 0,1,0,1; ");
    s = new_setup("Expand", 13, DIMS(3, 1), 1);
    add_ints(s, LIST(2, 1, 4));
    expect_couple(s, "map in0.0out0.1; pin in0.1 stretched; ");
}
END_TEST

START_TEST(resized_images_keep_the_axes_that_stay)
{
    struct setup *s = new_setup("Resize", 13, DIMS(1, 8, 2), 1);

    s->n_in += 2;
    add_ints(s, LIST(1, 8, 4));
    expect_couple(s, "map out0.0in0.0; map out0.1in0.1; "
                     "pin in0.2 resized as an image; ");
    s = new_setup("Resize", 18, DIMS(1, 8, 2), 1);
    set_list(s, "axes", INTS(2, 1));
    s->n_in += 2;
    add_ints(s, LIST(2, 9));
    expect_couple(s, "map out0.0in0.0; pin in0.1 resized as an image; "
                     "map out0.2in0.2; ");
}
END_TEST

START_TEST(shape_says_nothing_and_views_keep_their_elements)
{
    struct setup *s = new_setup("Shape", 15, DIMS(1, 8), 1);

    expect_couple(s, "");
    s = new_setup("Flatten", 13, DIMS(1, 8, 2), 1);
    expect_couple(s, "reshape; ");
    s = new_setup("Transpose", 13, DIMS(1, 8, 2), 1);
    expect_couple(s, "transpose 2,1,0; ");
    s = new_setup("Dropout", 13, DIMS(1, 8), 2);
    expect_couple(s, "alike in0.0out0.0; alike in0.0out1.0; ");
}
END_TEST

START_TEST(reshape_follows_written_sizes_only)
{
    struct setup *s = new_setup("Reshape", 13, DIMS(1, 8, 3), 1);

    add_ints(s, LIST(1, 8, -1));
    expect_resize(s, "input 1: 1,5,-1; ");
    s = new_setup("Reshape", 13, DIMS(1, 8, 3), 1);
    add_ints(s, LIST(0, 0, 3));
    expect_resize(s, "");
    s = new_setup("Reshape", 1, DIMS(1, 8), 1);
    set_list(s, "shape", INTS(1, 8));
    expect_resize(s, "shape 1,5; ");
    /* What was computed from shapes follows by itself. */
    s = new_setup("Reshape", 13, DIMS(1, 8), 1);
    add_ints(s, LIST(1, 8));
    s->computed = true;
    expect_resize(s, "");
}
END_TEST

START_TEST(split_sizes_follow_edges)
{
    struct setup *s = new_setup("Split", 11, DIMS(1, 8), 2);

    set_int(s, "axis", 1);
    set_list(s, "split", INTS(4, 4));
    expect_resize(s, "split 3,2; ");
    s = new_setup("Split", 13, DIMS(1, 8), 3);
    set_int(s, "axis", 1);
    add_ints(s, LIST(0, 4, 4));
    expect_resize(s, "input 1: 0,3,2; ");
    s = new_setup("Split", 13, DIMS(1, 8), 2);
    set_int(s, "axis", 0);
    s->tensors[0].dims[0] = 2;
    expect_resize(s, "");
}
END_TEST

START_TEST(equal_split_is_written_out_only_where_it_must)
{
    struct setup *s = new_setup("Split", 11, DIMS(1, 8), 2);

    set_int(s, "axis", 1);
    expect_resize(s, "split 3,2; ");
    s = new_setup("Split", 13, DIMS(1, 8), 2);
    set_int(s, "axis", 1);
    expect_resize(s, "input 1: 3,2; ");
    /* 3 and 2 are how five are split in two from opset 18. */
    s = new_setup("Split", 18, DIMS(1, 8), 2);
    set_int(s, "axis", 1);
    set_int(s, "num_outputs", 2);
    expect_resize(s, "");
    s = new_setup("Split", 18, DIMS(1, 8), 4);
    set_int(s, "axis", 1);
    set_int(s, "num_outputs", 4);
    expect_resize(s, "drop num_outputs; input 1: 1,2,1,1; ");
}
END_TEST

START_TEST(slice_bounds_follow_edges_and_open_ends_stay_open)
{
    struct setup *s = new_setup("Slice", 9, DIMS(1, 8), 1);

    set_list(s, "axes", INTS(1));
    set_list(s, "starts", INTS(4));
    set_list(s, "ends", INTS(INT64_MAX));
    expect_resize(s, "starts 3; ");
    s = new_setup("Slice", 13, DIMS(1, 8), 1);
    add_ints(s, LIST(-8));
    add_ints(s, LIST(-4));
    add_ints(s, LIST(1));
    expect_resize(s, "input 1: -5; input 2: -2; ");
    s = new_setup("Slice", 13, DIMS(1, 8), 1);
    add_ints(s, LIST(0, 4));
    add_ints(s, LIST(1, 8));
    expect_resize(s, "input 1: 0,3; input 2: 1,5; ");
    s = new_setup("Slice", 13, DIMS(1, 8), 1);
    add_ints(s, LIST(4));
    add_ints(s, LIST(8));
    add_ints(s, LIST(1));
    s->computed = true;
    expect_resize(s, "");
}
END_TEST

START_TEST(pads_follow_edges_of_what_they_add)
{
    /* 4 channels of zeros before 4 of the input, then the other way. */
    struct setup *s = new_setup("Pad", 13, DIMS(1, 4, 2), 1);

    add_ints(s, LIST(0, 4, 1, 0, 0, 1));
    expect_resize(s, "input 1: 0,3,1,0,0,1; ");
    s = new_setup("Pad", 2, DIMS(1, 4), 1);
    set_list(s, "pads", INTS(0, 0, 0, 4));
    expect_resize(s, "pads 0,0,0,2; ");
    s = new_setup("Pad", 18, DIMS(1, 4), 1);
    add_ints(s, LIST(0, 4));
    s->in[s->n_in++] = NULL;
    add_ints(s, LIST(1));
    expect_resize(s, "input 1: 0,2; ");
    /* What is taken away lies on the input. */
    s = new_setup("Pad", 13, DIMS(1, 8), 1);
    add_ints(s, LIST(0, -4, 0, 0));
    expect_resize(s, "input 1: 0,-3,0,0; ");
    s = new_setup("Pad", 13, DIMS(1, 8), 1);
    add_ints(s, LIST(0, 0, 0, -4));
    expect_resize(s, "input 1: 0,0,0,-2; ");
}
END_TEST

START_TEST(gathered_lists_are_remapped)
{
    struct setup *s = new_setup("Gather", 13, DIMS(1, 8), 1);

    add_ints(s, LIST(4, 5, 6, -1, 0, 1, 2, 3));
    set_int(s, "axis", 1);
    expect_resize(s, "input 1: 3,2,1,0,7,6,5; ");
}
END_TEST

START_TEST(expanded_sizes_follow_and_ones_stay)
{
    struct setup *s = new_setup("Expand", 13, DIMS(1, 8), 1);

    add_ints(s, LIST(2, 8));
    expect_resize(s, "input 1: 2,5; ");
    s = new_setup("Expand", 13, DIMS(1, 8), 1);
    add_ints(s, LIST(2, 1));
    expect_resize(s, "");
}
END_TEST

START_TEST(sizes_of_images_follow_where_they_are_written_out)
{
    struct setup *s = new_setup("Resize", 13, DIMS(1, 8, 2), 1);

    s->n_in += 2;
    add_ints(s, LIST(1, 8, 4));
    expect_resize(s, "input 3: 1,5,4; ");
    s = new_setup("Resize", 18, DIMS(1, 8, 2), 1);
    set_list(s, "axes", INTS(2, 1));
    s->n_in += 2;
    add_ints(s, LIST(4, 8));
    expect_resize(s, "input 3: 4,5; ");
    s = new_setup("Resize", 18, DIMS(1, 8, 2), 1);
    set_list(s, "axes", INTS(2));
    s->n_in += 2;
    add_ints(s, LIST(4));
    expect_resize(s, "");
    s = new_setup("Resize", 13, DIMS(1, 8, 2), 1);
    s->computed = true;
    s->n_in += 2;
    add_ints(s, LIST(1, 8, 4));
    expect_resize(s, "");
}
END_TEST

START_TEST(views_and_binaries_are_described_as_primitives)
{
    struct setup *s = new_setup("Reshape", 13, DIMS(2, 4), 1);
    struct inn_prim prim;
    struct inn_infer c;

    add_ints(s, LIST(8));
    infer(s);
    c = asking(s);
    ck_assert(inn_node_op(&s->node)->lower(&c, &prim));
    ck_assert_int_eq(prim.kind, INN_PRIM_VIEW);
    end(s);

    s = new_setup("Mul", 13, DIMS(2, 4), 1);
    add_tensor(s, DIMS(4));
    infer(s);
    c = asking(s);
    ck_assert(inn_node_op(&s->node)->lower(&c, &prim));
    ck_assert_int_eq(prim.kind, INN_PRIM_BINARY);
    ck_assert_int_eq(prim.u.binary, INN_BIN_MUL);
    end(s);

    /* A second operand at an inner axis is no broadcast. */
    s = new_setup("Mul", 6, DIMS(4, 4), 1);
    add_tensor(s, DIMS(4));
    set_int(s, "broadcast", 1);
    set_int(s, "axis", 0);
    infer(s);
    c = asking(s);
    ck_assert(!inn_node_op(&s->node)->lower(&c, &prim));
    end(s);

    /* Nor is a Dropout whose mask is wanted a view. */
    s = new_setup("Dropout", 13, DIMS(2, 4), 2);
    infer(s);
    c = asking(s);
    ck_assert(!inn_node_op(&s->node)->lower(&c, &prim));
    s->outputs[1] = -1;
    ck_assert(inn_node_op(&s->node)->lower(&c, &prim));
    end(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("movers");
    TCase *couple = tcase_create("couple"), *resize = tcase_create("resize");

    tcase_add_test(couple, add_is_alike_and_old_axis_is_mapped);
    tcase_add_test(couple, concat_and_split_map_parts_to_their_places);
    tcase_add_test(couple, slice_maps_steps_of_one_and_pins_others);
    tcase_add_test(couple, pad_gives_added_channels_no_source);
    tcase_add_test(couple, gather_maps_lists_and_pins_picks_last);
    tcase_add_test(couple,
                   tile_repeats_channels_and_expand_pins_the_stretched);
    tcase_add_test(couple, resized_images_keep_the_axes_that_stay);
    tcase_add_test(couple, shape_says_nothing_and_views_keep_their_elements);
    tcase_add_test(resize, reshape_follows_written_sizes_only);
    tcase_add_test(resize, split_sizes_follow_edges);
    tcase_add_test(resize, equal_split_is_written_out_only_where_it_must);
    tcase_add_test(resize, slice_bounds_follow_edges_and_open_ends_stay_open);
    tcase_add_test(resize, pads_follow_edges_of_what_they_add);
    tcase_add_test(resize, gathered_lists_are_remapped);
    tcase_add_test(resize, expanded_sizes_follow_and_ones_stay);
    tcase_add_test(resize,
                   sizes_of_images_follow_where_they_are_written_out);
    tcase_add_test(resize, views_and_binaries_are_described_as_primitives);
    suite_add_tcase(suite, couple);
    suite_add_tcase(suite, resize);
    return run_suite(suite);
}
