/*
 * Opening a .inn file: the layout first, then all checksums, then the
 * messages. Grids stay in the mapped file and are decoded when asked for.
 * A file that somebody truncates while it is mapped ends the process, as
 * with any mapping: writers replace files, they don't rewrite them.
 */
#include <stdatomic.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/base/threads.h"
#include "runtime/base/wire.h"
#include "runtime/file/codec.h"
#include "runtime/file/pack.h"
#include "runtime/grid/moments.h"
#include "runtime/grid/sample.h"
#include "runtime/ops/sizes.h"

#define SMALL ((size_t)4 << 20)

/* What an open file is to its model. Const after opening. */
struct source {
    struct inn_heap *heap;
    struct inn_bytes file;
    struct inn_section *sections;
    size_t n_sections;
    const int *weight_sections; /* in the model's arena */
};

static void source_free(void *state)
{
    struct source *s = state;

    if (s == NULL)
        return;
    inn_free(s->heap, s->sections);
    inn_file_unmap(&s->file);
    inn_free(s->heap, s);
}

static enum inn_status source_load(void *state, int w, void *data,
                                   struct inn_error *err)
{
    const struct source *s = state;
    int i = s->weight_sections[w];
    enum inn_status st;

    st = inn_decode_section(data, &s->sections[i],
                            s->file.data + s->sections[i].offset, 0, s->heap,
                            err);
    inn_file_release(&s->file, (size_t)s->sections[i].offset,
                     (size_t)s->sections[i].stored_bytes);
    if (st == INN_ERR_FORMAT)
        inn_error_prefix(err, "section %d (tensor)", i);
    return st;
}

struct verifying {
    const struct source *source;
    atomic_size_t bad; /* the first damaged section */
};

static void verify_part(void *context, size_t part)
{
    struct verifying *v = context;
    const struct inn_section *s = &v->source->sections[part];
    size_t bad = atomic_load(&v->bad);
    uint64_t hash = XXH3_64bits(v->source->file.data + s->offset,
                                (size_t)s->stored_bytes);

    inn_file_release(&v->source->file, (size_t)s->offset,
                     (size_t)s->stored_bytes);
    if (hash == s->hash)
        return;
    while (part < bad && !atomic_compare_exchange_weak(&v->bad, &bad, part))
        ;
}

/*
 * By section: the large ones are many in networks where it takes long. Below
 * SMALL bytes hashing is done before other threads have woken up.
 */
static enum inn_status verify(const struct source *s, struct inn_error *err)
{
    struct verifying v = {.source = s};
    size_t bad;

    atomic_init(&v.bad, SIZE_MAX);
    inn_parallel(s->file.len < SMALL ? 1 : 0, s->n_sections, verify_part, &v);
    bad = atomic_load(&v.bad);
    if (bad == SIZE_MAX)
        return INN_OK;
    return inn_fail(err, INN_ERR_FORMAT,
                    "damaged: section %zu (%s) at byte %llu has a wrong "
                    "checksum",
                    bad, inn_section_name(s->sections[bad].kind),
                    (unsigned long long)s->sections[bad].offset);
}

typedef enum inn_status unpack_fn(struct inn_unpacking *u,
                                  const uint8_t *bytes, size_t len,
                                  struct inn_error *err);

/* The one section of a kind; *found stays NULL where it may be missing. */
static enum inn_status find_section(const struct inn_section **found,
                                    const struct source *s, uint32_t kind,
                                    bool needed, struct inn_error *err)
{
    size_t i;

    *found = NULL;
    for (i = 0; i < s->n_sections; i++) {
        if (s->sections[i].kind != kind)
            continue;
        if (*found != NULL)
            return inn_fail(err, INN_ERR_FORMAT, "two sections '%s'",
                            inn_section_name(kind));
        *found = &s->sections[i];
    }
    if (*found == NULL && needed)
        return inn_fail(err, INN_ERR_FORMAT, "no section '%s'",
                        inn_section_name(kind));
    return INN_OK;
}

/* Decodes and unpacks it. */
static enum inn_status read_message(struct inn_unpacking *u,
                                    const struct source *s, uint32_t kind,
                                    bool needed, unpack_fn *unpack,
                                    struct inn_error *err)
{
    const struct inn_section *found;
    enum inn_status st = find_section(&found, s, kind, needed, err);
    uint8_t *bytes;

