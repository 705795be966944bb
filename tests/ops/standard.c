/*
 * Runs the ONNX standard's own node tests (Debian: libonnx-testdata) on the
 * reference kernels: each folder has model.onnx and test_data_set_N/.
 * Tests of operators without a kernel are skipped, and counted. Arguments:
 * folders of tests; without any, where Debian keeps them. Exit status 77
 * where they are not installed.
 */
#include "config.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/port.h"
#include "runtime/graph/onnx.h"
#include "runtime/ops/common.h"
#include "runtime/ops/schema.h"

#define DEFAULT "/usr/share/libonnx-testdata/data/node"

struct counts {
    int passed, failed, skipped;
    bool verbose;
};

struct test {
    const char *name;
    char folder[2048];
    struct inn_heap *heap;
    struct inn_graph *graph;
    struct inn_arena arena;
    struct inn_tensor *values; /* by value; type undefined: none yet */
    struct inn_error err;
};

static bool read_tensor(struct test *t, struct inn_tensor *tensor, int set,
                        const char *kind, int i, int value)
{
    const char *name;
    char path[2560];

    snprintf(path, sizeof(path), "%s/test_data_set_%d/%s_%d.pb", t->folder,
             set, kind, i);
    if (inn_onnx_read_tensor(tensor, &name, path, &t->arena, &t->err) !=
        INN_OK)
        return false;
    /* bf16 had no NumPy type: the files hold its bits as u16. */
    if (t->graph->values[value].type == INN_BF16 && tensor->type == INN_U16)
        tensor->type = INN_BF16;
    return inn_type_size(tensor->type) > 0;
}

/* Infers and runs one graph node on what is there. */
static enum inn_status run_node(struct test *t, const struct inn_node *node)
{
    const struct inn_op *op = inn_node_op(node);
    const struct inn_tensor **in;
    struct inn_tensor *out;
    struct inn_infer infer = {.node = node, .n_in = node->n_inputs,
                              .n_out = node->n_outputs, .arena = &t->arena,
                              .err = &t->err};
    struct inn_run run = {node, NULL, NULL, node->n_inputs, node->n_outputs,
                          1, &t->err};
    enum inn_status st;
    bool done = true;
    int i;

    in = inn_arena_alloc(&t->arena, (size_t)node->n_inputs, sizeof(*in),
                         NULL);
    out = inn_arena_alloc(&t->arena, (size_t)node->n_outputs, sizeof(*out),
                          NULL);
    for (i = 0; i < node->n_inputs; i++)
        in[i] = node->inputs[i] < 0 ? NULL : &t->values[node->inputs[i]];
    infer.in = run.in = in;
    infer.out = run.out = out;
    st = inn_op_infer(op, &infer);
    for (i = 0; i < node->n_outputs && st == INN_OK; i++) {
        if (node->outputs[i] < 0)
            continue;
        if (out[i].type == INN_UNDEFINED)
            return inn_fail(&t->err, INN_ERR_UNSUPPORTED,
                            "output %d stays unknown", i);
        if (out[i].data != NULL)
            continue;
        done = false;
        st = inn_tensor_new(&out[i], &t->arena, out[i].type, out[i].rank,
                            (int64_t[INN_MAX_RANK]){
                                out[i].dims[0], out[i].dims[1],
                                out[i].dims[2], out[i].dims[3],
                                out[i].dims[4], out[i].dims[5],
                                out[i].dims[6], out[i].dims[7]}, &t->err);
    }
    if (st == INN_OK && !done)
        st = inn_op_run(op, &run, &t->arena);
    for (i = 0; i < node->n_outputs && st == INN_OK; i++) {
        if (node->outputs[i] >= 0)
            t->values[node->outputs[i]] = out[i];
    }
    return st;
}

/*
 * The standard compares with rtol 1e-3. Our sums are in double; what is left
 * is the rounding of the expected values, which were summed in f32. What is
 * expected of windows was computed with 3.1415 for π.
 */
static double tolerance(const struct test *t, enum inn_type type)
{
    if (type == INN_F16 || type == INN_BF16)
        return 1e-2;
    return strstr(t->name, "window") != NULL ? 1e-3 : 2e-5;
}

static bool compare(struct test *t, int set, int i,
                    const struct inn_tensor *got,
                    const struct inn_tensor *want)
{
    double rtol = tolerance(t, got->type);
    char a[INN_SHAPE_TEXT], b[INN_SHAPE_TEXT];
    size_t k, n = inn_tensor_count(want);

    if (got->type != want->type || !inn_tensor_same_shape(got, want)) {
        printf("FAIL %s: output %d of set %d is %s %s, must be %s %s\n",
               t->name, i, set, inn_type_name(got->type),
               inn_shape_text(a, got->rank, got->dims),
               inn_type_name(want->type),
               inn_shape_text(b, want->rank, want->dims));
        return false;
    }
    for (k = 0; k < n; k++) {
        double x = inn_element_get(got->type, got->data, k);
        double y = inn_element_get(want->type, want->data, k);

        if (x == y || (isnan(x) && isnan(y)))
            continue;
        if (!(fabs(x - y) <= rtol * fabs(y) + 1e-6)) {
            printf("FAIL %s: output %d of set %d: [%zu] is %.9g, must be "
                   "%.9g\n", t->name, i, set, k, x, y);
            return false;
        }
    }
    return true;
}

