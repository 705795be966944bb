/* A list of checks, printed in three ways. */
#include "runtime/tools/checks.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/base/error.h"
#include "runtime/base/file.h"
#include "runtime/base/write.h"

#define NUMBER_TEXT 64
#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"

void inn_checks_init(struct inn_checks *checks, struct inn_arena *arena)
{
    memset(checks, 0, sizeof(*checks));
    checks->arena = arena;
}

/* A new item, or NULL. */
static struct inn_check *add(struct inn_checks *c, const char *name)
{
    struct inn_check *item;

    if (c->failed.status != INN_OK)
        return NULL;
    if (c->n == c->capacity) {
        size_t more = c->capacity != 0 ? c->capacity * 2 : 16;
        struct inn_check *items = inn_arena_alloc(c->arena, more,
                                                  sizeof(*items), &c->failed);

        if (items == NULL)
            return NULL;
        if (c->n > 0)
            memcpy(items, c->items, c->n * sizeof(*items));
        c->items = items;
        c->capacity = more;
    }
    item = &c->items[c->n];
    memset(item, 0, sizeof(*item));
    item->name = inn_arena_strdup(c->arena, name, &c->failed);
    if (item->name == NULL)
        return NULL;
    c->n++;
    return item;
}

/* Whole numbers as 12,345, others with as many digits as mean something. */
static const char *number_text(char text[NUMBER_TEXT], double value)
{
    char whole[INN_INT_TEXT];

    if (value == floor(value) && fabs(value) < 0x1p53)
        snprintf(text, NUMBER_TEXT, "%s", inn_int_text(whole,
                                                       (int64_t)value));
    else
        snprintf(text, NUMBER_TEXT, "%.6g", value);
    return text;
}

static const char *bound_text(char text[2 * NUMBER_TEXT + 16],
                              const struct inn_bound *b)
{
    char low[NUMBER_TEXT], high[NUMBER_TEXT];

    number_text(low, b->min);
    number_text(high, b->max);
    if (isnan(b->min) && isnan(b->max))
        strcpy(text, "any");
    else if (isnan(b->min))
        sprintf(text, "at most %s", high);
    else if (isnan(b->max))
        sprintf(text, "at least %s", low);
    else if (b->min < b->max || b->min > b->max)
        sprintf(text, "%s to %s", low, high);
    else
        strcpy(text, low);
    return text;
}

void inn_checks_number(struct inn_checks *checks, const char *name,
                       double value, const struct inn_bound *bound)
{
    struct inn_check *item = add(checks, name);
    char text[2 * NUMBER_TEXT + 16];

    if (item == NULL)
        return;
    item->ok = inn_bound_holds(bound, value);
    item->number = true;
    item->value = value;
    item->bound = *bound;
    item->value_text = inn_arena_strdup(checks->arena,
                                        number_text(text, value),
                                        &checks->failed);
    item->bound_text = inn_arena_strdup(checks->arena,
                                        bound_text(text, bound),
                                        &checks->failed);
}

void inn_checks_count(struct inn_checks *checks, const char *name,
                      int64_t value, int64_t bound)
{
    const struct inn_bound exact = {(double)bound, (double)bound};

    inn_checks_number(checks, name, (double)value, &exact);
}

void inn_checks_of(struct inn_checks *checks, const char *name, int64_t value,
                   int64_t of)
{
    size_t before = checks->n;

    inn_checks_count(checks, name, value, of);
    if (checks->n > before)
        checks->items[before].ok = true;
}

void inn_checks_text(struct inn_checks *checks, const char *name, bool ok,
                     const char *value, const char *bound, const char *why)
{
    struct inn_check *item = add(checks, name);

    if (item == NULL)
        return;
    item->ok = ok;
    item->value_text = inn_arena_strdup(checks->arena, value,
                                        &checks->failed);
    item->bound_text = inn_arena_strdup(checks->arena, bound,
                                        &checks->failed);
    if (why != NULL)
        item->why = inn_arena_strdup(checks->arena, why, &checks->failed);
}

