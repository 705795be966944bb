/* Plots: round ticks, well-formed SVG, whole PNG, paired errors of rows. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "runtime/cli/plot.h"
#include "runtime/tools/eval.h"
#include "tests/unit/suite.h"

static void assert_step(double low, double high, double want, int decimals)
{
    int have;

    ck_assert_double_eq_tol(inn_plot_step(&have, low, high, 6), want,
                            1e-9 * want);
    ck_assert_int_eq(have, decimals);
}

START_TEST(ticks_are_round)
{
    assert_step(0, 6, 1, 0);
    assert_step(0, 6.1, 2, 0);
    assert_step(0, 100, 20, 0);
    assert_step(40, 100, 10, 0);
    assert_step(0, 0.6, 0.1, 1);
    assert_step(10, 10.25, 0.05, 2);
    assert_step(0, 25e6, 5e6, 0);
    assert_step(3, 3, 1, 0);
    assert_step(0, INFINITY, 1, 0);
}
END_TEST

START_TEST(names_end_in_svg_or_png)
{
    ck_assert(inn_plot_name("a.svg"));
    ck_assert(inn_plot_name("dir/a.png"));
    ck_assert(!inn_plot_name(".svg"));
    ck_assert(!inn_plot_name("a.pdf"));
    ck_assert(!inn_plot_name("svg"));
}
END_TEST

START_TEST(paired_errors_are_those_of_the_differences)
{
    static const float a[4] = {100, 100, 0, 100}, b[4] = {100, 0, 0, 0};
    double mean, se;

    /* Differences 0 100 0 100: variance 10000/3, over 4 pictures. */
    inn_paired_difference(&mean, &se, a, b, 4);
    ck_assert_double_eq(mean, 50);
    ck_assert_double_eq_tol(se, sqrt(10000.0 / 3 / 4), 1e-9);
    inn_paired_difference(&mean, &se, a, b, 1);
    ck_assert_double_eq(mean, 0);
    ck_assert(isnan(se));
    inn_paired_difference(&mean, &se, a, b, 0);
    ck_assert(isnan(mean));
}
END_TEST

START_TEST(a_row_that_beats_a_wider_one_of_its_rules_says_so)
{
    float low[100] = {0}, high[100] = {0}, middle[100] = {0};
    struct inn_eval_row rows[4] = {
        {.width = 1, .ruled = true, .scores = low},
        {.width = 0.9, .ruled = true, .scores = high},
        {.width = 0.8, .ruled = true, .scores = middle},
        {.width = 0.8, .ruled = true, .scores = high,
         .rules = {.partition = INN_PARTITION_L1}}};
    int i;

    for (i = 0; i < 10; i++)
        high[i] = 100;
    middle[0] = middle[1] = 100;
    inn_eval_mark(rows, 4, 100);
    ck_assert_ptr_null(rows[0].beats);
    /* 10 ± 3 points; 2 ± 1.4 are not enough. */
    ck_assert_ptr_eq(rows[1].beats, &rows[0]);
    ck_assert_ptr_null(rows[2].beats);
    ck_assert_ptr_null(rows[3].beats);
}
END_TEST

#ifdef HAVE_CAIRO

/* What was written, and a 0 behind it; own. */
static char *draw(const char *path, size_t *len, const char *title, size_t n)
{
    static const struct inn_plot_point points[] = {
        {{1e6, 2e8}, 40, 3}, {{2e6, 5e8}, 70, NAN}, {{NAN, 6e8}, 71, 0},
        {{3e6, 9e8}, 75, 0}};
    const struct inn_plot_curve curves[] = {
        {"moments", points, n}, {"uniform, trapezoid", points + 1, n / 2},
        {"<none> & \"all\"", points, 0}};
    const struct inn_plot plot = {
        .title = title, .subtitle = "top-1 on 7 pictures",
        .y_label = "top-1", .y_unit = "%", .y_most = 100,
        .x_labels = {"parameters", "MACs"}, .n_panels = 2,
        .curves = curves, .n_curves = 3, .full = points[3],
        .full_label = "full width"};
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_error err = {0};
    char *bytes = malloc(1 << 22);
    FILE *f;

    ck_assert_msg(inn_plot_write(&plot, path, true, heap, &err) == INN_OK,
                  "%s", err.message);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
    f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    *len = fread(bytes, 1, (1 << 22) - 1, f);
    bytes[*len] = '\0';
    fclose(f);
    remove(path);
    return bytes;
}

