/*
 * From classes to groups: free classes that lie on the same axes of the same
 * values, equally often, are interchangeable and form a group. Its channels
 * are numbered as the network has them; where an axis interrupts their run,
 * a block ends (model.h).
 */
#include "converter/groups/groups.h"

#include <stdlib.h>
#include <string.h>

#include "converter/groups/labels.h"
#include "runtime/base/error.h"
#include "runtime/base/glob.h"

/* What the build knows of a class, by root label. */
struct class {
    uint64_t signature; /* of the axes it lies on, and how */
    int32_t axis;       /* the last one it was seen on */
    int32_t seen;       /* how often there */
    int32_t group;      /* -1: pinned, or not a root */
    int32_t channel;    /* its number in the group */
};

struct build {
    struct inn_labels *l;
    struct inn_model *model;
    struct class *classes; /* by label */
    int32_t n_groups;
    int32_t *size;  /* by group */
    int32_t *maker; /* by group: first graph node that makes it */
    bool **cut;     /* by group: [size + 1], a block begins here */
};

static uint64_t mix(uint64_t h, uint64_t x)
{
    h ^= x + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
    h *= 0xff51afd7ed558ccdu;
    return h ^ (h >> 33);
}

static struct class *class_at(const struct build *b,
                              const struct inn_bundle *axis, int64_t e)
{
    return &b->classes[inn_labels_root(b->l, axis->labels[e])];
}

/*
 * A place: axis and how many elements of the class come before it there. The
 * same for every channel of a group, which is what puts them side by side.
 */
static void sign_axis(struct build *b, int v, const struct inn_bundle *axis,
                      uint64_t *places)
{
    int32_t id = v * INN_MAX_RANK + axis->axes[0] + 1;
    int64_t e;

    for (e = 0; e < axis->count; e++) {
        struct class *c = class_at(b, axis, e);

        if (c->axis != id)
            c->seen = 0;
        c->axis = id;
        places[axis->labels[e]] = mix((uint64_t)id, (uint64_t)c->seen++);
        c->signature = mix(c->signature, (uint64_t)id);
    }
}

/*
 * The signature of every class: the axes it lies on, and which of its places
 * were tied to which. Where a class lies on an axis more than once, equal
 * axes alone would let channels change places that an operator between (a
 * Gather, a grouped convolution) holds apart. Ties come in any order, so they
 * are added up.
 */
static enum inn_status sign_classes(struct build *b, struct inn_error *err)
{
    struct inn_labels *l = b->l;
    uint64_t *places;
    size_t t;
    int v, i;

    places = inn_alloc(l->arena->heap, (size_t)l->n + 1, sizeof(*places),
                       err);
    if (places == NULL)
        return inn_refused(err);
    for (v = 0; v < l->graph->n_values; v++) {
        for (i = 0; i < l->marks[v].n_bundles; i++)
            sign_axis(b, v, &l->marks[v].bundles[i], places);
    }
    for (t = 0; t < l->n_ties; t++) {
        int32_t p = inn_labels_final(l, l->ties[t].a);
        int32_t q = inn_labels_final(l, l->ties[t].b);

        if (p != q)
            b->classes[inn_labels_root(l, p)].signature +=
                mix(places[p], places[q]);
    }
    inn_free(l->arena->heap, places);
    return INN_OK;
}

struct keyed {
    uint64_t signature;
    int32_t root;
};

static int by_signature(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;

    if (x->signature != y->signature)
        return x->signature < y->signature ? -1 : 1;
    return x->root < y->root ? -1 : x->root > y->root;
}

struct found {
    int32_t maker, root, first; /* first: its place among the keyed */
    int32_t size;
};

static int by_maker(const void *a, const void *b)
{
    const struct found *x = a, *y = b;

    if (x->maker != y->maker)
        return x->maker < y->maker ? -1 : 1;
    return x->root < y->root ? -1 : x->root > y->root;
}

