/* From --width, --set, --plan and the budgets to a width for every group. */
#include "runtime/tools/sampling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/error.h"

#define AT(field) offsetof(struct inn_sampling, field)

const struct inn_option inn_sampling_options[] = {
    {"width", 0, INN_OPT_POSITIVE, AT(width), "F", 0, 4,
     "every free group to F times its channels (default 1)"},
    {"set", 0, INN_OPT_LIST, AT(set), "GLOB=N|F", 0, 0,
     "groups of that name to N channels (64) or to a factor (0.5, 1.0); "
     "repeatable, the later wins"},
    {"plan", 0, INN_OPT_TEXT, AT(plan), "FILE", 0, 0,
     "exact widths from a plan file"},
    {"params", 0, INN_OPT_POSITIVE, AT(params), "F", 0, 1,
     "widths with at most F of the parameters"},
    {"macs", 0, INN_OPT_POSITIVE, AT(macs), "F", 0, 1,
     "the same for multiply-accumulates"},
    {"bytes", 0, INN_OPT_SIZE, AT(bytes), "N", 1, 0x1p60,
     "the same for bytes of f32 weights (500K, 20M)"},
    {"ms", 0, INN_OPT_POSITIVE, AT(ms), "N", 0, 1e9,
     "the same for milliseconds of a run, measured here with --threads"},
    {"spread", 0, INN_OPT_CHOICE, AT(spread), "auto|even|curve", 0, 0,
     "how a budget is shared among groups: the largest common width, or by "
     "the error that each group's moments predict (default with partition "
     "moments)"},
    {"round", 0, INN_OPT_INT, AT(round), "N", 1, 65536,
     "widths in multiples of N (default 8 from 64 channels on, else 1)"},
    {"min", 0, INN_OPT_INT, AT(min), "N", 1, 1 << 30,
     "least width of a group (default 1)"},
    {"only", 0, INN_OPT_LIST, AT(only), "GLOB", 0, 0,
     "change these groups alone; repeatable"},
    {"freeze", 0, INN_OPT_LIST, AT(freeze), "GLOB", 0, 0,
     "leave these groups as they are; repeatable"},
    {"partition", 0, INN_OPT_TEXT, AT(partition), "moments|weights|uniform|l1",
     0, 0,
     "where to sample: the channels that carry most, evenly (uniform), or the "
     "channels of largest weights (l1); weights: l1 where only matrices sum "
     "over the channels, else uniform (default moments where the file has "
     "them, else weights)"},
    {"quadrature", 0, INN_OPT_TEXT, AT(quadrature),
     "moments|trapezoid|left|right|midpoint|simpson|gauss", 0, 0,
     "how sums over channels are weighted: by least squares (of partition "
     "moments), or by a rule (of uniform: default "
     "trapezoid; of weights: gauss)"},
    {NULL, 0, INN_OPT_FLAG, 0, NULL, 0, 0, NULL},
};

#undef AT

static const char *const partitions[] = {
    [INN_PARTITION_UNIFORM] = "uniform",
    [INN_PARTITION_L1] = "l1",
    [INN_PARTITION_MOMENTS] = "moments",
    [INN_PARTITION_WEIGHTS] = "weights",
};

static const char *const quadratures[] = {
    [INN_QUAD_TRAPEZOID] = "trapezoid", [INN_QUAD_LEFT] = "left",
    [INN_QUAD_RIGHT] = "right",         [INN_QUAD_MIDPOINT] = "midpoint",
    [INN_QUAD_SIMPSON] = "simpson",     [INN_QUAD_GAUSS] = "gauss",
    [INN_QUAD_MOMENTS] = "moments",
};

const char *inn_partition_name(enum inn_partition partition)
{
    return partitions[partition];
}

const char *inn_quadrature_name(enum inn_quadrature quadrature)
{
    return quadratures[quadrature];
}

bool inn_sampling_given(const struct inn_sampling *s)
{
    return s->width > 0 || s->set.n > 0 || s->plan != NULL ||
           s->params > 0 || s->macs > 0 || s->bytes > 0 || s->ms > 0 ||
           s->round > 0 ||
           s->spread != INN_SPREAD_AUTO || s->min > 0 || s->only.n > 0 ||
           s->freeze.n > 0 || s->partition != NULL ||
           s->quadrature != NULL;
}

/* Words of a comma list as numbers; text NULL: none. */
static enum inn_status read_words(int out[8], size_t *n, const char *text,
                                  const char *const *words, size_t n_words,
                                  const char *option, struct inn_error *err)
{
    *n = 0;
    if (text == NULL)
        return INN_OK;
    for (;;) {
        size_t len = strcspn(text, ","), i;

        for (i = 0; i < n_words; i++) {
            if (strlen(words[i]) == len && strncmp(words[i], text, len) == 0)
                break;
        }
        if (i == n_words) {
            char all[128] = "";
            size_t k;

            for (k = 0; k < n_words; k++) {
                strcat(all, k > 0 ? "|" : "");
                strcat(all, words[k]);
            }
            return inn_fail(err, INN_ERR_ARGUMENT,
                            "--%s is '%.*s'; it must be one of %s", option,
                            len < 40 ? (int)len : 40, text, all);
        }
        if (*n == 8)
            return inn_fail(err, INN_ERR_ARGUMENT,
                            "--%s lists more than 8", option);
        out[(*n)++] = (int)i;
        if (text[len] == '\0')
            return INN_OK;
        text += len + 1;
    }
}

