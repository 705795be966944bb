# Bundled networks and data.
dist_pkgdata_DATA = models/shapes10.npz models/shapes10.onnx

# inn-model. What it builds with is a library of its own, for tests.
noinst_LTLIBRARIES += libinnmodels.la
libinnmodels_la_SOURCES = \
    models/build.c \
    models/build.h \
    models/edsr.c \
    models/models.c \
    models/models.h \
    models/moments.c \
    models/nin.c \
    models/random.c \
    models/resnet.c \
    models/srcnn.c \
    models/vgg.c
libinnmodels_la_LIBADD = libinncore.la

bin_PROGRAMS += inn-model
inn_model_commands = \
    models/command.c \
    models/command.h
inn_model_SOURCES = $(inn_model_commands) models/main.c
inn_model_LDADD = libinnmodels.la
dist_man_MANS += man/inn-model.1
