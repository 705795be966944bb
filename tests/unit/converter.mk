unit_tests += \
    tests/unit/test_consumers \
    tests/unit/test_factor \
    tests/unit/test_fit \
    tests/unit/test_gain \
    tests/unit/test_gather \
    tests/unit/test_grids \
    tests/unit/test_groups \
    tests/unit/test_growth \
    tests/unit/test_inputs \
    tests/unit/test_interpret \
    tests/unit/test_judge \
    tests/unit/test_laws \
    tests/unit/test_metric \
    tests/unit/test_nested \
    tests/unit/test_order \
    tests/unit/test_prep \
    tests/unit/test_prior \
    tests/unit/test_propagate \
    tests/unit/test_refit_drawn
tests_unit_test_consumers_LDADD = libinnconvert.la $(LDADD)
tests_unit_test_factor_LDADD = libinnconvert.la $(LDADD)
tests_unit_test_fit_LDADD = libinnconvert.la $(LDADD)
tests_unit_test_gain_LDADD = libinnconvert.la $(LDADD)
tests_unit_test_gather_LDADD = libinnconvert.la $(LDADD)
tests_unit_test_grids_LDADD = libinnconvert.la $(LDADD)
tests_unit_test_groups_LDADD = libinnconvert.la $(LDADD)
tests_unit_test_growth_LDADD = libinnconvert.la $(LDADD)
tests_unit_test_inputs_LDADD = libinnconvert.la $(LDADD)
tests_unit_test_interpret_LDADD = libinnconvert.la $(LDADD)
tests_unit_test_judge_LDADD = libinnconvert.la $(LDADD)
tests_unit_test_laws_LDADD = libinnconvert.la $(LDADD)
tests_unit_test_metric_LDADD = libinnconvert.la $(LDADD)
tests_unit_test_nested_LDADD = libinnconvert.la $(LDADD)
tests_unit_test_order_LDADD = libinnconvert.la $(LDADD)
tests_unit_test_prep_LDADD = libinnconvert.la $(LDADD)
tests_unit_test_prior_LDADD = libinnconvert.la $(LDADD)
tests_unit_test_propagate_LDADD = libinnconvert.la $(LDADD)
tests_unit_test_refit_drawn_LDADD = libinnconvert.la $(LDADD)
