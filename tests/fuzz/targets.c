/*
 * What is fuzzed: each target takes any bytes, copied to a block of their own
 * length so that reading past the end traps, and a heap of its own that must
 * be empty when it comes back.
 */
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "runtime/base/checked.h"
#include "runtime/base/error.h"
#include "runtime/base/image.h"
#include "runtime/base/npy.h"
#include "runtime/base/port.h"
#include "runtime/exec/session.h"
#include "runtime/file/container.h"
#include "runtime/graph/onnx.h"
#include "runtime/grid/sample.h"
#include "runtime/ops/shapes.h"
#include "runtime/pictures/stored.h"
#include "tests/fuzz/commands.h"
#ifdef FUZZ_CONVERTER
#include "converter/convert.h"
#endif

/* Networks that would compute more are read and sampled, but not run. */
#define MOST_MACS ((int64_t)1 << 24)
#define MOST_BYTES ((size_t)16 << 20)
#define SPATIAL 8
#define FOLD_BYTES ((size_t)1 << 16)

/* What is wrong with us, not with the bytes. */
static void fail(const char *what, const struct inn_error *err)
{
    fprintf(stderr, "fuzz: %s: %s\n", what,
            err != NULL ? err->message : "");
    abort();
}

/* ---- Files: readers that want a path ---------------------------------- */

/* One per process, written anew each time; named below its descriptor. */
static const char *store(const uint8_t *data, size_t len)
{
    static char path[64];
    static int fd = -1;
    static pid_t owner;

    if (fd < 0 || owner != getpid()) {
        const char *dir = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        char name[64];

        snprintf(name, sizeof(name), "%s/inn-fuzz-XXXXXX", dir);
        fd = mkstemp(name);
        if (fd < 0 || unlink(name) != 0)
            fail("no temporary file", NULL);
        owner = getpid();
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, len, 0) != (ssize_t)len)
        fail("the temporary file can't be written", NULL);
    return path;
}

/* ---- Running ----------------------------------------------------------- */

/* Inputs of the sizes that were inferred, filled with something. */
static enum inn_status make_inputs(struct inn_tensor **inputs,
                                   const struct inn_graph *g,
                                   const struct inn_shapes *shapes,
                                   struct inn_arena *arena,
                                   struct inn_error *err)
{
    enum inn_status st = INN_OK;
    size_t total = 0, k;
    int i;

    *inputs = inn_arena_alloc(arena, (size_t)g->n_inputs, sizeof(**inputs),
                              err);
    if (*inputs == NULL)
        return inn_refused(err);
    for (i = 0; i < g->n_inputs && st == INN_OK; i++) {
        const struct inn_tensor *t = inn_shapes_get(shapes, g->inputs[i]);
        uint8_t *bytes;

        if (t == NULL)
            return inn_fail(err, INN_ERR_UNSUPPORTED, "of no known size");
        if (!inn_add_size(&total, total, t->bytes) || total > MOST_BYTES)
            return inn_fail(err, INN_ERR_LIMIT, "inputs too large to try");
        st = inn_tensor_new(&(*inputs)[i], arena, t->type, t->rank, t->dims,
                            err);
        if (st != INN_OK)
            break;
        bytes = (*inputs)[i].data;
        for (k = 0; k < t->bytes; k++)
            bytes[k] = t->type == INN_BOOL ? k & 1
                       : t->type == INN_F32 && k % 4 == 3 ? 0x3f
                       : (uint8_t)(k % 3);
    }
    return st;
}

/*
 * Whether running is quick: few values and sums. Values that no heap of ours
 * holds don't count: they are refused before anything is computed, or nobody
 * asks for them.
 */
static bool is_quick(const struct inn_shapes *shapes)
{
    bool refused = false;
    size_t total = 0;
    int v;

    for (v = 0; v < shapes->n_values; v++) {
        if (shapes->known[v].bytes > FUZZ_HEAP_BYTES)
            refused = true;
        else if (!inn_add_size(&total, total, shapes->known[v].bytes))
            return false;
    }
    return total <= MOST_BYTES && (refused || shapes->macs <= MOST_MACS);
}

