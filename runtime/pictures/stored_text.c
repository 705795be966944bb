/* What is said of stored inputs. */
#include "runtime/pictures/stored.h"

#include <stdio.h>

#include "runtime/base/error.h"

/* "1.4 MB" */
static const char *bytes_text(char text[32], size_t bytes)
{
    if (bytes < 1000)
        snprintf(text, 32, "%zu bytes", bytes);
    else if (bytes < 1000000)
        snprintf(text, 32, "%.1f kB", (double)bytes / 1e3);
    else
        snprintf(text, 32, "%.1f MB", (double)bytes / 1e6);
    return text;
}

/* A sample's shape: without axis 0 where that is 1. */
static const char *sample_text(char text[INN_SHAPE_TEXT],
                               const struct inn_stored_input *input)
{
    int skip = input->rank > 0 && input->dims[0] == 1;

    return inn_shape_text(text, input->rank - skip, input->dims + skip);
}

const char *inn_stored_text(const struct inn_model *model,
                            struct inn_arena *arena, struct inn_error *err)
{
    const struct inn_stored *stored = model->stored;
    char shape[INN_SHAPE_TEXT], bytes[32];
    const char *text;
    int i;

    if (stored == NULL)
        return "none";
    text = inn_arena_printf(arena, err, "%lld %s%s%s",
                            (long long)stored->count,
                            stored->items[0].encoding == INN_ENCODED_RAW ||
                                    stored->n > 1 ? "sample" : "picture",
                            stored->count > 1 ? "s" : "",
                            stored->n > 1 ? ":" : "");
    for (i = 0; text != NULL && i < stored->n; i++) {
        const struct inn_stored_input *input = &stored->items[i];

        text = inn_arena_printf(arena, err, "%s %s%s%s (%s),", text,
                                stored->n > 1 ? input->name : "",
                                stored->n > 1 ? " " : "",
                                sample_text(shape, input),
                                inn_stored_encoding(input));
    }
    if (text == NULL)
        return NULL;
    return inn_arena_printf(arena, err, "%s %s", text,
                            bytes_text(bytes, inn_stored_bytes(stored)));
}

void inn_json_stored(struct inn_json *json, const struct inn_model *model)
{
    static const char key[] = "stored_inputs";
    const struct inn_stored *stored = model->stored;
    cJSON *object, *list, *item, *shape;
    int i, k;

    if (stored == NULL) {
        inn_json_text(json, json->root, key, NULL);
        return;
    }
    object = inn_json_object(json, json->root, key);
    inn_json_int(json, object, "samples", stored->count);
    inn_json_int(json, object, "bytes", (int64_t)inn_stored_bytes(stored));
    list = inn_json_array(json, object, "inputs");
    for (i = 0; i < stored->n; i++) {
        const struct inn_stored_input *input = &stored->items[i];

        item = inn_json_object(json, list, NULL);
        inn_json_text(json, item, "name", input->name);
        inn_json_bool(json, item, "pictures",
                      input->encoding != INN_ENCODED_RAW);
        inn_json_text(json, item, "encoding", inn_stored_encoding(input));
        shape = inn_json_array(json, item, "shape");
        for (k = 0; k < input->rank; k++)
            inn_json_int(json, shape, NULL, input->dims[k]);
        inn_json_int(json, item, "bytes", (int64_t)input->bytes);
    }
}
