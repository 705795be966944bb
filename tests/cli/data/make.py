#!/usr/bin/env python3
"""Writes the small networks and arrays of this folder (python3-onnx)."""
import os

import numpy as np
from onnx import TensorProto, helper, numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))


def floats(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def network(name, nodes, inputs, outputs, weights=(), domains=()):
    graph = helper.make_graph(nodes, name, inputs, outputs, [
        numpy_helper.from_array(np.asarray(w, np.float32), n)
        for n, w in weights])
    model = helper.make_model(graph, producer_name="hand", opset_imports=[
        helper.make_opsetid("", 13)] + [
        helper.make_opsetid(d, 1) for d in domains])
    model.ir_version = 7
    with open(os.path.join(HERE, name + ".onnx"), "wb") as f:
        f.write(model.SerializeToString())


def pictures(name, **arrays):
    np.savez_compressed(os.path.join(HERE, name + ".npz"), **arrays)


node = helper.make_node
network("unknown", [
    node("Frobnicate", ["x"], ["a"], name="first"),
    node("Relu", ["a"], ["b"]),
    node("Mangle", ["b"], ["y"], name="second", domain="com.example"),
], [floats("x", [1, 4])], [floats("y", [1, 4])], domains=["com.example"])
network("two", [
    node("Add", ["a", "b"], ["sum"]),
    node("Mul", ["a", "b"], ["product"]),
], [floats("a", ["rows", 2]), floats("b", ["rows", 2])],
    [floats("sum", ["rows", 2]), floats("product", ["rows", 2])])
network("int", [node("Cast", ["i"], ["y"], to=TensorProto.FLOAT)],
        [helper.make_tensor_value_info("i", TensorProto.INT64, [3])],
        [floats("y", [3])])
network("wrong", [node("Conv", ["x", "w"], ["y"], name="conv")],
        [floats("x", [1, 4, 8, 8])], [floats("y", [1, 2, 8, 8])],
        [("w", np.zeros((2, 3, 1, 1)))])
network("nan", [node("Add", ["x", "w"], ["y"])], [floats("x", [2])],
        [floats("y", [2])], [("w", [1, np.nan])])
network("fixed", [node("Flatten", ["x"], ["f"]),
                  node("MatMul", ["f", "w"], ["y"])],
        [floats("x", [1, 3, 4, 4])], [floats("y", [1, 10])],
        [("w", np.zeros((48, 10)))])

picture = np.zeros((3, 4, 4, 3), np.uint8)
pictures("small", x=picture, y=np.array([0, 1, 7]))
pictures("floats", x=np.zeros((3, 3, 4, 4), np.float32), y=np.array([0, 1, 7]))
pictures("flat", x=np.zeros((3, 48), np.float32), y=np.array([0, 1, 7]))
pictures("labels", x=picture[:2], y=np.array([0, 10]))
pictures("counts", x=picture, y=np.zeros(2, np.int64))
pictures("noy", x=picture)

tensor = numpy_helper.from_array(np.array([[1, 2], [3, 4]], np.float32), "b")
with open(os.path.join(HERE, "b.pb"), "wb") as f:
    f.write(tensor.SerializeToString())
