/*
 * Choices that were measured: which algorithm computes a convolution fastest
 * here, kept in a text file from one process to the next. A file that is no
 * such list is left alone, lines that say nothing are skipped.
 */
#include <stdio.h>
#include <string.h>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/base/port.h"
#include "runtime/base/write.h"
#include "runtime/exec/cpu.h"
#include "runtime/exec/dnnl_priv.h"

#define MAGIC "inn-tune 2\n"
/* Choices that are kept; a network has some hundred. */
#define MOST 8192
#define MOST_BYTES ((size_t)8 << 20)
#define MOST_LINE (INN_TUNE_KEY + 64)
/* Timed runs, and the time after which no further one is started. */
#define RUNS 5
#define ENOUGH_NS 300000000
/* What common caches hold. Weights beyond that come from memory each time. */
#define CACHE_BYTES ((size_t)32 << 20)
#define LINE_BYTES 64

struct choice {
    const char *key, *impl;
};

struct inn_tune {
    struct inn_arena arena;
    const char *path, *here; /* here: processor and library */
    struct choice *choices;  /* [MOST] */
    int n;
    bool foreign, changed;
    unsigned char *sweep; /* [CACHE_BYTES] while times are taken, or NULL */
};

/* One line, "IMPL key"; what is no such line is skipped. */
static enum inn_status read_line(struct inn_tune *t, const char *line,
                                 size_t len, struct inn_error *err)
{
    const char *blank = memchr(line, ' ', len);
    char *text;

    if (t->n == MOST || len > MOST_LINE || blank == NULL || blank == line ||
        blank == line + len - 1 || memchr(line, '\0', len) != NULL)
        return INN_OK;
    text = inn_arena_alloc(&t->arena, len + 1, 1, err);
    if (text == NULL)
        return inn_refused(err);
    memcpy(text, line, len);
    text[blank - line] = '\0';
    t->choices[t->n].impl = text;
    t->choices[t->n++].key = text + (blank - line) + 1;
    return INN_OK;
}

static bool is_foreign(const struct inn_bytes *bytes)
{
    const size_t magic = strlen(MAGIC);

    return bytes->len != 0 &&
           (bytes->len > MOST_BYTES || bytes->len < magic ||
            memcmp(bytes->data, MAGIC, magic) != 0);
}

bool inn_tune_is_foreign(const char *path)
{
    struct inn_error err = {0};
    struct inn_bytes bytes;
    bool foreign;

    if (inn_file_map(&bytes, path, &err) != INN_OK)
        return false;
    foreign = is_foreign(&bytes);
    inn_file_unmap(&bytes);
    return foreign;
}

/* What cannot be read is as good as not there. */
static enum inn_status read_choices(struct inn_tune *t, struct inn_error *err)
{
    const size_t magic = strlen(MAGIC);
    enum inn_status st = INN_OK;
    struct inn_bytes bytes;
    struct inn_error local = {0};
    const char *at, *end;

    if (inn_file_map(&bytes, t->path, &local) != INN_OK)
        return INN_OK;
    at = (const char *)bytes.data;
    end = at + bytes.len;
    t->foreign = is_foreign(&bytes);
    if (!t->foreign && bytes.len != 0)
        at += magic;
    while (!t->foreign && at < end && st == INN_OK) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));

        stop = stop != NULL ? stop : end;
        st = read_line(t, at, (size_t)(stop - at), err);
        at = stop + (stop < end);
    }
    inn_file_unmap(&bytes);
    return st;
}

enum inn_status inn_tune_new(struct inn_tune **tune, const char *path,
                             struct inn_heap *heap, struct inn_error *err)
{
    struct inn_tune *t = inn_alloc(heap, 1, sizeof(*t), err);
    char cpu[INN_CPU_TEXT], kernels[128], here[sizeof(cpu) + sizeof(kernels)];
    enum inn_status st = INN_OK;

    *tune = NULL;
    if (t == NULL)
        return inn_refused(err);
    inn_arena_init(&t->arena, heap);
    snprintf(here, sizeof(here), "%s; %s", inn_cpu_text(cpu),
             inn_kernels_text(kernels, sizeof(kernels)));
    t->path = inn_arena_strdup(&t->arena, path, err);
    t->here = inn_arena_strdup(&t->arena, here, err);
    t->choices = inn_arena_alloc(&t->arena, MOST, sizeof(*t->choices), err);
    if (t->path == NULL || t->here == NULL || t->choices == NULL)
        st = inn_refused(err);
    if (st == INN_OK)
        st = read_choices(t, err);
    if (st != INN_OK) {
        inn_tune_free(t);
        return st;
    }
    *tune = t;
    return INN_OK;
}