    if (st != INN_OK || found == NULL)
        return st;
    if (found->raw_bytes > INN_WIRE_MAX_BYTES)
        return inn_fail(err, INN_ERR_FORMAT,
                        "section '%s': %llu bytes, a message has %zu at most",
                        inn_section_name(kind),
                        (unsigned long long)found->raw_bytes,
                        INN_WIRE_MAX_BYTES);
    bytes = inn_alloc_raw(s->heap, (size_t)found->raw_bytes, 1, err);
    if (bytes == NULL)
        return inn_refused(err);
    st = inn_decode_section(bytes, found, s->file.data + found->offset, 0,
                            s->heap, err);
    if (st == INN_OK)
        st = unpack(u, bytes, (size_t)found->raw_bytes, err);
    inn_free(s->heap, bytes);
    if (st == INN_ERR_FORMAT)
        inn_error_prefix(err, "section '%s'", inn_section_name(kind));
    return st;
}

/* Factors under way; each part writes its own factor and verdict. */
struct factors {
    const struct inn_unpacking *u;
    const struct source *source;
    struct inn_error *errors; /* [n_moments] */
};

static void read_factor(void *context, size_t part)
{
    const struct factors *f = context;
    const struct inn_model *model = f->u->model;
    const struct inn_moments *m = &model->moments[part];
    int section = f->u->factor_sections[part];
    const struct inn_section *from = &f->source->sections[section];
    struct inn_error *err = &f->errors[part];
    enum inn_status st;

    if (inn_shares_factor(model, (int)part))
        return;
    st = inn_decode_section(m->factor, from,
                            f->source->file.data + from->offset, 1,
                            f->source->heap, err);
    if (st == INN_OK)
        st = inn_check_factor(m->factor, model->groups[m->group].size, err);
    err->status = st;
    if (st == INN_ERR_FORMAT)
        inn_error_prefix(err, "section %d (factor)", section);
}

/* Decodes the factors of all moments, whose sizes the directory agrees with. */
static enum inn_status read_factors(const struct inn_unpacking *u,
                                    const struct source *s,
                                    struct inn_error *err)
{
    struct inn_model *model = u->model;
    struct factors f = {.u = u, .source = s};
    size_t n = (size_t)model->n_moments, used = 0, sections = 0, i;
    enum inn_status st = INN_OK;

    for (i = 0; i < s->n_sections; i++)
        sections += s->sections[i].kind == INN_SECTION_FACTOR;
    for (i = 0; i < n; i++)
        used += i == 0 || u->factor_sections[i] != u->factor_sections[i - 1];
    if (sections != used)
        return inn_fail(err, INN_ERR_FORMAT, "%zu factors are read, there are "
                        "%zu", used, sections);
    f.errors = inn_alloc(s->heap, n, sizeof(*f.errors), err);
    if (f.errors == NULL)
        return inn_refused(err);
    for (i = 0; i < n && st == INN_OK; i++) {
        size_t bytes = (size_t)s->sections[u->factor_sections[i]].raw_bytes;

        if (i > 0 && u->factor_sections[i] == u->factor_sections[i - 1]) {
            model->moments[i].factor = model->moments[i - 1].factor;
            continue;
        }
        model->moments[i].factor = inn_arena_alloc(&model->arena, bytes, 1,
                                                   err);
        if (model->moments[i].factor == NULL)
            st = inn_refused(err);
    }
    /* All at once: a region of threads for each would cost more than it has. */
    if (st == INN_OK)
        inn_parallel(s->file.len < SMALL ? 1 : 0, n, read_factor, &f);
    for (i = 0; i < n && st == INN_OK; i++) {
        st = f.errors[i].status;
        if (st != INN_OK && err != NULL)
            *err = f.errors[i];
    }
    inn_free(s->heap, f.errors);
    return st;
}