static enum inn_quadrature own_quadrature(enum inn_partition partition)
{
    return partition == INN_PARTITION_MOMENTS   ? INN_QUAD_MOMENTS
           : partition == INN_PARTITION_WEIGHTS ? INN_QUAD_GAUSS
                                                : INN_QUAD_TRAPEZOID;
}

/* The words of both options as numbers. */
struct lists {
    int p[8], q[8];
    size_t n_p, n_q;
};

/* Pair i of so many: false where it has no meaning. */
static bool pair_of(struct inn_rules *pair, const struct lists *l, size_t i)
{
    size_t n_q = l->n_q > 0 ? l->n_q : 1;
    enum inn_quadrature q = l->n_q > 0 ? (enum inn_quadrature)l->q[i % n_q]
                                       : INN_QUAD_TRAPEZOID;

    pair->open = l->n_p == 0 && l->n_q == 0;
    if (l->n_p > 0)
        pair->partition = (enum inn_partition)l->p[i / n_q];
    else
        pair->partition = l->n_q > 0 && q == INN_QUAD_MOMENTS
                              ? INN_PARTITION_MOMENTS
                              : INN_PARTITION_UNIFORM;
    pair->quadrature = l->n_q > 0 ? q : own_quadrature(pair->partition);
    if (pair->partition == INN_PARTITION_L1 && i % n_q != 0)
        return false;
    if (pair->partition == INN_PARTITION_L1 && l->n_q > 1)
        pair->quadrature = INN_QUAD_TRAPEZOID; /* it has none */
    return pair->quadrature != INN_QUAD_MOMENTS ||
           pair->partition == INN_PARTITION_MOMENTS;
}

enum inn_status inn_sampling_rules(struct inn_rules rules[INN_MOST_RULES],
                                   size_t *n, const struct inn_sampling *s,
                                   bool many, struct inn_error *err)
{
    struct lists l;
    enum inn_status st;
    size_t i, k;

    *n = 0;
    st = read_words(l.p, &l.n_p, s->partition, partitions,
                    INN_COUNT(partitions), "partition", err);
    if (st == INN_OK)
        st = read_words(l.q, &l.n_q, s->quadrature, quadratures,
                        INN_COUNT(quadratures), "quadrature", err);
    if (st != INN_OK)
        return st;
    if (!many && l.n_p > 1)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "--partition takes one rule here, not %zu", l.n_p);
    if (!many && l.n_q > 1)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "--quadrature takes one rule here, not %zu", l.n_q);
    for (i = 0; i < (l.n_p > 0 ? l.n_p : 1); i++) {
        size_t n_q = l.n_q > 0 ? l.n_q : 1, before = *n;

        for (k = 0; k < n_q; k++) {
            struct inn_rules pair;

            if (!pair_of(&pair, &l, i * n_q + k))
                continue;
            if (*n == INN_MOST_RULES)
                return inn_fail(err, INN_ERR_ARGUMENT,
                                "--partition and --quadrature make more than "
                                "%d pairs", INN_MOST_RULES);
            rules[(*n)++] = pair;
        }
        if (*n == before)
            return inn_fail(err, INN_ERR_ARGUMENT,
                            "--quadrature moments goes with --partition "
                            "moments, not with %s", partitions[l.p[i]]);
    }
    return INN_OK;
}

/* What the file decides, and whether it has what was asked for. */
static enum inn_status settle(struct inn_rules *settled,
                              const struct inn_model *model,
                              const struct inn_rules *rules,
                              struct inn_error *err)
{
    bool has = false;
    int g;

    for (g = 0; g < model->n_groups; g++)
        has = has || model->groups[g].nested != NULL;
    *settled = *rules;
    if (rules->open) {
        settled->partition = has ? INN_PARTITION_MOMENTS
                                 : INN_PARTITION_WEIGHTS;
        settled->quadrature = own_quadrature(settled->partition);
    }
    if (settled->partition == INN_PARTITION_MOMENTS && !has)
        return inn_fail(err, INN_ERR_RANGE,
                        "has no moments to choose channels by; convert it "
                        "again without --no-moments, or use --partition "
                        "weights");
    return INN_OK;
}

/* "GLOB=0.5" or "GLOB=64". */
static enum inn_status read_rule(struct inn_width_rule *rule,
                                 const char *text, struct inn_arena *arena,
                                 struct inn_error *err)
{
    const char *equals = strrchr(text, '='), *value;
    char *end = NULL;

