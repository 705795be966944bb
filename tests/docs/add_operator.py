#!/usr/bin/env python3
"""The worked patch of doc/add-operator.md adds an operator, and all of it.

Before: a network with Shrink can't be run here, which is said by name, and
its channels are pinned. Then the patch is applied to a copy of the tree, which
is built with the settings of INN_BUILD; the operator's cases and the tests of
the registry pass, `inn ops` lists it, the network gives what numpy gives, and
its channels are free.

Prints lines "ok NAME", "FAIL NAME: why".
"""
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

import numpy as np

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
PATCH = os.path.join(TOP, "doc", "add-operator.patch")
LAMBD, BIAS = 0.25, 0.125


class Failure(Exception):
    pass


def call(*argv, cwd=None, status=0):
    r = subprocess.run(argv, cwd=cwd, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, text=True)
    if r.returncode != status:
        lines = r.stdout.strip().splitlines() or [""]
        raise Failure("%s: exit %d: %s" % (
            " ".join(os.path.basename(a) for a in argv[:2]), r.returncode,
            next((a for a in lines if "error" in a), lines[-1])))
    return r.stdout


def need(text, words):
    if words not in text:
        raise Failure("no '%s' in: %s" % (words, text.strip()[-300:]))


class Work:
    def __init__(self, tmp):
        self.tmp = tmp
        self.tree = os.path.join(tmp, "tree")
        self.build = os.path.join(tmp, "build")
        self.net = os.path.join(tmp, "net.onnx")
        self.make_network()

    def make_network(self):
        """Two products of channels with Shrink between them."""
        from onnx import TensorProto, helper, numpy_helper, save

        rng = np.random.default_rng(5)
        w1 = rng.standard_normal((24, 3, 1, 1)).astype(np.float32)
        w2 = rng.standard_normal((5, 24, 1, 1)).astype(np.float32)
        self.x = rng.standard_normal((1, 3, 6, 6)).astype(np.float32)
        np.save(os.path.join(self.tmp, "x.npy"), self.x)
        hidden = np.einsum("ncij,oc->noij", self.x, w1[:, :, 0, 0])
        hidden = np.where(np.abs(hidden) > LAMBD,
                          hidden - BIAS * np.sign(hidden), 0)
        self.y = np.einsum("ncij,oc->noij", hidden, w2[:, :, 0, 0])

        def value(name, channels):
            return helper.make_tensor_value_info(
                name, TensorProto.FLOAT, [1, channels, 6, 6])

        graph = helper.make_graph(
            [helper.make_node("Conv", ["x", "w1"], ["a"], "first"),
             helper.make_node("Shrink", ["a"], ["b"], "shrink", lambd=LAMBD,
                              bias=BIAS),
             helper.make_node("Conv", ["b", "w2"], ["y"], "last")],
            "net", [value("x", 3)], [value("y", 5)],
            [numpy_helper.from_array(w1, "w1"),
             numpy_helper.from_array(w2, "w2")])
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 13)])
        model.ir_version = 7
        save(model, self.net)

    def before(self):
        inn = os.path.join(os.environ["INN_BUILD"], "inn")
        need(call(inn, "run", self.net, "--random", status=5), "Shrink")
        need(call(os.path.join(os.environ["INN_BUILD"], "inn-convert"),
                  self.net, "--dry-run"), "0 groups")
        if "Shrink" in call(inn, "ops"):
            raise Failure("inn ops lists it without the patch")

    def apply(self):
        def left_out(folder, names):
            if folder != TOP:
                return [n for n in names if n == "__pycache__"]
            return [n for n in names if n in (".git", "autom4te.cache") or
                    (n.startswith("build") and n != "build-aux")]

        shutil.copytree(TOP, self.tree, symlinks=True, ignore=left_out)
        call("patch", "-p1", "-s", "-i", PATCH, cwd=self.tree)

    def made(self):
        """With the settings of our build, but faster to compile."""
        settings = call(os.path.join(os.environ["INN_BUILD"],
                                     "config.status"), "--config")
        os.mkdir(self.build)
        call(os.path.join(self.tree, "configure"), "-q",
             *shlex.split(settings), "CFLAGS=-O0", cwd=self.build)
        call("make", "-s", "-j2", "inn", "inn-convert", "tests/ops/run_cases",
             "tests/ops/standard", "tests/unit/test_registry",
             "tests/unit/test_schema", cwd=self.build)

    def cases(self):
        os.environ["srcdir"] = self.tree
        folder = os.path.join(self.build, "tests")
        call(folder + "/ops/run_cases", self.tree + "/tests/ops/Shrink.case")
        call(folder + "/unit/test_registry")
        call(folder + "/unit/test_schema")
        standard = "/usr/share/libonnx-testdata/data/node"
        if os.path.isdir(standard):
            call(folder + "/ops/standard", standard + "/test_shrink_hard",
                 standard + "/test_shrink_soft")
        need(call(os.path.join(self.build, "inn"), "ops"), "Shrink ")

    def network(self):
        inn = os.path.join(self.build, "inn")
        out = os.path.join(self.tmp, "y.npy")
        file = os.path.join(self.tmp, "net.inn")
        small = os.path.join(self.tmp, "small.onnx")
        call(inn, "run", self.net, "--input",
             os.path.join(self.tmp, "x.npy"), "-o", out)
        off = np.abs(np.load(out) - self.y).max()
        if off > 1e-5:
            raise Failure("differs from numpy by %g" % off)
        told = call(os.path.join(self.build, "inn-convert"), self.net, "-o",
                    file)
        need(told, "1 group")
        need(told, "moments from")
        call(inn, "export", file, "--width", "0.5", "-o", small)
        need(call(inn, "info", small, "-v"), "Shrink")
        need(call(inn, "compare", file, small, "--width", "0.5"), "PASSED")


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as tmp:
        work = Work(tmp)
        for part in ("before", "apply", "made", "cases", "network"):
            try:
                getattr(work, part)()
                print("ok docs/add-operator/" + part, flush=True)
            except Failure as e:
                print("FAIL docs/add-operator/%s: %s" % (part, e), flush=True)
                failed = 1
                break
    return failed


if __name__ == "__main__":
    sys.exit(main())
