/*
 * Residual networks (He, Zhang, Ren, Sun, 2016). ResNet-18 and -50 for
 * ImageNet with 11,689,512 and 25,557,032 parameters as in torchvision (the
 * stride of a bottleneck lies on its 3 x 3); ResNet-18 for CIFAR-10 with
 * 11,173,962 as in kuangliu/pytorch-cifar: a 3 x 3 stem and no pooling.
 * The paper loses 2 % of ResNet-18's ImageNet accuracy at up to 30 % fewer
 * channels without fine-tuning, other methods 65 % (its abstract).
 */
#include "models/models.h"

/* A convolution without bias, and the batch normalization after it. */
static int conv_bn(struct inn_builder *b, const char *conv_name,
                   const char *bn_name, int x, int64_t out, int kernel,
                   int stride)
{
    const struct inn_conv conv = {out, kernel, stride, kernel / 2, 2, true};

    return inn_build_batch_norm(b, bn_name,
                                inn_build_conv(b, conv_name, x, &conv));
}

/* The i-th of a block's: layerS.B.convI and layerS.B.bnI. */
static int numbered(struct inn_builder *b, const char *block, int i, int x,
                    int64_t out, int kernel, int stride)
{
    return conv_bn(b, inn_build_name(b, "%s.conv%d", block, i),
                   inn_build_name(b, "%s.bn%d", block, i), x, out, kernel,
                   stride);
}

static int shortcut(struct inn_builder *b, const char *block, int x,
                    int64_t out, int stride)
{
    return conv_bn(b, inn_build_name(b, "%s.downsample.0", block),
                   inn_build_name(b, "%s.downsample.1", block), x, out, 1,
                   stride);
}

static int basic(struct inn_builder *b, const char *name, int x,
                 int64_t width, int stride, bool project)
{
    int y = inn_build_relu(b, numbered(b, name, 1, x, width, 3, stride));

    y = numbered(b, name, 2, y, width, 3, 1);
    if (project)
        x = shortcut(b, name, x, width, stride);
    return inn_build_relu(b, inn_build_add(b, y, x));
}

static int bottleneck(struct inn_builder *b, const char *name, int x,
                      int64_t width, int stride, bool project)
{
    int y = inn_build_relu(b, numbered(b, name, 1, x, width, 1, 1));

    y = inn_build_relu(b, numbered(b, name, 2, y, width, 3, stride));
    y = numbered(b, name, 3, y, 4 * width, 1, 1);
    if (project)
        x = shortcut(b, name, x, 4 * width, stride);
    return inn_build_relu(b, inn_build_add(b, y, x));
}

/* Four stages of 64 to 512 channels, pooling and the linear layer. */
static void stages(struct inn_builder *b, int x, const int counts[4],
                   bool bottlenecks, int64_t classes)
{
    int s, i;

    for (s = 0; s < 4; s++) {
        for (i = 0; i < counts[s]; i++) {
            const char *name = inn_build_name(b, "layer%d.%d", s + 1, i);
            const int64_t width = (int64_t)64 << s;
            const int stride = s > 0 && i == 0 ? 2 : 1;

            if (bottlenecks)
                x = bottleneck(b, name, x, width, stride, i == 0);
            else
                x = basic(b, name, x, width, stride, stride != 1);
        }
    }
    x = inn_build_flatten(b, inn_build_global_average_pool(b, x));
    inn_build_output(b, inn_build_linear(b, "fc", x, classes, 1));
}

static int imagenet_stem(struct inn_builder *b)
{
    int x = inn_build_input(b, "input", 3, 224, 224);

    x = inn_build_relu(b, conv_bn(b, "conv1", "bn1", x, 64, 7, 2));
    return inn_build_max_pool(b, x, 3, 2, 1);
}

void inn_build_resnet18(struct inn_builder *b)
{
    stages(b, imagenet_stem(b), (const int[]){2, 2, 2, 2}, false, 1000);
}

void inn_build_resnet50(struct inn_builder *b)
{
    stages(b, imagenet_stem(b), (const int[]){3, 4, 6, 3}, true, 1000);
}

void inn_build_resnet18_cifar(struct inn_builder *b)
{
    int x = inn_build_input(b, "input", 3, 32, 32);

    x = inn_build_relu(b, conv_bn(b, "conv1", "bn1", x, 64, 3, 1));
    stages(b, x, (const int[]){2, 2, 2, 2}, false, 10);
}