    if (equals == NULL || equals == text)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "--set takes GLOB=N or GLOB=F, not '%s'", text);
    value = equals + 1;
    rule->is_factor = strchr(value, '.') != NULL;
    if (*value != '\0' && value[strspn(value, "0123456789.")] == '\0')
        rule->value = strtod(value, &end);
    if (end == NULL || *end != '\0')
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "--set %s: '%s' is neither a count (64) nor a "
                        "factor (0.5)", text, value);
    rule->glob = inn_arena_strndup(arena, text, (size_t)(equals - text), err);
    return rule->glob != NULL ? INN_OK : inn_refused(err);
}

enum inn_status inn_sampling_check(const struct inn_sampling *s, double width,
                                   struct inn_error *err)
{
    int budgets = (s->params > 0) + (s->macs > 0) + (s->bytes > 0) +
                  (s->ms > 0);

    if (width <= 0)
        width = s->width;
    if (budgets > 1)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "--params, --macs, --bytes and --ms exclude each "
                        "other");
    if (budgets > 0 && width > 0)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "a width and a budget (--params, --macs, --bytes, "
                        "--ms) exclude each other");
    if (budgets == 0 && s->spread != INN_SPREAD_AUTO)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "--spread goes with --params, --macs, --bytes or "
                        "--ms");
    if (s->plan != NULL &&
        (budgets > 0 || width > 0 || s->set.n > 0 || s->only.n > 0 ||
         s->freeze.n > 0 || s->round > 0 || s->min > 0))
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "--plan has every width: no other width option may "
                        "stand beside it");
    return INN_OK;
}

double inn_sampling_width(const struct inn_sampling *s)
{
    if (s->plan != NULL || s->set.n > 0 || s->params > 0 || s->macs > 0 ||
        s->bytes > 0 || s->ms > 0)
        return NAN;
    return s->width > 0 ? s->width : 1;
}

/* Error curves are those of least squares: other rules lose otherwise. */
static enum inn_spread spread_of(const struct inn_sampling *s,
                                 enum inn_partition partition)
{
    if (s->spread == INN_SPREAD_AUTO)
        return partition == INN_PARTITION_MOMENTS ? INN_SPREAD_CURVE
                                                  : INN_SPREAD_EVEN;
    return s->spread == INN_SPREAD_AS_CURVE ? INN_SPREAD_CURVE
                                            : INN_SPREAD_EVEN;
}

static enum inn_status make(struct inn_plan *plan,
                            const struct inn_model *model,
                            const struct inn_sampling *s, double width,
                            enum inn_partition partition, bool refit,
                            const struct inn_pacer *pacer,
                            struct inn_arena *arena, struct inn_error *err)
{
    struct inn_width_request r = {.width = width, .round = s->round,
                                  .min = s->min, .refit = refit};
    struct inn_width_rule *rules;
    enum inn_status st = INN_OK;
    size_t i;

    rules = inn_arena_alloc(arena, s->set.n, sizeof(*rules), err);
    if (rules == NULL)
        return inn_refused(err);
    for (i = 0; i < s->set.n && st == INN_OK; i++)
        st = read_rule(&rules[i], s->set.items[i], arena, err);
    if (st != INN_OK)
        return st;
    r.spread = spread_of(s, partition);
    r.rules = rules;
    r.n_rules = s->set.n;
    r.only = (const char *const *)s->only.items;
    r.n_only = s->only.n;
    r.freeze = (const char *const *)s->freeze.items;
    r.n_freeze = s->freeze.n;
    if (s->ms > 0)
        return inn_pacer_plan(plan, pacer, &r, s->ms, err);
    if (s->params > 0) {
        r.budget = INN_BUDGET_PARAMS;
        r.budget_value = s->params;
    } else if (s->macs > 0) {
        r.budget = INN_BUDGET_MACS;
        r.budget_value = s->macs;
    } else if (s->bytes > 0) {
        r.budget = INN_BUDGET_BYTES;
        r.budget_value = (double)s->bytes;
    }
    return inn_plan_make(plan, model, &r, err);
}

enum inn_status inn_sampling_plan(struct inn_plan *plan,
                                  const struct inn_model *model,
                                  const struct inn_sampling *s, double width,
                                  const struct inn_rules *rules, bool refit,
                                  const struct inn_pacer *pacer,
                                  struct inn_arena *arena,
                                  struct inn_error *err)
{
    struct inn_rules settled;
    enum inn_status st;

    memset(plan, 0, sizeof(*plan));
    if (width <= 0)
        width = s->width;
    st = inn_sampling_check(s, width, err);
    if (st == INN_OK)
        st = settle(&settled, model, rules, err);
    if (st != INN_OK)
        return st;
    if (s->plan != NULL) {
        st = inn_plan_read(plan, model, s->plan, err);
    } else {
        st = make(plan, model, s, width, settled.partition, refit, pacer,
                  arena, err);
    }
    plan->partition = settled.partition;
    plan->quadrature = settled.quadrature;
    return st;
}
