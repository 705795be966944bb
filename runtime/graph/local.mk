libinncore_la_SOURCES += \
    runtime/graph/attr.c \
    runtime/graph/graph.c \
    runtime/graph/graph.h \
    runtime/graph/internal.h \
    runtime/graph/onnx.h
