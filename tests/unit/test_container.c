/* Whole .inn files: what is written comes back. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/grid/moments.h"
#include "tests/unit/starve.h"
#include "tests/unit/suite.h"
#include "tests/unit/tiny_model.h"

static void same_axis(const struct inn_model *a, const struct inn_model *b,
                      const struct inn_axis *x)
{
    const char *name = a->graph->values[x->value].name;
    const struct inn_axis *y = inn_model_axis(
        b, inn_graph_find(b->graph, name), x->axis);
    int i;

    ck_assert_ptr_nonnull(y);
    ck_assert_int_eq(x->role, y->role);
    ck_assert_int_eq(x->n_spans, y->n_spans);
    for (i = 0; i < x->n_spans; i++) {
        ck_assert_int_eq(x->spans[i].group, y->spans[i].group);
        ck_assert_int_eq(x->spans[i].block, y->spans[i].block);
        ck_assert_int_eq(x->spans[i].count, y->spans[i].count);
        ck_assert_int_eq(x->spans[i].repeat, y->spans[i].repeat);
    }
}

static void same_groups(const struct inn_model *a, const struct inn_model *b)
{
    int i;

    ck_assert_int_eq(a->n_groups, b->n_groups);
    for (i = 0; i < a->n_groups; i++) {
        const struct inn_group *x = &a->groups[i], *y = &b->groups[i];
        size_t n = (size_t)x->size * sizeof(int64_t);

        ck_assert_str_eq(x->name, y->name);
        ck_assert_int_eq(x->size, y->size);
        ck_assert_int_eq(x->nodes, y->nodes);
        ck_assert_int_eq(x->n_blocks, y->n_blocks);
        ck_assert_mem_eq(x->first, y->first,
                         ((size_t)x->n_blocks + 1) * sizeof(int64_t));
        ck_assert_mem_eq(x->order, y->order, n);
        ck_assert_mem_eq(x->l1_rank, y->l1_rank, n);
        ck_assert(x->variation_before == y->variation_before);
        ck_assert(x->variation_after == y->variation_after);
        ck_assert(x->residual == y->residual);
    }
    ck_assert_int_eq(a->n_axes, b->n_axes);
    for (i = 0; i < a->n_axes; i++)
        same_axis(a, b, &a->axes[i]);
    ck_assert_int_eq(a->n_pinned, b->n_pinned);
    for (i = 0; i < a->n_pinned; i++) {
        ck_assert_str_eq(a->graph->values[a->pinned[i].value].name,
                         b->graph->values[b->pinned[i].value].name);
        ck_assert_int_eq(a->pinned[i].axis, b->pinned[i].axis);
        ck_assert_int_eq(a->pinned[i].size, b->pinned[i].size);
        ck_assert_str_eq(a->pinned[i].reason, b->pinned[i].reason);
    }
}

static void same_moments(const struct inn_model *a, const struct inn_model *b)
{
    int i;

    for (i = 0; i < a->n_groups; i++) {
        const struct inn_group *x = &a->groups[i], *y = &b->groups[i];
        size_t n = (size_t)x->size;

        ck_assert_int_eq(x->nested != NULL, y->nested != NULL);
        if (x->nested == NULL)
            continue;
        ck_assert_mem_eq(x->nested, y->nested, n * sizeof(int64_t));
        ck_assert_mem_eq(x->nested_error, y->nested_error, n * sizeof(float));
    }
    ck_assert_int_eq(a->n_moments, b->n_moments);
    ck_assert(a->extra_gain == b->extra_gain);
    for (i = 0; i < a->n_moments; i++) {
        const struct inn_moments *x = &a->moments[i], *y = &b->moments[i];
        size_t n = (size_t)a->groups[x->group].size;

        ck_assert_int_eq(x->group, y->group);
        ck_assert_mem_eq(x->mean, y->mean, n * sizeof(float));
        ck_assert_mem_eq(x->deviation, y->deviation, n * sizeof(float));
        ck_assert_mem_eq(x->factor, y->factor, n * (n + 1));
    }
    ck_assert_int_eq(a->n_consumers, b->n_consumers);
    for (i = 0; i < a->n_consumers; i++) {
        const struct inn_consumer *x = &a->consumers[i];
        const struct inn_consumer *y = &b->consumers[i];

        ck_assert_str_eq(a->graph->values[x->weight].name,
                         b->graph->values[y->weight].name);
        ck_assert_str_eq(
            a->graph->values[a->graph->nodes[x->node].outputs[0]].name,
            b->graph->values[b->graph->nodes[y->node].outputs[0]].name);
        ck_assert_int_eq(x->axis, y->axis);
        ck_assert_int_eq(x->moments, y->moments);
        ck_assert_int_eq(x->out, y->out);
        ck_assert_int_eq(x->bias, y->bias);
        ck_assert(x->scale == y->scale);
        ck_assert_int_eq(x->add_axis, y->add_axis);
    }
}

static void same_weights(const struct inn_model *a, const struct inn_model *b)
{
    int i;

    ck_assert_int_eq(a->n_weights, b->n_weights);
    for (i = 0; i < a->n_weights; i++) {
        const struct inn_weight *x = &a->weights[i], *y;
        const char *name = a->graph->values[x->value].name;
        void *data = malloc(x->grid.bytes);

        y = inn_model_weight(b, inn_graph_find(b->graph, name));
        ck_assert_ptr_nonnull(y);
        ck_assert(inn_tensor_same_shape(&x->grid, &y->grid));
        ck_assert_int_eq(x->grid.type, y->grid.type);
        ck_assert(x->residual == y->residual);
        ck_assert_int_eq(b->source.load(b->source.state,
                                        (int)(y - b->weights), data, NULL),
                         INN_OK);
        ck_assert_int_eq(memcmp(data, x->grid.data, x->grid.bytes), 0);
        free(data);
    }
}

static void same_rest(const struct inn_model *a, const struct inn_model *b)
{
    int i;

    ck_assert_int_eq(b->n_stats, 1);
    ck_assert_str_eq(a->stats[0].node, b->stats[0].node);
    ck_assert_str_eq(a->stats[0].value, b->stats[0].value);
    ck_assert(a->stats[0].epsilon == b->stats[0].epsilon);
    ck_assert_mem_eq(a->stats[0].scale.data, b->stats[0].scale.data, 16);
    ck_assert_mem_eq(a->stats[0].shift.data, b->stats[0].shift.data, 16);
    ck_assert_mem_eq(a->stats[0].mean.data, b->stats[0].mean.data, 16);
    ck_assert_mem_eq(a->stats[0].variance.data, b->stats[0].variance.data,
                     16);
    ck_assert_int_eq(b->n_bindings, 2);
    for (i = 0; i < 2; i++) {
        ck_assert_str_eq(a->bindings[i].name, b->bindings[i].name);
        ck_assert_int_eq(a->bindings[i].rank, b->bindings[i].rank);
        ck_assert_mem_eq(a->bindings[i].dims, b->bindings[i].dims,
                         sizeof(a->bindings[i].dims));
    }
    ck_assert_int_eq(a->kernel, b->kernel);
    ck_assert_int_eq(a->edge, b->edge);
    ck_assert(b->prep.given && b->prep.nhwc);
    ck_assert_int_eq(b->prep.n, 3);
    ck_assert(a->prep.scale == b->prep.scale);
    ck_assert_mem_eq(a->prep.mean, b->prep.mean, sizeof(a->prep.mean));
    ck_assert_mem_eq(a->prep.std, b->prep.std, sizeof(a->prep.std));
    ck_assert_str_eq(a->source_name, b->source_name);
    ck_assert_uint_eq(a->source_hash, b->source_hash);
    ck_assert_str_eq(a->converter, b->converter);
    ck_assert_str_eq(a->options, b->options);
}

START_TEST(model_comes_back_as_it_was_written)
{
    static const int64_t want[] = {1, 320};
    struct inn_model *a = tiny_build(300000), *b;
    int codec, trust, v;

    ck_assert_ptr_nonnull(a);
    for (codec = INN_CODEC_NONE; codec <= INN_CODEC_ZSTD; codec++) {
        ck_assert_int_eq(tiny_write(a, tiny_path, INN_STORE_F32,
                                  (enum inn_codec)codec, 2), INN_OK);
        ck_assert(inn_file_is_inn(tiny_path));
        for (trust = 0; trust < 2; trust++) {
            ck_assert_int_eq(tiny_open(&b, tiny_path, trust),
                             INN_OK);
            same_groups(a, b);
            same_weights(a, b);
            same_rest(a, b);
            ck_assert_int_eq(b->graph->n_nodes, 5);
            v = inn_graph_find(b->graph, "shape");
            ck_assert_mem_eq(b->graph->values[v].init->data, want, 16);
            v = inn_graph_find(b->graph, "w1");
            ck_assert_ptr_null(b->graph->values[v].init->data);
            inn_model_free(b);
        }
    }
    inn_model_free(a);
}
END_TEST

/* A group of 1100 channels, whose factor is longer than a frame. */
static void widen(struct inn_model *m)
{
    static int64_t first[] = {0, 1100};
    enum { N = 1100 };
    struct inn_group *g = &m->groups[1];
    struct inn_arena *arena = &m->arena;
    struct inn_moments *x = &m->moments[0];
    int64_t *order = inn_arena_alloc(arena, N, sizeof(*order), NULL), i;
    size_t k;

    x->group = 1;
    x->mean = inn_arena_alloc(arena, N, sizeof(float), NULL);
    x->deviation = inn_arena_alloc(arena, N, sizeof(float), NULL);
    x->factor = inn_arena_alloc(arena, N * (N + 1) / 2, 2, NULL);
    g->nested_error = inn_arena_alloc(arena, N, sizeof(float), NULL);
    ck_assert(order != NULL && x->mean != NULL && x->deviation != NULL &&
              x->factor != NULL && g->nested_error != NULL);
    for (i = 0; i < N; i++) {
        order[i] = (i + 13) % N;
        x->deviation[i] = 1;
    }
    for (k = 0; k < N * (N + 1) / 2; k++)
        x->factor[k] = (uint16_t)(0x2000 + k * 2654435761u % 0x1000);
    g->size = g->nodes = N;
    g->first = first;
    g->order = g->l1_rank = g->nested = order;
    m->n_axes = 4; /* w2's axis 0 has 2 channels of it, and is first */
    m->axes++;
}

