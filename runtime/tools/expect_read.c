/*
 * An expect.json into a struct. A member nobody knows is an error: a
 * misspelt bound would hold for ever.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/json_file.h"
#include "runtime/pictures/presets.h"
#include "runtime/tools/expect.h"

#define MOST_NETWORKS 64
#define MOST_VALUES 65536

struct reader {
    struct inn_arena *arena;
    struct inn_error *err;
    const char *path; /* of the expect.json */
};

static const char *const expect_keys[] = {"schema", "bytes", "opset",
                                          "operators", "input_shape",
                                          "networks"};
static const char *const network_keys[] = {
    "width", "plan", "partition", "quadrature", "params", "macs", "reference",
    "accuracy"};
static const char *const reference_keys[] = {"seed", "inputs", "atol", "rtol",
                                             "outputs"};
static const char *const output_keys[] = {"shape", "every", "values", "mean",
                                          "rms"};
static const char *const accuracy_keys[] = {
    "task", "data", "images", "batch", "prep", "scale", "mean", "std",
    "layout", "colours", "range", "multiple", "top1", "top5", "psnr", "ssim"};
static const char *const bound_keys[] = {"min", "max"};
static const char *const operators_keys[] = {"only"};

static enum inn_status wrong(const struct reader *r, const char *where,
                             const char *what)
{
    return inn_fail(r->err, INN_ERR_FORMAT, "%s %s", where, what);
}

/* An object with these members and no others, each once. */
static enum inn_status check_keys(const struct reader *r, const cJSON *o,
                                  const char *where, const char *const *keys,
                                  size_t n)
{
    const cJSON *item, *other;
    const char *near;
    size_t i;

    if (!cJSON_IsObject(o))
        return wrong(r, where, "is no object");
    cJSON_ArrayForEach(item, o) {
        for (i = 0; i < n && strcmp(keys[i], item->string) != 0; i++)
            ;
        for (other = o->child; other != item; other = other->next) {
            if (strcmp(other->string, item->string) == 0)
                return inn_fail(r->err, INN_ERR_FORMAT,
                                "%s has '%s' twice", where,
                                item->string);
        }
        if (i < n)
            continue;
        near = inn_nearest(item->string, keys, n);
        return near != NULL
                   ? inn_fail(r->err, INN_ERR_FORMAT,
                              "%s has a member '%s'; did you mean "
                              "'%s'?", where, item->string, near)
                   : inn_fail(r->err, INN_ERR_FORMAT,
                              "%s has a member '%s' that means "
                              "nothing", where, item->string);
    }
    return INN_OK;
}

static const cJSON *get(const cJSON *o, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(o, key);
}

static const char file[] = "the file";

/* "where.key", for messages; where alone when memory is short. */
static const char *below(const struct reader *r, const char *where,
                         const char *key)
{
    const char *text;

    if (where == file)
        return key;
    text = inn_arena_printf(r->arena, NULL, "%s.%s", where, key);
    return text != NULL ? text : where;
}

/* *out stays as it is where the member is absent. */
static enum inn_status get_number(const struct reader *r, double *out,
                                  const cJSON *o, const char *where,
                                  const char *key, double lo, double hi)
{
    const cJSON *item = get(o, key);

    if (item == NULL)
        return INN_OK;
    if (!cJSON_IsNumber(item))
        return wrong(r, below(r, where, key), "is no number");
    if (!(item->valuedouble >= lo && item->valuedouble <= hi))
        return inn_fail(r->err, INN_ERR_FORMAT,
                        "%s is %g; it must be at least %g and at most %g",
                        below(r, where, key), item->valuedouble, lo, hi);
    *out = item->valuedouble;
    return INN_OK;
}

static enum inn_status get_int(const struct reader *r, int64_t *out,
                               const cJSON *o, const char *where,
                               const char *key, double lo, double hi)
{
    double value = (double)*out;
    enum inn_status st = get_number(r, &value, o, where, key, lo, hi);

    if (st != INN_OK)
        return st;
    if (value != floor(value))
        return wrong(r, below(r, where, key), "is no whole number");
    *out = (int64_t)value;
    return INN_OK;
}

