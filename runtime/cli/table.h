/*
 * Aligned tables on stdout: words to the left, numbers to the right, two
 * spaces between. A bold head on a terminal, plain text elsewhere.
 */
#ifndef INN_CLI_TABLE_H
#define INN_CLI_TABLE_H

#include <stdio.h>

#include "runtime/base/arena.h"
#include "runtime/base/port.h"

/*
 * Errors stick: after a failed allocation nothing is added, and
 * inn_table_print says so. Memory is the arena's.
 */
struct inn_table {
    struct inn_arena *arena;
    const char *heads; /* "name|size>|…": '>' puts a column to the right */
    int n_columns;
    const char **cells;
    size_t n_cells, capacity;
    struct inn_error why; /* cells are missing */
};

void inn_table_init(struct inn_table *table, struct inn_arena *arena,
                    const char *heads);

/* Adds the next cell, row by row. Text is copied, control characters go. */
void inn_table_text(struct inn_table *table, const char *text);
void inn_table_printf(struct inn_table *table, const char *format, ...)
    INN_PRINTF(2, 3);
/* 12,345,678 */
void inn_table_int(struct inn_table *table, int64_t value);
/* A number with so many significant digits; "-" for NaN and infinity. */
void inn_table_number(struct inn_table *table, double value, int digits);
/* The same with so many decimals. */
void inn_table_fixed(struct inn_table *table, double value, int decimals);

/* Each line after indent spaces. INN_ERR_MEMORY, _LIMIT: cells are missing. */
enum inn_status inn_table_print(const struct inn_table *table, FILE *out,
                                int indent, struct inn_error *err);

/* value with commas between thousands; written to text, which is returned. */
#define INN_INT_TEXT 32
const char *inn_int_text(char text[INN_INT_TEXT], int64_t value);

#endif
