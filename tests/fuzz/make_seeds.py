#!/usr/bin/env python3
"""make_seeds: writes the seeds of the fuzz targets anew.

usage: tests/fuzz/make_seeds.py BUILD

Small networks that use as much of ONNX as they can, converted by
BUILD/inn-convert; arrays and pictures. Advisories of other runtimes are in
advisories.py, finds of the fuzzers are kept as they were found.
"""
import io
import os
import subprocess
import sys
import tempfile
import zlib

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

HERE = os.path.dirname(os.path.abspath(__file__))
R = np.random.RandomState(1)


def weight(name, *dims, dtype=np.float32):
    return nh.from_array((R.randn(*dims) * 0.3).astype(dtype), name)


def ints(name, *values):
    return nh.from_array(np.array(values, np.int64), name)


def info(name, dims, dtype=T.FLOAT):
    return h.make_tensor_value_info(name, dtype, dims)


def model(nodes, inits, inputs, outputs, opset=17, ir=8, **more):
    g = h.make_graph(nodes, "g", inputs, outputs, inits)
    opsets = [h.make_opsetid("", opset)] + [
        h.make_opsetid(d, 1) for d in more.pop("domains", [])]
    m = h.make_model(g, opset_imports=opsets, **more)
    m.ir_version = ir
    return m


X, Y = info("x", ["N", 3, 8, 8]), info("y", None)
N = h.make_node


def residual():
    nodes = [
        N("Conv", ["x", "w1", "b1"], ["a"], "c1", pads=[1] * 4),
        N("BatchNormalization", ["a", "s", "t", "m", "v"], ["b"], "bn"),
        N("Relu", ["b"], ["c"]),
        N("Conv", ["c", "w2"], ["d"], "c2", pads=[1] * 4, group=2),
        N("Add", ["c", "d"], ["e"]),
        N("MaxPool", ["e"], ["f"], kernel_shape=[2, 2], strides=[2, 2]),
        N("GlobalAveragePool", ["f"], ["p"]),
        N("Flatten", ["p"], ["q"]),
        N("Gemm", ["q", "w3", "b3"], ["y"], "fc", transB=1)]
    return model(nodes, [
        weight("w1", 8, 3, 3, 3), weight("b1", 8), weight("s", 8),
        weight("t", 8), weight("m", 8),
        nh.from_array(np.ones(8, np.float32), "v"),
        weight("w2", 8, 4, 3, 3), weight("w3", 5, 8), weight("b3", 5)],
        [X], [Y])


def moves():
    nodes = [
        N("Conv", ["x", "w1"], ["a"], "c1"),
        N("Split", ["a", "sizes"], ["a1", "a2"], axis=1),
        N("Concat", ["a2", "a1", "a"], ["b"], axis=1),
        N("Reshape", ["b", "five"], ["c"]),
        N("Transpose", ["c"], ["d"], perm=[0, 2, 1, 3, 4]),
        N("Reshape", ["d", "four"], ["e"]),
        N("Slice", ["e", "from", "to", "axes"], ["f"]),
        N("Gather", ["f", "index"], ["k"], axis=1),
        N("Pad", ["k", "pads"], ["l"]),
        N("Conv", ["l", "w2"], ["n"], "c2"),
        N("DepthToSpace", ["n"], ["o"], blocksize=2),
        N("Shape", ["o"], ["shape"]),
        N("Unsqueeze", ["w3", "axis0"], ["w3u"]),
        N("Mul", ["o", "w3u"], ["p"]),
        N("Resize", ["p", "", "scales"], ["q"], mode="linear"),
        N("ReduceMean", ["q"], ["r"], axes=[2, 3], keepdims=0),
        N("Clip", ["r", "low", ""], ["y"])]
    return model(nodes, [
        weight("w1", 8, 3, 1, 1), ints("sizes", 3, 5),
        ints("five", 0, 2, 8, 8, 8), ints("four", 0, 16, 8, 8),
        ints("from", 1), ints("to", 16), ints("axes", 1),
        ints("index", 3, 0, 1, 5, 7, 14), ints("pads", 0, 1, 0, 0, 0, 1, 0, 0),
        weight("w2", 8, 8, 1, 1), weight("w3", 1, 1, 1), ints("axis0", 0),
        nh.from_array(np.array([1, 1, 1.5, 1.5], np.float32), "scales"),
        nh.from_array(np.array(0, np.float32), "low")],
        [X], [Y, info("shape", None, T.INT64)])