static enum inn_status get_text(const struct reader *r, const char **out,
                                const cJSON *o, const char *where,
                                const char *key)
{
    const cJSON *item = get(o, key);

    if (item == NULL)
        return INN_OK;
    if (!cJSON_IsString(item))
        return wrong(r, below(r, where, key), "is no text");
    *out = inn_arena_strdup(r->arena, item->valuestring, r->err);
    return *out != NULL ? INN_OK : inn_refused(r->err);
}

/* One of the words in choices, "a|b|c". */
static enum inn_status get_choice(const struct reader *r, int *out,
                                  const cJSON *o, const char *where,
                                  const char *key, const char *choices)
{
    const char *text = NULL, *word = choices;
    enum inn_status st = get_text(r, &text, o, where, key);
    int i;

    if (st != INN_OK || text == NULL)
        return st;
    for (i = 0; *word != '\0'; i++) {
        size_t len = strcspn(word, "|");

        if (strlen(text) == len && memcmp(word, text, len) == 0) {
            *out = i;
            return INN_OK;
        }
        word += len + (word[len] == '|');
    }
    return inn_fail(r->err, INN_ERR_FORMAT,
                    "%s is '%s'; it must be one of %s",
                    below(r, where, key), text, choices);
}

/* A number that must be met, or {"min", "max"}; absent: NaN twice. */
static enum inn_status get_bound(const struct reader *r, struct inn_bound *b,
                                 const cJSON *o, const char *where,
                                 const char *key)
{
    const cJSON *item = get(o, key);
    enum inn_status st;

    b->min = b->max = NAN;
    if (item == NULL)
        return INN_OK;
    where = below(r, where, key);
    if (cJSON_IsNumber(item)) {
        b->min = b->max = item->valuedouble;
        return INN_OK;
    }
    if (!cJSON_IsObject(item))
        return wrong(r, where, "is neither a number nor {\"min\", \"max\"}");
    st = check_keys(r, item, where, bound_keys, INN_COUNT(bound_keys));
    if (st == INN_OK)
        st = get_number(r, &b->min, item, where, "min", -1e300, 1e300);
    if (st == INN_OK)
        st = get_number(r, &b->max, item, where, "max", -1e300, 1e300);
    if (st == INN_OK && b->min > b->max)
        st = wrong(r, where, "has a min above its max");
    return st;
}

/* A path seen from the folder the file is in. */
static const char *join(const struct reader *r, const char *path)
{
    const char *slash = strrchr(r->path, '/');

    if (slash == NULL || path[0] == '/')
        return inn_arena_strdup(r->arena, path, r->err);
    return inn_arena_printf(r->arena, r->err, "%.*s%s",
                            (int)(slash - r->path) + 1, r->path, path);
}

static enum inn_status get_path(const struct reader *r, const char **out,
                                const cJSON *o, const char *where,
                                const char *key)
{
    const char *path = NULL;
    enum inn_status st = get_text(r, &path, o, where, key);

    if (st != INN_OK || path == NULL)
        return st;
    *out = join(r, path);
    return *out != NULL ? INN_OK : inn_refused(r->err);
}

/* One number or several. */
static enum inn_status get_numbers(const struct reader *r, double **out,
                                   size_t *n, const cJSON *o,
                                   const char *where, const char *key,
                                   size_t most)
{
    const cJSON *item = get(o, key), *one;
    size_t count, i = 0;

    if (item == NULL)
        return INN_OK;
    where = below(r, where, key);
    if (cJSON_IsNumber(item)) {
        count = 1;
    } else {
        if (!cJSON_IsArray(item))
            return wrong(r, where, "is no list of numbers");
        count = (size_t)cJSON_GetArraySize(item);
    }
    if (count > most)
        return inn_fail(r->err, INN_ERR_FORMAT,
                        "%s has %zu numbers, at most %zu are possible",
                        where, count, most);
    *out = inn_arena_alloc(r->arena, count, sizeof(**out), r->err);
    if (*out == NULL)
        return inn_refused(r->err);
    *n = count;
    if (cJSON_IsNumber(item)) {
        (*out)[0] = item->valuedouble;
        return INN_OK;
    }
    cJSON_ArrayForEach(one, item) {
        /* What is no number in the network is null in JSON. */
        if (!cJSON_IsNumber(one) && !cJSON_IsNull(one))
            return wrong(r, where, "holds what is no number");
        (*out)[i++] = cJSON_IsNull(one) ? NAN : one->valuedouble;
    }
    return INN_OK;
}