static enum inn_status run_graph(const struct inn_graph *g, bool reference,
                                 struct inn_error *err)
{
    struct inn_session_options options = {.threads = 1,
                                          .reference = reference};
    struct inn_session *session = NULL;
    struct inn_shapes shapes = {.known = NULL};
    struct inn_tensor *inputs;
    const struct inn_tensor *out;
    enum inn_status st;

    st = inn_shapes_infer(&shapes, g, NULL, 0, SPATIAL, FOLD_BYTES, err);
    if (st != INN_OK || !is_quick(&shapes))
        goto out;
    st = make_inputs(&inputs, g, &shapes, &shapes.arena, err);
    if (st != INN_OK)
        goto out;
    st = inn_session_new(&session, g, &options, err);
    if (st == INN_OK)
        st = inn_session_run(session, &out, inputs, g->n_inputs, err);
out:
    inn_session_free(session);
    inn_shapes_free(&shapes);
    return st;
}

/* ---- ONNX --------------------------------------------------------------- */

/* What is written is read again, and written to the same bytes. */
static void check_round_trip(const struct inn_graph *g, struct inn_heap *heap)
{
    struct inn_graph *again = NULL;
    uint8_t *a = NULL, *b = NULL;
    size_t a_len, b_len;
    struct inn_error err = {INN_OK, ""};
    enum inn_status st = inn_onnx_pack(g, NULL, &a, &a_len, &err);

    if (st == INN_OK) {
        st = inn_onnx_parse(&again, a, a_len, false, heap, &err);
        if (st != INN_OK && st != INN_ERR_LIMIT && st != INN_ERR_MEMORY)
            fail("what is written can't be read", &err);
    }
    if (st == INN_OK)
        st = inn_onnx_pack(again, NULL, &b, &b_len, &err);
    if (st == INN_OK && (a_len != b_len || memcmp(a, b, a_len) != 0))
        fail("written, read and written gives other bytes", NULL);
    if (st != INN_OK && st != INN_ERR_LIMIT && st != INN_ERR_MEMORY)
        fail("what was read can't be written", &err);
    inn_free(heap, a);
    inn_free(heap, b);
    inn_graph_free(again);
}

static enum inn_status run_onnx(const uint8_t *data, size_t len,
                                struct inn_heap *heap, struct inn_error *err)
{
    struct inn_graph *g = NULL;
    enum inn_status st = inn_onnx_parse(&g, data, len, false, heap, err);
    int how;

    if (st != INN_OK)
        return st;
    check_round_trip(g, heap);
    for (how = 0; how < 2 && st == INN_OK; how++)
        st = run_graph(g, how == 0, err);
    if (st == INN_OK)
        st = inn_fold_constants(g, err);
    if (st == INN_OK)
        st = inn_fold_batchnorm(g, NULL, NULL, err);
    if (st == INN_OK)
        st = run_graph(g, false, err);
    inn_graph_free(g);
    return st;
}

/*
 * A model in a folder with files that its tensors may name: w.bin of 64
 * bytes, links that stay inside and links that don't, a file of two names.
 */
static enum inn_status run_external(const uint8_t *data, size_t len,
                                    struct inn_heap *heap,
                                    struct inn_error *err)
{
    char folder[] = "/tmp/inn-fuzz-XXXXXX", path[64], command[1024];
    struct inn_graph *g = NULL;
    enum inn_status st;
    FILE *f;

    if (mkdtemp(folder) == NULL)
        fail("no temporary folder", NULL);
    snprintf(path, sizeof(path), "%s/model.onnx", folder);
    snprintf(command, sizeof(command),
             "cd %s && mkdir sub && printf %%064d 1 > w.bin && "
             "ln -s w.bin link-inside.bin && ln -s /etc/hostname "
             "link-outside.bin && ln -s /etc folder-outside && "
             "printf %%064d 1 > hard.bin && ln hard.bin other.bin",
             folder);
    f = fopen(path, "wb");
    if (system(command) != 0 || f == NULL ||
        fwrite(data, 1, len, f) != len || fclose(f) != 0)
        fail("the folder can't be made", NULL);
    st = inn_onnx_read(&g, path, NULL, heap, err);
    if (st == INN_OK)
        check_round_trip(g, heap);
    inn_graph_free(g);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    if (system(command) != 0)
        fail("the folder can't be removed", NULL);
    if (strstr(err->message, folder) == NULL)
        return st;
    /* Its name is chance; what is expected of it names no folder. */
    memset(strstr(err->message, folder) + strlen("/tmp/inn-fuzz-"), 'X', 6);
    return st;
}

