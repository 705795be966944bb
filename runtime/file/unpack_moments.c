/*
 * Moments and consumers into a model. Sampling indexes groups, weights and
 * graph nodes with what is here, and divides by deviations and by the
 * factor's diagonal, so all of it is checked.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/inn.pb-c.h"
#include "runtime/base/error.h"
#include "runtime/base/wire.h"
#include "runtime/file/pack.h"
#include "runtime/grid/moments.h"

/* The last input that may be a weight or a bias. */
#define MOST_INPUT 31
/* Operators between a weight and its reader that leave it as it is. */
#define MOST_STEPS 8

static enum inn_status copy_channels(float **to, const float *from,
                                     size_t n_from, const char *what,
                                     bool positive,
                                     const struct inn_group *g,
                                     struct inn_arena *arena,
                                     struct inn_error *err)
{
    size_t n = (size_t)g->size, i;

    if (n_from != n)
        return inn_fail(err, INN_ERR_FORMAT, "%zu %ss for %zu channels",
                        n_from, what, n);
    for (i = 0; i < n; i++) {
        if (!isfinite(from[i]) || (positive && !(from[i] > 0)))
            return inn_fail(err, INN_ERR_FORMAT, "%s %zu is %g", what, i,
                            (double)from[i]);
    }
    *to = inn_arena_alloc(arena, n, sizeof(**to), err);
    if (*to == NULL)
        return inn_refused(err);
    memcpy(*to, from, n * sizeof(**to));
    return INN_OK;
}

static enum inn_status read_moment(struct inn_moments *to,
                                   const Inn__Moment *m,
                                   const struct inn_unpacking *u,
                                   struct inn_error *err)
{
    struct inn_model *model = u->model;
    const struct inn_section *s;
    const struct inn_group *g;
    enum inn_status st;
    uint64_t want;

    if (m->group >= (uint32_t)model->n_groups)
        return inn_fail(err, INN_ERR_FORMAT, "group %u of %d", m->group,
                        model->n_groups);
    g = &model->groups[m->group];
    if (g->nested == NULL)
        return inn_fail(err, INN_ERR_FORMAT,
                        "group '%s' has no moments partition", g->name);
    st = copy_channels(&to->mean, m->mean, m->n_mean, "mean", false, g,
                       &model->arena, err);
    if (st == INN_OK)
        st = copy_channels(&to->deviation, m->deviation, m->n_deviation,
                           "deviation", true, g, &model->arena, err);
    if (st != INN_OK)
        return st;
    if (m->section >= u->n_sections ||
        u->sections[m->section].kind != INN_SECTION_FACTOR)
        return inn_fail(err, INN_ERR_FORMAT, "section %u of %zu is no factor",
                        m->section, u->n_sections);
    s = &u->sections[m->section];
    want = (uint64_t)g->size * ((uint64_t)g->size + 1); /* bytes, of f16 */
    if (s->raw_bytes != want)
        return inn_fail(err, INN_ERR_FORMAT,
                        "a factor of %llu bytes, %lld channels need %llu",
                        (unsigned long long)s->raw_bytes, (long long)g->size,
                        (unsigned long long)want);
    to->group = (int)m->group;
    return INN_OK;
}

static enum inn_status read_all(struct inn_unpacking *u,
                                const Inn__Moments *all,
                                struct inn_error *err)
{
    struct inn_model *model = u->model;
    size_t n = all->n_moment, i;
    enum inn_status st = INN_OK;
    bool *taken;

    if (!(all->extra_gain >= INN_EXTRA_GAIN_LEAST &&
          all->extra_gain <= INN_EXTRA_GAIN_MOST))
        return inn_fail(err, INN_ERR_FORMAT, "extra gain %g",
                        all->extra_gain);
    model->extra_gain = all->extra_gain;
    if (n > u->n_sections)
        return inn_fail(err, INN_ERR_FORMAT, "%zu moments in %zu sections", n,
                        u->n_sections);
    model->moments = inn_arena_alloc(&model->arena, n,
                                     sizeof(*model->moments), err);
    u->factor_sections = inn_arena_alloc(&model->arena, n, sizeof(int), err);
    if (model->moments == NULL || u->factor_sections == NULL)
        return inn_refused(err);
    taken = inn_alloc(u->heap, u->n_sections, sizeof(*taken), err);
    if (taken == NULL)
        return inn_refused(err);
    for (i = 0; i < n && st == INN_OK; i++) {
        const Inn__Moment *m = all->moment[i];

        st = read_moment(&model->moments[i], m, u, err);
        /* Moments in a row may share one; no others. */
        if (st == INN_OK && taken[m->section] &&
            (i == 0 || m->section != all->moment[i - 1]->section ||
             m->group != all->moment[i - 1]->group))
            st = inn_fail(err, INN_ERR_FORMAT, "section %u is taken",
                          m->section);
        if (st != INN_OK) {
            inn_error_prefix(err, "moments %zu", i);
            break;
        }
        taken[m->section] = true;
        u->factor_sections[i] = (int)m->section;
    }
    inn_free(u->heap, taken);
    if (st == INN_OK)
        model->n_moments = (int)n;
    return st;
}

