include_HEADERS = runtime/inn.h
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = runtime/inn.pc
EXTRA_DIST += runtime/libinn.map

libinncore_la_SOURCES += runtime/version.c
libinn_la_SOURCES = runtime/api.c
libinn_la_LIBADD = libinncore.la
libinn_la_LDFLAGS = -version-info 0:0:0 \
    -Wl,--version-script=$(top_srcdir)/runtime/libinn.map
libinn_la_DEPENDENCIES = libinncore.la runtime/libinn.map