/* ---- .inn --------------------------------------------------------------- */

static enum inn_status load_grids(const struct inn_model *m,
                                  struct inn_heap *heap,
                                  struct inn_error *err)
{
    enum inn_status st = INN_OK;
    int i;

    for (i = 0; i < m->n_weights && st == INN_OK; i++) {
        void *data = inn_alloc_raw(heap, m->weights[i].grid.bytes, 1, err);

        if (data == NULL)
            return inn_refused(err);
        st = m->source.load(m->source.state, i, data, err);
        inn_free(heap, data);
    }
    return st;
}

static enum inn_status load_inputs(const struct inn_model *m,
                                   struct inn_heap *heap,
                                   struct inn_error *err)
{
    enum inn_status st = INN_OK;
    struct inn_arena arena;
    struct inn_feed feed;

    inn_arena_init(&arena, heap);
    if (m->stored != NULL)
        st = inn_stored_feed(&feed, m, m->graph, &arena, err);
    inn_arena_free(&arena);
    return st;
}

static enum inn_status run_inn(const uint8_t *data, size_t len,
                               struct inn_heap *heap, struct inn_error *err)
{
    struct inn_model *m = NULL;
    const char *path = store(data, len);
    enum inn_status st = inn_file_open(&m, path, true, heap, err);

    inn_model_free(m);
    err->message[0] = '\0';
    err->status = INN_OK;
    st = inn_file_open(&m, path, false, heap, err);
    if (st == INN_OK)
        st = load_grids(m, heap, err);
    if (st == INN_OK)
        st = load_inputs(m, heap, err);
    inn_model_free(m);
    return st;
}

/* Sampled small, whole and large; with every rule that the model has. */
static enum inn_status sample_and_run(const struct inn_model *m,
                                      struct inn_error *err)
{
    static const struct {
        double width;
        enum inn_partition partition;
        enum inn_quadrature quadrature;
    } ways[] = {
        {1, INN_PARTITION_UNIFORM, INN_QUAD_TRAPEZOID},
        {0.5, INN_PARTITION_UNIFORM, INN_QUAD_GAUSS},
        {0.6, INN_PARTITION_MOMENTS, INN_QUAD_MOMENTS},
        {0.3, INN_PARTITION_L1, INN_QUAD_SIMPSON},
        {1.7, INN_PARTITION_UNIFORM, INN_QUAD_LEFT},
    };
    enum inn_status st = INN_OK;
    size_t i;

    for (i = 0; i < INN_COUNT(ways) && st == INN_OK; i++) {
        struct inn_width_request request = {.width = ways[i].width,
                                            .round = 1};
        struct inn_plan plan = {.widths = NULL};
        struct inn_graph *g = NULL;

        if (ways[i].partition == INN_PARTITION_MOMENTS && m->n_moments == 0)
            continue;
        st = inn_plan_make(&plan, m, &request, err);
        plan.partition = ways[i].partition;
        plan.quadrature = ways[i].quadrature;
        if (st == INN_OK)
            st = inn_model_sample(&g, m, &plan, 1, err);
        if (st == INN_OK)
            st = inn_fold_constants(g, err);
        if (st == INN_OK)
            st = run_graph(g, false, err);
        inn_graph_free(g);
        inn_plan_free(&plan);
    }
    return st;
}

#ifdef FUZZ_CONVERTER
static enum inn_status bind_nothing(void *state, const struct inn_graph *g,
                                    struct inn_binding **bindings, size_t *n,
                                    struct inn_error *err)
{
    (void)state;
    (void)g;
    (void)err;
    *bindings = NULL;
    *n = 0;
    return INN_OK;
}

