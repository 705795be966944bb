#!/usr/bin/env python3
"""Writes the small networks and arrays of this folder (python3-onnx,
python3-pil)."""
import os

import numpy as np
from PIL import Image
from onnx import TensorProto, helper, numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))


def floats(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def network(name, nodes, inputs, outputs, weights=(), domains=()):
    graph = helper.make_graph(nodes, name, inputs, outputs, [
        numpy_helper.from_array(
            w if isinstance(w, np.ndarray) and w.dtype == np.int64
            else np.asarray(w, np.float32), n)
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
# LeakyRelu's alpha by the name that others have for it
network("stray", [
    node("Conv", ["x", "w"], ["a"], name="first"),
    node("LeakyRelu", ["a"], ["b"], name="act", slope=0.2),
    node("Conv", ["b", "v"], ["y"], name="last"),
], [floats("x", [1, 3, 2, 2])], [floats("y", [1, 2, 2, 2])],
    [("w", np.ones((4, 3, 1, 1))), ("v", np.ones((2, 4, 1, 1)))])
# One network for each cause that keeps a graph node from being run.
RAGGED = helper.make_graph([node("Add", ["x", "x"], ["t"])], "then", [],
                           [floats("t", [2, 2])])
ODD = [("i", TensorProto.INT64, [4, 4]), ("s", TensorProto.INT64, [2])]
ODD = [helper.make_tensor_value_info(*args) for args in ODD]
for name, nodes, inputs, weights in (
        ("no-opset", [node("Upsample", ["x", "w"], ["y"])], [],
         [("w", [1, 2])]),
        ("no-capture", [node("Neg", ["x"], ["y"], name="n",
                             then_branch=RAGGED)], [], []),
        ("no-type", [node("Softmax", ["i"], ["y"])], ODD[:1], []),
        ("no-value", [node("Resize", ["x", "", "w"], ["y"], mode="sinc",
                           name="up")], [], [("w", [1, 2])]),
        ("no-size", [node("Relu", ["x"], ["r"]),
                     node("Reshape", ["r", "s"], ["t"], name="R" * 600),
                     node("MatMul", ["t", "w"], ["y"])],
         ODD[1:], [("w", np.ones((2, 2)))])):
    network(name, nodes, [floats("x", [2, 2])] + inputs,
            [floats("y", [None, None])], weights)
# Nothing of it is free: what OneHotMaybe makes has no shape.
HEAVY = [("w1", np.full((4, 8), 0.5)), ("w2", np.full((8, 6), 0.5)),
         ("w3", np.full((6, 2), 0.5)), ("b", np.full(2, 0.5))]
network("stuck", [
    node("MatMul", ["x", "w1"], ["a"], name="first"),
    node("OneHotMaybe", ["a"], ["h"], name="hot", domain="com.example"),
    node("MatMul", ["h", "w2"], ["c"], name="second"),
    node("MatMul", ["c", "w3"], ["d"], name="third"),
    node("Add", ["d", "b"], ["y"]),
], [floats("x", [1, 4])], [floats("y", [1, 2])], HEAVY, ["com.example"])
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
network("mute", [node("Conv", ["x", "w"], ["y"])],
        [floats("x", [1, 3, 8, 8])], [], [("w", np.ones((4, 3, 1, 1)))])
# Files of some hundred bytes whose values have gigabytes.
network("double", [node("Concat", [a, a], [b], axis=1) for a, b in zip(
    ["x"] + ["t%d" % i for i in range(28)],
    ["t%d" % i for i in range(28)] + ["y"])],
    [floats("x", [1, 4])], [floats("y", None)])
network("bomb", [node("Constant", [], ["s"], value_ints=[4096, 4096, 64]),
                 node("ConstantOfShape", ["s"], ["t"]),
                 node("ReduceSum", ["t"], ["u"]),
                 node("Add", ["x", "u"], ["y"])],
        [floats("x", [1, 4])], [floats("y", None)])
network("nan", [node("Add", ["x", "w"], ["y"])], [floats("x", [2])],
        [floats("y", [2])], [("w", [1, np.nan])])
# A mask of -infinity, and the same where a channel's weight is infinite.
ramp = np.linspace(-1, 1, 48).reshape(6, 8)
for name, first in (("mask", ramp), ("infinite", np.where(ramp == 1, np.inf, ramp))):
    network(name, [node("MatMul", ["x", "w1"], ["a"]),
                   node("Relu", ["a"], ["b"]),
                   node("MatMul", ["b", "w2"], ["c"]),
                   node("Add", ["c", "mask"], ["d"]),
                   node("Softmax", ["d"], ["y"])],
            [floats("x", [1, 6])], [floats("y", [1, 3])],
            [("w1", first), ("w2", ramp.reshape(16, 3)[:8]),
             ("mask", [0, -np.inf, 0])])
network("fixed", [node("Flatten", ["x"], ["f"]),
                  node("MatMul", ["f", "w"], ["y"])],
        [floats("x", [1, 3, 4, 4])], [floats("y", [1, 10])],
        [("w", np.zeros((48, 10)))])
# The same three steps; in the second the middle one differs in one place.
for name, factors in (("steps", [2, 3]), ("steps2", [2, 3.5])):
    network(name, [node("Abs", ["x"], ["size"]),
                   node("Mul", ["size", "factors"], ["scaled"]),
                   node("Neg", ["scaled"], ["y"])],
            [floats("x", [2, 2])], [floats("y", [2, 2])],
            [("factors", factors)])
# As small as a network with groups can be.
draw = np.random.default_rng(1)
network("tiny", [
    node("Conv", ["x", "w1"], ["c1"], pads=[1, 1, 1, 1]),
    node("BatchNormalization", ["c1", "s", "b", "m", "v"], ["n1"]),
    node("Relu", ["n1"], ["r1"]),
    node("Conv", ["r1", "w2", "b2"], ["c2"]),
    node("Relu", ["c2"], ["r2"]),
    node("GlobalAveragePool", ["r2"], ["p"]),
    node("Flatten", ["p"], ["f"]),
    node("Gemm", ["f", "w3"], ["y"], transB=1),
], [floats("x", ["n", 3, 8, 8])], [floats("y", ["n", 3])], [
    ("w1", draw.normal(size=(6, 3, 3, 3))), ("s", draw.uniform(1, 2, 6)),
    ("b", draw.normal(size=6)), ("m", draw.normal(size=6)),
    ("v", draw.uniform(1, 2, 6)), ("w2", draw.normal(size=(4, 6, 1, 1))),
    ("b2", draw.normal(size=4)), ("w3", draw.normal(size=(3, 4)))])
pictures("tiny", x=draw.integers(0, 256, (4, 8, 8, 3), np.uint8),
         y=np.array([0, 1, 2, 1]))

picture = np.zeros((3, 4, 4, 3), np.uint8)
pictures("small", x=picture, y=np.array([0, 1, 7]))
pictures("floats", x=np.zeros((3, 3, 4, 4), np.float32), y=np.array([0, 1, 7]))
pictures("flat", x=np.zeros((3, 48), np.float32), y=np.array([0, 1, 7]))
pictures("labels", x=picture[:2], y=np.array([0, 10]))
pictures("counts", x=picture, y=np.zeros(2, np.int64))
pictures("noy", x=picture)

# Super-resolution: every pixel four times, and nothing at all on Y.
network("twice", [node("Conv", ["x", "w"], ["a"]),
                  node("DepthToSpace", ["a"], ["y"], blocksize=2,
                       mode="CRD")],
        [floats("x", [1, 3, "h", "w_"])], [floats("y", [1, 3, "oh", "ow"])],
        [("w", np.repeat(np.eye(3), 4, 0).reshape(12, 3, 1, 1))])
network("luma", [node("Mul", ["x", "one"], ["y"])],
        [floats("x", [1, 1, "h", "w_"])], [floats("y", [1, 1, "h", "w_"])],
        [("one", np.ones(1))])

# A text of at most ten words: a table of positions. And one of no length.
draw = np.random.default_rng(2)
network("positions", [
    node("Gather", ["words", "ids"], ["w"], name="embed"),
    node("Shape", ["ids"], ["shape"]),
    node("Slice", ["shape", "one", "two"], ["length"]),
    node("Slice", ["places", "zero", "length", "zero"], ["p"]),
    node("Add", ["w", "p"], ["x"], name="place"),
    node("MatMul", ["x", "m"], ["a"]),
    node("Relu", ["a"], ["r"]),
    node("MatMul", ["r", "n"], ["y"]),
], [helper.make_tensor_value_info("ids", TensorProto.INT64,
                                  ["batch", "length"])],
    [floats("y", ["batch", "length", 2])], [
    ("words", draw.normal(size=(7, 4))), ("places", draw.normal(size=(10, 4))),
    ("m", draw.normal(size=(4, 6))), ("n", draw.normal(size=(6, 2))),
    ("zero", np.array([0])), ("one", np.array([1])), ("two", np.array([2]))])
network("misfit", [node("MatMul", ["x", "m"], ["y"], name="product")],
        [floats("x", ["batch", "length", 8])],
        [floats("y", ["batch", "length", 2])], [("m", np.zeros((9, 2)))])

# A slope of colours with waves on it; 25 rows, so that one is left over.
row, column = np.mgrid[:25, :36]
high = np.stack([4 * row + 3 * column,
                 128 + 90 * np.sin(row / 2) * np.cos(column / 3),
                 200 - 5 * column], 2).clip(0, 255).astype(np.uint8)
low = high[:24].reshape(12, 2, 18, 2, 3).mean((1, 3)).round().astype(np.uint8)


def image(name, pixels, **options):
    Image.fromarray(pixels).save(os.path.join(HERE, name), **options)


image("high.png", high)
image("low.png", low)
image("grey.png", high[:, :, 1])
image("photo.jpg", high, quality=95)
image("shape.png", np.full((32, 32, 3), 99, np.uint8))
with open(os.path.join(HERE, "low.png"), "rb") as f:
    whole = f.read()
with open(os.path.join(HERE, "cut.png"), "wb") as f:
    f.write(whole[:len(whole) // 2])

tensor = numpy_helper.from_array(np.array([[1, 2], [3, 4]], np.float32), "b")
with open(os.path.join(HERE, "b.pb"), "wb") as f:
    f.write(tensor.SerializeToString())