void inn_checks_error(struct inn_checks *checks, const char *name,
                      const struct inn_error *err)
{
    static const struct inn_bound one = {1, 1};
    struct inn_check *item;
    size_t before = checks->n;

    inn_checks_number(checks, name, 0, &one);
    if (checks->n == before)
        return;
    item = &checks->items[before];
    item->error = true;
    item->why = inn_arena_strdup(checks->arena, err->message,
                                 &checks->failed);
}

bool inn_checks_ok(const struct inn_checks *checks)
{
    size_t i;

    for (i = 0; i < checks->n; i++) {
        if (!checks->items[i].ok)
            return false;
    }
    return checks->failed.status == INN_OK;
}

static enum inn_status complete(const struct inn_checks *checks,
                                struct inn_error *err)
{
    if (checks->failed.status != INN_OK && err != NULL)
        *err = checks->failed;
    return checks->failed.status;
}

enum inn_status inn_checks_print(const struct inn_checks *checks,
                                 struct inn_error *err)
{
    enum inn_status st = complete(checks, err);
    struct inn_table table;
    size_t i;

    if (st != INN_OK)
        return st;
    inn_table_init(&table, checks->arena, "check||value>|expected>");
    for (i = 0; i < checks->n; i++) {
        const struct inn_check *item = &checks->items[i];

        inn_table_text(&table, item->name);
        inn_table_text(&table, item->ok ? "ok" : "FAILED");
        inn_table_text(&table, item->value_text);
        inn_table_text(&table, item->bound_text);
    }
    st = inn_table_print(&table, stdout, 0, err);
    for (i = 0; i < checks->n && st == INN_OK; i++) {
        const struct inn_check *item = &checks->items[i];

        if (item->why == NULL)
            continue;
        inn_print_clean(stdout, item->name);
        fputs(": ", stdout);
        inn_print_clean(stdout, item->why);
        putchar('\n');
    }
    return st;
}

static void add_bound(struct inn_json *json, cJSON *item,
                      const struct inn_bound *b)
{
    cJSON *range;

    if (b->min >= b->max && b->min <= b->max) {
        inn_json_number(json, item, "bound", b->min);
        return;
    }
    range = inn_json_object(json, item, "bound");
    if (!isnan(b->min))
        inn_json_number(json, range, "min", b->min);
    if (!isnan(b->max))
        inn_json_number(json, range, "max", b->max);
}

enum inn_status inn_checks_json(const struct inn_checks *checks,
                                struct inn_error *err)
{
    enum inn_status st = complete(checks, err);
    struct inn_json json;
    cJSON *list;
    size_t i;

    if (st != INN_OK)
        return st;
    inn_json_start(&json);
    inn_json_bool(&json, json.root, "ok", inn_checks_ok(checks));
    list = inn_json_array(&json, json.root, "checks");
    for (i = 0; i < checks->n; i++) {
        const struct inn_check *item = &checks->items[i];
        cJSON *o = inn_json_object(&json, list, NULL);

        inn_json_text(&json, o, "name", item->name);
        inn_json_bool(&json, o, "ok", item->ok);
        if (item->number) {
            inn_json_number(&json, o, "value", item->value);
            add_bound(&json, o, &item->bound);
        } else {
            inn_json_text(&json, o, "value", item->value_text);
            inn_json_text(&json, o, "bound", item->bound_text);
        }
        if (item->why != NULL)
            inn_json_text(&json, o, "message", item->why);
    }
    return inn_json_print(&json, err);
}

/* A growing text of XML; errors stick. */
struct xml {
    struct inn_write *out;
    struct inn_arena *arena;
    enum inn_status status;
    struct inn_error *err;
};

static void put(struct xml *x, const char *text)
{
    if (x->status == INN_OK)
        x->status = inn_write_bytes(x->out, text, strlen(text), x->err);
}

