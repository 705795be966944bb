#!/usr/bin/env python3
"""make_nets: writes the networks that commands are fuzzed with.

usage: tests/fuzz/make_nets.py BUILD

One of each kind that goes another way through the converter's defaults, as
small as it can be, then what is at the edge of a network: none of something,
the same thing twice, ranks and types that hardly anybody has. BUILD/inn-convert
makes .inn files of some.
"""
import os
import subprocess
import sys

import numpy as np
from onnx import TensorProto as T, helper as h, numpy_helper as nh

from make_seeds import HERE, N, X, Y, info, ints, model, save, weight


def scalar(name, value, dtype=np.float32):
    return nh.from_array(np.array(value, dtype), name)


def classifier():
    nodes = [
        N("Conv", ["x", "w1"], ["a"], pads=[1] * 4),
        N("BatchNormalization", ["a", "s", "t", "m", "v"], ["b"]),
        N("Relu", ["b"], ["c"]),
        N("Conv", ["c", "w2"], ["d"], pads=[1] * 4),
        N("Add", ["c", "d"], ["e"]), N("GlobalAveragePool", ["e"], ["p"]),
        N("Flatten", ["p"], ["q"]), N("Gemm", ["q", "w3"], ["y"], transB=1)]
    return model(nodes, [
        weight("w1", 6, 3, 3, 3), weight("s", 6), weight("t", 6),
        weight("m", 6), nh.from_array(np.ones(6, np.float32), "v"),
        weight("w2", 6, 6, 3, 3), weight("w3", 5, 6)],
        [info("x", [1, 3, 8, 8])], [info("y", [1, 5])])


def restorer():
    """Gives the picture back: is tried on what it may restore."""
    nodes = [N("Conv", ["x", "w1"], ["a"], pads=[1] * 4), N("Relu", ["a"], ["b"]),
             N("Conv", ["b", "w2"], ["c"], pads=[1] * 4), N("Add", ["x", "c"], ["y"])]
    return model(nodes, [weight("w1", 4, 3, 3, 3), weight("w2", 3, 4, 3, 3)],
                 [info("x", [1, 3, 8, 8])], [info("y", [1, 3, 8, 8])])


def enlarger():
    nodes = [N("Conv", ["x", "w1"], ["a"], pads=[1] * 4), N("Relu", ["a"], ["b"]),
             N("Conv", ["b", "w2"], ["c"], pads=[1] * 4),
             N("DepthToSpace", ["c"], ["y"], blocksize=2)]
    return model(nodes, [weight("w1", 4, 1, 3, 3), weight("w2", 4, 4, 3, 3)],
                 [info("x", ["N", 1, "H", "W"])], [info("y", ["N", 1, "a", "b"])])


def transformer():
    """Token numbers, a table, a mask, one block, in the newer spelling."""
    nodes = [
        N("Gather", ["table", "ids"], ["t0"]), N("Add", ["t0", "place"], ["t"]),
        N("LayerNormalization", ["t", "g1", "b1"], ["l"]),
        N("MatMul", ["l", "wq"], ["q"]), N("MatMul", ["l", "wk"], ["k"]),
        N("MatMul", ["l", "wv"], ["v"]),
        N("Reshape", ["q", "heads"], ["q1"]), N("Reshape", ["k", "heads"], ["k1"]),
        N("Reshape", ["v", "heads"], ["v1"]),
        N("Transpose", ["q1"], ["q2"], perm=[0, 2, 1, 3]),
        N("Transpose", ["k1"], ["k2"], perm=[0, 2, 3, 1]),
        N("Transpose", ["v1"], ["v2"], perm=[0, 2, 1, 3]),
        N("MatMul", ["q2", "k2"], ["s"]), N("Where", ["mask", "s", "low"], ["s1"]),
        N("Softmax", ["s1"], ["p"]), N("MatMul", ["p", "v2"], ["o"]),
        N("Transpose", ["o"], ["o1"], perm=[0, 2, 1, 3]),
        N("Reshape", ["o1", "flat"], ["o2"]), N("MatMul", ["o2", "wo"], ["o3"]),
        N("Add", ["t", "o3"], ["u"]), N("LayerNormalization", ["u", "g2"], ["n"]),
        N("MatMul", ["n", "up"], ["f"]), N("Add", ["f", "fb"], ["f0"]),
        N("Gelu", ["f0"], ["f1"]), N("MatMul", ["f1", "down"], ["f2"]),
        N("Add", ["u", "f2"], ["y"])]
    return model(nodes, [
        weight("table", 9, 4), weight("place", 1, 3, 4), weight("g1", 4),
        weight("b1", 4), weight("wq", 4, 4), weight("wk", 4, 4),
        weight("wv", 4, 4), ints("heads", 0, 0, 2, 2), ints("flat", 0, 0, 4),
        scalar("low", -1e9), weight("wo", 4, 4), weight("g2", 4),
        weight("up", 4, 6), weight("fb", 6), weight("down", 6, 4)],
        [info("ids", ["N", 3], T.INT64), info("mask", [1, 1, 3, 3], T.BOOL)],
        [Y], opset=20)