static enum inn_status get_texts(const struct reader *r,
                                 struct inn_cli_list *out, const cJSON *list,
                                 const char *where)
{
    const cJSON *item;

    if (list == NULL)
        return INN_OK;
    if (!cJSON_IsArray(list))
        return wrong(r, where, "is no list");
    out->items = inn_arena_alloc(r->arena, (size_t)cJSON_GetArraySize(list),
                                 sizeof(*out->items), r->err);
    if (out->items == NULL)
        return inn_refused(r->err);
    cJSON_ArrayForEach(item, list) {
        if (!cJSON_IsString(item))
            return wrong(r, where, "holds what is no text");
        out->items[out->n] = inn_arena_strdup(r->arena, item->valuestring,
                                              r->err);
        if (out->items[out->n] == NULL)
            return inn_refused(r->err);
        out->n++;
    }
    return INN_OK;
}

/* {"NAME": "FILE"} as NAME=FILE. */
static enum inn_status read_inputs(const struct reader *r,
                                   struct inn_cli_list *out, const cJSON *o,
                                   const char *where)
{
    const cJSON *item;
    const char *path;

    if (!cJSON_IsObject(o))
        return wrong(r, where, "is no object of names and files");
    out->items = inn_arena_alloc(r->arena, (size_t)cJSON_GetArraySize(o),
                                 sizeof(*out->items), r->err);
    if (out->items == NULL)
        return inn_refused(r->err);
    cJSON_ArrayForEach(item, o) {
        if (!cJSON_IsString(item))
            return wrong(r, where, "holds what is no file's name");
        path = join(r, item->valuestring);
        if (path == NULL)
            return inn_refused(r->err);
        out->items[out->n] = inn_arena_printf(r->arena, r->err, "%s=%s",
                                              item->string, path);
        if (out->items[out->n] == NULL)
            return inn_refused(r->err);
        out->n++;
    }
    return INN_OK;
}

static enum inn_status read_output(const struct reader *r,
                                   struct inn_expect_output *out,
                                   const cJSON *item, const char *where)
{
    double *shape = NULL;
    size_t rank = 0, i;
    int64_t every = 1;
    enum inn_status st;

    out->mean = out->rms = NAN;
    out->name = inn_arena_strdup(r->arena, item->string, r->err);
    if (out->name == NULL)
        return inn_refused(r->err);
    if (cJSON_IsString(item)) {
        out->file = join(r, item->valuestring);
        return out->file != NULL ? INN_OK : inn_refused(r->err);
    }
    st = check_keys(r, item, where, output_keys, INN_COUNT(output_keys));
    if (st == INN_OK)
        st = get_numbers(r, &shape, &rank, item, where, "shape",
                         INN_MAX_RANK);
    if (st == INN_OK && get(item, "shape") == NULL)
        st = wrong(r, where, "has no shape");
    if (st == INN_OK)
        st = get_int(r, &every, item, where, "every", 1, 0x1p53);
    if (st == INN_OK)
        st = get_numbers(r, &out->values, &out->n_values, item, where,
                         "values", MOST_VALUES);
    if (st == INN_OK)
        st = get_number(r, &out->mean, item, where, "mean", -1e300, 1e300);
    if (st == INN_OK)
        st = get_number(r, &out->rms, item, where, "rms", 0, 1e300);
    if (st != INN_OK)
        return st;
    out->every = (size_t)every;
    out->rank = (int)rank;
    for (i = 0; i < rank; i++) {
        if (!(shape[i] >= 0 && shape[i] <= 0x1p53) ||
            shape[i] != floor(shape[i]))
            return wrong(r, where, "has a shape that is none");
        out->dims[i] = (int64_t)shape[i];
    }
    return INN_OK;
}

