/*
 * Which channels belong together, on networks small enough to be told by
 * hand. What is found is written as text: "name:size" per group, with its
 * blocks in brackets where there is more than one.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "converter/groups/groups.h"
#include "runtime/base/error.h"
#include "runtime/grid/sample.h"
#include "runtime/grid/slots.h"
#include "tests/unit/net.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

struct net {
    struct inn_heap *heap;
    struct inn_model model;
    struct inn_shapes shapes;
    char text[4096];
};

static void begin_in(struct net *n, struct inn_heap *heap)
{
    struct inn_error err = {0};

    memset(n, 0, sizeof(*n));
    n->heap = heap;
    n->model.heap = n->heap;
    inn_arena_init(&n->model.arena, n->heap);
    ck_assert_int_eq(inn_graph_new(&n->model.graph, n->heap, &err), INN_OK);
    n->model.graph->opsets = inn_arena_alloc(&n->model.graph->arena, 1,
                                             sizeof(struct inn_opset), &err);
    n->model.graph->opsets[0].domain = "";
    n->model.graph->opsets[0].version = 13;
    n->model.graph->n_opsets = 1;
}

static void begin(struct net *n)
{
    begin_in(n, inn_heap_new(0));
}

static void clear(struct net *n)
{
    inn_shapes_free(&n->shapes);
    inn_graph_free(n->model.graph);
    inn_arena_free(&n->model.arena);
}

static void end(struct net *n)
{
    clear(n);
    ck_assert_uint_eq(inn_heap_used(n->heap), 0);
    inn_heap_free(n->heap);
}

static int input(struct net *n, const char *name, int rank,
                 const int64_t *dims)
{
    return net_input(n->model.graph, name, INN_F32, rank, dims, NULL);
}

static int picture(struct net *n, int64_t channels)
{
    return input(n, "x", 4, (int64_t[]){1, channels, 6, 6});
}

static void output(struct net *n, int v)
{
    net_output(n->model.graph, n->model.graph->values[v].name);
}

static int weight(struct net *n, const char *name, int rank,
                  const int64_t *dims)
{
    return net_init(n->model.graph, name, INN_F32, rank, dims, NULL);
}

static int ints(struct net *n, const char *name, int64_t count,
                const int64_t *data)
{
    return net_init(n->model.graph, name, INN_I64, 1, &count, data);
}

/* A graph node with up to three inputs; its output is called name. */
static int node(struct net *n, const char *op, const char *name, int a, int b,
                int c)
{
    struct inn_graph *g = n->model.graph;
    int in[3] = {a, b, c}, count = c >= 0 ? 3 : b >= 0 ? 2 : 1;
    int out = net_value(g, name);
    int k = net_op(g, op, 13, in, count, &out, 1);

    g->nodes[k].name = g->values[out].name;
    return out;
}

static void attr(struct net *n, const char *name, int64_t v)
{
    struct inn_graph *g = n->model.graph;

    ck_assert_int_eq(inn_node_set_int(g, &g->nodes[g->n_nodes - 1], name, v,
                                      NULL), INN_OK);
}

static void attrs(struct net *n, const char *name, size_t count,
                  const int64_t *v)
{
    struct inn_graph *g = n->model.graph;

    ck_assert_int_eq(inn_node_set_ints(g, &g->nodes[g->n_nodes - 1], name, v,
                                       count, NULL), INN_OK);
}

/* A 1×1 convolution with weight NAME.weight; group as ONNX has it. */
static int conv(struct net *n, const char *name, int x, int64_t out,
                int64_t in, int64_t group)
{
    char text[64];
    int w, y;

    snprintf(text, sizeof(text), "%s.weight", name);
    w = weight(n, text, 4, (int64_t[]){out, in / group, 1, 1});
    y = node(n, "Conv", name, x, w, -1);
    attr(n, "group", group);
    return y;
}

static const char *groups(struct net *n, const struct inn_group_options *o)
{
    struct inn_error err = {0};
    size_t at = 0;
    int g, b;

    ck_assert_msg(inn_shapes_infer(&n->shapes, n->model.graph, NULL, 0, 16,
                                   4096, &err) == INN_OK, "%s", err.message);
    ck_assert_msg(inn_find_groups(&n->model, &n->shapes, o, &err) == INN_OK,
                  "%s", err.message);
    n->text[0] = '\0';
    for (g = 0; g < n->model.n_groups; g++) {
        const struct inn_group *group = &n->model.groups[g];

        at += (size_t)snprintf(n->text + at, sizeof(n->text) - at, "%s%s:%d",
                               g > 0 ? " " : "", group->name,
                               (int)group->size);
        for (b = 0; group->n_blocks > 1 && b < group->n_blocks; b++)
            at += (size_t)snprintf(n->text + at, sizeof(n->text) - at,
                                   "%c%d%s", b == 0 ? '[' : ' ',
                                   (int)inn_block_size(group, b),
                                   b + 1 == group->n_blocks ? "]" : "");
    }
    return n->text;
}

