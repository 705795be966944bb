#!/usr/bin/env python3
"""Runs every example of the manual pages.

usage: man.py PAGE.1...

What stands below EXAMPLES between .nf and .fi are commands, a line that ends
in \\ goes on in the next. Those of a page run one after the other in one
folder, which holds small files by the names that the examples use; programs
come from INN_BUILD. Each has to succeed (MAY_DIFFER aside) and to leave the
files that it says it writes.

Prints lines "ok NAME", "FAIL NAME: why".
"""
import os
import re
import subprocess
import sys
import tempfile

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save
from PIL import Image

# The example asks where two networks part, and they do.
MAY_DIFFER = {"inn compare net.onnx other.onnx --per-layer"}
WRITES = re.compile(r"(?:-o|--output|--write-plan|--plot|--junit|>) (\S+)")


class Net:
    """A network of a few layers, put together by name."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.weights = [], []

    def weight(self, name, *shape):
        fan = np.prod(shape[1:])
        w = self.rng.standard_normal(shape) * np.sqrt(2 / fan)
        self.weights.append(numpy_helper.from_array(w.astype(np.float32),
                                                    name))
        return name

    def node(self, kind, ins, out, **attributes):
        self.nodes.append(helper.make_node(kind, ins, [out], name=out,
                                           **attributes))
        return out

    def conv(self, x, name, c_in, c_out):
        w = self.weight(name + ".weight", c_out, c_in, 3, 3)
        return self.node("Conv", [x, w], name, pads=[1] * 4)

    def relu(self, x):
        return self.node("Relu", [x], x + ".relu")

    def write(self, path, y, shape):
        floats = TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes, "net",
            [helper.make_tensor_value_info("x", floats, ["N", 3, "H", "W"])],
            [helper.make_tensor_value_info(y, floats, shape)], self.weights)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 13)])
        model.ir_version = 7
        save(model, path)


def classifier(path, seed):
    net = Net(seed)
    x = net.relu(net.conv("x", "stem", 3, 16))
    for name in ("layer1", "layer4"):
        inner = net.relu(net.conv(x, name + ".conv1", 16, 16))
        inner = net.conv(inner, name + ".conv2", 16, 16)
        x = net.relu(net.node("Add", [x, inner], name + ".add"))
    x = net.relu(net.conv(x, "head.conv", 16, 24))
    x = net.node("GlobalAveragePool", [x], "pool")
    x = net.node("Flatten", [x], "flat")
    y = net.node("Gemm", [x, net.weight("fc.weight", 10, 24)], "fc", transB=1)
    net.write(path, y, ["N", 10])


def enlarger(path):
    net = Net(3)
    x = net.relu(net.conv("x", "first", 3, 16))
    x = net.relu(net.conv(x, "second", 16, 16))
    x = net.conv(x, "last", 16, 48)
    y = net.node("DepthToSpace", [x], "large", blocksize=4)
    net.write(path, y, ["N", 3, "4H", "4W"])


def furnish(folder):
    """Everything that an example takes for granted."""
    rng = np.random.default_rng(7)

    def at(*names):
        return os.path.join(folder, *names)

    def picture(side, *names):
        rough = rng.integers(0, 256, (6, 6, 3), np.uint8)
        Image.fromarray(rough).resize((side, side), Image.BICUBIC).save(
            at(*names))

    classifier(at("net.onnx"), 1)
    classifier(at("resnet50.onnx"), 1)
    classifier(at("other.onnx"), 2)
    enlarger(at("sr.onnx"))
    subprocess.run(["inn-convert", "sr.onnx", "-q", "--pictures", "8"],
                   cwd=folder, check=True)
    np.save(at("x.npy"), rng.random((1, 3, 32, 32), np.float32))
    np.savez(at("test.npz"), x=rng.integers(0, 256, (20, 32, 32, 3), np.uint8),
             y=np.arange(20) % 10)
    os.mkdir(at("photos"))
    os.mkdir(at("Set5"))
    for i in range(4):
        picture(80, "photos", "%d.png" % i)
    for name in ("baby", "bird"):
        picture(64, "Set5", name + "_HR.png")
    picture(24, "in.png")


def examples(path):
    with open(path, encoding="utf-8") as f:
        page = f.read().split(".SH EXAMPLES\n")[1].split("\n.SH ")[0]
    text = "\n".join(re.findall(r"^\.nf\n(.*?)^\.fi$", page, re.M | re.S))
    text = text.replace("\\-", "-").replace("\\\\", "\\")
    text = re.sub(r"\\\n\s*", "", text)
    return [line.strip() for line in text.splitlines() if line.strip()]


def outcome(command, folder):
    """Why the command is not as it should be, or None."""
    r = subprocess.run(["bash", "-c", command], cwd=folder,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, stdin=subprocess.DEVNULL)
    if r.returncode != (1 if command in MAY_DIFFER else 0):
        said = r.stdout.strip().splitlines() or ["(nothing)"]
        return "exit %d: %s" % (r.returncode, said[-1])
    for name in WRITES.findall(command):
        path = os.path.join(folder, name)
        if not os.path.exists(path) or os.path.getsize(path) == 0:
            return "wrote no " + name
    return None


def check(page):
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        furnish(folder)
        found = examples(page)
        if not found:
            print("FAIL docs/%s: no examples" % os.path.basename(page))
            return 1
        for number, command in enumerate(found, 1):
            label = "docs/%s/%d" % (os.path.basename(page), number)
            why = outcome(command, folder)
            print("FAIL %s: %s: %s" % (label, command, why) if why
                  else "ok " + label, flush=True)
            failed += why is not None
    return failed


def main(pages):
    os.environ["PATH"] = (os.environ["INN_BUILD"] + os.pathsep +
                          os.environ["PATH"])
    return 1 if sum([check(p) for p in pages]) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
