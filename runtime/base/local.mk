libinncore_la_SOURCES += \
    runtime/base/arena.c \
    runtime/base/arena.h \
    runtime/base/checked.h \
    runtime/base/error.c \
    runtime/base/error.h \
    runtime/base/file.c \
    runtime/base/file.h \
    runtime/base/glob.c \
    runtime/base/glob.h \
    runtime/base/heap.c \
    runtime/base/heap.h \
    runtime/base/image.c \
    runtime/base/image.h \
    runtime/base/image_codec.h \
    runtime/base/image_jpeg.c \
    runtime/base/image_png.c \
    runtime/base/map.c \
    runtime/base/map.h \
    runtime/base/npy.c \
    runtime/base/npy.h \
    runtime/base/port.h \
    runtime/base/tensor.c \
    runtime/base/tensor.h \
    runtime/base/threads.c \
    runtime/base/threads.h \
    runtime/base/wire.c \
    runtime/base/wire.h