/* 1 passed, 0 failed, −1 skipped, −2 there is no such set. */
static int run_set(struct test *t, int set)
{
    const struct inn_graph *g = t->graph;
    struct inn_tensor want;
    struct stat s;
    char path[2560];
    int i;

    snprintf(path, sizeof(path), "%s/test_data_set_%d", t->folder, set);
    if (stat(path, &s) != 0)
        return -2;
    t->values = inn_arena_alloc(&t->arena, (size_t)g->n_values,
                                sizeof(*t->values), NULL);
    for (i = 0; i < g->n_values; i++) {
        if (g->values[i].init != NULL)
            t->values[i] = *g->values[i].init;
    }
    for (i = 0; i < g->n_inputs; i++) {
        if (!read_tensor(t, &t->values[g->inputs[i]], set, "input", i,
                         g->inputs[i]))
            return -1; /* a sequence, a string, an optional */
    }
    for (i = 0; i < g->n_nodes; i++) {
        enum inn_status st = INN_OK;
        const struct inn_node *node = &g->nodes[i];

        if (node->n_outputs == 0 || node->outputs[0] < 0 ||
            t->values[node->outputs[0]].data == NULL)
            st = run_node(t, node);
        if (st == INN_ERR_UNSUPPORTED)
            return -1;
        if (st != INN_OK) {
            printf("FAIL %s: %s\n", t->name, t->err.message);
            return 0;
        }
    }
    for (i = 0; i < g->n_outputs; i++) {
        if (!read_tensor(t, &want, set, "output", i, g->outputs[i]))
            return -1;
        if (!compare(t, set, i, &t->values[g->outputs[i]], &want))
            return 0;
    }
    return 1;
}

/*
 * Values that contradict the standard's text: align_corners divides by the
 * length of the output, these by scale × input length before it is rounded
 * down. ONNX Runtime follows the text too.
 */
static const char *const mistaken[] = {
    "test_resize_downsample_scales_cubic_align_corners",
    "test_resize_downsample_scales_linear_align_corners",
};

static bool is_mistaken(const char *name)
{
    size_t i;

    for (i = 0; i < INN_COUNT(mistaken); i++) {
        if (strcmp(mistaken[i], name) == 0)
            return true;
    }
    return false;
}

static bool can_run(const struct inn_graph *g)
{
    int i;

    for (i = 0; i < g->n_nodes; i++) {
        const struct inn_op *op = inn_node_op(&g->nodes[i]);

        if (op == NULL || op->infer == NULL || op->run == NULL)
            return false;
    }
    return true;
}

static void run_test(struct counts *counts, const char *folder,
                     const char *name)
{
    struct test t = {.name = name};
    int set, result = -1, worst = -1;
    char path[2560];

    snprintf(t.folder, sizeof(t.folder), "%s/%s", folder, name);
    snprintf(path, sizeof(path), "%s/model.onnx", t.folder);
    t.heap = inn_heap_new((size_t)2 << 30);
    inn_arena_init(&t.arena, t.heap);
    if (!is_mistaken(name) &&
        inn_onnx_read(&t.graph, path, NULL, t.heap, &t.err) == INN_OK &&
        can_run(t.graph)) {
        for (set = 0; result != 0; set++) {
            result = run_set(&t, set);
            if (result == -2)
                break;
            worst = result;
            if (result < 0)
                break;
        }
    }
    if (worst < 0 && counts->verbose)
        printf("skip %s: %s\n", name,
               t.err.message[0] != '\0' ? t.err.message : "no kernel");
    counts->passed += worst == 1;
    counts->failed += worst == 0;
    counts->skipped += worst < 0;
    inn_arena_free(&t.arena);
    inn_graph_free(t.graph);
    if (inn_heap_used(t.heap) != 0) {
        printf("FAIL %s: %zu bytes were not freed\n", name,
               inn_heap_used(t.heap));
        counts->failed++;
    }
    inn_heap_free(t.heap);
}

static int is_test(const struct dirent *entry)
{
    return strncmp(entry->d_name, "test_", 5) == 0;
}

static bool run_folder(struct counts *counts, const char *folder)
{
    struct dirent **entries;
    int i, n = scandir(folder, &entries, is_test, alphasort);

    if (n < 0)
        return false;
    for (i = 0; i < n; i++) {
        run_test(counts, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return true;
}

int main(int argc, char **argv)
{
    struct counts counts = {.verbose = getenv("V") != NULL};
    int i;

    if (argc < 2 && !run_folder(&counts, DEFAULT)) {
        printf("the standard's tests are not installed in %s\n", DEFAULT);
        return 77;
    }
    for (i = 1; i < argc; i++) {
        if (!run_folder(&counts, argv[i])) {
            printf("%s can't be read\n", argv[i]);
            return 1;
        }
    }
    printf("%d passed, %d failed, %d skipped\n", counts.passed, counts.failed,
           counts.skipped);
    return counts.failed == 0 ? 0 : 1;
}
