/*
 * The architectures that inn-model writes: those of "Integral Neural
 * Networks" (Solodskikh et al., CVPR 2023).
 */
#ifndef INN_MODELS_MODELS_H
#define INN_MODELS_MODELS_H

#include "models/build.h"

struct inn_architecture {
    const char *name;
    const char *input; /* "N x 3 x 32 x 32" */
    const char *summary;
    int64_t params; /* as published */
    void (*build)(struct inn_builder *b);
};

/* Ordered by name; INN_ARCHITECTURES of them. */
#define INN_ARCHITECTURES 9
extern const struct inn_architecture inn_architectures[INN_ARCHITECTURES];

/* NULL where there is none of this name. */
const struct inn_architecture *inn_architecture_find(const char *name);

/*
 * Builds a network; own. The same seed gives the same bits. weightless leaves
 * out all data. err must not be NULL. INN_ERR_MEMORY, INN_ERR_LIMIT.
 */
enum inn_status inn_architecture_build(
    struct inn_graph **graph, int64_t *params,
    const struct inn_architecture *architecture, uint64_t seed,
    bool weightless, struct inn_heap *heap, struct inn_error *err);

void inn_build_edsr_baseline_x4(struct inn_builder *b);
void inn_build_edsr_x4(struct inn_builder *b);
void inn_build_nin_cifar(struct inn_builder *b);
void inn_build_resnet18(struct inn_builder *b);
void inn_build_resnet18_cifar(struct inn_builder *b);
void inn_build_resnet50(struct inn_builder *b);
void inn_build_srcnn_x3(struct inn_builder *b);
void inn_build_vgg11_cifar(struct inn_builder *b);
void inn_build_vgg19(struct inn_builder *b);

#endif
