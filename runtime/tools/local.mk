# What inn and inn-convert share goes into the library's insides; the program
# inn has one file per subcommand.
libinncore_la_SOURCES += \
    runtime/tools/cli.c \
    runtime/tools/cli.h \
    runtime/tools/help.c \
    runtime/tools/json.c \
    runtime/tools/json.h \
    runtime/tools/progress.c \
    runtime/tools/progress.h \
    runtime/tools/sizes.c \
    runtime/tools/sizes.h \
    runtime/tools/table.c \
    runtime/tools/table.h
