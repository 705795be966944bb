/*
 * example FILE.inn OUT.onnx: samples a file at half width, runs it on zeros
 * and writes it as ONNX. What the README shows, built against the installed
 * library alone.
 */
#include <inn.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct inn_error err = {0};
    struct inn_file *file = NULL;
    struct inn_net *net = NULL;
    struct inn_tensor in;
    const struct inn_tensor *out;
    int64_t *widths = NULL;
    size_t i, count = 1;
    int status = 1;

    if (argc != 3)
        return 2;
    if (inn_open(&file, argv[1], NULL, 0, &err) != INN_OK)
        goto done;
    widths = calloc((size_t)inn_group_count(file) + 1, sizeof(*widths));
    if (widths == NULL ||
        inn_widths_scale(file, widths, 0.5, 0, &err) != INN_OK ||
        inn_sample(file, &net, widths, INN_PARTITION_MOMENTS,
                   INN_QUAD_MOMENTS, &err) != INN_OK ||
        inn_net_input(net, 0, &in, &err) != INN_OK)
        goto done;
    for (i = 0; i < (size_t)in.rank; i++) {
        if (in.dims[i] < 0)
            in.dims[i] = 1; /* the batch */
        count *= (size_t)in.dims[i];
    }
    in.bytes = count * sizeof(float);
    in.data = calloc(count, sizeof(float));
    if (in.data == NULL)
        goto done;
    if (inn_net_run(net, &out, &in, 1, &err) == INN_OK &&
        inn_net_write(net, argv[2], true, &err) == INN_OK) {
        for (i = 0; i < (size_t)out[0].rank; i++)
            printf("%s%lld", i > 0 ? "x" : "", (long long)out[0].dims[i]);
        printf("\n");
        status = 0;
    }
    free(in.data);
done:
    if (status != 0)
        fprintf(stderr, "example: %s\n", err.message);
    inn_net_free(net);
    inn_close(file);
    free(widths);
    return status;
}