/* Whether the graph node reads the weight, as it is or renamed or widened. */
static bool reads(const struct inn_graph *graph, int node, int weight,
                  int bias)
{
    const struct inn_node *n = &graph->nodes[node];
    int i, steps;

    for (i = 0; i < n->n_inputs && i <= MOST_INPUT; i++) {
        int v = n->inputs[i];

        for (steps = 0; v >= 0 && v != weight && steps < MOST_STEPS;
             steps++) {
            const struct inn_node *from;

            if (graph->values[v].producer < 0)
                break;
            from = &graph->nodes[graph->values[v].producer];
            if (from->n_inputs != 1 ||
                (strcmp(from->op_type, "Identity") != 0 &&
                 strcmp(from->op_type, "Cast") != 0))
                break;
            v = from->inputs[0];
        }
        if (v == weight && i != bias)
            return true;
    }
    return false;
}

/* The Add behind the consumer, and the constant that its bias goes into. */
static enum inn_status read_add(struct inn_consumer *c,
                                const Inn__Consumer *m,
                                const struct inn_model *model,
                                struct inn_error *err)
{
    const struct inn_graph *graph = model->graph;
    int made = inn_graph_find(graph, m->add), other;
    int by = made >= 0 ? graph->values[made].producer : -1;
    const struct inn_node *add = by >= 0 ? &graph->nodes[by] : NULL;
    const struct inn_tensor *t;

    if (add == NULL || strcmp(add->op_type, "Add") != 0 ||
        add->domain[0] != '\0' || add->n_inputs != 2 || m->add_input > 1 ||
        m->bias != -1)
        return inn_fail(err, INN_ERR_FORMAT, "nothing is added to in what "
                        "makes '%s'", m->add);
    other = add->inputs[1 - m->add_input];
    if (other < 0 || graph->values[other].producer != c->node ||
        add->inputs[m->add_input] < 0)
        return inn_fail(err, INN_ERR_FORMAT, "what makes '%s' doesn't read "
                        "it", m->add);
    t = graph->values[add->inputs[m->add_input]].init;
    if (t == NULL || !inn_type_is_float(t->type) || m->add_axis < 1 ||
        m->add_axis > INN_MAX_RANK)
        return inn_fail(err, INN_ERR_FORMAT, "what makes '%s' adds no "
                        "constant", m->add);
    c->add = by;
    c->add_input = (int)m->add_input;
    c->add_axis = (int)m->add_axis;
    if (inn_tensor_count(t) != 1 &&
        (c->add_axis > t->rank ||
         t->dims[t->rank - c->add_axis] !=
             graph->values[c->weight].init->dims[c->out]))
        return inn_fail(err, INN_ERR_FORMAT, "what makes '%s' adds a constant "
                        "of another length", m->add);
    return INN_OK;
}

static enum inn_status read_consumer(struct inn_consumer *c,
                                     const Inn__Consumer *m,
                                     const struct inn_model *model,
                                     struct inn_error *err)
{
    const struct inn_graph *graph = model->graph;
    int made = inn_graph_find(graph, m->node);
    const struct inn_weight *w;

    c->weight = inn_graph_find(graph, m->weight);
    w = c->weight >= 0 ? inn_model_weight(model, c->weight) : NULL;
    if (w == NULL)
        return inn_fail(err, INN_ERR_FORMAT, "is no weight");
    c->node = made >= 0 ? graph->values[made].producer : -1;
    if (c->node < 0)
        return inn_fail(err, INN_ERR_FORMAT, "no operator makes '%s'",
                        m->node);
    if (m->moment >= (uint32_t)model->n_moments)
        return inn_fail(err, INN_ERR_FORMAT, "moments %u of %d", m->moment,
                        model->n_moments);
    if (m->axis >= (uint32_t)w->grid.rank || m->out >= (uint32_t)w->grid.rank ||
        m->axis == m->out)
        return inn_fail(err, INN_ERR_FORMAT, "axes %u and %u of %d", m->axis,
                        m->out, w->grid.rank);
    if (m->bias < -1 || m->bias > MOST_INPUT)
        return inn_fail(err, INN_ERR_FORMAT, "bias is input %d, %d is the "
                        "last", m->bias, MOST_INPUT);
    if (!isfinite(m->scale))
        return inn_fail(err, INN_ERR_FORMAT, "scale %g", m->scale);
    c->axis = (int)m->axis;
    c->out = (int)m->out;
    c->moments = (int)m->moment;
    c->bias = m->bias;
    c->scale = m->scale;
    if (!reads(graph, c->node, c->weight, c->bias))
        return inn_fail(err, INN_ERR_FORMAT, "what makes '%s' doesn't read it",
                        m->node);
    c->add = c->add_input = c->add_axis = 0;
    return m->add[0] != '\0' ? read_add(c, m, model, err) : INN_OK;
}

/* A consumer with its group while they are sorted. */
struct placed {
    struct inn_consumer consumer;
    int group;
};

