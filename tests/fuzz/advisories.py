#!/usr/bin/env python3
"""advisories: what has been an advisory for some runtime, as seeds of ours.

usage: tests/fuzz/advisories.py

Writes seeds/onnx/adv-*.onnx and seeds/external/*.onnx. What has to come of
each is said in seeds/expected; tests/fuzz/replay holds us to it.
"""
import numpy as np
from onnx import TensorProto as T, helper as h

from make_seeds import N, info, ints, model, save, weight

X, Y = info("x", ["N", 3, 8, 8]), info("y", None)
BIG = 2**62


def onnx(name, nodes, inits=(), inputs=(X,), outputs=(Y,), **more):
    m = model(nodes, list(inits), list(inputs), list(outputs), **more)
    save("onnx", "adv-" + name + ".onnx", m.SerializeToString())


def tensor(name, dims, kind=T.FLOAT, **fields):
    t = T(name=name, data_type=kind)
    t.dims.extend(dims)
    for key, value in fields.items():
        if isinstance(value, bytes):
            setattr(t, key, value)
        else:
            getattr(t, key).extend(value)
    return t


def external(name, location, offset=None, length=None, dims=(4,),
             prefix="adv-"):
    t = T(name="w", data_type=T.FLOAT, data_location=T.EXTERNAL)
    t.dims.extend(dims)
    for key, value in (("location", location), ("offset", offset),
                       ("length", length)):
        if value is not None:
            t.external_data.add(key=key, value=value)
    m = model([N("Add", ["v", "w"], ["y"])], [t], [info("v", [4])], [Y])
    save("external", prefix + name + ".onnx", m.SerializeToString())


def varint(v):
    out = b""
    while v >= 128:
        out += bytes([v & 127 | 128])
        v >>= 7
    return out + bytes([v])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def files():
    external("inside", "w.bin", "16", "16", prefix="")
    external("link-inside", "link-inside.bin", prefix="")
    external("dot-dot", "../w.bin")
    external("dot-dot-within", "sub/../w.bin")
    external("absolute", "/etc/hostname")
    external("symlink", "link-outside.bin")
    external("symlinked-folder", "folder-outside/hostname")
    external("hard-link", "hard.bin")
    external("folder", "sub")
    external("device", "/dev/zero")
    external("missing", "none.bin")
    external("empty", "")
    external("no-location", None)
    external("negative-offset", "w.bin", "-4", "16")
    external("huge-offset", "w.bin", str(2**64 - 4), "16")
    external("offset-overflow", "w.bin", str(2**64), "16")
    external("offset-length-overflow", "w.bin", "60", str(2**64 - 16))
    external("negative-length", "w.bin", "0", "-16")
    external("huge-length", "w.bin", "0", str(2**63))
    external("short-length", "w.bin", "0", "8")
    external("beyond-the-end", "w.bin", "56", "16")
    external("huge-dims", "w.bin", None, None, (2**31, 2**31))


def nesting():
    kind = b"\x08\x01"
    for _ in range(20000):
        kind = field(9, field(1, kind))
    v = field(1, b"deep") + field(2, kind)
    save("onnx", "adv-deep-types.onnx",
         b"\x08\x08" + field(8, b"\x10\x11") + field(7, field(11, v)))
    graph = b""
    for _ in range(2000):
        graph = field(1, field(4, b"If") + field(5, field(1, b"g") +
                                                field(6, graph)))
    save("onnx", "adv-deep-graphs.onnx",
         b"\x08\x08" + field(8, b"\x10\x11") + field(7, graph))

    def chain(count, name, calls=1):
        m = model([N("F0", ["x"], ["y"], domain="own")], [], [X], [Y],
                  domains=["own"])
        for i in range(count):
            op, domain = ("F%d" % (i + 1), "own") if i + 1 < count else (
                "Relu", "")
            nodes = [N(op, ["a"], ["t%d" % k], domain=domain)
                     for k in range(calls)] + [N("Identity", ["t0"], ["b"])]
            m.functions.append(h.make_function(
                "own", "F%d" % i, ["a"], ["b"], nodes,
                [h.make_opsetid("", 17), h.make_opsetid("own", 1)]))
        save("onnx", "adv-" + name + ".onnx", m.SerializeToString())

    chain(3000, "functions-3000")
    chain(30, "functions-doubling", 2)
    for name, outs, body in (
            ("function-output-unmade", ["b", "c"], [N("Relu", ["a"], ["b"])]),
            ("function-output-twice", ["b", "b"], [N("Relu", ["a"], ["b"])])):
        m = model([N("F", ["x"], ["y", "z"], domain="own")], [], [X], [Y],
                  domains=["own"])
        m.functions.append(h.make_function(
            "own", "F", ["a"], outs, body,
            [h.make_opsetid("", 17), h.make_opsetid("own", 1)]))
        save("onnx", "adv-" + name + ".onnx", m.SerializeToString())
    m = model([N("F", ["x"], ["y", "z", "q"], domain="own")], [], [X], [Y],
              domains=["own"])
    m.functions.append(h.make_function(
        "own", "F", ["a"], ["b"], [N("Relu", ["a"], ["b"])],
        [h.make_opsetid("", 17)]))
    save("onnx", "adv-function-too-many-outputs.onnx", m.SerializeToString())


