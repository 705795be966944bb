/*
 * Grids of a whole model: the channels in the groups' order, and with fewer
 * nodes the least squares over all axes of a weight, against dense matrices.
 */
#include <check.h>
#include <math.h>
#include <string.h>

#include "converter/convert.h"
#include "runtime/grid/sample.h"
#include "runtime/grid/slots.h"
#include "tests/unit/grid_model.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"

enum { MOST = 16 };

static struct inn_heap *heap;
static struct inn_tensor originals[MOST];

static void setup(void)
{
    heap = inn_heap_new(0);
}

static void teardown(void)
{
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}

/* The model as the converter has it before it makes grids. */
static struct inn_model *make(struct inn_weight *by_hand)
{
    struct inn_error err = {INN_OK, ""};
    struct inn_model *m = grid_model(heap, NULL, originals, &err);
    int w;

    ck_assert_msg(m != NULL, "%s", err.message);
    ck_assert_int_le(m->n_weights, MOST);
    for (w = 0; w < m->n_weights; w++) {
        by_hand[w] = m->weights[w];
        m->graph->values[m->weights[w].value].init->data = originals[w].data;
    }
    m->n_weights = 0;
    return m;
}

START_TEST(grids_are_the_channels_in_the_groups_order)
{
    struct inn_weight by_hand[MOST];
    struct inn_model *m = make(by_hand);
    int w;

    ck_assert_int_eq(inn_make_grids(m, NULL), INN_OK);
    for (w = 0; w < m->n_weights; w++) {
        const struct inn_weight *made = &m->weights[w];
        void *data = inn_alloc(heap, made->grid.bytes, 1, NULL);

        ck_assert_int_eq(made->value, by_hand[w].value);
        ck_assert_uint_eq(made->grid.bytes, by_hand[w].grid.bytes);
        ck_assert(made->residual == 0.0);
        ck_assert_int_eq(m->source.load(m->source.state, w, data, NULL),
                         INN_OK);
        ck_assert_mem_eq(data, by_hand[w].grid.data, made->grid.bytes);
        inn_free(heap, data);
    }
    inn_model_free(m);
}
END_TEST

/* The share that node j has in element i of an axis, for all of both. */
static void spread(struct grid_matrix *d, const struct inn_model *m,
                   const struct inn_axis *axis, const int64_t *full,
                   const int64_t *nodes)
{
    struct inn_slots *to, *from;
    struct inn_arena arena;
    int64_t f, k, j, row = 0, col = 0;
    int n, i;

    memset(d, 0, sizeof(*d));
    d->rows = (int)inn_axis_length(m, axis, full);
    d->cols = (int)inn_axis_length(m, axis, nodes);
    for (i = 0; i < axis->n_spans; i++) {
        const struct inn_span *s = &axis->spans[i];

        for (k = 0; s->group < 0 && k < s->count; k++)
            d->at[row + k][col + k] = 1.0;
        row += inn_span_length(m, s, full);
        col += inn_span_length(m, s, nodes);
    }
    inn_arena_init(&arena, heap);
    ck_assert_int_eq(inn_axis_all_slots(&to, &n, m, axis, full, &arena,
                                        NULL), INN_OK);
    ck_assert_int_eq(inn_axis_all_slots(&from, &n, m, axis, nodes, &arena,
                                        NULL), INN_OK);
    for (i = 0; i < n; i++) {
        const struct inn_group *g = &m->groups[to[i].group];
        int64_t N = g->size, M = g->nodes;

        for (f = 0; f < to[i].functions; f++) {
            for (k = 0; k < N; k++) {
                for (j = 0; j < M; j++)
                    d->at[to[i].at[f * N + g->order[k]]]
                         [from[i].at[f * M + j]] =
                        grid_node_share((int)M, (int)j,
                                        (double)k * (double)(M - 1) /
                                            (double)(N - 1));
            }
        }
    }
    inn_arena_free(&arena);
}

/* data [dims] along axis k by the matrix, or by its transpose; dims change. */
static void apply(double *data, int64_t *dims, int rank, int k,
                  const struct grid_matrix *d, bool transposed)
{
    int64_t rows = transposed ? d->cols : d->rows;
    int64_t outer = 1, inner = 1, o, i, r, c;
    double *out;
    int j;

    for (j = 0; j < k; j++)
        outer *= dims[j];
    for (j = k + 1; j < rank; j++)
        inner *= dims[j];
    out = inn_alloc(heap, (size_t)(outer * rows * inner), sizeof(*out), NULL);
    for (o = 0; o < outer; o++) {
        for (r = 0; r < rows; r++) {
            for (c = 0; c < dims[k]; c++) {
                double share = transposed ? d->at[c][r] : d->at[r][c];

                for (i = 0; i < inner; i++)
                    out[(o * rows + r) * inner + i] +=
                        share * data[(o * dims[k] + c) * inner + i];
            }
        }
    }
    memcpy(data, out, (size_t)(outer * rows * inner) * sizeof(*out));
    dims[k] = rows;
    inn_free(heap, out);
}

enum { ROOM = 1024 };

