libinncore_la_SOURCES += \
    runtime/drawn/canvas.c \
    runtime/drawn/canvas.h \
    runtime/drawn/degrade.c \
    runtime/drawn/degrade.h \
    runtime/drawn/input_range.c \
    runtime/drawn/inputs.c \
    runtime/drawn/inputs.h \
    runtime/drawn/leaves.c \
    runtime/drawn/leaves.h \
    runtime/drawn/noise.c \
    runtime/drawn/noise.h \
    runtime/drawn/refit_feed.c \
    runtime/drawn/refit_feed.h \
    runtime/drawn/restore.c \
    runtime/drawn/restore.h \
    runtime/drawn/samples.c \
    runtime/drawn/samples.h
