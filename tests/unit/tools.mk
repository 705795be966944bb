unit_tests += \
    tests/unit/test_crop \
    tests/unit/test_pace \
    tests/unit/test_plot \
    tests/unit/test_quality \
    tests/unit/test_stored \
    tests/unit/test_times
