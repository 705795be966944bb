/*
 * What a file is that was taken for ONNX and isn't, by its first bytes: a
 * better answer than where in it the format first failed.
 */
#include <string.h>

#include "runtime/graph/onnx_internal.h"

static const struct {
    unsigned at, len;
    const char *magic;
    const char *what;
} kinds[] = {
    {0, 5, "INN\r\n", "an .inn file"},
    {0, 23, "version https://git-lfs", "a Git LFS pointer, not the file"},
    {0, 4, "PK\3\4", "a zip archive (PyTorch, Keras or a download)"},
    {0, 4, "\x89HDF", "HDF5 (Keras)"},
    {4, 4, "TFL3", "a TensorFlow Lite model"},
    {4, 4, "ORTM", "ONNX Runtime's own format"},
    {0, 4, "GGUF", "a GGUF file"},
    {0, 6, "\x93NUMPY", "a NumPy array"},
    {0, 2, "\x1f\x8b", "gzip-compressed"},
    {0, 4, "\x28\xb5\x2f\xfd", "zstd-compressed"},
    {0, 2, "\x80\2", "a Python pickle (PyTorch)"},
    {0, 2, "\x80\4", "a Python pickle"},
    {0, 4, "\x7f" "ELF", "a program"},
};

static bool starts(const uint8_t *bytes, size_t len, const char *text)
{
    size_t n = strlen(text);

    return len >= n && memcmp(bytes, text, n) == 0;
}

static const char *sniff_text(const uint8_t *bytes, size_t len)
{
    static const char *const fields[] = {
        "ir_version", "producer_name", "producer_version", "opset_import",
        "graph {",    "graph:",        "model_version",    "#",
    };
    size_t i;

    for (i = 0; i < len && i < 256; i++) {
        if (bytes[i] < 0x20 && memchr("\t\n\r\f", bytes[i], 4) == NULL)
            return NULL;
    }
    while (len > 0 && memchr(" \t\n\r\f", *bytes, 5) != NULL) {
        bytes++;
        len--;
    }
    if (starts(bytes, len, "{") || starts(bytes, len, "["))
        return "JSON text";
    if (starts(bytes, len, "<!") || starts(bytes, len, "<html"))
        return "an HTML page";
    if (starts(bytes, len, "<"))
        return "ONNX's or XML text syntax";
    for (i = 0; i < INN_COUNT(fields); i++) {
        if (starts(bytes, len, fields[i]))
            return "protobuf's text format";
    }
    return len > 0 ? "text" : NULL;
}

const char *inn_onnx_sniff(const uint8_t *bytes, size_t len)
{
    size_t i;

    if (len == 0)
        return "empty";
    for (i = 0; i < INN_COUNT(kinds); i++) {
        if (len >= (size_t)kinds[i].at + kinds[i].len &&
            memcmp(bytes + kinds[i].at, kinds[i].magic, kinds[i].len) == 0)
            return kinds[i].what;
    }
    return sniff_text(bytes, len);
}
