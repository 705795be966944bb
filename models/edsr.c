/*
 * EDSR for factor 4 (Lim et al., CVPR workshops 2017) with layers and names
 * of BasicSR: the baseline of 16 blocks of 64 channels has 1,517,571
 * parameters, the full one of 32 blocks of 256 with residuals scaled by 0.1
 * has 43,089,923. The mean colour that training subtracts is left out.
 */
#include "models/models.h"

static int conv(struct inn_builder *b, const char *name, int x, int64_t out,
                double gain)
{
    const struct inn_conv c = {out, 3, 1, 1, gain, false};

    return inn_build_conv(b, name, x, &c);
}

/*
 * Without a scale the second convolution is made small instead: a trunk that
 * nothing normalizes would double its variance in every block.
 */
static int block(struct inn_builder *b, int i, int x, int64_t width,
                 float scale)
{
    int y = conv(b, inn_build_name(b, "body.%d.conv1", i), x, width, 2);

    y = conv(b, inn_build_name(b, "body.%d.conv2", i), inn_build_relu(b, y),
             width, scale == 1 ? 0.1 : 1);
    if (scale != 1)
        y = inn_build_scale(b, y, scale);
    return inn_build_add(b, x, y);
}

static void edsr(struct inn_builder *b, int n_blocks, int64_t width,
                 float scale)
{
    int x = inn_build_input(b, "input", 3, -1, -1), y, i;

    x = conv(b, "conv_first", x, width, 1);
    for (y = x, i = 0; i < n_blocks; i++)
        y = block(b, i, y, width, scale);
    y = inn_build_add(b, conv(b, "conv_after_body", y, width, 1), x);
    for (i = 0; i < 2; i++) {
        y = conv(b, inn_build_name(b, "upsample.%d", 2 * i), y, 4 * width, 1);
        y = inn_build_pixel_shuffle(b, y, 2);
    }
    inn_build_output(b, conv(b, "conv_last", y, 3, 1));
}

void inn_build_edsr_baseline_x4(struct inn_builder *b)
{
    edsr(b, 16, 64, 1);
}

void inn_build_edsr_x4(struct inn_builder *b)
{
    edsr(b, 32, 256, 0.1f);
}
