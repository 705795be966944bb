libinncore_la_SOURCES += \
    runtime/ops/activation.c \
    runtime/ops/args.c \
    runtime/ops/args.h \
    runtime/ops/common.c \
    runtime/ops/common.h \
    runtime/ops/couple.h \
    runtime/ops/macs.c \
    runtime/ops/op.h \
    runtime/ops/prim.h \
    runtime/ops/registry.c \
    runtime/ops/resize.h \
    runtime/ops/rows.h \
    runtime/ops/shapes.c \
    runtime/ops/shapes.h \
    runtime/ops/walk.c \
    runtime/ops/walk.h
