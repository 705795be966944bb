# inn-convert. The parts that tests link are a library of their own.
noinst_LTLIBRARIES += libinnconvert.la
libinnconvert_la_SOURCES = \
    converter/blas_room.c \
    converter/blas_room.h \
    converter/convert.c \
    converter/convert.h \
    converter/features.c \
    converter/fit/fit.c \
    converter/fit/fit.h \
    converter/grids.c \
    converter/groups/build.c \
    converter/groups/groups.h \
    converter/groups/labels.c \
    converter/groups/labels.h \
    converter/groups/reshape.c \
    converter/groups/settle.c \
    converter/groups/solve.c \
    converter/moments/alone.h \
    converter/moments/batchnorm.c \
    converter/moments/batchnorm.h \
    converter/moments/blend.c \
    converter/moments/consumers.c \
    converter/moments/consumers.h \
    converter/moments/factor.c \
    converter/moments/gain.c \
    converter/moments/gain.h \
    converter/moments/gather.c \
    converter/moments/interpret.c \
    converter/moments/judge.c \
    converter/moments/judge.h \
    converter/moments/metric.c \
    converter/moments/moments.c \
    converter/moments/moments.h \
    converter/moments/nested.c \
    converter/moments/prior.c \
    converter/moments/prior.h \
    converter/moments/propagate.c \
    converter/moments/propagate.h \
    converter/moments/scale.h \
    converter/order/exact.c \
    converter/order/gram.c \
    converter/order/improve.c \
    converter/order/kick.c \
    converter/order/order.h \
    converter/order/path.c \
    converter/order/space.c \
    converter/order/start.c \
    converter/order/tour.c \
    converter/order/tour.h \
    converter/moments/verdict.c \
    converter/prep.c \
    converter/prep.h \
    converter/slices.c \
    converter/slices.h \
    converter/verify.c
libinnconvert_la_CPPFLAGS = $(AM_CPPFLAGS) $(OPENBLAS_CFLAGS)
libinnconvert_la_LIBADD = libinncore.la $(OPENBLAS_LIBS) $(LAPACKE_LIBS)

bin_PROGRAMS += inn-convert
inn_convert_commands = \
    converter/command.c \
    converter/command.h
inn_convert_SOURCES = $(inn_convert_commands) converter/main.c
inn_convert_LDADD = libinnconvert.la

# Built with the tests so that it keeps compiling; run by hand.
check_PROGRAMS += tests/bench/order
tests_bench_order_LDADD = libinnconvert.la
