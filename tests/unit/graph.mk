unit_tests += \
    tests/unit/test_graph \
    tests/unit/test_onnx \
    tests/unit/test_onnx_bad \
    tests/unit/test_onnx_function
