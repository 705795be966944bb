libinncore_la_SOURCES += \
    runtime/ops/couple.h \
    runtime/ops/op.h \
    runtime/ops/prim.h \
    runtime/ops/resize.h \
    runtime/ops/shapes.h