def parts():
    """A local function, and bombs in small."""
    f = h.make_function(
        "own", "Twice", ["u"], ["w"],
        [N("Add", ["u", "u"], ["t"]), N("LeakyRelu", ["t"], ["w"])],
        [h.make_opsetid("", 17)])
    nodes = [
        N("Conv", ["x", "w1"], ["a0"]), N("Twice", ["a0"], ["a"], domain="own"),
        N("Tile", ["a", "reps"], ["t"]), N("Expand", ["a", "shape"], ["e"]),
        N("ConstantOfShape", ["shape"], ["z"]),
        N("Range", ["r0", "r1", "r2"], ["r"]),
        N("Constant", [], ["k"], value_ints=[1, 2]),
        N("Add", ["t", "e"], ["s"]), N("Add", ["s", "z"], ["y"])]
    m = model(nodes, [
        weight("w1", 4, 3, 1, 1), ints("reps", 1, 1, 1, 1),
        ints("shape", 1, 4, 8, 8),
        nh.from_array(np.array(0, np.int64), "r0"),
        nh.from_array(np.array(5, np.int64), "r1"),
        nh.from_array(np.array(1, np.int64), "r2")],
        [X], [Y, info("r", None, T.INT64), info("k", None, T.INT64)],
        domains=["own"])
    m.functions.append(f)
    return m


def carried():
    """What can't be run: a subgraph, an operator that nobody knows."""
    yes = h.make_graph([N("Identity", ["a"], ["i1"])], "yes", [],
                       [info("i1", None)])
    no = h.make_graph([N("Neg", ["a"], ["i2"])], "no", [],
                      [info("i2", None)])
    nodes = [
        N("Conv", ["x", "w1"], ["a"]),
        N("If", ["cond"], ["b"], then_branch=yes, else_branch=no),
        N("Mystery", ["b"], ["m"], domain="own", size=3),
        N("Conv", ["m", "w2"], ["y"])]
    return model(nodes, [weight("w1", 4, 3, 1, 1), weight("w2", 2, 4, 1, 1)],
                 [X, info("cond", [], T.BOOL)], [Y], domains=["own"])


def halves():
    nodes = [
        N("Cast", ["w1h"], ["w1"], to=T.FLOAT),
        N("Conv", ["x", "w1"], ["a"]),
        N("Conv", ["a", "dw"], ["b"], group=6, pads=[1] * 4,
          auto_pad="NOTSET"),
        N("PRelu", ["b", "slope"], ["c"]),
        N("AveragePool", ["c"], ["d"], kernel_shape=[3, 3], ceil_mode=1,
          pads=[1] * 4, strides=[2, 2]),
        N("ConvTranspose", ["d", "up"], ["e"], strides=[2, 2],
          output_padding=[1, 1]),
        N("Softmax", ["e"], ["y"], axis=1)]
    return model(nodes, [
        weight("w1h", 6, 3, 3, 3, dtype=np.float16), weight("dw", 6, 1, 3, 3),
        weight("slope", 6, 1, 1), weight("up", 6, 4, 2, 2)],
        [X], [Y, info("d", None)])


