/*
 * --input-shape NAME:1,3,224,224 and --shape NAME=… turned into bindings.
 */
#ifndef INN_CLI_SIZES_H
#define INN_CLI_SIZES_H

#include "runtime/cli/cli.h"
#include "runtime/ops/shapes.h"

/*
 * One binding per option, in the arena; names are checked against graph's
 * inputs and symbols. INN_ERR_ARGUMENT, INN_ERR_RANGE: the message lists
 * what could be meant.
 */
enum inn_status inn_parse_sizes(struct inn_binding **bindings, size_t *n,
                                const struct inn_cli_list *options,
                                const struct inn_graph *graph,
                                struct inn_arena *arena,
                                struct inn_error *err);

/*
 * "a, b and 3 more": the names of n values, whole, as many as fit; written to
 * text, which is returned.
 */
#define INN_NAMES_TEXT 300
const char *inn_names_text(char text[INN_NAMES_TEXT],
                           const struct inn_graph *graph, const int *which,
                           int n);

#endif
