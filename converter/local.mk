# inn-convert. The parts that tests link are a library of their own.
noinst_LTLIBRARIES += libinnconvert.la
libinnconvert_la_SOURCES = \
    converter/groups/groups.h \
    converter/order/order.h
libinnconvert_la_CPPFLAGS = $(AM_CPPFLAGS) $(OPENBLAS_CFLAGS)
libinnconvert_la_LIBADD = libinncore.la $(OPENBLAS_LIBS) $(LAPACKE_LIBS)