/*
 * Roots are the smallest labels of their classes and labels are handed out
 * along axes, so the order of roots is the network's order of channels.
 */
static enum inn_status form_groups(struct build *b, struct inn_error *err)
{
    struct inn_labels *l = b->l;
    struct keyed *keyed;
    struct found *found;
    int32_t n = 0, i, k, groups = 0;

    keyed = inn_arena_alloc(l->arena, (size_t)l->n + 1, sizeof(*keyed), err);
    found = inn_arena_alloc(l->arena, (size_t)l->n + 1, sizeof(*found), err);
    if (keyed == NULL || found == NULL)
        return inn_refused(err);
    for (i = 0; i < l->n; i++) {
        b->classes[i].group = -1;
        if (inn_labels_root(l, i) == i && l->pinned[i] == NULL) {
            keyed[n].signature = b->classes[i].signature;
            keyed[n++].root = i;
        }
    }
    qsort(keyed, (size_t)n, sizeof(*keyed), by_signature);
    for (i = 0; i < n; i = k) {
        struct found *f = &found[groups++];

        f->first = i;
        f->root = keyed[i].root;
        f->maker = INT32_MAX;
        for (k = i; k < n && keyed[k].signature == keyed[i].signature; k++) {
            if (l->maker[keyed[k].root] < f->maker)
                f->maker = l->maker[keyed[k].root];
        }
        f->size = k - i;
    }
    qsort(found, (size_t)groups, sizeof(*found), by_maker);
    b->n_groups = groups;
    b->size = inn_arena_alloc(l->arena, (size_t)groups + 1, sizeof(*b->size),
                              err);
    b->maker = inn_arena_alloc(l->arena, (size_t)groups + 1,
                               sizeof(*b->maker), err);
    b->cut = inn_arena_alloc(l->arena, (size_t)groups + 1, sizeof(*b->cut),
                             err);
    if (b->size == NULL || b->maker == NULL || b->cut == NULL)
        return inn_refused(err);
    for (i = 0; i < groups; i++) {
        b->size[i] = found[i].size;
        b->maker[i] = found[i].maker;
        b->cut[i] = inn_arena_alloc(l->arena, (size_t)found[i].size + 1, 1,
                                    err);
        if (b->cut[i] == NULL)
            return inn_refused(err);
        for (k = 0; k < found[i].size; k++) {
            struct class *c = &b->classes[keyed[found[i].first + k].root];

            c->group = i;
            c->channel = k;
        }
    }
    return INN_OK;
}

/* How many consecutive elements from e on are of the same class. */
static int64_t repeat_at(const struct build *b, const struct inn_bundle *axis,
                         int64_t e)
{
    const struct class *c = class_at(b, axis, e);
    int64_t r = 1;

    while (e + r < axis->count && class_at(b, axis, e + r) == c)
        r++;
    return r;
}

/* Marks where an axis interrupts the run of a group's channels. */
static void mark_cuts(struct build *b, const struct inn_bundle *axis)
{
    const struct class *last = NULL, *c;
    int64_t e, r, last_r = 0;

    for (e = 0; e < axis->count; e += r) {
        c = class_at(b, axis, e);
        r = repeat_at(b, axis, e);
        if (last == NULL || last->group < 0 || c->group != last->group ||
            c->channel != last->channel + 1 || r != last_r) {
            if (last != NULL && last->group >= 0)
                b->cut[last->group][last->channel + 1] = true;
            if (c->group >= 0)
                b->cut[c->group][c->channel] = true;
        }
        last = c;
        last_r = r;
    }
    if (last != NULL && last->group >= 0)
        b->cut[last->group][last->channel + 1] = true;
}

static enum inn_status make_blocks(struct build *b, struct inn_error *err)
{
    struct inn_model *model = b->model;
    int32_t g, k;
    int v, i;

