/*
 * SRCNN (Dong, Loy, He, Tang, 2016) with kernels of 9, 5 and 5 on luminance
 * that is already enlarged; published as 57,184 weights (57 K), to which 97
 * biases come. Padded, so that the picture keeps its size.
 */
#include "models/models.h"

void inn_build_srcnn_x3(struct inn_builder *b)
{
    const struct inn_conv first = {64, 9, 1, 4, 2, false};
    const struct inn_conv second = {32, 5, 1, 2, 2, false};
    const struct inn_conv third = {1, 5, 1, 2, 1, false};
    int x = inn_build_input(b, "input", 1, -1, -1);

    x = inn_build_relu(b, inn_build_conv(b, "conv1", x, &first));
    x = inn_build_relu(b, inn_build_conv(b, "conv2", x, &second));
    inn_build_output(b, inn_build_conv(b, "conv3", x, &third));
}