static enum inn_status convert(struct inn_model **m, const uint8_t *data,
                               size_t len, struct inn_heap *heap,
                               struct inn_error *err)
{
    struct inn_convert_options options = {
        .order = true, .moments = true, .pictures = 2,
        .judge = true, .bind = bind_nothing, .threads = 1,
        .options = ""};
    struct inn_convert_report report;
    const char *path = store(data, len);
    struct inn_graph *g = NULL;
    struct inn_shapes shapes = {.known = NULL};
    enum inn_status st = inn_onnx_parse(&g, data, len, false, heap, err);
    bool quick = false;

    /* Fitting large weights takes long and finds nothing. */
    if (st == INN_OK) {
        st = inn_shapes_infer(&shapes, g, NULL, 0, SPATIAL, FOLD_BYTES, err);
        quick = st == INN_OK && is_quick(&shapes);
        inn_shapes_free(&shapes);
    }
    inn_graph_free(g);
    if (st != INN_OK || !quick)
        return st;
    return inn_convert(m, &report, path, &options, heap, err);
}
#endif

static enum inn_status run_sample(const uint8_t *data, size_t len,
                                  struct inn_heap *heap,
                                  struct inn_error *err)
{
    struct inn_model *m = NULL;
    enum inn_status st;

#ifdef FUZZ_CONVERTER
    if (len < 3 || memcmp(data, "INN", 3) != 0)
        st = convert(&m, data, len, heap, err);
    else
#endif
        st = inn_file_open(&m, store(data, len), true, heap, err);
    if (st == INN_OK && m != NULL)
        st = sample_and_run(m, err);
    inn_model_free(m);
    return st;
}

/* ---- Arrays and pictures ------------------------------------------------ */

static enum inn_status run_npy(const uint8_t *data, size_t len,
                               struct inn_heap *heap, struct inn_error *err)
{
    struct inn_arena arena;
    struct inn_tensor t;
    enum inn_status st;

    inn_arena_init(&arena, heap);
    st = inn_npy_parse(&t, data, len, &arena, err);
    inn_arena_free(&arena);
    return st;
}

static enum inn_status run_npz(const uint8_t *data, size_t len,
                               struct inn_heap *heap, struct inn_error *err)
{
    struct inn_arena arena;
    struct inn_tensor t;
    enum inn_status st;

    inn_arena_init(&arena, heap);
    st = inn_npz_read(&t, store(data, len), "x", &arena, err);
    inn_arena_free(&arena);
    return st;
}

static enum inn_status run_image(const uint8_t *data, size_t len,
                                 struct inn_heap *heap,
                                 struct inn_error *err)
{
    struct inn_arena arena;
    struct inn_image image;
    enum inn_status st;

    inn_arena_init(&arena, heap);
    st = inn_image_parse(&image, data, len, &arena, err);
    inn_arena_free(&arena);
    return st;
}

/* ---- The table ---------------------------------------------------------- */

typedef enum inn_status heap_fn(const uint8_t *data, size_t len,
                                struct inn_heap *heap, struct inn_error *err);

size_t fuzz_fail_at, fuzz_fail_left;

static enum inn_status with_heap(heap_fn *run, const uint8_t *data,
                                 size_t len, struct inn_error *err)
{
    struct inn_heap *heap = inn_heap_new(FUZZ_HEAP_BYTES);
    uint8_t *copy = malloc(len + (len == 0));
    enum inn_status st;

    if (heap == NULL || copy == NULL)
        abort();
    if (len > 0)
        memcpy(copy, data, len);
    inn_heap_fail_at(heap, fuzz_fail_at);
    st = run(copy, len, heap, err);
    fuzz_fail_left = inn_heap_fail_left(heap);
    free(copy);
    if (inn_heap_used(heap) != 0)
        fail("memory is left", err);
    inn_heap_free(heap);
    return st;
}

static enum inn_status target_onnx(const uint8_t *data, size_t len,
                                   struct inn_error *err)
{
    return with_heap(run_onnx, data, len, err);
}

static enum inn_status target_external(const uint8_t *data, size_t len,
                                       struct inn_error *err)
{
    return with_heap(run_external, data, len, err);
}