START_TEST(moments_come_back_on_any_threads_and_written_again)
{
    struct inn_model *a, *b;
    size_t len, len2;
    uint8_t *one, *more;
    int codec, threads, wide;

    for (wide = 0; wide < 2; wide++) {
        a = tiny_build(0);
        ck_assert_ptr_nonnull(a);
        ck_assert(tiny_add_moments(a));
        if (wide)
            widen(a);
        for (codec = INN_CODEC_NONE; codec <= INN_CODEC_ZSTD; codec++) {
            ck_assert_int_eq(tiny_write(a, tiny_path, INN_STORE_F16,
                                        (enum inn_codec)codec, 1), INN_OK);
            one = tiny_read(tiny_path, &len);
            ck_assert_int_eq(tiny_open(&b, tiny_path, false), INN_OK);
            same_groups(a, b);
            same_moments(a, b);
            for (threads = 1; threads <= 3; threads++) {
                ck_assert_int_eq(tiny_write(threads == 1 ? b : a, tiny_other,
                                            INN_STORE_F16,
                                            (enum inn_codec)codec, threads),
                                 INN_OK);
                more = tiny_read(tiny_other, &len2);
                ck_assert_uint_eq(len, len2);
                ck_assert_int_eq(memcmp(one, more, len), 0);
                free(more);
            }
            inn_model_free(b);
            free(one);
        }
        inn_model_free(a);
    }
}
END_TEST