def recurrent():
    """What only gets carried, between what can be run."""
    nodes = [N("MatMul", ["x", "w1"], ["a"]),
             N("LSTM", ["a", "w", "r", "b"], ["o", "hidden", ""], hidden_size=3),
             N("Squeeze", ["o", "one"], ["s"]), N("MatMul", ["s", "w2"], ["y"])]
    return model(nodes, [
        weight("w1", 2, 4), weight("w", 1, 12, 4), weight("r", 1, 12, 3),
        weight("b", 1, 24), ints("one", 1), weight("w2", 3, 2)],
        [info("x", [5, 1, 2])], [Y, info("hidden", None)])


def branches():
    """If and Loop, whose bodies capture activations and weights."""
    yes = h.make_graph([N("Conv", ["a", "w2"], ["i1"])], "yes", [],
                       [info("i1", None)])
    no = h.make_graph([N("Neg", ["a"], ["i2"])], "no", [], [info("i2", None)])
    body = h.make_graph(
        [N("Add", ["state", "a"], ["next"]), N("Identity", ["go"], ["on"])],
        "body", [info("i", [], T.INT64), info("go", [], T.BOOL),
                 info("state", None)],
        [info("on", [], T.BOOL), info("next", None)])
    nodes = [N("Conv", ["x", "w1"], ["a"]),
             N("If", ["cond"], ["b"], then_branch=yes, else_branch=no),
             N("Loop", ["n", "", "b"], ["c"], body=body),
             N("GlobalAveragePool", ["c"], ["d"]), N("Flatten", ["d"], ["e"]),
             N("Gemm", ["e", "w3"], ["y"])]
    return model(nodes, [weight("w1", 4, 3, 1, 1), weight("w2", 4, 4, 1, 1),
                         scalar("n", 2, np.int64), weight("w3", 4, 2)],
                 [X, info("cond", [], T.BOOL)], [Y])


def quantised():
    """Weights behind DequantizeLinear, activations through both."""
    whole = nh.from_array(np.arange(-36, 36).reshape(4, 2, 3, 3)
                          .astype(np.int8), "q1")
    nodes = [
        N("QuantizeLinear", ["x", "sx", "zx"], ["x1"]),
        N("DequantizeLinear", ["x1", "sx", "zx"], ["x2"]),
        N("DequantizeLinear", ["q1", "s1", "z1"], ["w1"], axis=0),
        N("Conv", ["x2", "w1"], ["a"]), N("Relu", ["a"], ["b"]),
        N("QLinearConv", ["x1", "sx", "zx", "q1", "s1", "z1", "sx", "zx"],
          ["c"]),
        N("GlobalAveragePool", ["b"], ["d"]), N("Flatten", ["d"], ["e"]),
        N("DynamicQuantizeLinear", ["e"], ["e1", "e2", "e3"]),
        N("Gemm", ["e", "w2"], ["y"])]
    return model(nodes, [
        scalar("sx", 0.02), scalar("zx", 128, np.uint8), whole,
        nh.from_array(np.full(4, 0.01, np.float32), "s1"),
        nh.from_array(np.zeros(4, np.int8), "z1"), weight("w2", 4, 3)],
        [info("x", [1, 2, 6, 6])], [Y, info("c", None), info("e1", None)])


def sequence():
    nodes = [N("Conv", ["x", "w1"], ["a"], pads=[1, 1]), N("Relu", ["a"], ["b"]),
             N("ConvTranspose", ["b", "w2"], ["c"], strides=[2]),
             N("ReduceMean", ["c"], ["y"], axes=[2])]
    return model(nodes, [weight("w1", 4, 2, 3), weight("w2", 4, 3, 2)],
                 [info("x", [1, 2, 9])], [Y])


def two_inputs():
    nodes = [N("Conv", ["x", "w1"], ["a"]), N("Conv", ["z", "w2"], ["b"]),
             N("Add", ["a", "b"], ["c"]), N("Tanh", ["c"], ["d"]),
             N("Conv", ["d", "w3"], ["e"]), N("Cast", ["u"], ["f"], to=T.FLOAT),
             N("Mul", ["e", "f"], ["y"])]
    return model(nodes, [weight("w1", 4, 3, 1, 1), weight("w2", 4, 2, 1, 1),
                         weight("w3", 2, 4, 1, 1)],
                 [info("x", [1, 3, 5, 5]), info("z", [1, 2, 5, 5]),
                  info("u", [1], T.UINT8)], [Y])