static const char *why_pinned(const struct net *n, const char *name, int axis)
{
    int i;

    for (i = 0; i < n->model.n_pinned; i++) {
        const struct inn_pinned *p = &n->model.pinned[i];

        if (strcmp(n->model.graph->values[p->value].name, name) == 0 &&
            p->axis == axis)
            return p->reason;
    }
    return "";
}

START_TEST(inner_width_is_free_and_both_ends_are_pinned)
{
    struct net n;
    int x;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 8, 3, 1);
    x = node(&n, "Relu", "r", x, -1, -1);
    output(&n, conv(&n, "b", x, 5, 8, 1));
    ck_assert_str_eq(groups(&n, NULL), "a:8");
    ck_assert_str_eq(why_pinned(&n, "a.weight", 1), "a network input");
    ck_assert_str_eq(why_pinned(&n, "b.weight", 0), "a network output");
    ck_assert_int_eq(inn_model_axis(&n.model,
                                    inn_graph_find(n.model.graph, "b.weight"),
                                    1)->role, INN_ROLE_IN);
    ck_assert_int_eq(inn_model_axis(&n.model,
                                    inn_graph_find(n.model.graph, "a.weight"),
                                    0)->role, INN_ROLE_OUT);
    end(&n);
}
END_TEST

START_TEST(residual_trunk_is_one_group)
{
    struct net n;
    int t, x;

    begin(&n);
    t = conv(&n, "stem", picture(&n, 3), 8, 3, 1);
    x = conv(&n, "a", t, 4, 8, 1);
    x = conv(&n, "b", x, 8, 4, 1);
    t = node(&n, "Add", "s", t, x, -1);
    output(&n, conv(&n, "head", t, 2, 8, 1));
    ck_assert_str_eq(groups(&n, NULL), "stem:8 a:4");
    end(&n);
}
END_TEST

START_TEST(concat_leaves_both_sides_free_and_twice_the_same_is_one)
{
    struct net n;
    int a, b, x;

    begin(&n);
    x = picture(&n, 3);
    a = conv(&n, "a", x, 4, 3, 1);
    b = conv(&n, "b", x, 6, 3, 1);
    x = node(&n, "Concat", "c", a, b, -1);
    attr(&n, "axis", 1);
    x = conv(&n, "d", x, 5, 10, 1);
    x = node(&n, "Concat", "e", x, x, -1);
    attr(&n, "axis", 1);
    output(&n, conv(&n, "f", x, 2, 10, 1));
    ck_assert_str_eq(groups(&n, NULL), "a:4 b:6 d:5");
    ck_assert_int_eq(inn_model_axis(&n.model,
                                    inn_graph_find(n.model.graph, "f.weight"),
                                    1)->n_spans, 2);
    end(&n);
}
END_TEST

START_TEST(concat_with_the_input_pins_that_part_alone)
{
    struct net n;
    int a, x;

    begin(&n);
    x = picture(&n, 3);
    a = conv(&n, "a", x, 4, 3, 1);
    x = node(&n, "Concat", "c", x, a, -1);
    attr(&n, "axis", 1);
    output(&n, conv(&n, "d", x, 5, 7, 1));
    ck_assert_str_eq(groups(&n, NULL), "a:4");
    ck_assert_str_eq(why_pinned(&n, "d.weight", 1), "a network input");
    end(&n);
}
END_TEST

START_TEST(grouped_convolution_keeps_equal_counts)
{
    struct net n;
    int x;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 8, 3, 1);
    x = conv(&n, "b", x, 12, 8, 2);
    output(&n, conv(&n, "c", x, 2, 12, 1));
    ck_assert_str_eq(groups(&n, NULL), "a:4 b:6");
    end(&n);
}
END_TEST

START_TEST(depthwise_convolution_lets_channels_through)
{
    struct net n;
    int x;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 8, 3, 1);
    x = conv(&n, "dw", x, 16, 8, 8);
    output(&n, conv(&n, "c", x, 2, 16, 1));
    ck_assert_str_eq(groups(&n, NULL), "a:8");
    ck_assert_int_eq(inn_model_axis(&n.model,
                                    inn_graph_find(n.model.graph,
                                                   "dw.weight"),
                                    0)->role, INN_ROLE_ALONG);
    end(&n);
}
END_TEST