static int by_place(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    const struct inn_consumer *p = &x->consumer, *q = &y->consumer;

    if (p->weight != q->weight)
        return (p->weight > q->weight) - (p->weight < q->weight);
    if (p->axis != q->axis)
        return (p->axis > q->axis) - (p->axis < q->axis);
    if (x->group != y->group)
        return (x->group > y->group) - (x->group < y->group);
    return (p->node > q->node) - (p->node < q->node);
}

/*
 * Axes are summed over the groups, and no consumer comes twice. Sorted, so
 * that each axis's spans are looked through once: both are many.
 */
static enum inn_status check_sorted(const struct placed *items, size_t n,
                                    const struct inn_model *model,
                                    struct inn_heap *heap,
                                    struct inn_error *err)
{
    size_t *seen_by = inn_alloc(heap, (size_t)model->n_groups,
                                sizeof(*seen_by), err);
    enum inn_status st = INN_OK;
    size_t i, stamp = 0;
    int s;

    if (seen_by == NULL)
        return inn_refused(err);
    for (i = 0; i < n && st == INN_OK; i++) {
        const struct inn_consumer *c = &items[i].consumer;
        const struct inn_axis *axis = inn_model_axis(model, c->weight,
                                                     c->axis);

        if (i == 0 || c->weight != items[i - 1].consumer.weight ||
            c->axis != items[i - 1].consumer.axis) {
            stamp = i + 1; /* 0: by none */
            for (s = 0; axis != NULL && s < axis->n_spans; s++) {
                if (axis->spans[s].group >= 0)
                    seen_by[axis->spans[s].group] = stamp;
            }
        }
        if (axis == NULL || axis->role != INN_ROLE_IN ||
            seen_by[items[i].group] != stamp)
            st = inn_fail(err, INN_ERR_FORMAT,
                          "axis %d is not summed over group '%s'", c->axis,
                          model->groups[items[i].group].name);
        else if (i > 0 && by_place(&items[i - 1], &items[i]) == 0)
            st = inn_fail(err, INN_ERR_FORMAT,
                          "axis %d with group '%s' comes twice", c->axis,
                          model->groups[items[i].group].name);
        if (st != INN_OK)
            inn_error_prefix(err, "consumer '%s'",
                             model->graph->values[c->weight].name);
    }
    inn_free(heap, seen_by);
    return st;
}

static enum inn_status read_consumers(struct inn_unpacking *u,
                                      const Inn__Moments *all,
                                      struct inn_error *err)
{
    struct inn_model *model = u->model;
    size_t n = all->n_consumer, i;
    enum inn_status st = INN_OK;
    struct placed *items;

    model->consumers = inn_arena_alloc(&model->arena, n,
                                       sizeof(*model->consumers), err);
    items = inn_alloc(u->heap, n, sizeof(*items), err);
    if (model->consumers == NULL || items == NULL) {
        st = inn_refused(err);
        goto out;
    }
    for (i = 0; i < n; i++) {
        const Inn__Consumer *m = all->consumer[i];
        struct inn_consumer *c = &items[i].consumer;

        st = read_consumer(c, m, model, err);
        if (st != INN_OK) {
            inn_error_prefix(err, "consumer '%s'", m->weight);
            goto out;
        }
        items[i].group = model->moments[c->moments].group;
    }
    qsort(items, n, sizeof(*items), by_place);
    st = check_sorted(items, n, model, u->heap, err);
    for (i = 0; i < n && st == INN_OK; i++)
        model->consumers[i] = items[i].consumer;
    if (st == INN_OK)
        model->n_consumers = (int)n;
out:
    inn_free(u->heap, items);
    return st;
}

enum inn_status inn_unpack_moments(struct inn_unpacking *u,
                                   const uint8_t *bytes, size_t len,
                                   struct inn_error *err)
{
    ProtobufCMessage *message;
    struct inn_arena messages;
    const Inn__Moments *all;
    enum inn_status st;

    inn_arena_init(&messages, u->heap);
    st = inn_wire_unpack(&message, &inn__moments__descriptor, bytes, len,
                         &messages, err);
    if (st == INN_OK) {
        all = (const Inn__Moments *)message;
        st = read_all(u, all, err);
        if (st == INN_OK)
            st = read_consumers(u, all, err);
    }
    inn_arena_free(&messages);
    return st;
}

enum inn_status inn_check_factor(const uint16_t *factor, int64_t n,
                                 struct inn_error *err)
{
    const uint16_t *row = factor;
    int64_t i, k;

    for (i = 0; i < n; i++) {
        uint16_t worst = 0;

        /* without branches in the row: there are millions of entries */
        for (k = 0; k <= i; k++) {
            uint16_t size = row[k] & 0x7fff;

            worst = size > worst ? size : worst;
        }
        if (worst >= 0x7c00)
            return inn_fail(err, INN_ERR_FORMAT,
                            "row %lld has an entry that is not finite",
                            (long long)i);
        if (row[i] == 0 || row[i] > 0x7c00)
            return inn_fail(err, INN_ERR_FORMAT,
                            "entry %lld of the diagonal is not positive",
                            (long long)i);
        row += i + 1;
    }
    return INN_OK;
}