def bombs():
    one = weight("w", 1, 1, 1, 1)
    onnx("tile-bomb", [N("Tile", ["w", "r"], ["y"])],
         [one, ints("r", 2**20, 2**20, 2**10, 1)], [])
    onnx("tile-overflow", [N("Tile", ["w", "r"], ["y"])],
         [one, ints("r", BIG, 8, 1, 1)], [])
    onnx("expand-bomb", [N("Expand", ["w", "s"], ["y"])],
         [one, ints("s", 2**20, 2**20, 1, 1)], [])
    onnx("constant-of-shape-bomb", [N("ConstantOfShape", ["s"], ["y"])],
         [ints("s", 2**40, 4)], [])
    onnx("constant-of-shape-overflow", [N("ConstantOfShape", ["s"], ["y"])],
         [ints("s", 2**32, 2**32, 2)], [])
    onnx("constant-of-shape-negative", [N("ConstantOfShape", ["s"], ["y"])],
         [ints("s", -1, 4)], [])
    for name, a, b, c in (("bomb", 0, 2**40, 1), ("zero", 0, 5, 0),
                          ("backwards", 0, -2**63, 1),
                          ("overflow", -2**63, 2**63 - 1, 1)):
        t = [tensor(n, [], T.INT64, int64_data=[v])
             for n, v in (("a", a), ("b", b), ("c", c))]
        onnx("range-" + name, [N("Range", ["a", "b", "c"], ["y"])], t, [],
             [info("y", None, T.INT64)])
    onnx("pad-bomb", [N("Pad", ["x", "p"], ["y"])],
         [ints("p", 0, 0, 2**40, 0, 0, 0, 2**40, 0)])
    onnx("pad-overflow", [N("Pad", ["x", "p"], ["y"])],
         [ints("p", 0, 0, 2**63 - 1, 0, 0, 0, 2**63 - 1, 0)])
    onnx("pad-negative", [N("Pad", ["x", "p"], ["y"])],
         [ints("p", 0, 0, -100, 0, 0, 0, 0, 0)])
    onnx("resize-bomb", [N("Resize", ["x", "", "", "s"], ["y"])],
         [ints("s", 1, 3, 2**31, 2**31)])
    onnx("one-hot-of-reshape", [N("Reshape", ["x", "s"], ["y"])],
         [ints("s", 2**32, 2**32, 0)])
    onnx("reshape-two-unknown", [N("Reshape", ["x", "s"], ["y"])],
         [ints("s", -1, -1)])


def tensors():
    def with_w(name, t):
        onnx(name, [N("Add", ["x", "w"], ["y"])], [t])
    with_w("two-fields", tensor("w", [1], raw_data=bytes(4),
                                float_data=[1.0]))
    with_w("short", tensor("w", [3, 8, 8], raw_data=bytes(16)))
    with_w("short-floats", tensor("w", [3, 8, 8], float_data=[1.0]))
    with_w("long", tensor("w", [1], raw_data=bytes(400)))
    with_w("none", tensor("w", [3]))
    with_w("negative-dim", tensor("w", [-3], raw_data=bytes(12)))
    with_w("product-overflow", tensor("w", [2**32, 2**32], raw_data=b""))
    with_w("product-bytes-overflow", tensor("w", [2**61, 2],
                                            raw_data=bytes(8)))
    with_w("zero-times-huge", tensor("w", [0, 2**62, 2**62]))