/* Order and errors alone: channels can be given up without moments. */
START_TEST(a_nested_order_needs_no_moments)
{
    struct inn_model *a = tiny_build(0), *b;

    ck_assert_ptr_nonnull(a);
    ck_assert(tiny_add_moments(a));
    a->n_moments = a->n_consumers = 0;
    a->extra_gain = 0;
    ck_assert_int_eq(tiny_write(a, tiny_path, INN_STORE_F32, INN_CODEC_ZSTD,
                                1), INN_OK);
    ck_assert_int_eq(tiny_open(&b, tiny_path, false), INN_OK);
    same_moments(a, b);
    ck_assert_ptr_nonnull(b->groups[0].nested);
    inn_model_free(a);
    inn_model_free(b);
}
END_TEST

START_TEST(consumers_of_what_nothing_reads_are_left_out)
{
    struct inn_model *a = tiny_build(0), *b;

    ck_assert_ptr_nonnull(a);
    ck_assert(tiny_add_moments(a));
    a->consumers[0].weight = inn_graph_find(a->graph, "old");
    ck_assert_int_eq(tiny_write(a, tiny_path, INN_STORE_F32, INN_CODEC_ZSTD,
                                1), INN_OK);
    ck_assert_int_eq(tiny_open(&b, tiny_path, false), INN_OK);
    ck_assert_int_eq(b->n_moments, 2);
    ck_assert_int_eq(b->n_consumers, 0);
    inn_model_free(a);
    inn_model_free(b);
}
END_TEST

