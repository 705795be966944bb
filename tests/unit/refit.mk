unit_tests += \
    tests/unit/test_refit_aims \
    tests/unit/test_refit_algebra \
    tests/unit/test_refit_layers \
    tests/unit/test_refit_standard