START_TEST(padded_shortcut_is_free_in_blocks)
{
    struct net n;
    int t, x;

    begin(&n);
    t = conv(&n, "a", picture(&n, 3), 4, 3, 1);
    x = conv(&n, "b", t, 8, 4, 1);
    t = node(&n, "Pad", "p", t, ints(&n, "pads", 8,
             (int64_t[]){0, 2, 0, 0, 0, 2, 0, 0}), -1);
    x = node(&n, "Add", "s", x, t, -1);
    output(&n, conv(&n, "c", x, 2, 8, 1));
    ck_assert_str_eq(groups(&n, NULL), "a:4 b:4[2 2]");
    end(&n);
}
END_TEST

/* The network at half its widths, shapes inferred; own both. */
static void halve(struct net *n, struct inn_graph **graph,
                  struct inn_shapes *shapes)
{
    struct inn_error err = {0};
    int64_t widths[8];
    int g;

    for (g = 0; g < n->model.n_groups; g++)
        widths[g] = n->model.groups[g].size / 2;
    ck_assert_msg(inn_model_resize(graph, &n->model, widths, &err) == INN_OK,
                  "%s", err.message);
    ck_assert_msg(inn_shapes_infer(shapes, *graph, NULL, 0, 16, 4096, &err) ==
                      INN_OK, "%s", err.message);
}

START_TEST(computed_pads_follow_where_no_input_size_changes_them)
{
    struct inn_shapes shapes;
    struct inn_graph *small;
    struct net n;
    int t, x, pads, sum;

    begin(&n);
    x = input(&n, "x", 4, (int64_t[]){1, 3, -1, -1});
    t = conv(&n, "a", x, 4, 3, 1);
    x = conv(&n, "b", t, 8, 4, 1);
    pads = node(&n, "Sub", "pads",
                ints(&n, "more", 8, (int64_t[]){1, 3, 1, 1, 1, 3, 1, 1}),
                ints(&n, "less", 8, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1}), -1);
    t = node(&n, "Pad", "p", t, pads, -1);
    sum = node(&n, "Add", "s", x, t, -1);
    output(&n, conv(&n, "c", sum, 2, 8, 1));
    ck_assert_str_eq(groups(&n, NULL), "a:4 b:4[2 2]");
    halve(&n, &small, &shapes);
    ck_assert_int_eq(inn_shapes_get(&shapes, sum)->dims[1], 4);
    inn_shapes_free(&shapes);
    inn_graph_free(small);
    end(&n);
}
END_TEST

START_TEST(computed_shapes_go_on_following_the_input)
{
    struct inn_shapes shapes;
    struct inn_graph *small;
    struct net n;
    int x, shape, back;

    begin(&n);
    x = input(&n, "x", 4, (int64_t[]){1, 3, -1, -1});
    x = conv(&n, "a", x, 4, 3, 1);
    shape = node(&n, "Shape", "shape", x, -1, -1);
    back = node(&n, "Reshape", "back", x, shape, -1);
    output(&n, conv(&n, "b", back, 2, 4, 1));
    ck_assert_str_eq(groups(&n, NULL), "a:4");
    halve(&n, &small, &shapes);
    ck_assert_int_eq(inn_shapes_get(&shapes, back)->dims[1], 2);
    ck_assert_int_eq(small->nodes[small->values[back].producer].inputs[1],
                     shape);
    inn_shapes_free(&shapes);
    inn_graph_free(small);
    end(&n);
}
END_TEST

START_TEST(written_sizes_among_computed_ones_follow)
{
    int64_t picks[] = {0, 2, 3};
    struct inn_shapes shapes;
    struct inn_graph *small;
    const struct inn_node *joined;
    struct net n;
    int x, shape, parts[3], back, i;

    begin(&n);
    x = input(&n, "x", 4, (int64_t[]){1, 3, -1, -1});
    x = conv(&n, "a", x, 4, 3, 1);
    shape = node(&n, "Shape", "shape", x, -1, -1);
    for (i = 0; i < 3; i++) {
        char pick[16], part[16];

        snprintf(pick, sizeof(pick), "pick%d", i);
        snprintf(part, sizeof(part), "part%d", i);
        parts[i] = node(&n, "Gather", part, shape,
                        ints(&n, pick, 1, &picks[i]), -1);
    }
    /* Batch and sides are computed, the channels between them are not. */
    shape = node(&n, "Concat", "rest", parts[1], parts[2], -1);
    attr(&n, "axis", 0);
    shape = node(&n, "Concat", "all", parts[0],
                 ints(&n, "four", 1, (int64_t[]){4}), shape);
    attr(&n, "axis", 0);
    back = node(&n, "Reshape", "back", x, shape, -1);
    output(&n, conv(&n, "b", back, 2, 4, 1));
    ck_assert_str_eq(groups(&n, NULL), "a:4");
    halve(&n, &small, &shapes);
    ck_assert_int_eq(inn_shapes_get(&shapes, back)->dims[1], 2);
    joined = &small->nodes[small->values[shape].producer];
    ck_assert_int_eq(joined->inputs[0], parts[0]);
    ck_assert_int_eq(inn_tensor_int(small->values[joined->inputs[1]].init, 0),
                     2);
    inn_shapes_free(&shapes);
    inn_graph_free(small);
    end(&n);
}
END_TEST