START_TEST(weights_that_nothing_reads_are_left_out)
{
    struct inn_model *a = tiny_build(0), *b;

    ck_assert_ptr_nonnull(a);
    ck_assert(tiny_add_weight(a, "old"));
    ck_assert_int_eq(a->n_weights, 4);
    a->axes[3].value = inn_graph_find(a->graph, "old");
    a->pinned[0].value = a->axes[3].value;
    ck_assert_int_eq(tiny_write(a, tiny_path, INN_STORE_F32, INN_CODEC_ZSTD, 1),
                     INN_OK);
    ck_assert_int_eq(tiny_open(&b, tiny_path, false), INN_OK);
    ck_assert_int_eq(b->n_weights, 3);
    ck_assert_int_eq(b->n_axes, 4);
    ck_assert_int_eq(b->n_pinned, 0);
    inn_model_free(a);
    inn_model_free(b);
}
END_TEST

/* As Resize's roi often is. */
START_TEST(a_weight_of_no_elements_comes_back)
{
    struct inn_model *a = tiny_build(-1), *b;
    int codec;

    ck_assert_ptr_nonnull(a);
    ck_assert_int_eq(a->n_weights, 4);
    for (codec = 0; codec < 2; codec++) {
        ck_assert_int_eq(tiny_write(a, tiny_path, INN_STORE_F16,
                                    (enum inn_codec)codec, 1), INN_OK);
        ck_assert_int_eq(tiny_open(&b, tiny_path, false), INN_OK);
        ck_assert_int_eq(b->n_weights, 4);
        inn_model_free(b);
    }
    inn_model_free(a);
}
END_TEST

START_TEST(bytes_are_the_same_on_any_threads_and_written_again)
{
    struct inn_model *a = tiny_build(1000001), *b;
    size_t len, len2;
    uint8_t *one, *more;
    int threads;

    ck_assert_ptr_nonnull(a);
    ck_assert_int_eq(tiny_write(a, tiny_path, INN_STORE_F32, INN_CODEC_ZSTD, 1),
                     INN_OK);
    one = tiny_read(tiny_path, &len);
    for (threads = 2; threads <= 5; threads++) {
        ck_assert_int_eq(tiny_write(a, tiny_other, INN_STORE_F32,
                                    INN_CODEC_ZSTD, threads), INN_OK);
        more = tiny_read(tiny_other, &len2);
        ck_assert_uint_eq(len, len2);
        ck_assert_int_eq(memcmp(one, more, len), 0);
        free(more);
    }
    inn_model_free(a);
    ck_assert_int_eq(tiny_open(&b, tiny_path, false), INN_OK);
    ck_assert_int_eq(tiny_write(b, tiny_other, INN_STORE_F32,
                                INN_CODEC_ZSTD, 2), INN_OK);
    inn_model_free(b);
    more = tiny_read(tiny_other, &len2);
    ck_assert_uint_eq(len, len2);
    ck_assert_int_eq(memcmp(one, more, len), 0);
    free(one);
    free(more);
}
END_TEST

