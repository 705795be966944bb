libinncore_la_SOURCES += \
    runtime/exec/session.h