# ---- Edges -----------------------------------------------------------------

CONV = [N("Conv", ["x", "w1"], ["a"]), N("Conv", ["a", "w2"], ["y"])]


def weights():
    return [weight("w1", 4, 3, 1, 1), weight("w2", 2, 4, 1, 1)]


def no_outputs():
    return model(CONV, weights(), [info("x", [1, 3, 8, 8])], [])


def no_nodes():
    return model([], [weight("w", 2, 3)], [X], [info("w", [2, 3])])


def nothing():
    return model([], [], [], [])


def no_inputs():
    return model([N("MatMul", ["w1", "w2"], ["a"]),
                  N("RandomNormal", [], ["b"], shape=[2, 2]),
                  N("Add", ["a", "b"], ["y"])],
                 [weight("w1", 2, 3), weight("w2", 3, 2)], [], [Y])


def output_is_input():
    return model(CONV, weights(), [info("x", [1, 3, 8, 8])],
                 [info("x", [1, 3, 8, 8]), Y])


def output_is_weight():
    return model(CONV, weights(), [info("x", [1, 3, 8, 8])],
                 [info("w1", [4, 3, 1, 1]), Y])


def output_twice():
    return model(CONV, weights(), [info("x", [1, 3, 8, 8])], [Y, Y])


def input_twice():
    return model(CONV, weights(), [info("x", [1, 3, 8, 8])] * 2, [Y])


def input_is_weight():
    """Each weight an input as well, of which one is the first."""
    return model(CONV, weights(), [info("w1", [4, 3, 1, 1]),
                                   info("x", [1, 3, 8, 8])], [Y])


def empty_sides():
    return model(CONV, weights(), [info("x", [1, 3, 0, 8])], [Y])


def empty_batch():
    return model(CONV, weights(), [info("x", [0, 3, 8, 8])], [Y])


def empty_channels():
    return model(CONV, [weight("w1", 4, 0, 1, 1), weight("w2", 0, 4, 1, 1)],
                 [info("x", [1, 0, 8, 8])], [Y])


def rank_0():
    return model([N("Mul", ["x", "s"], ["a"]), N("Add", ["a", "w1"], ["y"])],
                 [weight("w1", 3), scalar("s", 2)], [info("x", [])], [Y])


def rank_8():
    return model([N("Mul", ["x", "w1"], ["a"]), N("Relu", ["a"], ["y"])],
                 [weight("w1", 3, 1, 1)], [info("x", [1, 2, 1, 2, 1, 3, 2, 2])],
                 [Y])


def rank_9():
    return model([N("Relu", ["x"], ["y"])], [], [info("x", [1] * 9)], [Y])


def no_rank():
    return model(CONV, weights(), [info("x", None)], [Y])


def text():
    return model([N("Conv", ["x", "w1"], ["y"]),
                  N("Identity", ["words"], ["same"])], weights()[:1],
                 [info("words", [2], T.STRING), info("x", [1, 3, 8, 8])],
                 [info("same", [2], T.STRING), Y])


def halves_in():
    return model([N("Conv", ["x", "w1"], ["a"]), N("Cast", ["a"], ["y"], to=1)],
                 [weight("w1", 4, 3, 1, 1, dtype=np.float16)],
                 [info("x", [1, 3, 8, 8], T.FLOAT16)], [Y])


def omitted():
    """Graph nodes without outputs, or whose only one has no name."""
    return model([N("Relu", ["x"], []), N("Relu", ["x"], [""]),
                  N("Cast", ["ids"], [], to=T.INT64),
                  N("Cast", ["ids"], [""], to=T.INT64)] + CONV, weights(),
                 [info("x", [1, 3, 8, 8]), info("ids", [1, 2], T.INT64)], [Y])


NETS = (classifier, restorer, enlarger, transformer, recurrent, branches,
        quantised, sequence, two_inputs, no_outputs, no_nodes, nothing,
        no_inputs, output_is_input, output_is_weight, output_twice,
        input_twice, input_is_weight, empty_sides, empty_batch,
        empty_channels, rank_0, rank_8, rank_9, no_rank, text, halves_in,
        omitted)
CONVERTED = (classifier, restorer, enlarger, transformer, recurrent, branches)


def main(build):
    for make in NETS:
        name = make.__name__.replace("_", "-")
        save("net", name + ".onnx", make().SerializeToString())
        if make not in CONVERTED:
            continue
        path = os.path.join(HERE, "seeds/net", name)
        subprocess.run([os.path.join(build, "inn-convert"), path + ".onnx",
                        "-q", "-f", "-o", path + ".inn", "--pictures", "2"],
                       check=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
