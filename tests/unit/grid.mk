unit_tests += \
    tests/unit/test_axis \
    tests/unit/test_kernel \
    tests/unit/test_mix \
    tests/unit/test_moments_quadrature \
    tests/unit/test_pins \
    tests/unit/test_plan \
    tests/unit/test_quadrature \
    tests/unit/test_sample \
    tests/unit/test_spread
