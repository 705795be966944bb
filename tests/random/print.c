/*
 * A graph as text: inputs, a line per graph node with its attributes and the
 * shapes of its operands, outputs.
 */
#include "tests/random/random.h"

#include <inttypes.h>
#include <stdio.h>

#include "runtime/ops/shapes.h"

static void print_value(const struct inn_graph *g,
                        const struct inn_shapes *shapes, int v)
{
    const struct inn_tensor *t;
    char text[INN_SHAPE_TEXT];
    size_t i;

    if (v < 0) {
        printf(" -");
        return;
    }
    t = inn_shapes_get(shapes, v);
    printf(" %s:%s", g->values[v].name,
           t == NULL ? "?" : inn_shape_text(text, t->rank, t->dims));
    t = g->values[v].init;
    if (t == NULL || t->type != INN_I64 || t->data == NULL)
        return;
    for (i = 0; i < inn_tensor_count(t); i++)
        printf("%c%" PRId64, i == 0 ? '{' : ' ', inn_tensor_int(t, i));
    printf("}");
}

static void print_attr(const struct inn_attr *a)
{
    size_t i;

    printf(" %s=", a->name);
    switch (a->kind) {
    case INN_ATTR_INT:
        printf("%" PRId64, a->i);
        break;
    case INN_ATTR_FLOAT:
        printf("%g", (double)a->f);
        break;
    case INN_ATTR_STRING:
        printf("%s", a->s);
        break;
    case INN_ATTR_INTS:
        for (i = 0; i < a->count; i++)
            printf("%s%" PRId64, i > 0 ? "," : "", a->ints[i]);
        break;
    default:
        printf("...");
        break;
    }
}

void graph_print(const struct inn_graph *g)
{
    struct inn_error err = {0};
    struct inn_shapes shapes;
    int k, i;

    if (inn_shapes_infer(&shapes, g, NULL, 0, 16, 1 << 16, &err) != INN_OK)
        printf("no shapes: %s\n", err.message);
    printf("opset %d, input", (int)g->opsets[0].version);
    for (i = 0; i < g->n_inputs; i++)
        print_value(g, &shapes, g->inputs[i]);
    printf("\n");
    for (k = 0; k < g->n_nodes; k++) {
        const struct inn_node *node = &g->nodes[k];

        printf("  %s", node->op_type);
        for (i = 0; i < node->n_attrs; i++)
            print_attr(&node->attrs[i]);
        for (i = 0; i < node->n_inputs; i++)
            print_value(g, &shapes, node->inputs[i]);
        printf(" ->");
        for (i = 0; i < node->n_outputs; i++)
            print_value(g, &shapes, node->outputs[i]);
        printf("\n");
    }
    printf("output");
    for (i = 0; i < g->n_outputs; i++)
        print_value(g, &shapes, g->outputs[i]);
    printf("\n");
    inn_shapes_free(&shapes);
}
