libinncore_la_SOURCES += \
    runtime/grid/axis_map.c \
    runtime/grid/axis_map.h \
    runtime/grid/bias.c \
    runtime/grid/detach.c \
    runtime/grid/internal.h \
    runtime/grid/kernel.c \
    runtime/grid/mix.c \
    runtime/grid/mix.h \
    runtime/grid/mix_body.inc \
    runtime/grid/model.c \
    runtime/grid/model.h \
    runtime/grid/moments.c \
    runtime/grid/moments.h \
    runtime/grid/plan.c \
    runtime/grid/plan.h \
    runtime/grid/plan_file.c \
    runtime/grid/plan_spread.c \
    runtime/grid/plan_spread.h \
    runtime/grid/quadrature.c \
    runtime/grid/remap.c \
    runtime/grid/resize.c \
    runtime/grid/sample.c \
    runtime/grid/sample.h \
    runtime/grid/slots.c \
    runtime/grid/slots.h \
    runtime/grid/weights.c
