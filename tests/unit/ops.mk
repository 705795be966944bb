# The operator cases of tests/ops/, and the unit tests of runtime/ops/.
unit_tests += \
    tests/ops/run_cases \
    tests/ops/standard \
    tests/unit/test_movers
EXTRA_DIST += tests/ops
