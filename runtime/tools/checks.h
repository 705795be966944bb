/*
 * What inn check found, one line after the other: as a table, as JSON, as a
 * JUnit report.
 */
#ifndef INN_TOOLS_CHECKS_H
#define INN_TOOLS_CHECKS_H

#include "runtime/cli/cli.h"
#include "runtime/cli/json.h"
#include "runtime/cli/table.h"

/* What a number must be: at least min and at most max; NaN: no bound. */
struct inn_bound {
    double min, max;
};

static inline bool inn_bound_holds(const struct inn_bound *b, double value)
{
    /* NaN as a value holds nowhere, as a bound everywhere. */
    return value == value && !(value < b->min) && !(value > b->max);
}

struct inn_check {
    const char *name;
    bool ok;
    bool error;  /* could not be tried, which is worse than a no */
    bool number; /* value and bound count; otherwise their texts do */
    double value;
    struct inn_bound bound;
    const char *value_text, *bound_text;
    const char *why; /* a sentence on what is wrong, or NULL */
};

/*
 * Errors stick: after a failed allocation nothing is added, and printing says
 * so. Texts are copied to the arena.
 */
struct inn_checks {
    struct inn_arena *arena;
    struct inn_check *items;
    size_t n, capacity;
    struct inn_error failed;
};

void inn_checks_init(struct inn_checks *checks, struct inn_arena *arena);

/* A count beside what it must be exactly. */
void inn_checks_count(struct inn_checks *checks, const char *name,
                      int64_t value, int64_t bound);
/* How many of how many: fine in any case. */
void inn_checks_of(struct inn_checks *checks, const char *name, int64_t value,
                   int64_t of);
void inn_checks_number(struct inn_checks *checks, const char *name,
                       double value, const struct inn_bound *bound);
/* why may be NULL. */
void inn_checks_text(struct inn_checks *checks, const char *name, bool ok,
                     const char *value, const char *bound, const char *why);
/* What err says ended the work at. */
void inn_checks_error(struct inn_checks *checks, const char *name,
                      const struct inn_error *err);

bool inn_checks_ok(const struct inn_checks *checks);

enum inn_status inn_checks_print(const struct inn_checks *checks,
                                 struct inn_error *err);
/* {"ok", "checks": […]} in full. */
enum inn_status inn_checks_json(const struct inn_checks *checks,
                                struct inn_error *err);
/*
 * A JUnit report about file. One that is there is replaced; another kind of
 * file only with overwrite (INN_ERR_IO).
 */
enum inn_status inn_checks_junit(const struct inn_checks *checks,
                                 const char *path, const char *file,
                                 bool overwrite, struct inn_error *err);
/* Whether path could be replaced by a report, before the work. */
enum inn_status inn_junit_allowed(const char *path, bool overwrite,
                                  struct inn_error *err);

#endif
