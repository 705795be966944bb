/*
 * Operator cases as text files (README.md), read one after the other.
 */
#ifndef TESTS_OPS_CASE_H
#define TESTS_OPS_CASE_H

#include "runtime/graph/graph.h"

#define CASE_OPERANDS 64
#define CASE_ATTRS 32

struct case_operand {
    const char *name;
    bool omitted, is_const, has_values;
    struct inn_tensor tensor; /* with data, zero where the case says none */
    double tolerance;
};

struct op_case {
    const char *path;
    int line;
    char domain[64], op[64];
    int version;
    struct inn_attr attrs[CASE_ATTRS];
    struct case_operand in[CASE_OPERANDS], out[CASE_OPERANDS];
    int n_attrs, n_in, n_out;
    bool unknown;
    const char *fails; /* a part of the message, or NULL */
    struct inn_arena *arena; /* freed after the visit */
};

/*
 * Calls visit for every case of path: a file, or a folder of *.case files in
 * the order of their names. Returns how many lines could not be read; each
 * has been printed.
 */
int case_visit(const char *path, struct inn_heap *heap,
               void (*visit)(void *context, struct op_case *c),
               void *context);

#endif
