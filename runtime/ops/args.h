/*
 * What the operator files share when they read a graph node: its integer
 * lists (attributes in old opsets, inputs in new ones), axes, counts of
 * inputs, and errors that name the graph node.
 */
#ifndef INN_OPS_ARGS_H
#define INN_OPS_ARGS_H

#include "runtime/base/port.h"
#include "runtime/ops/resize.h"

/* The part that infer, run, couple and resize have in common. */
struct inn_args {
    const struct inn_node *node;
    const struct inn_tensor *const *in;
    int n_in;
    struct inn_error *err;
};

#define INN_ARGS(c) {(c)->node, (c)->in, (c)->n_in, (c)->err}

/* A list of integers. Not known: not given, or computed only when run. */
struct inn_list {
    bool given, known;
    size_t n;
    const int64_t *ints;            /* where it is an attribute */
    const struct inn_tensor *input; /* where it is an input */
};

/* "Split 'a': …", returning status. */
enum inn_status inn_args_fail(const struct inn_args *a,
                              enum inn_status status, const char *format,
                              ...) INN_PRINTF(3, 4);

/* Refuses fewer than least inputs, or one of these omitted. */
enum inn_status inn_args_need(const struct inn_args *a, int least);

/* Input i, or NULL. */
const struct inn_tensor *inn_args_in(const struct inn_args *a, int i);

/* axis counted from the end where negative; refused outside the rank. */
enum inn_status inn_args_axis(const struct inn_args *a, int *out,
                              int64_t axis, int rank);

void inn_args_attr_list(const struct inn_args *a, struct inn_list *list,
                        const char *name);
/* Refuses other than i32 and i64, and more than one axis. */
enum inn_status inn_args_input_list(const struct inn_args *a,
                                    struct inn_list *list, int i);

static inline int64_t inn_list_at(const struct inn_list *list, size_t i)
{
    return list->ints != NULL ? list->ints[i]
                              : inn_tensor_int(list->input, i);
}

/*
 * Fills output j where the graph node has it. A type that can't be held
 * leaves it unknown, which is no error: it is carried.
 */
enum inn_status inn_infer_out(struct inn_infer *c, int j, enum inn_type type,
                              int rank, const int64_t *dims);

/* Whether run must fill output j. */
static inline bool inn_run_wants(const struct inn_run *c, int j)
{
    return j < c->n_out && c->out[j].data != NULL;
}

/* Whether input i is a constant that resize may replace. */
bool inn_resize_is_const(const struct inn_resize *c, int i);

/* Calls to the sink that most rows make. */
enum inn_status inn_couple_alike(struct inn_couple *c, struct inn_operand a,
                                 struct inn_operand b);
enum inn_status inn_couple_map(struct inn_couple *c, struct inn_operand a,
                               struct inn_operand b, const int64_t *map);
enum inn_status inn_couple_pin(struct inn_couple *c, struct inn_operand a,
                               const char *reason);
/* start, start + 1 … of n entries in scratch; NULL: no memory. */
int64_t *inn_couple_count_from(struct inn_couple *c, int64_t start,
                               int64_t n);
/* 0 … count − 1, again and again: n entries; NULL: no memory. */
int64_t *inn_couple_wrap(struct inn_couple *c, int64_t n, int64_t count);

/* Rows whose one output is their first input, element by element. */
enum inn_status inn_infer_same(struct inn_infer *c);
enum inn_status inn_couple_same(struct inn_couple *c);
/* The bytes of input 0 to output 0. */
enum inn_status inn_run_copy(struct inn_run *c);
bool inn_lower_view(const struct inn_infer *c, struct inn_prim *prim);

#endif
