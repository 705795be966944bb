/* The table of architectures, and building one of them. */
#include "models/models.h"

#include <string.h>

const struct inn_architecture inn_architectures[INN_ARCHITECTURES] = {
    {"edsr-baseline-x4", "N x 3 x H x W", "super-resolution, 16 blocks of 64",
     1517571, inn_build_edsr_baseline_x4},
    {"edsr-x4", "N x 3 x H x W", "super-resolution, 32 blocks of 256",
     43089923, inn_build_edsr_x4},
    {"nin-cifar", "N x 3 x 32 x 32", "Network in Network, 10 classes", 966986,
     inn_build_nin_cifar},
    {"resnet18", "N x 3 x 224 x 224", "ResNet-18, 1000 classes", 11689512,
     inn_build_resnet18},
    {"resnet18-cifar", "N x 3 x 32 x 32", "ResNet-18, 10 classes", 11173962,
     inn_build_resnet18_cifar},
    {"resnet50", "N x 3 x 224 x 224", "ResNet-50, 1000 classes", 25557032,
     inn_build_resnet50},
    {"srcnn-x3", "N x 1 x H x W", "super-resolution, 9-5-5, on luminance",
     57281, inn_build_srcnn_x3},
    {"vgg11-cifar", "N x 3 x 32 x 32",
     "VGG-11 with batch normalization, 10 classes", 9231114,
     inn_build_vgg11_cifar},
    {"vgg19", "N x 3 x 224 x 224", "VGG-19, 1000 classes", 143667240,
     inn_build_vgg19},
};

const struct inn_architecture *inn_architecture_find(const char *name)
{
    size_t i;

    for (i = 0; i < INN_ARCHITECTURES; i++) {
        if (strcmp(inn_architectures[i].name, name) == 0)
            return &inn_architectures[i];
    }
    return NULL;
}

enum inn_status inn_architecture_build(
    struct inn_graph **graph, int64_t *params,
    const struct inn_architecture *architecture, uint64_t seed,
    bool weightless, struct inn_heap *heap, struct inn_error *err)
{
    struct inn_builder b;

    *graph = NULL;
    *params = 0;
    inn_build_start(&b, architecture->name, seed, weightless, heap, err);
    if (b.status == INN_OK)
        architecture->build(&b);
    if (b.status == INN_OK) {
        *params = b.params;
        *graph = b.graph;
        b.graph = NULL;
    }
    inn_build_end(&b);
    return b.status;
}
