unit_tests += \
    tests/unit/test_error \
    tests/unit/test_file \
    tests/unit/test_glob \
    tests/unit/test_heap \
    tests/unit/test_image \
    tests/unit/test_map \
    tests/unit/test_npy \
    tests/unit/test_tensor \
    tests/unit/test_threads \
    tests/unit/test_wire
