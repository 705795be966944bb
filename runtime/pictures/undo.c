/* Preparation backwards, and forwards again to see whether it was one. */
#include "runtime/pictures/undo.h"

#include <math.h>

#include "runtime/base/error.h"
#include "runtime/pictures/pictures.h"

/* In steps of a byte: what rounding leaves of a prepared picture's. */
#define NEAR_STEP 1e-3

enum inn_status inn_undo_init(struct inn_undo *u, struct inn_arena *arena,
                              struct inn_error *err)
{
    size_t n = (size_t)(u->height * u->width * u->channels);

    u->bytes = inn_arena_alloc(arena, n, 1, err);
    u->x = inn_arena_alloc(arena, n, sizeof(double), err);
    u->again = inn_arena_alloc(arena, n, sizeof(double), err);
    u->prepared = inn_arena_alloc(arena, n, sizeof(float), err);
    u->typed = inn_arena_alloc(arena, n, sizeof(double), err);
    return u->bytes != NULL && u->x != NULL && u->again != NULL &&
                   u->prepared != NULL && u->typed != NULL
               ? INN_OK : inn_refused(err);
}

/* The bytes nearest to what was prepared to x; false: none are. */
static bool round_bytes(const struct inn_undo *u)
{
    const struct inn_input_prep *prep = &u->prep;
    int64_t plane = u->height * u->width, c, i;

    for (c = 0; c < u->channels; c++) {
        double mean = prep->mean[prep->n > 1 ? c : 0];
        double std = prep->std[prep->n > 1 ? c : 0];
        int64_t to = prep->bgr && u->channels == 3 ? 2 - c : c;

        for (i = 0; i < plane; i++) {
            double x = u->x[prep->nhwc ? i * u->channels + c : c * plane + i];
            double byte = nearbyint((x * std + mean) / prep->scale);

            if (!(byte >= 0 && byte <= 255)) /* nor NaN */
                return false;
            u->bytes[i * u->channels + to] = (uint8_t)byte;
        }
    }
    return true;
}

/* A difference of elements that is no more than rounding. */
static double near_enough(const struct inn_input_prep *prep)
{
    double std = 0;
    int i;

    for (i = 0; i < prep->n; i++)
        std = fmax(std, fabs(prep->std[i]));
    return NEAR_STEP * fabs(prep->scale) / std;
}

bool inn_undo_picture(const struct inn_undo *u, const void *elements)
{
    const struct inn_pictures p = {.x = {.type = INN_U8, .data = u->bytes},
                                   .n = 1,
                                   .height = u->height,
                                   .width = u->width,
                                   .channels = u->channels};
    size_t n = (size_t)(u->height * u->width * u->channels), i;
    double most = near_enough(&u->prep);

    inn_convert_elements(u->x, INN_F64, elements, u->type, n);
    if (!round_bytes(u))
        return false;
    /* By way of the elements' type: what that rounds is no difference. */
    inn_picture_get(u->prepared, &p, 0, &u->prep);
    inn_convert_elements(u->typed, u->type, u->prepared, INN_F32, n);
    inn_convert_elements(u->again, INN_F64, u->typed, u->type, n);
    for (i = 0; i < n; i++) {
        if (!(fabs(u->again[i] - u->x[i]) <= most))
            return false;
    }
    return true;
}