void inn_tune_free(struct inn_tune *tune)
{
    if (tune == NULL)
        return;
    inn_free(tune->arena.heap, tune->sweep);
    inn_arena_free(&tune->arena);
    inn_free(tune->arena.heap, tune);
}

const char *inn_tune_here(const struct inn_tune *tune)
{
    return tune->here;
}

const char *inn_tune_find(const struct inn_tune *tune, const char *key)
{
    int i;

    /* A later one replaces what this library no longer has. */
    for (i = tune->n - 1; i >= 0; i--) {
        if (strcmp(tune->choices[i].key, key) == 0)
            return tune->choices[i].impl;
    }
    return NULL;
}

enum inn_status inn_tune_add(struct inn_tune *tune, const char *key,
                             const char *impl, struct inn_error *err)
{
    if (tune->n == MOST)
        return INN_OK;
    key = inn_arena_strdup(&tune->arena, key, err);
    impl = inn_arena_strdup(&tune->arena, impl, err);
    if (key == NULL || impl == NULL)
        return inn_refused(err);
    tune->choices[tune->n].key = key;
    tune->choices[tune->n++].impl = impl;
    tune->changed = true;
    return INN_OK;
}

static enum inn_status write_choice(struct inn_write *out,
                                    const struct choice *c,
                                    struct inn_error *err)
{
    enum inn_status st = inn_write_bytes(out, c->impl, strlen(c->impl), err);

    if (st == INN_OK)
        st = inn_write_bytes(out, " ", 1, err);
    if (st == INN_OK)
        st = inn_write_bytes(out, c->key, strlen(c->key), err);
    return st == INN_OK ? inn_write_bytes(out, "\n", 1, err) : st;
}

enum inn_status inn_dnnl_keep(struct inn_dnnl *dnnl, struct inn_error *err)
{
    struct inn_tune *tune = dnnl != NULL ? dnnl->tune : NULL;
    struct inn_write *out = NULL;
    enum inn_status st;
    int i;

    if (tune == NULL)
        return INN_OK;
    inn_free(tune->arena.heap, tune->sweep);
    tune->sweep = NULL;
    if (!tune->changed || tune->foreign)
        return INN_OK;
    st = inn_write_open(&out, tune->path, true, tune->arena.heap, err);
    if (st == INN_OK)
        st = inn_write_bytes(out, MAGIC, strlen(MAGIC), err);
    for (i = 0; i < tune->n && st == INN_OK; i++)
        st = write_choice(out, &tune->choices[i], err);
    if (st == INN_OK)
        st = inn_write_commit(out, err);
    inn_write_close(out);
    if (st != INN_OK)
        inn_error_prefix(err, "measured choices, %s", tune->path);
    tune->changed = st != INN_OK;
    return st;
}

bool inn_tune_is_cold(const struct inn_builder *b)
{
    const struct inn_graph *g = b->s->graph;
    size_t bytes = 0;
    int i;

    for (i = 0; i < g->n_values && bytes < CACHE_BYTES; i++)
        bytes += g->values[i].init != NULL ? g->values[i].init->bytes : 0;
    return bytes >= CACHE_BYTES;
}

/* Memory of its own for one argument. */
struct trial {
    struct inn_dnnl *d;
    const dnnl_memory_desc_t *source; /* of data[0] */
    void *data[INN_DNNL_ARGS + 1];
    dnnl_exec_arg_t args[INN_DNNL_ARGS + 1];
    int n;
};

static enum inn_status add_arg(struct trial *t, int arg,
                               const dnnl_memory_desc_t *md,
                               struct inn_error *err)
{
    size_t bytes = md != NULL ? dnnl_memory_desc_get_size(md) : 0;
    dnnl_status_t ds;

    if (bytes == 0 || t->n > INN_DNNL_ARGS)
        return INN_OK;
    t->data[t->n] = inn_alloc(t->d->heap, bytes, 1, err);
    if (t->data[t->n] == NULL)
        return inn_refused(err);
    t->args[t->n].arg = arg;
    ds = dnnl_memory_create(&t->args[t->n].memory, md, t->d->engine,
                            t->data[t->n]);
    if (ds != dnnl_success) {
        inn_free(t->d->heap, t->data[t->n]);
        return inn_dnnl_fail(err, "creating a memory object", ds);
    }
    t->n++;
    return INN_OK;
}