START_TEST(flatten_with_extent_repeats_channels)
{
    struct net n;
    const struct inn_axis *axis;
    int x;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 8, 3, 1);
    x = node(&n, "Flatten", "f", x, -1, -1);
    x = node(&n, "MatMul", "m", x,
             weight(&n, "w", 2, (int64_t[]){8 * 36, 5}), -1);
    output(&n, x);
    ck_assert_str_eq(groups(&n, NULL), "a:8");
    axis = inn_model_axis(&n.model, inn_graph_find(n.model.graph, "w"), 0);
    ck_assert_int_eq(axis->n_spans, 1);
    ck_assert_int_eq(axis->spans[0].repeat, 36);
    end(&n);
}
END_TEST

START_TEST(channel_shuffle_between_grouped_convolutions_is_free)
{
    struct net n;
    int x;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 12, 3, 1);
    x = conv(&n, "b", x, 12, 12, 2);
    x = node(&n, "Reshape", "r1", x, ints(&n, "s1", 5,
             (int64_t[]){1, 2, 6, 6, 6}), -1);
    x = node(&n, "Transpose", "t", x, -1, -1);
    attrs(&n, "perm", 5, (int64_t[]){0, 2, 1, 3, 4});
    x = node(&n, "Reshape", "r2", x, ints(&n, "s2", 4,
             (int64_t[]){1, 12, 6, 6}), -1);
    x = conv(&n, "c", x, 12, 12, 2);
    output(&n, conv(&n, "d", x, 2, 12, 1));
    /*
     * Channel k of b's halves is united with its like; the shuffle puts it
     * beside its twin, and c's two halves tie k to k + 3.
     */
    ck_assert_str_eq(groups(&n, NULL), "a:6 b:3 c:6");
    end(&n);
}
END_TEST

/* Indices of the Gather "g" when every group has `times` its channels. */
static const char *gathered(struct net *n, int64_t times)
{
    const struct inn_tensor *at;
    struct inn_error err = {0};
    struct inn_graph *g;
    int64_t widths[8];
    size_t i, used = 0;
    int k;

    for (k = 0; k < n->model.n_groups; k++)
        widths[k] = n->model.groups[k].size * times / 2;
    ck_assert_msg(inn_model_resize(&g, &n->model, widths, &err) == INN_OK,
                  "%s", err.message);
    at = g->values[g->nodes[g->values[inn_graph_find(g, "g")].producer]
                       .inputs[1]].init;
    n->text[0] = '\0';
    for (i = 0; i < inn_tensor_count(at); i++)
        used += (size_t)snprintf(n->text + used, sizeof(n->text) - used,
                                 "%s%d", i > 0 ? " " : "",
                                 (int)inn_tensor_int(at, i));
    inn_graph_free(g);
    return n->text;
}

/*
 * A shuffle behind which a grouped convolution ties neighbours: a channel of
 * the group is two of "a" side by side, and stays so at other widths.
 */
START_TEST(gathered_channels_follow_however_often_they_occur)
{
    struct net n;
    int x;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 8, 3, 1);
    x = node(&n, "Gather", "g", x, ints(&n, "at", 8,
             (int64_t[]){0, 2, 4, 6, 1, 3, 5, 7}), -1);
    attr(&n, "axis", 1);
    output(&n, conv(&n, "b", x, 2, 8, 2));
    ck_assert_str_eq(groups(&n, NULL), "a:4");
    ck_assert_str_eq(gathered(&n, 2), "0 2 4 6 1 3 5 7");
    ck_assert_str_eq(gathered(&n, 1), "0 2 1 3");
    ck_assert_str_eq(gathered(&n, 3), "0 2 4 6 8 10 1 3 5 7 9 11");
    end(&n);
}
END_TEST