START_TEST(short_stores_round_each_weight_and_halve_the_file)
{
    static const enum inn_type types[] = {INN_F16, INN_BF16};
    static const enum inn_store stores[] = {INN_STORE_F16, INN_STORE_BF16};
    struct inn_model *a = tiny_build(600000), *b;
    size_t count = 600000, i;
    uint16_t *got = malloc(count * 2), *want = malloc(count * 2);
    int codec, k, w;

    ck_assert_ptr_nonnull(a);
    inn_convert_elements(want, INN_F16, a->weights[3].grid.data, INN_F32,
                         count);
    for (k = 0; k < 2; k++) {
        for (codec = 0; codec < 2; codec++) {
            ck_assert_int_eq(tiny_write(a, tiny_path, stores[k],
                                      (enum inn_codec)codec, 2), INN_OK);
            ck_assert_int_eq(tiny_open(&b, tiny_path, false),
                             INN_OK);
            w = (int)(inn_model_weight(b, inn_graph_find(b->graph, "big")) -
                      b->weights);
            ck_assert_int_eq(b->weights[w].grid.type, types[k]);
            ck_assert_uint_eq(b->weights[w].grid.bytes, count * 2);
            ck_assert_int_eq(b->source.load(b->source.state, w, got, NULL),
                             INN_OK);
            inn_convert_elements(want, types[k], a->weights[3].grid.data,
                                 INN_F32, count);
            for (i = 0; i < count; i++)
                ck_assert_uint_eq(got[i], want[i]);
            inn_model_free(b);
        }
    }
    free(got);
    free(want);
    inn_model_free(a);
}
END_TEST

START_TEST(a_weight_too_large_for_f16_is_refused_by_name)
{
    struct inn_file_options o = {INN_STORE_F16, INN_CODEC_ZSTD, 2, true,
                                 NULL};
    struct inn_model *a = tiny_build(600000);
    struct inn_error err = {INN_OK, ""};
    float *data;

    ck_assert_ptr_nonnull(a);
    data = a->weights[3].grid.data;
    data[599999] = -65504.0f;
    ck_assert_int_eq(inn_file_write(a, tiny_path, &o, NULL, NULL), INN_OK);
    data[599998] = INFINITY; /* was infinite before */
    ck_assert_int_eq(inn_file_write(a, tiny_path, &o, NULL, NULL), INN_OK);
    remove(tiny_path);
    data[599999] = -110000.0f;
    ck_assert_int_eq(inn_file_write(a, tiny_path, &o, NULL, &err),
                     INN_ERR_RANGE);
    ck_assert_str_eq(err.message, "weight 'big': element 599999 is -110000, "
                                  "the largest f16 is 65504");
    ck_assert_int_ne(access(tiny_path, F_OK), 0);
    data[599999] = 3.4e38f;
    o.store = INN_STORE_BF16;
    ck_assert_int_eq(inn_file_write(a, tiny_path, &o, NULL, NULL),
                     INN_ERR_RANGE);
    o.store = INN_STORE_F32;
    ck_assert_int_eq(inn_file_write(a, tiny_path, &o, NULL, NULL), INN_OK);
    inn_model_free(a);
}
END_TEST

START_TEST(failing_allocations_of_a_writer_leave_nothing)
{
    struct inn_file_options o = {INN_STORE_F16, INN_CODEC_ZSTD, 1, true,
                                 NULL};
    struct inn_model *m = tiny_build(300000);
    struct starve s;

    ck_assert_ptr_nonnull(m);
    ck_assert(tiny_add_moments(m));
    s = starve(tiny_heap, 20, 5000);
    while (starving(&s)) {
        s.st = inn_file_write(m, tiny_path, &o, NULL, s.err);
        ck_assert_int_eq(access(tiny_path, F_OK) == 0, s.st == INN_OK);
    }
    inn_model_free(m);
}
END_TEST