def zeros():
    w = weight("w", 4, 3, 3, 3)
    conv = lambda **a: [N("Conv", ["x", "w"], ["y"], **a)]
    pool = lambda **a: [N("MaxPool", ["x"], ["y"], **a)]
    onnx("conv-stride-0", conv(strides=[0, 1]), [w])
    onnx("conv-dilation-0", conv(dilations=[0, 0]), [w])
    onnx("conv-group-0", conv(group=0), [w])
    onnx("conv-group-negative", conv(group=-1), [w])
    onnx("conv-group-huge", conv(group=2**62), [w])
    onnx("conv-pads-negative", conv(pads=[-9, -9, -9, -9]), [w])
    onnx("conv-pads-overflow", conv(pads=[2**62] * 4), [w])
    onnx("conv-stride-huge", conv(strides=[2**62, 2**62]), [w])
    onnx("conv-dilation-huge", conv(dilations=[2**62, 2**62]), [w])
    onnx("conv-channels-0", conv(), [weight("w", 4, 0, 3, 3)])
    onnx("conv-outputs-0", conv(), [weight("w", 0, 3, 3, 3)])
    onnx("conv-kernel-0", conv(), [weight("w", 4, 3, 0, 3)])
    onnx("conv-few-attributes", conv(strides=[1]), [w])
    onnx("pool-stride-0", pool(kernel_shape=[2, 2], strides=[0, 0]))
    onnx("pool-kernel-0", pool(kernel_shape=[0, 0]))
    onnx("pool-kernel-huge", pool(kernel_shape=[2**62, 2**62]))
    onnx("pool-pads-huge", pool(kernel_shape=[2, 2],
                                pads=[2**63 - 1] * 4))
    onnx("depth-block-0", [N("DepthToSpace", ["x"], ["y"], blocksize=0)])
    onnx("depth-block-negative",
         [N("DepthToSpace", ["x"], ["y"], blocksize=-1)])
    onnx("depth-block-huge",
         [N("DepthToSpace", ["x"], ["y"], blocksize=2**32)])
    onnx("space-block-0", [N("SpaceToDepth", ["x"], ["y"], blocksize=0)])
    onnx("split-outputs-0", [N("Split", ["x"], ["y"], num_outputs=0)],
         opset=18)
    onnx("transpose-stride-huge",
         [N("ConvTranspose", ["x", "w"], ["y"], strides=[2**62, 2**62])],
         [weight("w", 3, 4, 3, 3)])
    onnx("lrn-size-0", [N("LRN", ["x"], ["y"], size=0)])
    onnx("group-norm-groups-0",
         [N("InstanceNormalization", ["x", "s", "s"], ["y"])],
         [weight("s", 0)])


def indices():
    onnx("required-input-omitted", [N("Conv", ["x", ""], ["y"])])
    onnx("required-inputs-missing", [N("Conv", ["x"], ["y"])])
    onnx("no-inputs", [N("Relu", [], ["y"])])
    onnx("no-outputs", [N("Relu", ["x"], []), N("Relu", ["x"], ["y"])])
    onnx("output-omitted", [N("Relu", ["x"], [""]), N("Relu", ["x"], ["y"])])
    onnx("concat-omitted", [N("Concat", ["x", "", "x"], ["y"], axis=1)])
    onnx("sum-omitted", [N("Sum", ["", "x"], ["y"])])
    onnx("gather-beyond", [N("Gather", ["x", "i"], ["y"], axis=1)],
         [ints("i", 3)])
    onnx("gather-negative", [N("Gather", ["x", "i"], ["y"], axis=1)],
         [ints("i", -4)])
    onnx("gather-axis", [N("Gather", ["x", "i"], ["y"], axis=9)],
         [ints("i", 0)])
    onnx("transpose-twice", [N("Transpose", ["x"], ["y"],
                               perm=[0, 0, 1, 2])])
    onnx("transpose-beyond", [N("Transpose", ["x"], ["y"],
                                perm=[0, 1, 2, 4])])
    onnx("concat-axis", [N("Concat", ["x", "x"], ["y"], axis=-5)])
    onnx("softmax-axis", [N("Softmax", ["x"], ["y"], axis=2**40)])
    onnx("squeeze-axis", [N("Squeeze", ["x", "a"], ["y"])], [ints("a", 7)])
    onnx("unsqueeze-rank", [N("Unsqueeze", ["x", "a"], ["y"])],
         [ints("a", *range(200))])
    onnx("slice-step-0", [N("Slice", ["x", "f", "t", "a", "s"], ["y"])],
         [ints("f", 0), ints("t", 5), ints("a", 2), ints("s", 0)])
    onnx("slice-step-least", [N("Slice", ["x", "f", "t", "a", "s"], ["y"])],
         [ints("f", -2**63), ints("t", 2**63 - 1), ints("a", 2),
          ints("s", -2**63)])


def sums():
    huge = [info("x", [1, 2**61, 1, 1]), info("z", [1, 2**61, 1, 1])]
    onnx("concat-sum", [N("Concat", ["x", "z", "x", "z"], ["y"], axis=1)],
         [], huge)
    onnx("split-sum", [N("Split", ["x", "s"], ["y", "z"], axis=1)],
         [ints("s", 2**63 - 1, -2**63 + 4)])
    onnx("split-sum-wraps", [N("Split", ["x", "s"], ["y", "z", "q"], axis=1)],
         [ints("s", 2**63 - 1, 2**63 - 1, 5)])
    onnx("flatten-product", [N("Flatten", ["x"], ["y"], axis=1)], [],
         [info("x", [1, 2**40, 2**40, 1])])
    onnx("reshape-product", [N("Reshape", ["x", "s"], ["y"])],
         [ints("s", 2**33, 2**33, -1)])
    onnx("matmul-product", [N("MatMul", ["x", "z"], ["y"])], [],
         [info("x", [2**32, 4]), info("z", [4, 2**32])])
    onnx("input-huge", [N("Relu", ["x"], ["y"])], [],
         [info("x", [2**20, 2**20, 2**20])])


if __name__ == "__main__":
    np.random.seed(1)
    for make in (files, nesting, bombs, tensors, zeros, indices, sums):
        make()