    for (v = 0; v < b->l->graph->n_values; v++) {
        for (i = 0; i < b->l->marks[v].n_bundles; i++)
            mark_cuts(b, &b->l->marks[v].bundles[i]);
    }
    model->groups = inn_arena_alloc(&model->arena, (size_t)b->n_groups + 1,
                                    sizeof(*model->groups), err);
    if (model->groups == NULL)
        return inn_refused(err);
    model->n_groups = b->n_groups;
    for (g = 0; g < b->n_groups; g++) {
        struct inn_group *group = &model->groups[g];
        size_t n = (size_t)b->size[g];

        group->size = group->nodes = b->size[g];
        group->first = inn_arena_alloc(&model->arena, n + 1, sizeof(int64_t),
                                       err);
        group->order = inn_arena_alloc(&model->arena, n, sizeof(int64_t),
                                       err);
        group->l1_rank = inn_arena_alloc(&model->arena, n, sizeof(int64_t),
                                         err);
        if (group->first == NULL || group->order == NULL ||
            group->l1_rank == NULL)
            return inn_refused(err);
        for (k = 1; k <= b->size[g]; k++) {
            group->order[k - 1] = group->l1_rank[k - 1] = k - 1;
            if (k == b->size[g] || b->cut[g][k])
                group->first[++group->n_blocks] = k;
        }
    }
    return INN_OK;
}