START_TEST(failing_allocations_of_a_reader_leave_nothing)
{
    struct inn_model *m = NULL;
    struct starve s;

    tiny_write_new(INN_CODEC_ZSTD, 0, true);
    s = starve(tiny_heap, 20, 5000);
    while (starving(&s)) {
        s.st = inn_file_open(&m, tiny_path, false, tiny_heap, s.err);
        ck_assert_int_eq(m != NULL, s.st == INN_OK);
        inn_model_free(m);
    }
}
END_TEST

/* What writing takes beside the model. */
static size_t memory_of_writing(int64_t big, enum inn_codec codec)
{
    struct inn_file_options o = {INN_STORE_F16, codec, 2, true, NULL};
    struct inn_heap *shared = tiny_heap;
    struct inn_model *m;
    size_t before, more;

    tiny_heap = inn_heap_new(0); /* a peak of its own */
    m = tiny_build(big);
    ck_assert_ptr_nonnull(m);
    before = inn_heap_used(tiny_heap);
    ck_assert_int_eq(inn_file_write(m, tiny_path, &o, NULL, NULL), INN_OK);
    more = inn_heap_peak(tiny_heap) - before;
    inn_model_free(m);
    inn_heap_free(tiny_heap);
    tiny_heap = shared;
    return more;
}

START_TEST(writing_needs_no_more_memory_for_larger_weights)
{
    static const enum inn_codec codecs[] = {INN_CODEC_NONE, INN_CODEC_ZSTD};
    int i;

    for (i = 0; i < 2; i++) {
        size_t small = memory_of_writing(3000000, codecs[i]);
        size_t large = memory_of_writing(12000000, codecs[i]);

        /* Frames of 1 MiB, a few for each thread. */
        ck_assert_uint_lt(small, (size_t)16 << 20);
        ck_assert_uint_le(large, small + ((size_t)1 << 20));
    }
}
END_TEST

START_TEST(full_disks_and_existing_files_are_told)
{
    struct inn_file_options o = {INN_STORE_F32, INN_CODEC_ZSTD, 1, false,
                                 NULL};
    struct inn_model *m = tiny_build(300000);
    struct inn_error err = {INN_OK, ""};

    ck_assert_ptr_nonnull(m);
    if (access("/dev/full", W_OK) == 0) {
        o.overwrite = true;
        ck_assert_int_eq(inn_file_write(m, "/dev/full", &o, NULL, &err),
                         INN_ERR_IO);
        o.overwrite = false;
    }
    ck_assert_int_eq(inn_file_write(m, tiny_path, &o, NULL, NULL), INN_OK);
    ck_assert_int_eq(inn_file_write(m, tiny_path, &o, NULL, &err), INN_ERR_IO);
    inn_model_free(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("container");
    TCase *t = tcase_create("container");

    tcase_add_checked_fixture(t, tiny_setup, tiny_teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, model_comes_back_as_it_was_written);
    tcase_add_test(t, moments_come_back_on_any_threads_and_written_again);
    tcase_add_test(t, a_nested_order_needs_no_moments);
    tcase_add_test(t, consumers_of_what_nothing_reads_are_left_out);
    tcase_add_test(t, weights_that_nothing_reads_are_left_out);
    tcase_add_test(t, a_weight_of_no_elements_comes_back);
    tcase_add_test(t,
                   bytes_are_the_same_on_any_threads_and_written_again);
    tcase_add_test(t, short_stores_round_each_weight_and_halve_the_file);
    tcase_add_test(t, a_weight_too_large_for_f16_is_refused_by_name);
    tcase_add_test(t, failing_allocations_of_a_writer_leave_nothing);
    tcase_add_test(t, failing_allocations_of_a_reader_leave_nothing);
    tcase_add_test(t, writing_needs_no_more_memory_for_larger_weights);
    tcase_add_test(t, full_disks_and_existing_files_are_told);
    suite_add_tcase(s, t);
    return run_suite(s);
}
