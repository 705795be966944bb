libinncore_la_SOURCES += \
    runtime/refit/aim.c \
    runtime/refit/aim.h \
    runtime/refit/cholesky.c \
    runtime/refit/cholesky.h \
    runtime/refit/fit.c \
    runtime/refit/fit.h \
    runtime/refit/layers.c \
    runtime/refit/layers.h \
    runtime/refit/linear.c \
    runtime/refit/linear.h \
    runtime/refit/linear_read.c \
    runtime/refit/own.c \
    runtime/refit/own.h \
    runtime/refit/path.c \
    runtime/refit/path.h \
    runtime/refit/product.c \
    runtime/refit/product.h \
    runtime/refit/product_body.inc \
    runtime/refit/refit.c \
    runtime/refit/refit.h \
    runtime/refit/source.h \
    runtime/refit/standard.c \
    runtime/refit/standard.h \
    runtime/refit/task.c \
    runtime/refit/task.h \
    runtime/refit/work.c \
    runtime/refit/work.h
