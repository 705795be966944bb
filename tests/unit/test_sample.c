/* Resizing and sampling a small network (grid_model.h). */
#include <check.h>
#include <math.h>
#include <string.h>

#include "tests/unit/grid_model.h"
#include "tests/unit/starve.h"
#include "runtime/grid/sample.h"
#include "runtime/grid/slots.h"
#include "tests/unit/suite.h"

static struct inn_heap *heap;
static struct inn_tensor originals[16];

static void setup(void)
{
    heap = inn_heap_new(0);
}

static void teardown(void)
{
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

static struct inn_model *make(struct grid_store *store)
{
    struct inn_error err = {0};
    struct inn_model *m = grid_model(heap, store, originals, &err);

    ck_assert_msg(m != NULL, "%s", err.message);
    return m;
}

static struct inn_graph *sample(const struct inn_model *m,
                                const int64_t *widths,
                                enum inn_partition partition, int threads)
{
    struct inn_plan plan = {0};
    struct inn_graph *g;
    struct inn_error err = {0};

    plan.n_groups = m->n_groups;
    plan.widths = (int64_t *)(uintptr_t)widths;
    plan.partition = partition;
    inn_model_sample(&g, m, &plan, threads, &err);
    ck_assert_msg(g != NULL, "%s", err.message);
    return g;
}

/* Row-major product over the first two axes; all others are 1 long. */
static void assert_sampled(const struct inn_model *m,
                           const struct inn_graph *g, const int64_t *widths,
                           enum grid_mode mode,
                           int64_t *const keep[GRID_GROUPS])
{
    static struct grid_matrix a, b;
    int w, i, k, p, q;

    for (w = 0; w < m->n_weights; w++) {
        const struct inn_tensor *was = &originals[w];
        const struct inn_tensor *t = g->values[w].init;
        const float *from = was->data, *to = t->data;
        int second = was->rank > 1 ? (int)was->dims[1] : 1;

        grid_axis_matrix(&a, m, inn_model_axis(m, w, 0), (int)was->dims[0],
                         widths, mode, keep);
        grid_axis_matrix(&b, m, inn_model_axis(m, w, 1), second, widths,
                         mode, keep);
        ck_assert_int_eq(t->dims[0], a.rows);
        if (was->rank > 1)
            ck_assert_int_eq(t->dims[1], b.rows);
        for (i = 0; i < a.rows; i++) {
            for (k = 0; k < b.rows; k++) {
                double want = 0.0, got = (double)to[i * b.rows + k];

                for (p = 0; p < a.cols; p++) {
                    for (q = 0; q < b.cols; q++)
                        want += a.at[i][p] * b.at[k][q] *
                                (double)from[p * b.cols + q];
                }
                ck_assert_msg(fabs(want - got) <= 1e-6 * (1 + fabs(want)),
                              "%s [%d, %d]: %.9g, not %.9g",
                              g->values[w].name, i, k, got, want);
            }
        }
    }
}

static const int64_t full[3] = {6, 4, 4};
static const int64_t half[3] = {3, 2, 2};

START_TEST(full_width_gives_the_stored_bits_in_the_networks_order)
{
    struct grid_store store = {.fail = -1};
    int from_store, partition, w;

    for (from_store = 0; from_store < 2; from_store++) {
        struct inn_model *m = make(from_store ? &store : NULL);

        for (partition = 0; partition < 2; partition++) {
            struct inn_graph *g = sample(m, full,
                                         (enum inn_partition)partition, 2);

            for (w = 0; w < m->n_weights; w++) {
                ck_assert_uint_eq(g->values[w].init->bytes,
                                  originals[w].bytes);
                ck_assert_mem_eq(g->values[w].init->data, originals[w].data,
                                 originals[w].bytes);
            }
            inn_graph_free(g);
        }
        inn_model_free(m);
    }
    ck_assert_int_eq(store.freed, 1);
}
END_TEST

START_TEST(every_rule_is_bit_exact_at_full_width)
{
    struct inn_model *m = make(NULL);
    struct inn_plan plan = {0};
    struct inn_graph *g;
    int rule, w;

    plan.n_groups = m->n_groups;
    plan.widths = (int64_t *)(uintptr_t)full;
    for (rule = INN_QUAD_TRAPEZOID; rule <= INN_QUAD_GAUSS; rule++) {
        plan.quadrature = (enum inn_quadrature)rule;
        ck_assert_int_eq(inn_model_sample(&g, m, &plan, 1, NULL), INN_OK);
        for (w = 0; w < m->n_weights; w++)
            ck_assert_mem_eq(g->values[w].init->data, originals[w].data,
                             originals[w].bytes);
        inn_graph_free(g);
    }
    inn_model_free(m);
}
END_TEST

START_TEST(narrow_and_wide_samples_agree_with_the_naive_sum)
{
    static const int64_t widths[][3] = {{3, 2, 2}, {5, 4, 4}, {6, 3, 1},
                                        {1, 2, 3}, {6, 4, 3}, {9, 5, 2},
                                        {7, 5, 4}};
    struct inn_model *m = make(NULL);
    size_t i;

    for (i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        struct inn_graph *g;

        /* what the naive matrix holds */
        if (16 * (widths[i][0] + widths[i][1] + widths[i][2]) > 256)
            continue;
        g = sample(m, widths[i], INN_PARTITION_UNIFORM, 1);
        assert_sampled(m, g, widths[i], GRID_TRAPEZOID, NULL);
        inn_graph_free(g);
    }
    inn_model_free(m);
}
END_TEST

START_TEST(threads_do_not_change_a_bit)
{
    struct grid_store store = {.fail = -1};
    struct inn_model *m = make(&store);
    struct inn_graph *one = sample(m, half, INN_PARTITION_UNIFORM, 1);
    struct inn_graph *four = sample(m, half, INN_PARTITION_UNIFORM, 4);
    int w;

    for (w = 0; w < m->n_weights; w++)
        ck_assert_mem_eq(one->values[w].init->data,
                         four->values[w].init->data,
                         one->values[w].init->bytes);
    inn_graph_free(one);
    inn_graph_free(four);
    inn_model_free(m);
}
END_TEST

START_TEST(l1_keeps_the_wanted_channels_in_the_groups_order)
{
    /*
     * trunk: wanted 5 2 0, order 3 0 5 1 4 2: 0 5 2. padded: 1 3 in the order
     * 2 0 3 1: 3 1. side: 3 2 in the order 1 3 0 2: 3 2.
     */
    int64_t t[3] = {0, 5, 2}, p[2] = {3, 1}, u[2] = {3, 2};
    int64_t *const keep[GRID_GROUPS] = {t, p, u};
    const float *was, *now;
    struct inn_model *m = make(NULL);
    struct inn_graph *g = sample(m, half, INN_PARTITION_L1, 1);
    int i, k;

    assert_sampled(m, g, half, GRID_KEEP, keep);
    /* Copies, for every role. */
    was = originals[4].data;
    now = g->values[4].init->data;
    for (i = 0; i < 2; i++) {
        for (k = 0; k < 3; k++)
            ck_assert(now[i * 3 + k] == was[u[i] * 6 + t[k]]);
    }
    inn_graph_free(g);
    inn_model_free(m);
}
END_TEST

START_TEST(l1_above_full_width_is_the_uniform_partition)
{
    static const int64_t wide[3] = {8, 4, 4};
    struct inn_model *m = make(NULL);
    struct inn_graph *g = sample(m, wide, INN_PARTITION_L1, 1);

    assert_sampled(m, g, wide, GRID_TRAPEZOID, NULL);
    inn_graph_free(g);
    inn_model_free(m);
}
END_TEST

START_TEST(l1_needs_a_node_per_channel)
{
    struct inn_model *m = make(NULL);
    struct inn_plan plan = {0};
    struct inn_graph *g;
    struct inn_error err = {0};

    m->groups[GRID_T].nodes = 4;
    plan.n_groups = 3;
    plan.widths = (int64_t *)(uintptr_t)half;
    plan.partition = INN_PARTITION_L1;
    ck_assert_int_eq(inn_model_sample(&g, m, &plan, 1, &err), INN_ERR_RANGE);
    ck_assert_ptr_null(g);
    ck_assert_str_eq(err.message,
                     "group 'trunk': partition l1 keeps whole channels, and "
                     "the file has 4 nodes for 6 channels; use uniform");
    inn_model_free(m);
}
END_TEST

START_TEST(grids_in_half_precision_come_out_in_the_networks_type)
{
    struct inn_model *m = make(NULL);
    struct inn_tensor *grid = &m->weights[4].grid;
    struct inn_graph *g;
    uint16_t shorts[24];
    int i;

    inn_convert_elements(shorts, INN_F16, grid->data, INN_F32, 24);
    ck_assert_int_eq(inn_tensor_init(grid, INN_F16, 4,
                                     (int64_t[]){4, 6, 1, 1}, NULL), INN_OK);
    grid->data = shorts;
    g = sample(m, full, INN_PARTITION_UNIFORM, 1);
    for (i = 0; i < 24; i++) {
        float want = inn_f16_to_f32(
            inn_f32_to_f16(((const float *)originals[4].data)[i]));

        ck_assert(((const float *)g->values[4].init->data)[i] == want);
    }
    inn_graph_free(g);
    g = sample(m, half, INN_PARTITION_UNIFORM, 1);
    ck_assert_int_eq(g->values[4].init->type, INN_F32);
    inn_graph_free(g);
    inn_model_free(m);
}
END_TEST

START_TEST(a_group_with_fewer_nodes_is_interpolated_and_put_back)
{
    /* b1 alone: 4 linear nodes for 6 channels, at coordinates 0, .6 … 3. */
    struct inn_model *m = make(NULL);
    struct inn_plan plan = {0};
    const double node[4] = {10, 20, 0, 40};
    const int64_t order[6] = {3, 0, 5, 1, 4, 2};
    const double fitted[6] = {10, 16, 16, 4, 16, 40};
    struct inn_error err = {0};
    struct inn_graph *g;
    float grid[4];
    int i, w;

    m->kernel = INN_KERNEL_LINEAR;
    m->groups[GRID_T].nodes = 4;
    for (w = 0; w < m->n_weights; w++) {
        struct inn_tensor *t = &m->weights[w].grid;
        int64_t dims[INN_MAX_RANK], nodes[3] = {4, 4, 4};
        int k;

        memcpy(dims, t->dims, sizeof(dims));
        for (k = 0; k < t->rank; k++) {
            const struct inn_axis *a = inn_model_axis(m, w, k);

            if (a != NULL)
                dims[k] = inn_axis_length(m, a, nodes);
        }
        /* What lies in the others' shortened grids is not looked at. */
        ck_assert_int_eq(inn_tensor_init(t, INN_F32, t->rank, dims, NULL),
                         INN_OK);
        t->data = originals[w].data;
    }
    for (i = 0; i < 4; i++)
        grid[i] = (float)node[i];
    m->weights[1].grid.data = grid;
    plan.n_groups = 3;
    plan.widths = (int64_t *)(uintptr_t)full;
    ck_assert_msg(inn_model_sample(&g, m, &plan, 1, &err) == INN_OK, "%s",
                  err.message);
    for (i = 0; i < 6; i++)
        ck_assert_double_eq_tol(
            (double)((const float *)g->values[1].init->data)[order[i]],
            fitted[i], 1e-5);
    inn_graph_free(g);
    inn_model_free(m);
}
END_TEST

static const int64_t *ints_of(const struct inn_graph *g, int node, int input)
{
    return g->values[g->nodes[node].inputs[input]].init->data;
}

START_TEST(constants_and_declared_shapes_follow)
{
    struct inn_model *m = make(NULL);
    struct inn_graph *g;
    int c;

    ck_assert_int_eq(inn_model_resize(&g, m, half, NULL), INN_OK);
    /* Pad: one channel before and behind. */
    ck_assert_int_eq(ints_of(g, 2, 1)[1], 1);
    ck_assert_int_eq(ints_of(g, 2, 1)[5], 1);
    /* The shape that two graph nodes share changes for one of them. */
    ck_assert_int_eq(ints_of(g, 10, 1)[1], 32);
    ck_assert_int_eq(ints_of(g, 12, 1)[1], 64);
    ck_assert_int_ne(g->nodes[10].inputs[1], g->nodes[12].inputs[1]);
    c = inn_graph_find(g, "c");
    ck_assert_int_eq(g->values[c].dims[1].size, 7);
    ck_assert_int_eq(g->values[inn_graph_find(g, "f")].dims[1].size, 112);
    ck_assert_str_eq(g->values[inn_graph_find(g, "x")].dims[0].symbol,
                     "batch");
    ck_assert_int_eq(g->values[inn_graph_find(g, "x")].dims[0].size, -1);
    /* The model keeps its own. */
    ck_assert_int_eq(ints_of(m->graph, 10, 1)[1], 64);
    ck_assert_int_eq(ints_of(m->graph, 2, 1)[1], 2);
    ck_assert_int_eq(m->graph->values[c].dims[1].size, 14);
    inn_graph_free(g);
    inn_model_free(m);
}
END_TEST

START_TEST(the_sampled_graph_outlives_the_model)
{
    struct inn_model *m = make(NULL);
    struct inn_graph *g = sample(m, half, INN_PARTITION_UNIFORM, 1);

    inn_model_free(m);
    ck_assert_int_eq(inn_graph_find(g, "w4"), 5);
    ck_assert_str_eq(g->nodes[9].op_type, "Gemm");
    ck_assert_int_eq(ints_of(g, 12, 1)[1], 64);
    ck_assert_int_eq(g->opsets[0].version, 13);
    ck_assert_str_eq(g->values[inn_graph_find(g, "x")].dims[0].symbol,
                     "batch");
    inn_graph_free(g);
}
END_TEST

START_TEST(edges_lie_at_ends_of_blocks)
{
    struct inn_model *m = make(NULL);
    const struct inn_axis *axis =
        inn_model_axis(m, inn_graph_find(m->graph, "c"), 1);

    ck_assert_ptr_nonnull(axis);
    ck_assert_int_eq(inn_axis_length(m, axis, half), 7);
    ck_assert_int_eq(inn_axis_edge(m, axis, half, 0), 0);
    ck_assert_int_eq(inn_axis_edge(m, axis, half, 2), 1);
    ck_assert_int_eq(inn_axis_edge(m, axis, half, 8), 4);
    ck_assert_int_eq(inn_axis_edge(m, axis, half, 10), 5);
    ck_assert_int_eq(inn_axis_edge(m, axis, half, 14), 7);
    /* 3 points on blocks of 2 and 2: round(3·2/4) = 2 */
    ck_assert_int_eq(inn_block_start(&m->groups[GRID_P], 3, 0), 0);
    ck_assert_int_eq(inn_block_start(&m->groups[GRID_P], 3, 1), 2);
    ck_assert_int_eq(inn_block_start(&m->groups[GRID_P], 3, 2), 3);
    ck_assert_ptr_null(inn_model_axis(m, inn_graph_find(m->graph, "x"), 1));
    ck_assert_ptr_null(inn_model_axis(m, axis->value, 0));
    ck_assert_ptr_null(inn_model_weight(m, axis->value));
    ck_assert_ptr_eq(inn_model_weight(m, 5), &m->weights[5]);
    inn_model_free(m);
}
END_TEST

START_TEST(the_first_weight_that_fails_is_reported)
{
    struct grid_store store = {.fail = 3};
    struct inn_model *m = make(&store);
    struct inn_plan plan = {0};
    struct inn_error err = {0};
    struct inn_graph *g;

    plan.n_groups = 3;
    plan.widths = (int64_t *)(uintptr_t)half;
    ck_assert_int_eq(inn_model_sample(&g, m, &plan, 2, &err),
                     INN_ERR_FORMAT);
    ck_assert_ptr_null(g);
    ck_assert_str_eq(err.message, "grid 3 is damaged");
    inn_model_free(m);
}
END_TEST

START_TEST(widths_out_of_range_are_named)
{
    static const int64_t wide[3] = {6, 17, 4}, two[3] = {6, 4, 2};
    struct inn_model *m = make(NULL);
    struct inn_error err = {0};
    struct inn_graph *g;

    ck_assert_int_eq(inn_model_resize(&g, m, wide, &err), INN_ERR_RANGE);
    ck_assert_str_eq(err.message,
                     "group 'padded': width 17 is not in 1..16 (4 x 4)");
    m->groups[GRID_U].size = m->groups[GRID_U].first[1] = 1;
    ck_assert_int_eq(inn_model_resize(&g, m, two, &err), INN_ERR_RANGE);
    ck_assert_str_eq(err.message,
                     "group 'side': width 2 is not in 1..1 (1 x 1)");
    inn_model_free(m);
}
END_TEST

/* What a damaged file may claim, past what its reader checks. */
START_TEST(models_that_contradict_themselves_are_refused)
{
    struct inn_model *m = make(NULL);
    struct inn_plan plan = {0};
    struct inn_error err = {0};
    struct inn_arena arena;
    struct inn_slots slots;
    struct inn_graph *g;

    plan.n_groups = 3;
    plan.widths = (int64_t *)(uintptr_t)half;
    m->groups[GRID_U].order[1] = 1;
    ck_assert_int_eq(inn_model_sample(&g, m, &plan, 1, &err),
                     INN_ERR_FORMAT);
    ck_assert_str_eq(err.message,
                     "group 'side': its order is no permutation at 1");
    m->groups[GRID_U].order[1] = 3;
    m->weights[5].grid.dims[1] = 160;
    ck_assert_int_eq(inn_model_sample(&g, m, &plan, 1, &err),
                     INN_ERR_FORMAT);
    ck_assert_str_eq(err.message, "weight 'w4': axis 1 has 160 nodes and its "
                                  "groups 224");
    m->weights[5].grid.dims[1] = 224;
    m->axes[2].spans[1].repeat = 2;
    ck_assert_int_eq(inn_model_sample(&g, m, &plan, 1, &err),
                     INN_ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.message, "'w2': axis 0 of 4 is 10"));
    m->axes[2].spans[1].repeat = 1;
    /* Blocks that don't occur equally often would leave slots open. */
    m->axes[2].spans[2].repeat = 2;
    inn_arena_init(&arena, heap);
    ck_assert_int_eq(inn_axis_slots(&slots, m, &m->axes[2], GRID_P, full,
                                    &arena, &err), INN_ERR_FORMAT);
    inn_arena_free(&arena);
    inn_model_free(m);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct grid_store store = {.fail = -1};
    struct inn_model *m = make(&store);
    struct inn_plan plan = {0};
    struct inn_graph *g;
    struct starve s = starve(heap, 20, 1900);

    plan.n_groups = 3;
    plan.widths = (int64_t *)(uintptr_t)half;
    while (starving(&s)) {
        s.st = inn_model_sample(&g, m, &plan, 1, s.err);
        ck_assert_int_eq(g != NULL, s.st == INN_OK);
        inn_graph_free(g);
    }
    inn_model_free(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("sample");
    TCase *t = tcase_create("sample");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t,
                   full_width_gives_the_stored_bits_in_the_networks_order);
    tcase_add_test(t, every_rule_is_bit_exact_at_full_width);
    tcase_add_test(t, narrow_and_wide_samples_agree_with_the_naive_sum);
    tcase_add_test(t, threads_do_not_change_a_bit);
    tcase_add_test(t, l1_keeps_the_wanted_channels_in_the_groups_order);
    tcase_add_test(t, l1_above_full_width_is_the_uniform_partition);
    tcase_add_test(t, l1_needs_a_node_per_channel);
    tcase_add_test(t,
                   grids_in_half_precision_come_out_in_the_networks_type);
    tcase_add_test(t, a_group_with_fewer_nodes_is_interpolated_and_put_back);
    tcase_add_test(t, constants_and_declared_shapes_follow);
    tcase_add_test(t, the_sampled_graph_outlives_the_model);
    tcase_add_test(t, edges_lie_at_ends_of_blocks);
    tcase_add_test(t, the_first_weight_that_fails_is_reported);
    tcase_add_test(t, widths_out_of_range_are_named);
    tcase_add_test(t, models_that_contradict_themselves_are_refused);
    tcase_add_test(t, every_allocation_may_fail);
    suite_add_tcase(s, t);
    return run_suite(s);
}
