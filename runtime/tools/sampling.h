/*
 * The sampling options, the same for every command that takes an .inn file,
 * and the plan they ask for.
 */
#ifndef INN_TOOLS_SAMPLING_H
#define INN_TOOLS_SAMPLING_H

#include "runtime/cli/cli.h"
#include "runtime/grid/plan.h"
#include "runtime/tools/pace.h"

enum inn_spread_choice { INN_SPREAD_AUTO, INN_SPREAD_AS_EVEN,
                         INN_SPREAD_AS_CURVE };

struct inn_sampling {
    double width;
    struct inn_cli_list set;
    const char *plan;
    double params, macs;
    int64_t bytes;
    double ms;
    int spread; /* enum inn_spread_choice */
    int64_t round, min;
    struct inn_cli_list only, freeze;
    const char *partition, *quadrature; /* lists for eval; NULL: defaults */
};
extern const struct inn_option inn_sampling_options[];

/* Whether any of them was given. */
bool inn_sampling_given(const struct inn_sampling *s);

/* One choice of rules, by number. */
struct inn_rules {
    enum inn_partition partition;
    enum inn_quadrature quadrature;
    bool open; /* the file decides: moments where it has them */
};

const char *inn_partition_name(enum inn_partition partition);
const char *inn_quadrature_name(enum inn_quadrature quadrature);

/*
 * All pairs of the comma lists in --partition and --quadrature that have a
 * meaning: a partition that integrates nothing (l1) comes once, quadrature
 * moments goes with partition moments alone. What is not given follows: the
 * partition's own quadrature, the partition a quadrature is for, or what the
 * file has. Refuses more than one pair unless many.
 */
#define INN_MOST_RULES 16
enum inn_status inn_sampling_rules(struct inn_rules rules[INN_MOST_RULES],
                                   size_t *n, const struct inn_sampling *s,
                                   bool many, struct inn_error *err);

/* INN_ERR_ARGUMENT for options that exclude each other; width as below. */
enum inn_status inn_sampling_check(const struct inn_sampling *s, double width,
                                   struct inn_error *err);

/* The one factor that they ask for; NaN where it isn't one. */
double inn_sampling_width(const struct inn_sampling *s);

/*
 * The plan for model; partition and quadrature in it are settled. width
 * overrules --width where it is not 0. refit: a refit follows. pacer, which
 * may else be NULL, has timed the model where s->ms is asked for. Own: inn_plan_free. As
 * inn_sampling_check, and INN_ERR_RANGE for a partition or error curves that
 * the file has not.
 */
enum inn_status inn_sampling_plan(struct inn_plan *plan,
                                  const struct inn_model *model,
                                  const struct inn_sampling *s, double width,
                                  const struct inn_rules *rules, bool refit,
                                  const struct inn_pacer *pacer,
                                  struct inn_arena *arena,
                                  struct inn_error *err);

#endif
