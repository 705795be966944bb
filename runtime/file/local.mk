libinncore_la_SOURCES += \
    runtime/file/container.h
