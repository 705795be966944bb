/*
 * Building the one object that --json prints. Errors stick: after a failed
 * allocation inn_json_print says so. cJSON does the rest; NaN and infinity
 * become null.
 */
#ifndef INN_CLI_JSON_H
#define INN_CLI_JSON_H

#include <cjson/cJSON.h>

#include "runtime/base/error.h"

struct inn_json {
    cJSON *root; /* {"schema": 1} */
    bool failed;
};

void inn_json_start(struct inn_json *json);

/* Members of object; name NULL where it is an array. Return what was added. */
cJSON *inn_json_object(struct inn_json *json, cJSON *in, const char *name);
cJSON *inn_json_array(struct inn_json *json, cJSON *in, const char *name);
/* Bytes that are no UTF-8 become '?'; text NULL: null. */
void inn_json_text(struct inn_json *json, cJSON *in, const char *name,
                   const char *text);
void inn_json_number(struct inn_json *json, cJSON *in, const char *name,
                     double value);
/* Exact, also above 2^53. */
void inn_json_int(struct inn_json *json, cJSON *in, const char *name,
                  int64_t value);
void inn_json_bool(struct inn_json *json, cJSON *in, const char *name,
                   bool value);

/* As text without a last line feed; cJSON_free. Frees json. NULL: no memory. */
char *inn_json_render(struct inn_json *json, struct inn_error *err);
/* The same, on stdout, with a line feed. */
enum inn_status inn_json_print(struct inn_json *json, struct inn_error *err);

/* Bytes that are no UTF-8 become '?'. */
void inn_utf8_repair(char *text);

/* Frees what was not printed. */
void inn_json_free(struct inn_json *json);

#endif
