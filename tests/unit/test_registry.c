/* The table of operators: its order, its ranges, and a case for every row. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/file.h"
#include "runtime/ops/op.h"
#include "tests/unit/suite.h"

START_TEST(rows_are_sorted_by_name_then_opset)
{
    const struct inn_op *a, *b;
    size_t i;

    for (i = 1; (b = inn_op_row(i)) != NULL; i++) {
        int order;

        a = inn_op_row(i - 1);
        order = strcmp(a->name, b->name);
        ck_assert_msg(order < 0 || (order == 0 && a->since < b->since),
                      "%s %d is before %s %d", a->name, a->since, b->name,
                      b->since);
    }
    ck_assert_uint_gt(i, 100);
}
END_TEST

START_TEST(ranges_of_an_operator_are_disjoint)
{
    const struct inn_op *a, *b;
    size_t i;

    for (i = 0; (a = inn_op_row(i)) != NULL; i++) {
        ck_assert_int_ge(a->since, 1);
        ck_assert_msg(a->until == 0 || a->until >= a->since,
                      "%s %d ends at %d", a->name, a->since, a->until);
        b = inn_op_row(i + 1);
        if (b == NULL || strcmp(a->name, b->name) != 0 ||
            strcmp(a->domain, b->domain) != 0)
            continue;
        ck_assert_msg(a->until != 0 && a->until < b->since,
                      "%s %d and %d overlap", a->name, a->since, b->since);
    }
}
END_TEST

START_TEST(rows_are_complete_and_found)
{
    const struct inn_op *op;
    size_t i;

    for (i = 0; (op = inn_op_row(i)) != NULL; i++) {
        int last = op->until != 0 ? op->until : op->since + 1000;

        ck_assert_ptr_nonnull(op->domain);
        ck_assert_msg(op->run == NULL || op->infer != NULL,
                      "%s %d runs but its shapes are unknown", op->name,
                      op->since);
        ck_assert_msg(op->resize == NULL || op->couple != NULL,
                      "%s %d counts channels it does not couple", op->name,
                      op->since);
        ck_assert_ptr_eq(inn_op_find(op->domain, op->name, op->since), op);
        ck_assert_ptr_eq(inn_op_find(op->domain, op->name, last), op);
    }
    ck_assert_ptr_null(inn_op_row(i + 1));
}
END_TEST

START_TEST(unknown_operators_have_no_row)
{
    ck_assert_ptr_null(inn_op_find("", "NoSuchOperator", 13));
    ck_assert_ptr_null(inn_op_find("", "", 13));
    ck_assert_ptr_null(inn_op_find("com.example", "Conv", 13));
    ck_assert_ptr_null(inn_op_find("", "HardSwish", 13));
    ck_assert_ptr_nonnull(inn_op_find("", "HardSwish", 14));
    ck_assert_ptr_eq(inn_op_find("ai.onnx", "Conv", 13),
                     inn_op_find("", "Conv", 13));
}
END_TEST

/* Whether the row's case file has an op line of the row's range. */
static bool has_case(const struct inn_op *op)
{
    const char *source = getenv("srcdir"), *at, *end;
    struct inn_bytes bytes;
    struct inn_error err;
    char path[4096];
    bool found = false;

    snprintf(path, sizeof(path), "%s/tests/ops/%s.case",
             source != NULL ? source : ".", op->name);
    if (inn_file_map(&bytes, path, &err) != INN_OK)
        return false;
    at = (const char *)bytes.data;
    end = at + bytes.len;
    while (at < end && !found) {
        const char *line = at;
        char text[256] = "", name[128];
        int version;

        at = memchr(at, '\n', (size_t)(end - at));
        at = at != NULL ? at : end;
        if ((size_t)(at - line) < sizeof(text))
            memcpy(text, line, (size_t)(at - line));
        else
            memcpy(text, line, sizeof(text) - 1);
        at++;
        if (sscanf(text, "op %127s %d", name, &version) != 2)
            continue;
        if (strchr(name, ':') != NULL)
            memmove(name, strchr(name, ':') + 1,
                    strlen(strchr(name, ':') + 1) + 1);
        found = strcmp(name, op->name) == 0 && version >= op->since &&
                (op->until == 0 || version <= op->until);
    }
    inn_file_unmap(&bytes);
    return found;
}

START_TEST(every_row_has_a_case)
{
    const struct inn_op *op;
    size_t i;

    for (i = 0; (op = inn_op_row(i)) != NULL; i++)
        ck_assert_msg(has_case(op), "tests/ops/%s.case has no case of opset "
                      "%d to %d", op->name, op->since, op->until);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("registry");
    TCase *t = tcase_create("registry");

    tcase_add_test(t, rows_are_sorted_by_name_then_opset);
    tcase_add_test(t, ranges_of_an_operator_are_disjoint);
    tcase_add_test(t, rows_are_complete_and_found);
    tcase_add_test(t, unknown_operators_have_no_row);
    tcase_add_test(t, every_row_has_a_case);
    suite_add_tcase(s, t);
    return run_suite(s);
}