static enum inn_status read_reference(const struct reader *r,
                                      struct inn_expect_reference *out,
                                      const cJSON *o, const char *where)
{
    const cJSON *inputs = get(o, "inputs"), *outputs = get(o, "outputs");
    const cJSON *item;
    enum inn_status st;

    out->atol = out->rtol = 1e-5;
    st = check_keys(r, o, where, reference_keys, INN_COUNT(reference_keys));
    if (st == INN_OK)
        st = get_int(r, &out->seed, o, where, "seed", 0, 0x1p53 - 1);
    if (st == INN_OK)
        st = get_number(r, &out->atol, o, where, "atol", 0, 1e30);
    if (st == INN_OK)
        st = get_number(r, &out->rtol, o, where, "rtol", 0, 1e30);
    if (st == INN_OK && inputs != NULL)
        st = read_inputs(r, &out->inputs, inputs, below(r, where, "inputs"));
    if (st != INN_OK)
        return st;
    if (inputs != NULL && get(o, "seed") != NULL)
        return wrong(r, where, "has both a seed and inputs");
    if (!cJSON_IsObject(outputs) || outputs->child == NULL)
        return wrong(r, where, "has no outputs");
    out->outputs = inn_arena_alloc(r->arena,
                                   (size_t)cJSON_GetArraySize(outputs),
                                   sizeof(*out->outputs), r->err);
    if (out->outputs == NULL)
        return inn_refused(r->err);
    cJSON_ArrayForEach(item, outputs) {
        st = read_output(r, &out->outputs[out->n_outputs++], item,
                         below(r, below(r, where, "outputs"), item->string));
        if (st != INN_OK)
            return st;
    }
    return INN_OK;
}

static enum inn_status read_accuracy(const struct reader *r,
                                     struct inn_expect_network *net,
                                     const cJSON *o, const char *where)
{
    struct inn_eval_values *v = &net->eval;
    enum inn_status st;

    st = check_keys(r, o, where, accuracy_keys, INN_COUNT(accuracy_keys));
    if (st == INN_OK)
        st = get_choice(r, &v->task, o, where, "task", "class|sr");
    if (st == INN_OK)
        st = get_path(r, &v->data, o, where, "data");
    if (st == INN_OK)
        st = get_choice(r, &v->images, o, where, "images", "all|even|odd");
    if (st == INN_OK)
        st = get_int(r, &v->batch, o, where, "batch", 1, 4096);
    if (st == INN_OK)
        st = get_choice(r, &v->prep.preset, o, where, "prep",
                        INN_PRESET_WORDS);
    if (st == INN_OK)
        st = get_number(r, &v->prep.scale, o, where, "scale", -1e30, 1e30);
    if (st == INN_OK)
        st = get_numbers(r, &v->prep.mean.items, &v->prep.mean.n, o, where,
                         "mean", 4);
    if (st == INN_OK)
        st = get_numbers(r, &v->prep.std.items, &v->prep.std.n, o, where,
                         "std", 4);
    if (st == INN_OK)
        st = get_choice(r, &v->prep.layout, o, where, "layout",
                        INN_PREP_LAYOUTS);
    if (st == INN_OK)
        st = get_choice(r, &v->prep.colours, o, where, "colours",
                        INN_PREP_COLOURS);
    if (st == INN_OK)
        st = get_number(r, &v->range, o, where, "range", 1e-30, 1e30);
    if (st == INN_OK)
        st = get_int(r, &v->multiple, o, where, "multiple", 1, 1024);
    if (st == INN_OK)
        st = get_bound(r, &net->top1, o, where, "top1");
    if (st == INN_OK)
        st = get_bound(r, &net->top5, o, where, "top5");
    if (st == INN_OK)
        st = get_bound(r, &net->psnr, o, where, "psnr");
    if (st == INN_OK)
        st = get_bound(r, &net->ssim, o, where, "ssim");
    net->has_accuracy = true;
    return st;
}

static enum inn_status read_references(const struct reader *r,
                                       struct inn_expect_network *net,
                                       const cJSON *list, const char *where)
{
    const cJSON *item;
    enum inn_status st = INN_OK;

    if (!cJSON_IsArray(list))
        return wrong(r, where, "is no list");
    net->references = inn_arena_alloc(r->arena,
                                      (size_t)cJSON_GetArraySize(list),
                                      sizeof(*net->references), r->err);
    if (net->references == NULL)
        return inn_refused(r->err);
    cJSON_ArrayForEach(item, list) {
        const char *at = inn_arena_printf(r->arena, r->err, "%s[%zu]", where,
                                          net->n_references);

        if (at == NULL)
            return inn_refused(r->err);
        st = read_reference(r, &net->references[net->n_references++], item,
                            at);
        if (st != INN_OK)
            break;
    }
    return st;
}