static enum inn_status read_model(struct inn_model *model, struct source *s,
                                  struct inn_error *err)
{
    static const struct {
        uint32_t kind;
        bool needed;
        unpack_fn *unpack;
    } steps[] = {{INN_SECTION_NETWORK, true, inn_unpack_network},
                 {INN_SECTION_GROUPS, true, inn_unpack_groups},
                 {INN_SECTION_PARTITIONS, true, inn_unpack_partitions},
                 {INN_SECTION_MOMENTS, false, inn_unpack_moments},
                 {INN_SECTION_META, true, inn_unpack_meta},
                 {INN_SECTION_INPUTS, false, inn_unpack_inputs}};
    struct inn_unpacking u = {.model = model, .heap = s->heap,
                              .version = inn_get_u32(s->file.data + 8),
                              .sections = s->sections,
                              .n_sections = s->n_sections};
    enum inn_status st = INN_OK;
    size_t i;

    for (i = 0; i < INN_COUNT(steps) && st == INN_OK; i++)
        st = read_message(&u, s, steps[i].kind, steps[i].needed,
                          steps[i].unpack, err);
    s->weight_sections = u.weight_sections;
    if (st == INN_OK)
        st = read_factors(&u, s, err);
    return st == INN_OK ? inn_unpack_check(&u, err) : st;
}

/* Whether every input with open sizes has a binding, in the graph's order. */
static bool has_sizes(const struct inn_model *m)
{
    const struct inn_graph *g = m->graph;
    int i, k, b = 0;

    for (i = 0; i < g->n_inputs; i++) {
        const struct inn_value *v = &g->values[g->inputs[i]];

        if (b < m->n_bindings && m->bindings[b].rank >= 0 &&
            strcmp(m->bindings[b].name, v->name) == 0) {
            b++;
            continue;
        }
        for (k = 0; k < v->rank; k++) {
            if (v->dims[k].size < 0)
                return false;
        }
    }
    return true;
}

/*
 * What the file leaves open is solved for: files of before have sizes only
 * where the user gave some. Nothing that fits is no fault of the file's, for
 * it can be run in sizes that somebody knows.
 */
static enum inn_status complete_sizes(struct inn_model *m,
                                      struct inn_error *err)
{
    struct inn_graph *outline;
    struct inn_sizes sizes;
    enum inn_status st;

    if (has_sizes(m))
        return INN_OK;
    st = inn_model_outline(&outline, m, err);
    if (st != INN_OK)
        return st;
    st = inn_sizes_solve(&sizes, outline, m->bindings,
                         (size_t)m->n_bindings, NULL, 0, INN_DEFAULT_SPATIAL,
                         &m->arena, err);
    if (st == INN_OK) {
        m->bindings = sizes.bindings;
        m->n_bindings = (int)sizes.n;
    }
    inn_graph_free(outline);
    return st;
}

enum inn_status inn_file_open(struct inn_model **model, const char *path,
                              bool trust, struct inn_heap *heap,
                              struct inn_error *err)
{
    struct inn_error local = {INN_OK, ""};
    struct inn_model *m = NULL;
    struct source *s = NULL;
    enum inn_status st;

    *model = NULL;
    st = inn_model_new(&m, heap, &local);
    if (st != INN_OK)
        goto out;
    s = inn_alloc(heap, 1, sizeof(*s), &local);
    if (s == NULL) {
        st = local.status;
        goto out;
    }
    s->heap = heap;
    m->source.state = s;
    m->source.load = source_load;
    m->source.free = source_free;
    st = inn_file_map(&s->file, path, &local);
    if (st == INN_OK)
        st = inn_read_layout(&s->sections, &s->n_sections, s->file.data,
                             s->file.len, !trust, heap, &local);
    if (st == INN_OK && !trust)
        st = verify(s, &local);
    if (st == INN_OK)
        st = read_model(m, s, &local);
    if (st == INN_OK)
        st = complete_sizes(m, &local);
    if (st == INN_OK) {
        *model = m;
        m = NULL;
    }
out:
    inn_model_free(m);
    if (st != INN_OK && err != NULL)
        *err = local;
    return st;
}

bool inn_file_is_inn(const char *path)
{
    struct inn_bytes file;
    bool is;

    if (inn_file_map(&file, path, NULL) != INN_OK)
        return false;
    is = file.len >= 8 && memcmp(file.data, INN_FILE_MAGIC, 8) == 0;
    inn_file_unmap(&file);
    return is;
}