START_TEST(one_of_each_depthwise_channels_outputs_stays_one)
{
    struct net n;
    int x;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 4, 3, 1);
    x = conv(&n, "dw", x, 8, 4, 4);
    x = node(&n, "Gather", "g", x, ints(&n, "at", 4,
             (int64_t[]){1, 3, 5, 7}), -1);
    attr(&n, "axis", 1);
    output(&n, conv(&n, "b", x, 2, 4, 1));
    ck_assert_str_eq(groups(&n, NULL), "a:4");
    ck_assert_str_eq(gathered(&n, 1), "1 3");
    ck_assert_str_eq(gathered(&n, 3), "1 3 5 7 9 11");
    end(&n);
}
END_TEST

START_TEST(gathered_channels_of_another_place_are_refused)
{
    struct inn_group group = {.size = 2, .n_blocks = 1,
                              .first = (int64_t[]){0, 2}};
    struct inn_span pairs = {0, 0, 0, 2}, alone = {0, 0, 0, 1};
    struct inn_axis in = {.n_spans = 1, .spans = &pairs};
    struct inn_axis out = {.n_spans = 1, .spans = &alone};
    struct inn_model model = {.groups = &group, .n_groups = 1};
    const int64_t width = 4, good[] = {1, 3}, turned[] = {3, 1};
    const int64_t mixed[] = {1, 2}, far[] = {1, 4}, more[] = {0, 2, 0};
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_error err = {0};
    struct inn_arena arena;
    int64_t *list;
    size_t n;

    inn_arena_init(&arena, heap);
#define REMAP(o, from) \
    inn_axis_remap(&list, &n, &model, o, &in, 4, &width, from, \
                   sizeof(from) / sizeof(*from), &arena, &err)
    ck_assert_int_eq(REMAP(&out, good), INN_OK);
    ck_assert_uint_eq(n, 4);
    ck_assert_int_eq(list[3], 7);
    ck_assert_int_eq(REMAP(&out, turned), INN_ERR_RANGE);
    ck_assert_int_eq(REMAP(&out, mixed), INN_ERR_RANGE);
    ck_assert_int_eq(REMAP(&out, far), INN_ERR_RANGE);
    ck_assert_int_eq(REMAP(NULL, good), INN_ERR_RANGE);
    ck_assert_int_eq(REMAP(&out, more), INN_ERR_FORMAT);
#undef REMAP
    inn_arena_free(&arena);
    inn_heap_free(heap);
}
END_TEST

/*
 * Two halves of channels tied by a grouped convolution after a Gather: the
 * pairs 0-3, 2-5 and 4-7 keep their order, 6-1 is turned round. Swapping it
 * with another would put channels into the wrong half.
 */
START_TEST(pairs_turned_round_are_not_interchangeable)
{
    struct net n;
    int x;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 8, 3, 1);
    x = node(&n, "Gather", "g", x, ints(&n, "at", 8,
             (int64_t[]){2, 4, 6, 0, 5, 7, 1, 3}), -1);
    attr(&n, "axis", 1);
    output(&n, conv(&n, "b", x, 2, 8, 2));
    ck_assert_str_eq(groups(&n, NULL), "a:3[1 1 1] a#2:1");
    end(&n);
}
END_TEST

/*
 * Two new channels, three of the trunk, one new; then two halves. The pairs
 * are (new, trunk 1), (new, trunk 2) and (trunk 0, new): the last is another
 * kind, although all three lie on the same axes.
 */
START_TEST(padded_shortcut_in_halves_keeps_apart_what_differs)
{
    struct net n;
    int t, x;

    begin(&n);
    t = conv(&n, "a", picture(&n, 3), 3, 3, 1);
    x = conv(&n, "b", t, 6, 3, 1);
    t = node(&n, "Pad", "p", t, ints(&n, "pads", 8,
             (int64_t[]){0, 2, 0, 0, 0, 1, 0, 0}), -1);
    x = node(&n, "Add", "s", x, t, -1);
    output(&n, conv(&n, "c", x, 2, 6, 2));
    ck_assert_str_eq(groups(&n, NULL), "a:1 a#2:2");
    end(&n);
}
END_TEST

START_TEST(unknown_operator_pins_by_name)
{
    struct net n;
    int x;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 8, 3, 1);
    x = node(&n, "Mystery", "m", x, -1, -1);
    output(&n, conv(&n, "b", x, 5, 8, 1));
    ck_assert_str_eq(groups(&n, NULL), "");
    ck_assert_str_eq(why_pinned(&n, "a.weight", 0),
                     "unknown operator, shapes not declared "
                     "(onnx.shape_inference does): Mystery 'm'");
    end(&n);
}
END_TEST

