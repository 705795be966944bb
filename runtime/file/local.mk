libinncore_la_SOURCES += \
    runtime/file/codec.c \
    runtime/file/codec.h \
    runtime/file/container.h \
    runtime/file/layout.c \
    runtime/file/layout.h \
    runtime/file/open.c \
    runtime/file/pack.c \
    runtime/file/pack.h \
    runtime/file/pack_moments.c \
    runtime/file/stored_inputs.c \
    runtime/file/unpack.c \
    runtime/file/unpack_groups.c \
    runtime/file/unpack_moments.c \
    runtime/file/write.c
