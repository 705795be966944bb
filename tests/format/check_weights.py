#!/usr/bin/env python3
"""Compares the weights of a .inn file, as read_inn.py reads them, with the
initializers of the ONNX network that it was made from.

usage: check_weights.py FILE.inn SOURCE.onnx [f32|f16|bf16]

The file must have been made with --keep-bn and a node per channel. Every
weight has to have the bits of its initializer, rounded to the store (f32 if
not given), and every float initializer that a graph node reads has to be
there. Exit status 77 where numpy or onnx is missing.
"""
import os, subprocess, sys, tempfile
try:
    import numpy as np
    import onnx
    from onnx import numpy_helper
except ImportError:
    sys.exit(77)


def rounded(array, store):
    if array.dtype not in (np.float32, np.float64) or store == "f32":
        return array
    if store == "f16":
        return array.astype(np.float16)
    bits = array.astype(np.float32).view(np.uint32).astype(np.uint64)
    bits += 0x7fff + (bits >> 16 & 1)  # to nearest, ties to even
    return (bits & 0xffff0000).astype(np.uint32).view(np.float32)


def weights(path):
    reader = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                          "read_inn.py")
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run([sys.executable, reader, path, folder],
                             stdout=subprocess.PIPE)
        if run.returncode:
            sys.exit(run.returncode)
        # names come first and may have spaces in them
        return {line.rsplit(" ", 3)[0]:
                np.load(os.path.join(folder, "%d.npy" % i))
                for i, line in enumerate(run.stdout.decode().splitlines())}


def main():
    store = sys.argv[3] if len(sys.argv) > 3 else "f32"
    got = weights(sys.argv[1])
    graph = onnx.load(sys.argv[2]).graph
    tensors = {t.name: t for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            tensors.update((node.output[0], a.t) for a in node.attribute
                           if a.name == "value")
    read = {name for node in graph.node for name in node.input}
    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16,
              onnx.TensorProto.DOUBLE)
    bad = 0
    for name, array in got.items():
        if name not in tensors:
            print("%s: the source has no such tensor" % name)
            bad += 1
            continue
        want = rounded(numpy_helper.to_array(tensors[name]), store)
        if want.shape != array.shape or \
                np.ascontiguousarray(want).tobytes() != array.tobytes():
            print("%s: differs" % name)
            bad += 1
    for name, tensor in tensors.items():
        if name in read and tensor.data_type in floats and \
                name not in got and len(tensor.dims) > 0:
            print("%s: is missing" % name)
            bad += 1
    print("%d weights, %d wrong" % (len(got), bad))
    sys.exit(1 if bad or not got else 0)


main()
