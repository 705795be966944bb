/*
 * Network in Network for CIFAR-10 (Lin, Chen, Yan, 2014): convolutions each
 * followed by two of 1 x 1, and the mean of a map per class. Layers and
 * 966,986 parameters as nin_cifar10 of pytorchcv, from which the authors'
 * TorchIntegral loads the paper's network.
 */
#include "models/models.h"

static int unit(struct inn_builder *b, int stage, int i, int x, int64_t out,
                int kernel)
{
    const struct inn_conv conv = {out, kernel, 1, kernel / 2, 2, false};
    const char *name = inn_build_name(b, "features.stage%d.unit%d.conv",
                                      stage, i);

    return inn_build_relu(b, inn_build_conv(b, name, x, &conv));
}

void inn_build_nin_cifar(struct inn_builder *b)
{
    const struct inn_conv last = {10, 1, 1, 0, 2, false};
    int x = inn_build_input(b, "input", 3, 32, 32);

    x = unit(b, 1, 1, x, 192, 5);
    x = unit(b, 1, 2, x, 160, 1);
    x = unit(b, 1, 3, x, 96, 1);
    x = inn_build_max_pool(b, x, 3, 2, 1);
    x = unit(b, 2, 1, x, 192, 5);
    x = unit(b, 2, 2, x, 192, 1);
    x = unit(b, 2, 3, x, 192, 1);
    x = inn_build_average_pool(b, x, 3, 2, 1);
    x = unit(b, 3, 1, x, 192, 3);
    x = unit(b, 3, 2, x, 192, 1);
    x = inn_build_conv(b, "output.final_conv.conv", x, &last);
    x = inn_build_relu(b, x);
    x = inn_build_global_average_pool(b, x);
    inn_build_output(b, inn_build_flatten(b, x));
}
