libinncore_la_SOURCES += \
    runtime/graph/attr.c \
    runtime/graph/graph.c \
    runtime/graph/graph.h \
    runtime/graph/internal.h \
    runtime/graph/onnx.h \
    runtime/graph/onnx_attr.c \
    runtime/graph/onnx_beside.c \
    runtime/graph/onnx_external.c \
    runtime/graph/onnx_function.c \
    runtime/graph/onnx_internal.h \
    runtime/graph/onnx_message.c \
    runtime/graph/onnx_read.c \
    runtime/graph/onnx_sniff.c \
    runtime/graph/onnx_subgraph.c \
    runtime/graph/onnx_tensor.c \
    runtime/graph/onnx_write.c
