unit_tests += tests/unit/test_api
tests_unit_test_api_LDADD = $(unit_help) libinn.la $(CHECK_LIBS)
# The library as users have it; a program, not libtool's script around one.
tests_unit_test_api_LDFLAGS = $(AM_LDFLAGS) -no-install

unit_tests += tests/unit/test_models
tests_unit_test_models_LDADD = libinnmodels.la $(LDADD)
