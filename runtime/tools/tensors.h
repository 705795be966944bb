/*
 * Tensors from and to files, matched to a network's inputs and outputs:
 * --input [NAME=]x.npy, --output [NAME=]y.npy, random ones.
 */
#ifndef INN_TOOLS_TENSORS_H
#define INN_TOOLS_TENSORS_H

#include "runtime/tools/network.h"

/* "NAME=FILE" or "FILE", taken apart; name NULL where there is none. */
struct inn_named_path {
    const char *name, *path;
};
enum inn_status inn_split_named(struct inn_named_path *out, const char *text,
                                struct inn_arena *arena,
                                struct inn_error *err);

/*
 * Reads .npy, .pb, or "-": .npy from stdin. *name is what a .pb calls it, or
 * NULL.
 */
enum inn_status inn_load_tensor(struct inn_tensor *tensor, const char **name,
                                const char *path, struct inn_arena *arena,
                                struct inn_error *err);

/*
 * Fills in[graph->n_inputs] from files, in the types the network declares
 * where that loses nothing but a float's last bits. Unnamed files go to the
 * inputs not named, in order. Every input must be there.
 */
enum inn_status inn_load_inputs(struct inn_tensor *in,
                                const struct inn_graph *graph,
                                const struct inn_cli_list *files,
                                struct inn_arena *arena,
                                struct inn_error *err);

/* The same, random: normal for floats, 0 and 1 for integers. */
enum inn_status inn_random_inputs(struct inn_tensor *in,
                                  const struct inn_network *net,
                                  uint64_t seed, struct inn_arena *arena,
                                  struct inn_error *err);

/* The output called name, or -1 with a message that lists them. */
int inn_find_output(const struct inn_graph *graph, const char *name,
                    struct inn_error *err);

/*
 * Declared shape of a value as "[N, 3, 32, 32]", "?" where unknown; from arena.
 */
const char *inn_declared_text(const struct inn_value *value,
                              struct inn_arena *arena, struct inn_error *err);

#endif