/* Everything behind it has its reason, however far; so has its cost. */
START_TEST(what_lies_behind_unknown_shapes_is_pinned_by_who_left_them_so)
{
    struct net n;
    int x;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 8, 3, 1);
    x = node(&n, "Mystery", "m", x, -1, -1);
    x = conv(&n, "b", x, 6, 8, 1);
    x = node(&n, "Relu", "r", x, -1, -1);
    output(&n, conv(&n, "c", x, 5, 6, 1));
    ck_assert_str_eq(groups(&n, NULL), "");
    ck_assert_str_eq(why_pinned(&n, "c.weight", 1),
                     "unknown operator, shapes not declared "
                     "(onnx.shape_inference does): Mystery 'm'");
    ck_assert_str_eq(why_pinned(&n, "b.weight", 0),
                     "unknown operator, shapes not declared "
                     "(onnx.shape_inference does): Mystery 'm'");
    end(&n);
}
END_TEST

START_TEST(behind_an_unknown_operator_with_declared_shapes_all_is_free)
{
    struct inn_value *v;
    struct net n;
    int x, m, i;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 8, 3, 1);
    x = conv(&n, "b", x, 6, 8, 1);
    m = node(&n, "Mystery", "m", x, -1, -1);
    v = &n.model.graph->values[m];
    v->declared = true;
    v->type = INN_F32;
    v->rank = 4;
    for (i = 0; i < 4; i++)
        v->dims[i].size = (int[]){1, 6, 4, 4}[i];
    x = conv(&n, "c", m, 7, 6, 1);
    output(&n, conv(&n, "d", x, 5, 7, 1));
    ck_assert_str_eq(groups(&n, NULL), "a:8 c:7");
    ck_assert_str_eq(why_pinned(&n, "b.weight", 0),
                     "unknown operator: Mystery 'm'");
    ck_assert_str_eq(why_pinned(&n, "c.weight", 1),
                     "an output of fixed size: Mystery 'm'");
    end(&n);
}
END_TEST

START_TEST(an_input_without_a_shape_is_named_by_what_it_leaves_unknown)
{
    struct net n;
    int x;

    begin(&n);
    x = picture(&n, 3);
    n.model.graph->values[x].rank = -1;
    x = conv(&n, "a", x, 8, 3, 1);
    output(&n, conv(&n, "b", x, 5, 8, 1));
    ck_assert_str_eq(groups(&n, NULL), "");
    ck_assert_str_eq(why_pinned(&n, "b.weight", 1), "an input without a "
                     "shape (--input-shape gives it): 'x'");
    end(&n);
}
END_TEST

START_TEST(unknown_attribute_pins_by_name)
{
    struct net n;
    int x;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 8, 3, 1);
    x = node(&n, "Relu", "m", x, -1, -1);
    attr(&n, "most", 6);
    output(&n, conv(&n, "b", x, 5, 8, 1));
    ck_assert_str_eq(groups(&n, NULL), "");
    ck_assert_ptr_nonnull(strstr(why_pinned(&n, "a.weight", 0),
                                 "attribute 'most' is not known at opset"));
    end(&n);
}
END_TEST

START_TEST(shared_weight_ties_its_users)
{
    struct net n;
    int x, w, a;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 8, 3, 1);
    w = weight(&n, "w", 4, (int64_t[]){8, 8, 1, 1});
    a = node(&n, "Conv", "c1", x, w, -1);
    a = node(&n, "Conv", "c2", a, w, -1);
    output(&n, conv(&n, "b", a, 5, 8, 1));
    ck_assert_str_eq(groups(&n, NULL), "a:8");
    end(&n);
}
END_TEST

START_TEST(weight_held_by_a_constant_node_is_as_free_as_an_initializer)
{
    struct net n;
    int x, w, from, y;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 8, 3, 1);
    from = weight(&n, "w", 4, (int64_t[]){6, 8, 1, 1});
    w = node(&n, "Constant", "held", -1, -1, -1);
    n.model.graph->values[w].init = n.model.graph->values[from].init;
    y = node(&n, "Conv", "c", x, w, -1);
    output(&n, conv(&n, "b", y, 5, 6, 1));
    ck_assert_str_eq(groups(&n, NULL), "a:8 held:6");
    end(&n);
}
END_TEST