static enum inn_status target_inn(const uint8_t *data, size_t len,
                                  struct inn_error *err)
{
    return with_heap(run_inn, data, len, err);
}

static enum inn_status target_run(const uint8_t *data, size_t len,
                                  struct inn_error *err)
{
    return with_heap(run_sample, data, len, err);
}

static enum inn_status target_npy(const uint8_t *data, size_t len,
                                  struct inn_error *err)
{
    return with_heap(run_npy, data, len, err);
}

static enum inn_status target_npz(const uint8_t *data, size_t len,
                                  struct inn_error *err)
{
    return with_heap(run_npz, data, len, err);
}

static enum inn_status target_image(const uint8_t *data, size_t len,
                                    struct inn_error *err)
{
    return with_heap(run_image, data, len, err);
}

static size_t mutate_either(uint8_t *data, size_t len, size_t cap,
                            const uint8_t *other, size_t other_len,
                            struct fuzz_random *r)
{
    return len > 3 && memcmp(data, "INN", 3) == 0
               ? fuzz_mutate_inn(data, len, cap, other, other_len, r)
               : fuzz_mutate_onnx(data, len, cap, other, other_len, r);
}

const struct fuzz_target fuzz_targets[] = {
    {"onnx", "onnx", target_onnx, fuzz_mutate_onnx},
    {"external", "external", target_external, fuzz_mutate_onnx},
    {"inn", "inn", target_inn, fuzz_mutate_inn},
    {"run", "run", target_run, mutate_either},
    {"npy", "npy", target_npy, fuzz_mutate_bytes},
    {"npz", "npz", target_npz, fuzz_mutate_bytes},
    {"image", "image", target_image, fuzz_mutate_png},
#ifdef FUZZ_CONVERTER
    {"inn-convert", "net", NULL, fuzz_mutate_onnx},
    {"inn-calibrate", "npz", NULL, fuzz_mutate_bytes},
#endif
    {"inn-info", "net", NULL, mutate_either},
    {"inn-export", "net", NULL, mutate_either},
    {"inn-run", "net", NULL, mutate_either},
    {"inn-image", "net", NULL, mutate_either},
    {"inn-eval", "net", NULL, mutate_either},
    {"inn-eval-sr", "net", NULL, mutate_either},
    {"inn-bench", "net", NULL, mutate_either},
    {"inn-check", "net", NULL, mutate_either},
    {"inn-compare", "net", NULL, mutate_either},
    {"inn-plan", "plan", NULL, fuzz_mutate_bytes},
    {"inn-expect", "expect", NULL, fuzz_mutate_bytes},
    {NULL, NULL, NULL, NULL},
};

const struct fuzz_target *fuzz_find(const char *name)
{
    const struct fuzz_target *t;

    for (t = fuzz_targets; t->name != NULL; t++) {
        if (strcmp(t->name, name) == 0)
            return t;
    }
    return NULL;
}

enum inn_status fuzz_run(const struct fuzz_target *target,
                         const uint8_t *data, size_t len,
                         struct inn_error *err)
{
    enum inn_status st;

    memset(err, 0, sizeof(*err));
    st = target->run != NULL ? target->run(data, len, err)
                             : fuzz_commands(target->name, data, len, err);
    if (st == INN_OK)
        return st;
    if (err->status != st || err->message[0] == '\0' ||
        memchr(err->message, '\0', sizeof(err->message)) == NULL)
        fail("an error that says nothing", err);
    if (strchr(err->message, '\n') != NULL)
        fail("an error of two lines", err);
    /* Of a command there are arguments, which the file may contradict. */
    if (target->run != NULL &&
        (st == INN_ERR_ARGUMENT ||
         (st == INN_ERR_IO && target->run != target_external)))
        fail("an error that blames somebody else", err);
    return st;
}

uint8_t *fuzz_load(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(FUZZ_MAX_BYTES);

    if (f == NULL || bytes == NULL) {
        perror(path);
        exit(2);
    }
    *len = fread(bytes, 1, FUZZ_MAX_BYTES, f);
    fclose(f);
    return bytes;
}
