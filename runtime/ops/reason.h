/*
 * Why a graph node can't be run: one function says so to all who refuse
 * (sessions, the converter, `inn info`), as a number and in words.
 */
#ifndef INN_OPS_REASON_H
#define INN_OPS_REASON_H

#include "runtime/ops/shapes.h"

enum inn_reason {
    INN_REASON_NONE = 0, /* it can be run, or lies behind one that can't */
    INN_REASON_UNKNOWN,  /* no operator of this name is known */
    INN_REASON_DOMAIN,   /* nor is its domain ours */
    INN_REASON_OPSET,    /* known, but not in this version */
    INN_REASON_CAPTURE,  /* its subgraph reads values from outside */
    INN_REASON_KERNEL,   /* known, but nothing computes it */
    INN_REASON_TYPE,     /* not for the types it is given or gives */
    INN_REASON_VALUE,    /* an attribute, input or rank it is not made for */
    INN_REASON_SIZE,     /* only a run decides how large its outputs are */
    INN_REASONS
};

/* "unknown", "domain" …: the reason as a word, for JSON. Static. */
const char *inn_reason_word(enum inn_reason reason);

/*
 * Why node can't be run at shapes; NULL: before any size is known, when only
 * the registry is asked. In words, "not for i64 (input 'x')", to *text
 * (may be NULL), from arena; the words don't name the graph node. *reason is
 * INN_REASON_NONE, *text "" where it can be run, as far as can be said.
 * INN_ERR_MEMORY, INN_ERR_LIMIT.
 */
enum inn_status inn_node_reason(enum inn_reason *reason, const char **text,
                                const struct inn_node *node,
                                const struct inn_shapes *shapes,
                                struct inn_arena *arena,
                                struct inn_error *err);

/*
 * "can't be run: …" for the first of the n graph nodes that can't: which of
 * graph's, n at least 1. Returns INN_ERR_UNSUPPORTED, or what
 * inn_node_reason fails with.
 */
enum inn_status inn_refuse_nodes(const struct inn_graph *graph,
                                 const struct inn_shapes *shapes,
                                 const int *which, int n,
                                 struct inn_error *err);

#endif
