libinncore_la_SOURCES += \
    runtime/cli/cli.c \
    runtime/cli/cli.h \
    runtime/cli/ending.c \
    runtime/cli/ending.h \
    runtime/cli/help.c \
    runtime/cli/json.c \
    runtime/cli/json.h \
    runtime/cli/output.c \
    runtime/cli/output.h \
    runtime/cli/plot.c \
    runtime/cli/plot.h \
    runtime/cli/progress.c \
    runtime/cli/progress.h \
    runtime/cli/sizes.c \
    runtime/cli/sizes.h \
    runtime/cli/table.c \
    runtime/cli/table.h