/* All axes of weight w, from nodes to channels or, transposed, back. */
static void apply_all(double *data, const struct inn_model *m, int w,
                      const int64_t *full, const int64_t *nodes,
                      bool transposed)
{
    static struct grid_matrix d;
    const struct inn_weight *weight = &m->weights[w];
    const struct inn_tensor *t =
        transposed ? m->graph->values[weight->value].init : &weight->grid;
    int64_t dims[INN_MAX_RANK];
    int k;

    memcpy(dims, t->dims, sizeof(dims));
    for (k = 0; k < t->rank; k++) {
        const struct inn_axis *axis = inn_model_axis(m, weight->value, k);

        if (axis == NULL)
            continue;
        spread(&d, m, axis, full, nodes);
        apply(data, dims, t->rank, k, &d, transposed);
    }
}

static void shrink(struct inn_model *m, int64_t *full, int64_t *nodes)
{
    int g;

    m->groups[GRID_T].nodes = 4;
    m->groups[GRID_P].nodes = 3;
    m->groups[GRID_U].nodes = 3;
    for (g = 0; g < GRID_GROUPS; g++) {
        full[g] = m->groups[g].size;
        nodes[g] = m->groups[g].nodes;
    }
}

/*
 * λ is best where the gradient Bᵀ(Bλ − w) vanishes, B being the product of
 * the axes' matrices; what remains is ‖Bλ − w‖/‖w‖; and full width is Bλ.
 */
START_TEST(fewer_nodes_are_the_least_squares_of_all_axes)
{
    struct inn_weight by_hand[MOST];
    struct inn_model *m = make(by_hand);
    int64_t full[GRID_GROUPS], nodes[GRID_GROUPS];
    struct inn_plan plan = {.n_groups = GRID_GROUPS, .widths = full};
    struct inn_error err = {INN_OK, ""};
    struct inn_graph *sampled;
    double worst[GRID_GROUPS] = {0};
    int w, both = 0, i, k, s;

    shrink(m, full, nodes);
    ck_assert_msg(inn_make_grids(m, &err) == INN_OK, "%s", err.message);
    ck_assert_msg(inn_model_sample(&sampled, m, &plan, 1, &err) == INN_OK,
                  "%s", err.message);
    for (w = 0; w < m->n_weights; w++) {
        const struct inn_weight *weight = &m->weights[w];
        const struct inn_tensor *t = m->graph->values[weight->value].init;
        const float *grid = weight->grid.data, *wanted = t->data;
        const float *got = sampled->values[weight->value].init->data;
        int count = (int)inn_tensor_count(t), fitted = 0;
        double data[ROOM] = {0}, sum = 0.0, norm = 0.0;

        for (k = 0; k < t->rank; k++)
            fitted += inn_model_axis(m, weight->value, k) != NULL;
        both += fitted > 1;
        if (fitted == 0) {
            ck_assert(weight->residual == 0.0);
            continue;
        }
        ck_assert_int_le(count, ROOM);
        for (i = 0; i < (int)inn_tensor_count(&weight->grid); i++)
            data[i] = (double)grid[i];
        apply_all(data, m, w, full, nodes, false);
        for (i = 0; i < count; i++) {
            ck_assert_double_eq_tol((double)got[i], data[i], 1e-6);
            data[i] -= (double)wanted[i];
            sum += data[i] * data[i];
            norm += (double)wanted[i] * (double)wanted[i];
        }
        ck_assert_double_eq_tol(weight->residual, sqrt(sum / norm), 1e-6);
        apply_all(data, m, w, full, nodes, true);
        for (i = 0; i < (int)inn_tensor_count(&weight->grid); i++)
            ck_assert_double_eq_tol(data[i], 0.0, 1e-5);
        for (k = 0; k < t->rank; k++) {
            const struct inn_axis *a = inn_model_axis(m, weight->value, k);

            for (s = 0; a != NULL && s < a->n_spans; s++) {
                if (a->spans[s].group >= 0)
                    worst[a->spans[s].group] = fmax(
                        worst[a->spans[s].group], weight->residual);
            }
        }
    }
    ck_assert_int_eq(both, 2); /* w2 and w3 */
    for (i = 0; i < GRID_GROUPS; i++)
        ck_assert(m->groups[i].residual == worst[i] && worst[i] > 0.0);
    inn_graph_free(sampled);
    inn_model_free(m);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct inn_weight by_hand[MOST];
    int64_t full[GRID_GROUPS], nodes[GRID_GROUPS];
    struct starve s = starve(heap, 10, 10000);

    while (starving(&s)) {
        struct inn_model *m;

        starve_later(&s);
        m = make(by_hand);
        shrink(m, full, nodes);
        starve_now(&s);
        s.st = inn_make_grids(m, s.err);
        inn_model_free(m);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("grids");
    TCase *t = tcase_create("grids");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, grids_are_the_channels_in_the_groups_order);
    tcase_add_test(t, fewer_nodes_are_the_least_squares_of_all_axes);
    tcase_add_test(t, every_allocation_may_fail);
    suite_add_tcase(s, t);
    return run_suite(s);
}