/* As part of an attribute. XML has no place for other control characters. */
static void put_value(struct xml *x, const char *text)
{
    char *copy = inn_arena_strdup(x->arena, text, x->err);
    char one[2] = "";
    char *p;

    if (copy == NULL) {
        x->status = inn_refused(x->err);
        return;
    }
    inn_utf8_repair(copy);
    for (p = copy; *p != '\0'; p++) {
        one[0] = (unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p;
        put(x, *p == '&'   ? "&amp;"
               : *p == '<' ? "&lt;"
               : *p == '>' ? "&gt;"
               : *p == '"' ? "&quot;" : one);
    }
}

static void put_case(struct xml *x, const struct inn_check *item,
                     const char *file)
{
    put(x, "    <testcase classname=\"");
    put_value(x, file);
    put(x, "\" name=\"");
    put_value(x, item->name);
    if (item->ok) {
        put(x, "\"/>\n");
        return;
    }
    put(x, item->error ? "\">\n      <error message=\""
                       : "\">\n      <failure message=\"");
    if (item->error) {
        put_value(x, item->why != NULL ? item->why : "");
    } else {
        put_value(x, item->value_text);
        put(x, ", expected ");
        put_value(x, item->bound_text);
        if (item->why != NULL) {
            put(x, ": ");
            put_value(x, item->why);
        }
    }
    put(x, "\"/>\n    </testcase>\n");
}

static void put_report(struct xml *x, const struct inn_checks *checks,
                       const char *file)
{
    size_t failures = 0, errors = 0, i;
    char counts[128];

    for (i = 0; i < checks->n; i++) {
        errors += checks->items[i].error;
        failures += !checks->items[i].ok && !checks->items[i].error;
    }
    snprintf(counts, sizeof(counts),
             "tests=\"%zu\" failures=\"%zu\" errors=\"%zu\"", checks->n,
             failures, errors);
    put(x, XML_HEAD "\n<testsuites ");
    put(x, counts);
    put(x, ">\n  <testsuite name=\"inn check ");
    put_value(x, file);
    put(x, "\" ");
    put(x, counts);
    put(x, ">\n");
    for (i = 0; i < checks->n; i++)
        put_case(x, &checks->items[i], file);
    put(x, "  </testsuite>\n</testsuites>\n");
}

enum inn_status inn_junit_allowed(const char *path, bool overwrite,
                                  struct inn_error *err)
{
    static const char head[] = XML_HEAD;
    struct inn_bytes bytes;
    enum inn_status st;
    struct stat s;
    bool report;

    if (overwrite || stat(path, &s) != 0 || !S_ISREG(s.st_mode))
        return INN_OK;
    st = inn_file_map(&bytes, path, err);
    if (st != INN_OK)
        return st;
    report = bytes.len == 0 || (bytes.len >= sizeof(head) - 1 &&
                                memcmp(bytes.data, head,
                                       sizeof(head) - 1) == 0);
    inn_file_unmap(&bytes);
    if (!report) {
        inn_fail(err, INN_ERR_IO, "is no report, and exists already");
        inn_error_set_kind(err, INN_KIND_EXISTS);
        return INN_ERR_IO;
    }
    return INN_OK;
}

enum inn_status inn_checks_junit(const struct inn_checks *checks,
                                 const char *path, const char *file,
                                 bool overwrite, struct inn_error *err)
{
    struct inn_error local = {INN_OK, ""};
    struct xml x = {NULL, checks->arena, INN_OK, &local};

    x.status = complete(checks, &local);
    if (x.status == INN_OK)
        x.status = inn_junit_allowed(path, overwrite, &local);
    if (x.status == INN_OK)
        x.status = inn_write_open(&x.out, path, true, checks->arena->heap,
                                  &local);
    if (x.status == INN_OK)
        put_report(&x, checks, file);
    if (x.status == INN_OK)
        x.status = inn_write_commit(x.out, &local);
    inn_write_close(x.out);
    if (x.status != INN_OK && err != NULL)
        *err = local;
    return x.status;
}
