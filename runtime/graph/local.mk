libinncore_la_SOURCES += \
    runtime/graph/graph.h \
    runtime/graph/onnx.h
