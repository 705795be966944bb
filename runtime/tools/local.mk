# One file per subcommand, and what they share; what unit tests look at goes
# into the library's insides.
libinncore_la_SOURCES += \
    runtime/tools/compute.c \
    runtime/tools/compute.h \
    runtime/tools/difference.c \
    runtime/tools/difference.h \
    runtime/tools/eval_paired.c \
    runtime/tools/network.c \
    runtime/tools/network.h \
    runtime/tools/pace.c \
    runtime/tools/pace.h \
    runtime/tools/pace_fit.c \
    runtime/tools/refitting.c \
    runtime/tools/refitting.h \
    runtime/tools/report.c \
    runtime/tools/report.h \
    runtime/tools/sampling.c \
    runtime/tools/sampling.h \
    runtime/tools/times.c \
    runtime/tools/times.h \
    runtime/tools/unmeasured.c \
    runtime/tools/unmeasured.h

bin_PROGRAMS += inn
inn_commands = \
    runtime/tools/bench.c \
    runtime/tools/bench.h \
    runtime/tools/bench_report.c \
    runtime/tools/bench_row.c \
    runtime/tools/check.c \
    runtime/tools/checks.c \
    runtime/tools/checks.h \
    runtime/tools/commands.h \
    runtime/tools/compare.c \
    runtime/tools/compare_layers.c \
    runtime/tools/compare_layers.h \
    runtime/tools/convert.c \
    runtime/tools/eval.c \
    runtime/tools/eval.h \
    runtime/tools/eval_class.c \
    runtime/tools/eval_plot.c \
    runtime/tools/eval_prep.c \
    runtime/tools/eval_sr.c \
    runtime/tools/expect.c \
    runtime/tools/expect.h \
    runtime/tools/expect_print.c \
    runtime/tools/expect_read.c \
    runtime/tools/export.c \
    runtime/tools/info.c \
    runtime/tools/ops.c \
    runtime/tools/run.c \
    runtime/tools/run_image.c \
    runtime/tools/run_image.h \
    runtime/tools/tensors.c \
    runtime/tools/tensors.h
inn_SOURCES = $(inn_commands) runtime/tools/main.c
inn_LDADD = libinncore.la

dist_man_MANS += man/inn.1
if CONVERTER
dist_man_MANS += man/inn-convert.1
endif