START_TEST(pixels_made_of_channels_are_pinned_where_none_follows_them)
{
    struct net n;
    int x;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 8, 3, 1);
    x = conv(&n, "b", x, 4, 8, 1);
    x = node(&n, "Reshape", "r1", x, ints(&n, "s1", 6,
             (int64_t[]){1, 1, 2, 2, 6, 6}), -1);
    x = node(&n, "Transpose", "t", x, -1, -1);
    attrs(&n, "perm", 6, (int64_t[]){0, 1, 4, 2, 5, 3});
    x = node(&n, "Reshape", "r2", x, ints(&n, "s2", 4,
             (int64_t[]){1, 1, 12, 12}), -1);
    output(&n, node(&n, "GlobalAveragePool", "g", x, -1, -1));
    ck_assert_str_eq(groups(&n, NULL), "a:8");
    ck_assert_ptr_nonnull(strstr(why_pinned(&n, "b.weight", 0),
                                 "GlobalAveragePool"));
    end(&n);
}
END_TEST

START_TEST(unsqueeze_knows_which_of_two_axes_of_length_1_is_new)
{
    struct net n;
    int x, u;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 1, 3, 1);
    u = node(&n, "Unsqueeze", "u", x, ints(&n, "at", 1, (int64_t[]){1}), -1);
    x = node(&n, "Squeeze", "s", u, ints(&n, "to", 1, (int64_t[]){1}), -1);
    output(&n, conv(&n, "b", x, 5, 1, 1));
    ck_assert_str_eq(groups(&n, NULL), "a:1");
    ck_assert_ptr_nonnull(inn_model_axis(&n.model, u, 2));
    ck_assert_ptr_null(inn_model_axis(&n.model, u, 1));
    end(&n);
}
END_TEST

START_TEST(stretched_gate_of_one_channel_is_pinned)
{
    struct net n;
    int x, m;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 8, 3, 1);
    m = conv(&n, "m", x, 1, 8, 1);
    x = node(&n, "Mul", "g", x, m, -1);
    output(&n, conv(&n, "b", x, 5, 8, 1));
    ck_assert_str_eq(groups(&n, NULL), "a:8");
    ck_assert_str_eq(why_pinned(&n, "m.weight", 0),
                     "one element for all channels (broadcast)");
    end(&n);
}
END_TEST

START_TEST(bias_and_slope_run_along)
{
    struct net n;
    int x;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 8, 3, 1);
    x = node(&n, "Add", "s", x, weight(&n, "bias", 3,
             (int64_t[]){8, 1, 1}), -1);
    x = node(&n, "PRelu", "p", x, weight(&n, "slope", 3,
             (int64_t[]){8, 1, 1}), -1);
    output(&n, conv(&n, "b", x, 5, 8, 1));
    ck_assert_str_eq(groups(&n, NULL), "a:8");
    ck_assert_ptr_nonnull(inn_model_axis(
        &n.model, inn_graph_find(n.model.graph, "slope"), 0));
    ck_assert_ptr_nonnull(inn_model_axis(
        &n.model, inn_graph_find(n.model.graph, "bias"), 0));
    end(&n);
}
END_TEST

START_TEST(freeze_and_only_pin_and_unmatched_globs_are_errors)
{
    const char *frozen[] = {"b*"}, *none[] = {"zebra"};
    struct inn_group_options o = {0};
    struct inn_error err = {0};
    struct net n;
    int x;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 8, 3, 1);
    x = conv(&n, "b", x, 6, 8, 1);
    output(&n, conv(&n, "c", x, 5, 6, 1));
    o.freeze = frozen;
    o.n_freeze = 1;
    ck_assert_str_eq(groups(&n, &o), "a:8");
    ck_assert_str_eq(why_pinned(&n, "b.weight", 0), "frozen by --freeze");
    o.freeze = none;
    ck_assert_int_eq(inn_find_groups(&n.model, &n.shapes, &o, &err),
                     INN_ERR_RANGE);
    ck_assert_ptr_nonnull(strstr(err.message, "zebra"));
    end(&n);
}
END_TEST

/* How often verify was asked, and what it says of a model. */
static int rounds;

static enum inn_status blame_first(const struct inn_model *model, int *bad,
                                   char *why, size_t len,
                                   struct inn_error *err)
{
    (void)err;
    rounds++;
    *bad = model->n_groups > 0 ? 0 : -1;
    snprintf(why, len, "round %d", rounds);
    return INN_OK;
}

static enum inn_status blame_always(const struct inn_model *model, int *bad,
                                    char *why, size_t len,
                                    struct inn_error *err)
{
    enum inn_status st = blame_first(model, bad, why, len, err);

    *bad = 0;
    return st;
}

