/*
 * Plan files: {"schema":1,"widths":{"group": n, …}}. Reading takes hostile
 * bytes; groups the file leaves out keep their full width.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "runtime/base/error.h"
#include "runtime/base/write.h"
#include "runtime/base/json_file.h"
#include "runtime/base/map.h"
#include "runtime/grid/internal.h"

static enum inn_status read_widths(struct inn_plan *plan,
                                   const struct inn_model *model,
                                   const cJSON *widths, bool *seen,
                                   struct inn_map *names,
                                   struct inn_error *err)
{
    enum inn_status st = INN_OK;
    const cJSON *item;
    int g;

    for (g = 0; st == INN_OK && g < model->n_groups; g++)
        st = inn_map_put(names, model->groups[g].name, g, err);
    if (st != INN_OK)
        return st;
    cJSON_ArrayForEach(item, widths) {
        g = inn_map_get(names, item->string);
        if (g < 0)
            return inn_fail(err, INN_ERR_RANGE,
                            "the network has no group '%s'; it has %d "
                            "groups", item->string, model->n_groups);
        if (seen[g])
            return inn_fail(err, INN_ERR_FORMAT,
                            "group '%s' is given twice", item->string);
        seen[g] = true;
        if (!cJSON_IsNumber(item))
            return inn_fail(err, INN_ERR_FORMAT,
                            "the width of group '%s' is no number",
                            item->string);
        st = inn_plan_check(model, g, item->valuedouble, err);
        if (st != INN_OK)
            return st;
        plan->widths[g] = (int64_t)item->valuedouble;
    }
    return INN_OK;
}

static enum inn_status read_object(struct inn_plan *plan,
                                   const struct inn_model *model,
                                   const cJSON *root, struct inn_error *err)
{
    const cJSON *schema = cJSON_GetObjectItemCaseSensitive(root, "schema");
    const cJSON *widths = cJSON_GetObjectItemCaseSensitive(root, "widths");
    struct inn_arena arena;
    struct inn_map names;
    enum inn_status st;
    bool *seen;

    if (!cJSON_IsObject(root) || !cJSON_IsObject(widths))
        return inn_fail(err, INN_ERR_FORMAT,
                        "not a plan: {\"schema\":1,\"widths\":{\"group\":n}}");
    if (!cJSON_IsNumber(schema) || schema->valuedouble != 1.0)
        return inn_fail(err, INN_ERR_FORMAT,
                        "a plan's schema must be 1, the only one known");
    inn_arena_init(&arena, model->heap);
    inn_map_init(&names, &arena);
    seen = inn_arena_alloc(&arena, (size_t)model->n_groups, sizeof(*seen),
                           err);
    st = seen == NULL ? inn_refused(err)
                      : read_widths(plan, model, widths, seen, &names, err);
    inn_arena_free(&arena);
    return st;
}

enum inn_status inn_plan_read(struct inn_plan *plan,
                              const struct inn_model *model,
                              const char *path, struct inn_error *err)
{
    enum inn_status st;
    cJSON *root = NULL;

    st = inn_plan_full(plan, model, err);
    if (st != INN_OK)
        return st;
    st = inn_json_load(&root, path, model->heap, err);
    if (st == INN_OK)
        st = read_object(plan, model, root, err);
    cJSON_Delete(root);
    if (st != INN_OK) {
        inn_error_prefix(err, "plan '%s'", path);
        inn_plan_free(plan);
    }
    return st;
}

/* The text as cJSON prints it: its own memory, cJSON_free. */
static char *print(const struct inn_plan *plan, const struct inn_model *model)
{
    cJSON *root = cJSON_CreateObject(), *widths;
    char *text = NULL;
    int g;

    if (cJSON_AddNumberToObject(root, "schema", 1) == NULL)
        goto out;
    widths = cJSON_AddObjectToObject(root, "widths");
    if (widths == NULL)
        goto out;
    for (g = 0; g < model->n_groups; g++) {
        if (cJSON_AddNumberToObject(widths, model->groups[g].name,
                                    (double)plan->widths[g]) == NULL)
            goto out;
    }
    text = cJSON_Print(root);
out:
    cJSON_Delete(root);
    return text;
}

enum inn_status inn_plan_write(const struct inn_plan *plan,
                               const struct inn_model *model,
                               const char *path, bool overwrite,
                               struct inn_error *err)
{
    struct inn_write *out = NULL;
    enum inn_status st;
    char *text;

    if (plan->n_groups != model->n_groups)
        return inn_fail(err, INN_ERR_ARGUMENT,
                        "the plan has %d groups, the network %d",
                        plan->n_groups, model->n_groups);
    text = print(plan, model);
    if (text == NULL)
        return inn_no_memory(err, (size_t)plan->n_groups * sizeof(cJSON));
    st = inn_write_open(&out, path, overwrite, model->heap, err);
    if (st == INN_OK)
        st = inn_write_bytes(out, text, strlen(text), err);
    if (st == INN_OK)
        st = inn_write_bytes(out, "\n", 1, err);
    if (st == INN_OK)
        st = inn_write_commit(out, err);
    inn_write_close(out);
    cJSON_free(text);
    return st;
}