static enum inn_status read_network(const struct reader *r,
                                    struct inn_expect_network *net,
                                    const cJSON *o, const char *where)
{
    const cJSON *references = get(o, "reference");
    const cJSON *accuracy = get(o, "accuracy");
    struct inn_sampling *s = &net->sampling;
    enum inn_status st;

    net->where = where;
    net->eval.prep.scale = net->eval.range = NAN;
    net->eval.prep.preset = -1;
    net->top1.min = net->top1.max = net->top5.min = net->top5.max = NAN;
    net->psnr = net->ssim = net->top1;
    st = check_keys(r, o, where, network_keys, INN_COUNT(network_keys));
    if (st == INN_OK)
        st = get_number(r, &s->width, o, where, "width", 1e-6, 4);
    if (st == INN_OK)
        st = get_path(r, &s->plan, o, where, "plan");
    if (st == INN_OK)
        st = get_text(r, &s->partition, o, where, "partition");
    if (st == INN_OK)
        st = get_text(r, &s->quadrature, o, where, "quadrature");
    if (st == INN_OK && s->width > 0 && s->plan != NULL)
        st = wrong(r, where, "has both a width and a plan");
    if (st == INN_OK)
        st = get_bound(r, &net->params, o, where, "params");
    if (st == INN_OK)
        st = get_bound(r, &net->macs, o, where, "macs");
    if (st == INN_OK && references != NULL)
        st = read_references(r, net, references,
                             below(r, where, "reference"));
    if (st == INN_OK && accuracy != NULL)
        st = read_accuracy(r, net, accuracy, below(r, where, "accuracy"));
    return st;
}

static enum inn_status read_networks(const struct reader *r,
                                     struct inn_expect *expect,
                                     const cJSON *list)
{
    const cJSON *item;
    enum inn_status st = INN_OK;

    if (list == NULL)
        return INN_OK;
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > MOST_NETWORKS)
        return wrong(r, "networks", "is no list, or too long a one");
    expect->networks = inn_arena_alloc(r->arena,
                                       (size_t)cJSON_GetArraySize(list),
                                       sizeof(*expect->networks), r->err);
    if (expect->networks == NULL)
        return inn_refused(r->err);
    cJSON_ArrayForEach(item, list) {
        const char *where = inn_arena_printf(r->arena, r->err,
                                             "networks[%zu]",
                                             expect->n_networks);

        if (where == NULL)
            return inn_refused(r->err);
        st = read_network(r, &expect->networks[expect->n_networks++], item,
                          where);
        if (st != INN_OK)
            break;
    }
    return st;
}

static enum inn_status read_all(const struct reader *r,
                                struct inn_expect *expect, const cJSON *root)
{
    const cJSON *schema = get(root, "schema");
    const cJSON *operators = get(root, "operators");
    enum inn_status st;

    st = check_keys(r, root, file, expect_keys, INN_COUNT(expect_keys));
    if (st == INN_OK && (!cJSON_IsNumber(schema) ||
                         schema->valueint != 1))
        st = inn_fail(r->err, INN_ERR_FORMAT,
                      "its schema must be 1, the only one known");
    if (st == INN_OK)
        st = get_bound(r, &expect->bytes, root, file, "bytes");
    if (st == INN_OK)
        st = get_bound(r, &expect->opset, root, file, "opset");
    if (st == INN_OK)
        st = get_texts(r, &expect->shapes, get(root, "input_shape"),
                       "input_shape");
    if (st == INN_OK && cJSON_IsObject(operators)) {
        st = check_keys(r, operators, "operators", operators_keys,
                        INN_COUNT(operators_keys));
        operators = get(operators, "only");
        expect->operators_only = true;
    }
    expect->has_operators = operators != NULL;
    if (st == INN_OK)
        st = get_texts(r, &expect->operators, operators, "operators");
    if (st == INN_OK)
        st = read_networks(r, expect, get(root, "networks"));
    return st;
}

enum inn_status inn_expect_read(struct inn_expect *expect, const char *path,
                                struct inn_arena *arena,
                                struct inn_error *err)
{
    struct inn_error local = {INN_OK, ""};
    const struct reader r = {arena, &local, path};
    enum inn_status st;
    cJSON *root;

    memset(expect, 0, sizeof(*expect));
    st = inn_json_load(&root, path, arena->heap, &local);
    if (st == INN_OK)
        st = read_all(&r, expect, root);
    cJSON_Delete(root);
    if (st != INN_OK && err != NULL)
        *err = local;
    return st;
}
