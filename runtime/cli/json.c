/* A thin layer over cJSON that can't lose an allocation failure. */
#include "runtime/cli/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/heap.h"

static cJSON *add(struct inn_json *json, cJSON *in, const char *name,
                  cJSON *item)
{
    bool added = item != NULL && in != NULL &&
                 (name != NULL ? cJSON_AddItemToObject(in, name, item)
                               : cJSON_AddItemToArray(in, item));

    if (added)
        return item;
    cJSON_Delete(item);
    json->failed = true;
    return NULL;
}

void inn_json_start(struct inn_json *json)
{
    json->failed = false;
    json->root = cJSON_CreateObject();
    inn_json_int(json, json->root, "schema", 1);
}

cJSON *inn_json_object(struct inn_json *json, cJSON *in, const char *name)
{
    return add(json, in, name, cJSON_CreateObject());
}

cJSON *inn_json_array(struct inn_json *json, cJSON *in, const char *name)
{
    return add(json, in, name, cJSON_CreateArray());
}

/* Length of the UTF-8 sequence at p, or 0 where there is none. */
static size_t sequence(const unsigned char *p)
{
    uint32_t code;
    size_t n, i;

    if (p[0] < 0x80)
        return 1;
    n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    code = p[0] & (0x7fu >> n);
    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3fu);
    }
    if ((n == 3 && code < 0x800) || (n == 4 && code < 0x10000) ||
        code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    return n;
}

void inn_utf8_repair(char *text)
{
    unsigned char *p;
    size_t n;

    for (p = (unsigned char *)text; *p != '\0'; p += n) {
        n = sequence(p);
        if (n == 0) {
            *p = '?';
            n = 1;
        }
    }
}

void inn_json_text(struct inn_json *json, cJSON *in, const char *name,
                   const char *text)
{
    cJSON *item = text != NULL ? cJSON_CreateString(text)
                               : cJSON_CreateNull();

    if (item != NULL && text != NULL)
        inn_utf8_repair(item->valuestring);
    add(json, in, name, item);
}

void inn_json_number(struct inn_json *json, cJSON *in, const char *name,
                     double value)
{
    char text[32];
    int digits = fabs(value) >= 1 && fabs(value) < 1e15 ? 15 : 1;

    if (!isfinite(value)) {
        add(json, in, name, cJSON_CreateNull());
        return;
    }
    /* The shortest that gives value back: 99.67, not 99.670000000000002. */
    for (; digits < 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    snprintf(text, sizeof(text), "%.*g", digits, value);
    add(json, in, name, cJSON_CreateRaw(text));
}

void inn_json_int(struct inn_json *json, cJSON *in, const char *name,
                  int64_t value)
{
    char text[32];

    snprintf(text, sizeof(text), "%lld", (long long)value);
    add(json, in, name, cJSON_CreateRaw(text));
}

void inn_json_bool(struct inn_json *json, cJSON *in, const char *name,
                   bool value)
{
    add(json, in, name, cJSON_CreateBool(value));
}

char *inn_json_render(struct inn_json *json, struct inn_error *err)
{
    char *text = json->failed ? NULL : cJSON_Print(json->root), *p;

    inn_json_free(json);
    if (text == NULL) {
        inn_no_memory(err, 0);
        return NULL;
    }
    /* cJSON indents by tabs; one inside a string is always escaped. */
    for (p = text; *p != '\0'; p++) {
        if (*p == '\t')
            *p = ' ';
    }
    return text;
}

enum inn_status inn_json_print(struct inn_json *json, struct inn_error *err)
{
    char *text = inn_json_render(json, err);

    if (text == NULL)
        return inn_refused(err);
    printf("%s\n", text);
    cJSON_free(text);
    return INN_OK;
}

void inn_json_free(struct inn_json *json)
{
    cJSON_Delete(json->root);
    json->root = NULL;
}