/* The block that begins with this channel, or the next that does. */
static int32_t block_at(const struct inn_group *group, int32_t channel)
{
    int32_t low = 0, high = group->n_blocks;

    while (low < high) {
        int32_t middle = low + (high - low) / 2;

        if (group->first[middle] < channel)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Cuts an axis into spans; *n_spans may be 0 when nothing on it is free. */
static enum inn_status make_spans(struct build *b,
                                  const struct inn_bundle *axis,
                                  struct inn_axis *out, struct inn_error *err)
{
    struct inn_arena *arena = &b->model->arena;
    struct inn_span *spans;
    int64_t e = 0;
    int n = 0;

    spans = inn_alloc(arena->heap, (size_t)axis->count + 1, sizeof(*spans),
                      err);
    if (spans == NULL)
        return inn_refused(err);
    while (e < axis->count) {
        const struct class *c = class_at(b, axis, e);
        struct inn_span *s = &spans[n++];
        int64_t from = e;

        s->group = c->group;
        s->repeat = 1;
        if (c->group < 0) {
            while (e < axis->count && class_at(b, axis, e)->group < 0)
                e++;
            s->count = e - from;
        } else {
            s->repeat = repeat_at(b, axis, e);
            s->block = block_at(&b->model->groups[c->group], c->channel);
            e += s->repeat *
                 inn_block_size(&b->model->groups[c->group], s->block);
        }
    }
    out->spans = inn_arena_alloc(arena, (size_t)n, sizeof(*spans), err);
    if (out->spans != NULL)
        memcpy(out->spans, spans, (size_t)n * sizeof(*spans));
    out->n_spans = n;
    inn_free(arena->heap, spans);
    return out->spans == NULL ? inn_refused(err) : INN_OK;
}

static bool has_group(const struct build *b, const struct inn_bundle *axis)
{
    int64_t e;

    for (e = 0; e < axis->count; e++) {
        if (class_at(b, axis, e)->group >= 0)
            return true;
    }
    return false;
}

/*
 * The k-th span of each block of a group makes its k-th occurrence, so all
 * blocks need the same spans. False for a group where they differ.
 */
static bool regular(const struct inn_model *model, const struct inn_axis *axis,
                    int32_t g)
{
    uint64_t want = 0, sum;
    int spans = 0, n, block, i;

    for (block = 0; block < model->groups[g].n_blocks; block++) {
        n = 0;
        sum = 0;
        for (i = 0; i < axis->n_spans; i++) {
            if (axis->spans[i].group == g && axis->spans[i].block == block) {
                n++;
                sum = sum * 31 + (uint64_t)axis->spans[i].repeat;
            }
        }
        if (block == 0) {
            spans = n;
            want = sum;
        } else if (n != spans || sum != want) {
            return false;
        }
    }
    return true;
}

static enum inn_status note_pinned(struct build *b, int v,
                                   const struct inn_bundle *axis,
                                   struct inn_error *err)
{
    struct inn_model *model = b->model;
    struct inn_pinned *list = model->pinned;
    int from = model->n_pinned, i;
    int64_t e;

    for (e = 0; e < axis->count; e++) {
        const char *why = b->l->pinned[inn_labels_root(b->l,
                                                       axis->labels[e])];

        if (why == NULL)
            continue;
        for (i = from; i < model->n_pinned; i++) {
            if (list[i].reason == why)
                break;
        }
        if (i == model->n_pinned) {
            list[i].value = v;
            list[i].axis = axis->axes[0];
            list[i].size = 0;
            list[i].reason = why;
            model->n_pinned++;
        }
        list[i].size++;
    }
    /* The reasons die with the solver's arena. */
    for (i = from; i < model->n_pinned; i++) {
        list[i].reason = inn_arena_strdup(&model->arena, list[i].reason, err);
        if (list[i].reason == NULL)
            return inn_refused(err);
    }
    return INN_OK;
}

static int by_axis(const void *a, const void *b)
{
    const struct inn_axis *x = a, *y = b;

    return x->value != y->value ? (x->value < y->value ? -1 : 1)
                                : x->axis - y->axis;
}

/* All axes of all values, renamed weights included, and what is pinned. */
static enum inn_status make_axes(struct build *b, struct inn_error *err)
{
    struct inn_labels *l = b->l;
    struct inn_model *model = b->model;
    size_t bundles = 0, pinned = 0;
    enum inn_status st = INN_OK;
    int v, i;

    for (v = 0; v < l->graph->n_values; v++) {
        const struct inn_marks *m = &l->marks[l->source[v]];

        bundles += (size_t)m->n_bundles;
        for (i = 0; i < m->n_bundles && l->weight[v]; i++)
            pinned += (size_t)m->bundles[i].count;
    }
    model->axes = inn_arena_alloc(&model->arena, bundles + 1,
                                  sizeof(*model->axes), err);
    model->pinned = inn_arena_alloc(&model->arena, pinned + 1,
                                    sizeof(*model->pinned), err);
    if (model->axes == NULL || model->pinned == NULL)
        return inn_refused(err);
    for (v = 0; v < l->graph->n_values; v++) {
        const struct inn_marks *m = &l->marks[l->source[v]];

        for (i = 0; i < m->n_bundles && st == INN_OK; i++) {
            const struct inn_bundle *bundle = &m->bundles[i];

            if (l->weight[v])
                st = note_pinned(b, v, bundle, err);
            if (st == INN_OK && has_group(b, bundle)) {
                struct inn_axis *axis = &model->axes[model->n_axes++];

                axis->value = v;
                axis->axis = bundle->axes[0];
                axis->role = m->role[axis->axis];
                st = make_spans(b, bundle, axis, err);
            }
        }
    }
    qsort(model->axes, (size_t)model->n_axes, sizeof(*model->axes), by_axis);
    return st;
}

/* The first weight that makes the group's channels, or any that has them. */
static int naming_weight(const struct build *b, int32_t g)
{
    const struct inn_model *model = b->model;
    const struct inn_graph *graph = b->l->graph;
    int i, k, any = -1;

    if (b->maker[g] < graph->n_nodes) {
        const struct inn_node *node = &graph->nodes[b->maker[g]];

        for (k = 0; k < node->n_inputs; k++) {
            int v = node->inputs[k] >= 0 ? b->l->source[node->inputs[k]] : -1;

            if (v >= 0 && b->l->weight[v] && b->l->marks[v].has_role[0])
                return v;
            if (v >= 0 && b->l->weight[v] && any < 0)
                any = v;
        }
    }
    for (i = 0; i < model->n_axes && any < 0; i++) {
        if (b->l->weight[model->axes[i].value] &&
            model->axes[i].spans[0].group == g)
            any = model->axes[i].value;
    }
    return any;
}

static enum inn_status name_groups(struct build *b, struct inn_error *err)
{
    static const char suffix[] = ".weight";
    struct inn_model *model = b->model;
    struct inn_map seen;
    int32_t g;

    inn_map_init(&seen, b->l->arena);
    for (g = 0; g < model->n_groups; g++) {
        int v = naming_weight(b, g), times;
        const char *full = v >= 0 ? b->l->graph->values[v].name : "channels";
        size_t len = strlen(full), cut = sizeof(suffix) - 1;
        char *name;

        if (len > cut && strcmp(full + len - cut, suffix) == 0)
            len -= cut;
        name = inn_arena_strndup(&model->arena, full, len, err);
        if (name == NULL)
            return inn_refused(err);
        times = inn_map_get(&seen, name);
        times = times < 0 ? 1 : times + 1;
        if (inn_map_put(&seen, name, times, err) != INN_OK)
            return inn_refused(err);
        if (times > 1)
            name = inn_arena_printf(&model->arena, err, "%s#%d", name, times);
        if (name == NULL)
            return inn_refused(err);
        model->groups[g].name = name;
    }
    return INN_OK;
}

/* Pins every class of a group. */
static void pin_group(struct build *b, int32_t g, const char *reason)
{
    int32_t i;

    for (i = 0; i < b->l->n; i++) {
        if (b->classes[i].group == g)
            inn_labels_pin(b->l, i, reason);
    }
}

/* The reasons of pins, to the groups that have their elements. */
static void pin_places(const struct build *b,
                       const struct inn_group_options *options,
                       const char **reasons)
{
    size_t i;

    for (i = 0; i < options->n_pins; i++) {
        const struct inn_pin *pin = &options->pins[i];
        const struct inn_bundle *axis =
            inn_labels_bundle(b->l, b->l->source[pin->value], pin->axis);
        int32_t g;

        if (axis == NULL || pin->element >= axis->count)
            continue;
        g = class_at(b, axis, pin->element)->group;
        if (g >= 0 && reasons[g] == NULL)
            reasons[g] = pin->reason;
    }
}

static bool matches(const char *const *globs, size_t n, const char *name)
{
    size_t i;

    for (i = 0; i < n; i++) {
        if (inn_glob_match(globs[i], name))
            return true;
    }
    return false;
}

/* Why each group can't be sampled; NULL where it can. reasons: [n_groups] */
static enum inn_status find_faults(struct build *b, const char **reasons,
                                   struct inn_error *err)
{
    const struct inn_model *model = b->model;
    bool *weight;
    int i, k;
    int32_t g;

    weight = inn_arena_alloc(b->l->arena, (size_t)model->n_groups + 1,
                             sizeof(*weight), err);
    if (weight == NULL)
        return inn_refused(err);
    for (i = 0; i < model->n_axes; i++) {
        const struct inn_axis *axis = &model->axes[i];
        int32_t last = -1;

        for (k = 0; k < axis->n_spans; k++) {
            g = axis->spans[k].group;
            if (g < 0 || g == last)
                continue;
            last = g;
            weight[g] = weight[g] || b->l->weight[axis->value];
            if (reasons[g] == NULL && axis->spans[k].block == 0 &&
                !regular(model, axis, g))
                reasons[g] = "interleaved in ways that differ";
        }
    }
    for (g = 0; g < model->n_groups; g++) {
        if (reasons[g] == NULL && !weight[g])
            reasons[g] = "no weights";
    }
    return INN_OK;
}

/* Pins what can't be sampled and what the user froze; *any: there was some. */
static enum inn_status pin_more(struct build *b, bool *any,
                                const struct inn_group_options *options,
                                struct inn_error *err)
{
    const struct inn_model *model = b->model;
    const char **why;
    enum inn_status st;
    int32_t g;

    *any = false;
    why = inn_arena_alloc(b->l->arena, (size_t)model->n_groups + 1,
                          sizeof(*why), err);
    st = why == NULL ? inn_refused(err) : find_faults(b, why, err);
    if (st == INN_OK && options != NULL)
        pin_places(b, options, why);
    for (g = 0; st == INN_OK && g < model->n_groups; g++) {
        const char *name = model->groups[g].name;

        if (why[g] == NULL && options != NULL) {
            if (matches(options->freeze, options->n_freeze, name))
                why[g] = "frozen by --freeze";
            else if (options->n_only > 0 &&
                     !matches(options->only, options->n_only, name))
                why[g] = "left out by --only";
        }
        if (why[g] != NULL) {
            pin_group(b, g, why[g]);
            *any = true;
        }
    }
    return st;
}

/* Every glob the user gave has to match some group. */
static enum inn_status check_globs(const struct inn_model *model,
                                   const char *const *globs, size_t n,
                                   const char *option, struct inn_error *err)
{
    size_t i;
    int g;

    for (i = 0; i < n; i++) {
        if (model->n_groups == 0)
            return inn_fail(err, INN_ERR_RANGE,
                            "%s '%s' matches nothing: the network has no "
                            "groups", option, globs[i]);
        for (g = 0; g < model->n_groups; g++) {
            if (inn_glob_match(globs[i], model->groups[g].name))
                break;
        }
        if (g == model->n_groups)
            return inn_fail(err, INN_ERR_RANGE,
                            "%s '%s' matches none of the %d groups; the "
                            "first is '%s'", option, globs[i],
                            model->n_groups, model->groups[0].name);
    }
    return INN_OK;
}

static enum inn_status build_once(struct build *b, struct inn_error *err)
{
    struct inn_model *model = b->model;
    enum inn_status st;

    model->n_axes = model->n_pinned = 0;
    memset(b->classes, 0, (size_t)b->l->n * sizeof(*b->classes));
    st = sign_classes(b, err);
    if (st == INN_OK)
        st = form_groups(b, err);
    if (st == INN_OK)
        st = make_blocks(b, err);
    if (st == INN_OK)
        st = make_axes(b, err);
    if (st == INN_OK)
        st = name_groups(b, err);
    return st;
}

enum inn_status inn_find_groups(struct inn_model *model,
                                const struct inn_shapes *shapes,
                                const struct inn_group_options *options,
                                struct inn_error *err)
{
    struct inn_labels labels;
    struct inn_arena arena;
    struct build b = {.l = &labels, .model = model};
    enum inn_status st;
    bool any = false;

    inn_arena_init(&arena, model->heap);
    st = inn_labels_init(&labels, model->graph, shapes, &arena, err);
    if (st == INN_OK)
        st = inn_labels_solve(&labels, err);
    if (st != INN_OK)
        goto out;
    b.classes = inn_arena_alloc(&arena, (size_t)labels.n + 1,
                                sizeof(*b.classes), err);
    st = b.classes == NULL ? inn_refused(err) : build_once(&b, err);
    if (st == INN_OK && options != NULL)
        st = check_globs(model, options->only, options->n_only, "--only",
                         err);
    if (st == INN_OK && options != NULL)
        st = check_globs(model, options->freeze, options->n_freeze,
                         "--freeze", err);
    /* Names may shift when a group goes, so the options apply once. */
    if (st == INN_OK)
        st = pin_more(&b, &any, options, err);
    while (st == INN_OK && any) {
        st = build_once(&b, err);
        if (st == INN_OK)
            st = pin_more(&b, &any, NULL, err);
    }
out:
    inn_arena_free(&arena);
    return st;
}
