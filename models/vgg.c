/*
 * VGG (Simonyan, Zisserman, 2015). For CIFAR-10 configuration A with batch
 * normalization and one linear layer, 9,231,114 parameters, as in
 * kuangliu/pytorch-cifar; for ImageNet configuration E without it,
 * 143,667,240 parameters, as vgg19 of torchvision. Dropout does nothing when
 * a network is run, and is left out.
 */
#include "models/models.h"

#define POOL 0 /* among widths */
#define END (-1)

/* The convolutions; indices count as the modules of the sources do. */
static int features(struct inn_builder *b, int x, const int *widths,
                    bool batch_norm)
{
    int i, at = 0;

    for (i = 0; widths[i] != END; i++) {
        const struct inn_conv conv = {widths[i], 3, 1, 1, 2, false};

        if (widths[i] == POOL) {
            x = inn_build_max_pool(b, x, 2, 2, 0);
            at++;
            continue;
        }
        x = inn_build_conv(b, inn_build_name(b, "features.%d", at++), x,
                           &conv);
        if (batch_norm)
            x = inn_build_batch_norm(
                b, inn_build_name(b, "features.%d", at++), x);
        x = inn_build_relu(b, x);
        at++;
    }
    return inn_build_flatten(b, x);
}

void inn_build_vgg11_cifar(struct inn_builder *b)
{
    static const int widths[] = {64, POOL, 128, POOL, 256, 256, POOL, 512,
                                 512, POOL, 512, 512, POOL, END};
    int x = inn_build_input(b, "input", 3, 32, 32);

    x = features(b, x, widths, true);
    inn_build_output(b, inn_build_linear(b, "classifier", x, 10, 1));
}

void inn_build_vgg19(struct inn_builder *b)
{
    static const int widths[] = {64,  64,  POOL, 128, 128, POOL, 256,  256,
                                 256, 256, POOL, 512, 512, 512,  512,  POOL,
                                 512, 512, 512,  512, POOL, END};
    int x = inn_build_input(b, "input", 3, 224, 224);

    x = features(b, x, widths, false);
    x = inn_build_relu(b, inn_build_linear(b, "classifier.0", x, 4096, 2));
    x = inn_build_relu(b, inn_build_linear(b, "classifier.3", x, 4096, 2));
    inn_build_output(b, inn_build_linear(b, "classifier.6", x, 1000, 1));
}
