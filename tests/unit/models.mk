unit_tests += tests/unit/test_models
tests_unit_test_models_LDADD = libinnmodels.la $(LDADD)