def attention():
    nodes = [
        N("MatMul", ["t", "wq"], ["q"]), N("MatMul", ["t", "wk"], ["k"]),
        N("LayerNormalization", ["t", "g", "b"], ["v"]),
        N("Transpose", ["k"], ["kt"], perm=[0, 2, 1]),
        N("MatMul", ["q", "kt"], ["s"]), N("Softmax", ["s"], ["p"]),
        N("MatMul", ["p", "v"], ["o"]), N("Sigmoid", ["o"], ["o2"]),
        N("Mul", ["o", "o2"], ["o3"]), N("MatMul", ["o3", "wo"], ["y"])]
    return model(nodes, [
        weight("wq", 6, 4), weight("wk", 6, 4), weight("g", 6),
        weight("b", 6), weight("wo", 6, 2)], [info("t", [1, 5, 6])], [Y])


def pictures():
    """Takes pictures of any size."""
    nodes = [N("Conv", ["x", "w1"], ["a"], strides=[2, 2], pads=[1] * 4),
             N("HardSwish", ["a"], ["b"]), N("GlobalAveragePool", ["b"], ["c"]),
             N("Flatten", ["c"], ["d"]), N("Gemm", ["d", "w2"], ["y"])]
    return model(nodes, [weight("w1", 4, 3, 3, 3), weight("w2", 4, 3)],
                 [info("x", ["N", 3, "H", "W"])], [Y])


def old():
    """IR 3, opset 6: initializers that are inputs, attributes for inputs."""
    nodes = [
        N("Conv", ["x", "w1"], ["a"], kernel_shape=[3, 3],
          auto_pad="SAME_UPPER"),
        N("Mul", ["a", "s"], ["b"], broadcast=1, axis=1),
        N("Pad", ["b"], ["c"], pads=[0, 0, 1, 1, 0, 0, 1, 1], value=0.5),
        N("Clip", ["c"], ["d"], min=0.0, max=6.0),
        N("Upsample", ["d"], ["e"], height_scale=2.0, width_scale=2.0),
        N("Dropout", ["e"], ["f"]), N("LRN", ["f"], ["y"], size=3)]
    m = model(nodes, [weight("w1", 4, 3, 3, 3), weight("s", 4)],
              [X, info("w1", [4, 3, 3, 3]), info("s", [4])], [Y], opset=6,
              ir=3)
    m.graph.node[4].op_type = "Relu"
    del m.graph.node[4].attribute[:]
    return m


def chunk(kind, data):
    return (len(data).to_bytes(4, "big") + kind + data +
            zlib.crc32(kind + data).to_bytes(4, "big"))


def png(colour, depth, row, rows, *more):
    head = (8).to_bytes(4, "big") + rows.to_bytes(4, "big") + bytes(
        [depth, colour, 0, 0, 0])
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(more) +
            chunk(b"IDAT", zlib.compress(b"".join(
                bytes([i % 5]) + row for i in range(rows)))) +
            chunk(b"IEND", b""))


def save(folder, name, data):
    os.makedirs(os.path.join(HERE, "seeds", folder), exist_ok=True)
    with open(os.path.join(HERE, "seeds", folder, name), "wb") as f:
        f.write(data)


def save_stored(build):
    """Files that carry inputs: as bytes, as JPEGs."""
    for name, source, side, count in (("stored", "residual", 8, 2),
                                      ("jpegs", "pictures", 64, 2)):
        y, x = np.mgrid[:side, :side]
        data = np.stack([(3 * x + (k + 1) * y)[..., None] + [9, 60, 0]
                         for k in range(count)])
        with tempfile.TemporaryDirectory() as folder:
            npz = os.path.join(folder, "x.npz")
            np.savez(npz, x=data.astype(np.uint8))
            path = os.path.join(HERE, "seeds/inn", name + ".inn")
            subprocess.run([os.path.join(build, "inn-convert"), "-q", "-f",
                            os.path.join(HERE, "seeds/onnx",
                                         source + ".onnx"), "-o", path,
                            "--pictures", "8", "--calibrate", npz,
                            "--input-shape",
                            "x:1,3,%d,%d" % (side, side)], check=True)
        with open(path, "rb") as f:
            save("run", name + ".inn", f.read())