/* "a#2" is called "a" once the other is gone, and has to go as well. */
START_TEST(groups_that_fail_the_trial_go_one_by_one)
{
    const struct inn_group_options none = {0};
    struct inn_error err = {0};
    struct net n;
    int x;

    begin(&n);
    x = conv(&n, "a", picture(&n, 3), 8, 3, 1);
    x = node(&n, "Gather", "g", x, ints(&n, "at", 8,
             (int64_t[]){2, 4, 6, 0, 5, 7, 1, 3}), -1);
    attr(&n, "axis", 1);
    x = conv(&n, "b", x, 4, 8, 2);
    output(&n, conv(&n, "c", x, 2, 4, 1));
    ck_assert_str_eq(groups(&n, NULL), "a:3[1 1 1] a#2:1 b:2");
    rounds = 0;
    ck_assert_msg(inn_settle_groups(&n.model, &n.shapes, &none, blame_first,
                                    &err) == INN_OK, "%s", err.message);
    ck_assert_int_eq(n.model.n_groups, 0);
    ck_assert_int_eq(rounds, 4);
    ck_assert_str_eq(why_pinned(&n, "b.weight", 0), "round 3");
    rounds = 0;
    ck_assert_int_eq(inn_settle_groups(&n.model, &n.shapes, &none,
                                       blame_always, &err),
                     INN_ERR_UNSUPPORTED);
    ck_assert_int_eq(rounds, 4);
    ck_assert_str_eq(err.message, "no axis has channels of group 0, which "
                                  "can't be resized: round 4");
    end(&n);
}
END_TEST

START_TEST(no_allocation_failure_leaks_or_crashes)
{
    struct inn_heap *heap = inn_heap_new(0);
    struct starve s = starve(heap, 10, 1900);

    while (starving(&s)) {
        struct net n;
        int x;

        starve_later(&s);
        begin_in(&n, heap);
        x = conv(&n, "a", picture(&n, 3), 8, 3, 1);
        output(&n, conv(&n, "b", x, 5, 8, 1));
        ck_assert_int_eq(inn_shapes_infer(&n.shapes, n.model.graph, NULL, 0,
                                          16, 4096, NULL), INN_OK);
        starve_now(&s);
        s.st = inn_find_groups(&n.model, &n.shapes, NULL, s.err);
        clear(&n);
    }
    inn_heap_free(heap);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("groups");
    TCase *t = tcase_create("groups");

    tcase_add_test(t, inner_width_is_free_and_both_ends_are_pinned);
    tcase_add_test(t, residual_trunk_is_one_group);
    tcase_add_test(t, concat_leaves_both_sides_free_and_twice_the_same_is_one);
    tcase_add_test(t, concat_with_the_input_pins_that_part_alone);
    tcase_add_test(t, grouped_convolution_keeps_equal_counts);
    tcase_add_test(t, depthwise_convolution_lets_channels_through);
    tcase_add_test(t, padded_shortcut_is_free_in_blocks);
    tcase_add_test(t, computed_pads_follow_where_no_input_size_changes_them);
    tcase_add_test(t, computed_shapes_go_on_following_the_input);
    tcase_add_test(t, written_sizes_among_computed_ones_follow);
    tcase_add_test(t, flatten_with_extent_repeats_channels);
    tcase_add_test(t, channel_shuffle_between_grouped_convolutions_is_free);
    tcase_add_test(t, gathered_channels_follow_however_often_they_occur);
    tcase_add_test(t, one_of_each_depthwise_channels_outputs_stays_one);
    tcase_add_test(t, gathered_channels_of_another_place_are_refused);
    tcase_add_test(t, groups_that_fail_the_trial_go_one_by_one);
    tcase_add_test(t, pairs_turned_round_are_not_interchangeable);
    tcase_add_test(t, padded_shortcut_in_halves_keeps_apart_what_differs);
    tcase_add_test(t, unknown_operator_pins_by_name);
    tcase_add_test(t, unknown_attribute_pins_by_name);
    tcase_add_test(
        t, what_lies_behind_unknown_shapes_is_pinned_by_who_left_them_so);
    tcase_add_test(
        t, behind_an_unknown_operator_with_declared_shapes_all_is_free);
    tcase_add_test(
        t, an_input_without_a_shape_is_named_by_what_it_leaves_unknown);
    tcase_add_test(t, shared_weight_ties_its_users);
    tcase_add_test(t,
                   weight_held_by_a_constant_node_is_as_free_as_an_initializer);
    tcase_add_test(t,
                   pixels_made_of_channels_are_pinned_where_none_follows_them);
    tcase_add_test(t, unsqueeze_knows_which_of_two_axes_of_length_1_is_new);
    tcase_add_test(t, stretched_gate_of_one_channel_is_pinned);
    tcase_add_test(t, bias_and_slope_run_along);
    tcase_add_test(t, freeze_and_only_pin_and_unmatched_globs_are_errors);
    tcase_add_test(t, no_allocation_failure_leaks_or_crashes);
    suite_add_tcase(s, t);
    return run_suite(s);
}
