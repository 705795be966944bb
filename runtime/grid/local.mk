libinncore_la_SOURCES += \
    runtime/grid/axis_map.h \
    runtime/grid/model.h \
    runtime/grid/plan.h \
    runtime/grid/sample.h \
    runtime/grid/slots.c \
    runtime/grid/slots.h
