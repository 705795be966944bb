unit_tests += \
    tests/unit/test_axis \
    tests/unit/test_kernel \
    tests/unit/test_quadrature