/* Every element that opens closes, in turn. */
static void assert_well_formed(const char *text)
{
    const char *stack[64], *p = text;
    size_t depth = 0, elements = 0;

    ck_assert(strncmp(text, "<?xml", 5) == 0);
    while ((p = strchr(p, '<')) != NULL) {
        const char *end = strchr(p, '>');

        ck_assert_ptr_nonnull(end);
        if (p[1] == '/') {
            ck_assert_uint_gt(depth, 0);
            depth--;
            ck_assert(strncmp(stack[depth], p + 2,
                              (size_t)(end - p) - 2) == 0);
        } else if (p[1] != '?' && p[1] != '!') {
            elements++;
            if (end[-1] != '/') {
                ck_assert_uint_lt(depth, 64);
                stack[depth++] = p + 1;
            }
        }
        p = end;
    }
    ck_assert_uint_eq(depth, 0);
    ck_assert_uint_gt(elements, 50);
}

START_TEST(a_plot_is_well_formed_svg)
{
    size_t len, n;

    for (n = 0; n <= 4; n++) {
        char *text = draw("test_plot.tmp.svg", &len, "net <1> \"a\" & b", n);

        assert_well_formed(text);
        free(text);
    }
}
END_TEST

START_TEST(a_plot_is_a_whole_png)
{
    size_t len;
    char *bytes = draw("test_plot.tmp.png", &len, "net", 4);

    ck_assert_uint_gt(len, 5000);
    ck_assert_mem_eq(bytes, "\x89PNG\r\n\x1a\n", 8);
    ck_assert_mem_eq(bytes + len - 8, "IEND", 4);
    free(bytes);
}
END_TEST

START_TEST(a_plot_that_can_not_be_written_leaves_nothing)
{
    const struct inn_plot plot = {.title = "", .subtitle = "", .y_label = "",
                                  .y_unit = "", .x_labels = {"", ""},
                                  .n_panels = 1, .full_label = ""};
    struct inn_heap *heap = inn_heap_new(0);
    struct inn_error err = {0};

    ck_assert_int_eq(inn_plot_write(&plot, "no/such/folder.svg", false, heap,
                                    &err), INN_ERR_IO);
    ck_assert_uint_eq(inn_heap_used(heap), 0);
    inn_heap_free(heap);
}
END_TEST

#else

START_TEST(without_cairo_a_plot_is_refused)
{
    ck_assert_int_eq(inn_plot_check("a.svg", true, NULL, NULL),
                     INN_ERR_UNSUPPORTED);
}
END_TEST

#endif

int main(void)
{
    Suite *s = suite_create("plot");
    TCase *t = tcase_create("plot");

    tcase_add_test(t, ticks_are_round);
    tcase_add_test(t, names_end_in_svg_or_png);
    tcase_add_test(t, paired_errors_are_those_of_the_differences);
    tcase_add_test(t, a_row_that_beats_a_wider_one_of_its_rules_says_so);
#ifdef HAVE_CAIRO
    tcase_add_test(t, a_plot_is_well_formed_svg);
    tcase_add_test(t, a_plot_is_a_whole_png);
    tcase_add_test(t, a_plot_that_can_not_be_written_leaves_nothing);
#else
    tcase_add_test(t, without_cairo_a_plot_is_refused);
#endif
    suite_add_tcase(s, t);
    return run_suite(s);
}