def main(build):
    nets = {f.__name__: f for f in (residual, moves, parts, carried, halves,
                                    attention, pictures,
                                    old)}
    for name, make in nets.items():
        data = make().SerializeToString()
        save("onnx", name + ".onnx", data)
        save("run", name + ".onnx", data)
    for name, args in (("residual", ["--pictures", "8"]),
                       ("moves", ["--no-moments", "--codec", "none"]),
                       ("halves", ["--no-moments", "--store", "f16"]),
                       ("parts", ["--no-moments", "--nodes", "0.7"])):
        source = os.path.join(HERE, "seeds/onnx", name + ".onnx")
        path = os.path.join(HERE, "seeds/inn", name + ".inn")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        subprocess.run([os.path.join(build, "inn-convert"), source, "-q",
                        "-f", "-o", path, "--input-shape", "x:1,3,8,8"]
                       + args, check=True)
        with open(path, "rb") as f:
            save("run", name + ".inn", f.read())

    save_stored(build)

    for name, array in (("f32", np.arange(6, dtype="<f4").reshape(2, 3)),
                        ("fortran", np.asfortranarray(
                            np.arange(24).reshape(2, 3, 4))),
                        ("half", np.ones((2, 0, 3), np.float16)),
                        ("bool", np.array([True, False])),
                        ("big", np.arange(3, dtype=">i4")),
                        ("text", np.array(["a", "bc"]))):
        out = io.BytesIO()
        np.save(out, array)
        save("npy", name + ".npy", out.getvalue())
    out = io.BytesIO()
    np.savez(out, x=np.arange(6.0), y=np.zeros((2, 2), np.uint8))
    save("npz", "stored.npz", out.getvalue())
    out = io.BytesIO()
    np.savez_compressed(out, x=np.arange(100, dtype=np.int64), other=np.ones(3))
    save("npz", "deflated.npz", out.getvalue())

    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n"
    for version in (2, 3, 9):
        save("npy", "version%d.npy" % version,
             b"\x93NUMPY" + bytes([version, 0]) +
             len(head).to_bytes(4, "little") + head + bytes(8))
    save("npy", "version2-cut.npy", b"\x93NUMPY\x02\0\x10\0")
    save("npy", "escaped.npy", b"\x93NUMPY\x01\0" +
         len(head).to_bytes(2, "little") + head.replace(b"<", b"\\"))
    # A tensor of no elements that weighs nothing, two domains imported.
    m = model([N("Relu", ["x"], ["y"])], [weight("none", 0, 3)], [X], [Y],
              domains=["a", "b"])
    m.graph.output.append(info("none", None))
    save("onnx", "empty.onnx", m.SerializeToString())

    # What fits residual.onnx: an input, and pictures to evaluate it with.
    out = io.BytesIO()
    np.save(out, R.rand(1, 3, 8, 8).astype("<f4"))
    save("npy", "input.npy", out.getvalue())
    out = io.BytesIO()
    np.savez_compressed(out, x=R.randint(0, 255, (4, 8, 8, 3), np.uint8),
                        y=np.arange(4))
    save("npz", "data.npz", out.getvalue())

    save("image", "grey.png", png(0, 8, bytes(range(8)), 6))
    save("image", "rgb.png", png(2, 8, bytes(range(24)), 5))
    save("image", "rgba16.png", png(6, 16, bytes(range(64)), 4))
    save("image", "palette.png", png(
        3, 4, bytes(4), 5, chunk(b"PLTE", bytes(range(12))),
        chunk(b"tRNS", bytes([0, 9]))))
    from PIL import Image
    picture = Image.fromarray(R.randint(0, 255, (9, 13, 3), np.uint8))
    for name, image, options in (
            ("rgb.jpg", picture, {}),
            ("progressive.jpg", picture, {"progressive": True}),
            ("grey.jpg", picture.convert("L"), {"quality": 40}),
            ("cmyk.jpg", picture.convert("CMYK"), {})):
        out = io.BytesIO()
        image.save(out, "JPEG", **options)
        save("image", name, out.getvalue())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
