/*
 * Moments and consumers into their message, in an order that does not depend
 * on how values and graph nodes are numbered in memory. The factors are
 * sections of their own.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/inn.pb-c.h"
#include "runtime/base/error.h"
#include "runtime/file/pack.h"
#include "runtime/grid/moments.h"

/* A consumer under what it is sorted by. */
struct named {
    const char *weight, *node;
    int axis, group;
    const struct inn_consumer *consumer;
};

static int by_name(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int d = strcmp(x->weight, y->weight);

    if (d != 0)
        return d;
    if (x->axis != y->axis)
        return (x->axis > y->axis) - (x->axis < y->axis);
    if (x->group != y->group)
        return (x->group > y->group) - (x->group < y->group);
    return strcmp(x->node, y->node);
}

/* A graph node's own name may be missing or taken: outputs have one each. */
static const char *node_name(const struct inn_model *model, int node)
{
    const struct inn_node *n = &model->graph->nodes[node];
    int i;

    for (i = 0; i < n->n_outputs; i++) {
        if (n->outputs[i] >= 0)
            return model->graph->values[n->outputs[i]].name;
    }
    return "";
}

bool inn_shares_factor(const struct inn_model *model, int i)
{
    return i > 0 &&
           model->moments[i].factor == model->moments[i - 1].factor;
}

static enum inn_status pack_each(Inn__Moments *all,
                                 const struct inn_packing *p,
                                 struct inn_error *err)
{
    const struct inn_model *model = p->model;
    uint32_t section = p->first_tensor + (uint32_t)p->n_weights;
    size_t n = (size_t)model->n_moments, i;
    Inn__Moment *items;

    items = inn_arena_alloc(p->arena, n, sizeof(*items), err);
    all->moment = inn_arena_alloc(p->arena, n, sizeof(*all->moment), err);
    if (items == NULL || all->moment == NULL)
        return inn_refused(err);
    all->n_moment = n;
    for (i = 0; i < n; i++) {
        const struct inn_moments *moments = &model->moments[i];
        Inn__Moment *m = &items[i];

        inn__moment__init(m);
        m->group = (uint32_t)moments->group;
        m->n_mean = m->n_deviation =
            (size_t)model->groups[moments->group].size;
        m->mean = moments->mean;
        m->deviation = moments->deviation;
        if (i > 0 && !inn_shares_factor(model, (int)i))
            section++;
        m->section = section;
        all->moment[i] = m;
    }
    return INN_OK;
}

static enum inn_status pack_consumers(Inn__Moments *all,
                                      const struct inn_packing *p,
                                      struct inn_error *err)
{
    const struct inn_model *model = p->model;
    size_t n = (size_t)model->n_consumers, used = 0, i;
    struct named *names;
    Inn__Consumer *items;

    names = inn_arena_alloc(p->arena, n, sizeof(*names), err);
    items = inn_arena_alloc(p->arena, n, sizeof(*items), err);
    all->consumer = inn_arena_alloc(p->arena, n, sizeof(*all->consumer), err);
    if (names == NULL || items == NULL || all->consumer == NULL)
        return inn_refused(err);
    for (i = 0; i < n; i++) {
        const struct inn_consumer *c = &model->consumers[i];

        if (!p->live[c->weight])
            continue;
        names[used].weight = model->graph->values[c->weight].name;
        names[used].node = node_name(model, c->node);
        names[used].axis = c->axis;
        names[used].group = model->moments[c->moments].group;
        names[used++].consumer = c;
    }
    qsort(names, used, sizeof(*names), by_name);
    all->n_consumer = used;
    for (i = 0; i < used; i++) {
        const struct inn_consumer *c = names[i].consumer;
        Inn__Consumer *m = &items[i];

        inn__consumer__init(m);
        /* protobuf-c's strings are not const, but packing leaves them */
        m->node = (char *)names[i].node;
        m->weight = (char *)names[i].weight;
        m->axis = (uint32_t)c->axis;
        m->moment = (uint32_t)c->moments;
        m->out = (uint32_t)c->out;
        m->bias = c->bias;
        m->scale = c->scale;
        if (c->add_axis > 0) {
            m->add = (char *)node_name(model, c->add);
            m->add_input = (uint32_t)c->add_input;
            m->add_axis = (uint32_t)c->add_axis;
        }
        all->consumer[i] = m;
    }
    return INN_OK;
}

enum inn_status inn_pack_moments(uint8_t **bytes, size_t *len,
                                 const struct inn_packing *packing,
                                 struct inn_error *err)
{
    Inn__Moments all = INN__MOMENTS__INIT;
    enum inn_status st = pack_each(&all, packing, err);

    if (st == INN_OK)
        st = pack_consumers(&all, packing, err);
    all.extra_gain = packing->model->extra_gain;
    return st == INN_OK ? inn_pack_message(bytes, len, &all.base,
                                           packing->model->heap, err) : st;
}