/* Something to be timed, and where its source lies. */
struct timed {
    dnnl_status_t (*run)(const void *context);
    const void *context;
    const volatile unsigned char *source;
    size_t bytes;
};

/* Leaves the caches with the source and without the weights. */
static void sweep(const struct inn_tune *tune, const struct timed *t)
{
    size_t i;

    if (tune->sweep == NULL)
        return;
    for (i = 0; i < CACHE_BYTES; i += LINE_BYTES)
        tune->sweep[i]++;
    for (i = 0; i < t->bytes; i += LINE_BYTES)
        (void)t->source[i];
}

/* The least time of a few runs, where that is below *ns; else *ns stays. */
static dnnl_status_t time_runs(const struct inn_tune *tune,
                               const struct timed *t, int64_t *ns)
{
    int64_t all = 0, one, least = INT64_MAX;
    dnnl_status_t ds = dnnl_success;
    int i;

    /* The first pays for pages; a machine that does other things only adds. */
    for (i = 0; i <= RUNS && all < ENOUGH_NS && ds == dnnl_success &&
                (i < 2 || least / 2 < *ns); i++) {
        sweep(tune, t);
        one = inn_clock_ns();
        ds = t->run(t->context);
        one = inn_clock_ns() - one;
        all += one;
        least = i < 2 || one < least ? one : least;
    }
    if (ds == dnnl_success && least < *ns)
        *ns = least;
    return ds;
}

/* A primitive on the memory of a trial. */
struct execution {
    const struct trial *t;
    dnnl_primitive_t primitive;
};

static dnnl_status_t execute(const void *context)
{
    const struct execution *e = context;
    dnnl_status_t ds = dnnl_primitive_execute(e->primitive, e->t->d->stream,
                                              e->t->n, e->t->args);

    return ds == dnnl_success ? dnnl_stream_wait(e->t->d->stream) : ds;
}

static enum inn_status time_primitive(const struct trial *t,
                                      const_dnnl_primitive_desc_t pd,
                                      int64_t *ns, struct inn_error *err)
{
    struct execution e = {.t = t};
    struct timed timed = {execute, &e, t->data[0],
                          dnnl_memory_desc_get_size(t->source)};
    dnnl_status_t ds = dnnl_primitive_create(&e.primitive, pd);

    if (ds != dnnl_success)
        return inn_dnnl_fail(err, "creating a primitive", ds);
    ds = time_runs(t->d->tune, &timed, ns);
    dnnl_primitive_destroy(e.primitive);
    return ds == dnnl_success ? INN_OK
                              : inn_dnnl_fail(err, "timing a primitive", ds);
}

static void end_trial(struct trial *t)
{
    while (t->n-- > 0) {
        dnnl_memory_destroy(t->args[t->n].memory);
        inn_free(t->d->heap, t->data[t->n]);
    }
}

/* Adds what bringing memory from one layout into another takes. */
static enum inn_status add_reorder(struct inn_dnnl *d,
                                   const dnnl_memory_desc_t *have,
                                   const dnnl_memory_desc_t *want,
                                   int64_t *ns, struct inn_error *err)
{
    struct trial t = {.d = d, .source = have};
    dnnl_primitive_desc_t pd = NULL;
    int64_t least = INT64_MAX;
    enum inn_status st;

    if (inn_md_same_bytes(have, want) ||
        dnnl_reorder_primitive_desc_create(&pd, have, d->engine, want,
                                           d->engine, NULL) != dnnl_success)
        return INN_OK;
    st = add_arg(&t, DNNL_ARG_FROM, have, err);
    if (st == INN_OK)
        st = add_arg(&t, DNNL_ARG_TO, want, err);
    if (st == INN_OK)
        st = time_primitive(&t, pd, &least, err);
    if (st == INN_OK)
        *ns += least;
    end_trial(&t);
    dnnl_primitive_desc_destroy(pd);
    return st;
}

static enum inn_status open_sweep(const struct inn_builder *b,
                                  struct inn_error *err)
{
    struct inn_tune *tune = b->s->dnnl->tune;

    if (tune->sweep != NULL || !inn_tune_is_cold(b))
        return INN_OK;
    tune->sweep = inn_alloc(tune->arena.heap, CACHE_BYTES, 1, err);
    return tune->sweep != NULL ? INN_OK : inn_refused(err);
}

