/*
 * Blocks of elements on their way between a tensor and a kernel. f32 has its
 * own loops; the others go through the general conversion.
 */
#include "runtime/ops/block.h"

static const void *element(const void *data, enum inn_type type, int64_t at)
{
    return (const char *)data + (size_t)at * inn_type_size(type);
}

void inn_block_load_floats(double *v, enum inn_type type, const void *data,
                           int64_t at, int64_t step, int64_t n)
{
    const void *from = element(data, type, at);
    int64_t i;

    if (step == 1 && type == INN_F32) {
        const float *f = from;

        for (i = 0; i < n; i++)
            v[i] = (double)f[i];
    } else if (step == 1) {
        inn_convert_elements(v, INN_F64, from, type, (size_t)n);
    } else {
        for (i = 0; i < n; i++) {
            if (i > 0 && step == 0)
                v[i] = v[0];
            else
                inn_convert_elements(&v[i], INN_F64,
                                     element(data, type, at + i * step),
                                     type, 1);
        }
    }
}

void inn_block_load_ints(int64_t *v, enum inn_type type, const void *data,
                         int64_t at, int64_t step, int64_t n)
{
    int64_t i;

    if (step == 1) {
        inn_convert_elements(v, INN_I64, element(data, type, at), type,
                             (size_t)n);
        return;
    }
    for (i = 0; i < n; i++) {
        if (i > 0 && step == 0)
            v[i] = v[0];
        else
            inn_convert_elements(&v[i], INN_I64,
                                 element(data, type, at + i * step), type, 1);
    }
}

void inn_block_store_floats(void *data, enum inn_type type, int64_t at,
                            const double *v, int64_t n)
{
    char *to = (char *)data + (size_t)at * inn_type_size(type);
    int64_t i;

    if (type == INN_F32) {
        float *f = (void *)to;

        for (i = 0; i < n; i++)
            f[i] = (float)v[i];
    } else {
        inn_convert_elements(to, type, v, INN_F64, (size_t)n);
    }
}

void inn_block_store_ints(void *data, enum inn_type type, int64_t at,
                          const int64_t *v, int64_t n)
{
    inn_convert_elements((char *)data + (size_t)at * inn_type_size(type),
                         type, v, INN_I64, (size_t)n);
}
