# What inn and inn-convert share, and what unit tests look at, goes into the
# library's insides; the program inn has one file per subcommand, and what
# only they share.
libinncore_la_SOURCES += \
    runtime/tools/bicubic.c \
    runtime/tools/cli.c \
    runtime/tools/cli.h \
    runtime/tools/crop.c \
    runtime/tools/crop.h \
    runtime/tools/eval_paired.c \
    runtime/tools/help.c \
    runtime/tools/json.c \
    runtime/tools/json.h \
    runtime/tools/network.c \
    runtime/tools/network.h \
    runtime/tools/pairs.c \
    runtime/tools/pairs.h \
    runtime/tools/picture_net.c \
    runtime/tools/picture_net.h \
    runtime/tools/pictures.c \
    runtime/tools/pictures.h \
    runtime/tools/pictures_folder.c \
    runtime/tools/planes.c \
    runtime/tools/planes.h \
    runtime/tools/plot.c \
    runtime/tools/plot.h \
    runtime/tools/prep.c \
    runtime/tools/prep.h \
    runtime/tools/progress.c \
    runtime/tools/progress.h \
    runtime/tools/quality.c \
    runtime/tools/report.c \
    runtime/tools/report.h \
    runtime/tools/sampling.c \
    runtime/tools/sampling.h \
    runtime/tools/sizes.c \
    runtime/tools/sizes.h \
    runtime/tools/table.c \
    runtime/tools/table.h

bin_PROGRAMS += inn
inn_SOURCES = \
    runtime/tools/check.c \
    runtime/tools/commands.h \
    runtime/tools/compare.c \
    runtime/tools/convert.c \
    runtime/tools/eval.c \
    runtime/tools/eval.h \
    runtime/tools/eval_class.c \
    runtime/tools/eval_plot.c \
    runtime/tools/eval_sr.c \
    runtime/tools/export.c \
    runtime/tools/info.c \
    runtime/tools/main.c \
    runtime/tools/ops.c \
    runtime/tools/run.c \
    runtime/tools/run_image.c \
    runtime/tools/run_image.h \
    runtime/tools/tensors.c \
    runtime/tools/tensors.h
inn_LDADD = libinncore.la

dist_man_MANS += man/inn.1
if CONVERTER
dist_man_MANS += man/inn-convert.1
endif