/* As for inn_tune_time, without the reorders. */
static enum inn_status time_desc(const struct inn_builder *b,
                                 const struct inn_desc *desc,
                                 const struct inn_args *posts, int64_t *ns,
                                 struct inn_error *err)
{
    static const struct {
        int arg, index;
        dnnl_query_t what;
    } args[] = {
        {DNNL_ARG_SRC, 0, dnnl_query_src_md},
        {DNNL_ARG_WEIGHTS, 0, dnnl_query_weights_md},
        {DNNL_ARG_BIAS, 1, dnnl_query_weights_md},
        {DNNL_ARG_DST, 0, dnnl_query_dst_md},
        {DNNL_ARG_SCRATCHPAD, 0, dnnl_query_scratchpad_md},
    };
    struct trial t = {.d = b->s->dnnl,
                      .source = inn_desc_md(desc, dnnl_query_src_md)};
    enum inn_status st = INN_OK;
    dnnl_memory_desc_t md;
    size_t i;

    for (i = 0; i < INN_COUNT(args) && st == INN_OK; i++)
        st = add_arg(&t, args[i].arg,
                     dnnl_primitive_desc_query_md(desc->pd, args[i].what,
                                                  args[i].index),
                     err);
    for (i = 0; i < (size_t)posts->n && st == INN_OK; i++) {
        st = inn_md_of_slot(b, posts->at[i].slot, &md, err);
        if (st == INN_OK)
            st = add_arg(&t, posts->at[i].arg, &md, err);
    }
    if (st == INN_OK)
        st = time_primitive(&t, desc->pd, ns, err);
    end_trial(&t);
    return st;
}

enum inn_status inn_tune_time(const struct inn_builder *b,
                              const struct inn_desc *desc,
                              const struct inn_args *posts,
                              const dnnl_memory_desc_t *have, int64_t *ns,
                              struct inn_error *err)
{
    const dnnl_memory_desc_t *src = inn_desc_md(desc, dnnl_query_src_md);
    int64_t least = *ns;
    enum inn_status st;

    st = open_sweep(b, err);
    if (st == INN_OK)
        st = time_desc(b, desc, posts, &least, err);
    if (st != INN_OK || least >= *ns)
        return st;
    st = add_reorder(b->s->dnnl, have, src, &least, err);
    *ns = least < *ns ? least : *ns;
    return st;
}

/* A run that can't fail. */
struct call {
    void (*run)(const void *context);
    const void *context;
};

static dnnl_status_t run_call(const void *context)
{
    const struct call *c = context;

    c->run(c->context);
    return dnnl_success;
}

enum inn_status inn_tune_run(const struct inn_builder *b,
                             void (*run)(const void *context),
                             const void *context,
                             const dnnl_memory_desc_t *have,
                             const dnnl_memory_desc_t *source,
                             const void *data, int64_t *ns,
                             struct inn_error *err)
{
    const struct call call = {run, context};
    const struct timed timed = {run_call, &call, data,
                                dnnl_memory_desc_get_size(source)};
    int64_t least = *ns;
    enum inn_status st = open_sweep(b, err);

    if (st != INN_OK)
        return st;
    time_runs(b->s->dnnl->tune, &timed, &least);
    if (least < *ns)
        st = add_reorder(b->s->dnnl, have, source, &least, err);
    *ns = least < *ns ? least : *ns;
    return st;
}

enum inn_status inn_tune_pass(const struct inn_builder *b,
                              const dnnl_memory_desc_t *md, int64_t *ns,
                              struct inn_error *err)
{
    struct trial t = {.d = b->s->dnnl, .source = md};
    struct inn_desc desc = {NULL, false};
    dnnl_eltwise_desc_t op;
    dnnl_status_t ds;
    enum inn_status st;

    *ns = INT64_MAX;
    ds = dnnl_eltwise_forward_desc_init(&op, dnnl_forward_inference,
                                        dnnl_eltwise_relu, md, 0.5f, 0);
    if (ds != dnnl_success)
        return inn_dnnl_fail(err, "describing a pass", ds);
    st = inn_desc_new(b->s->dnnl, &desc, &op, NULL, 1.0f, NULL, err);
    if (st == INN_OK && desc.pd != NULL)
        st = add_arg(&t, DNNL_ARG_SRC, md, err);
    if (st == INN_OK && desc.pd != NULL)
        st = add_arg(&t, DNNL_ARG_DST, md, err);
    if (st == INN_OK && desc.pd != NULL)
        st = time_primitive(&t, desc.pd, ns, err);
    end_trial(&t);
    inn_desc_free(&desc);
    return st;
}
