#!/usr/bin/env python3
"""variants: networks as exporters write them, each through the whole job.

usage: tests/variants/variants.py BUILD [NAME...]

Each variant is built with python3-onnx and then read, converted, compared at
full width, exported at half the width, checked by onnx's own checker and run.
Prints ok, FAIL or skip lines. The largest needs 8 GB of disk and 4 of memory.
"""
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

R = np.random.RandomState(3)
N = h.make_node
TESTS = []


def test(f):
    TESTS.append(f)
    return f


class Failed(Exception):
    pass


def must(condition, *why):
    if not condition:
        raise Failed(" ".join(str(w) for w in why))


def weight(name, *dims, dtype=np.float32):
    return nh.from_array((R.randn(*dims) * 0.2).astype(dtype), name)


def info(name, dims=None, kind=T.FLOAT):
    return h.make_tensor_value_info(name, kind, dims)


def model(nodes, inits, outputs=("y",), kind=T.FLOAT, inputs=None, opset=17,
          domains=()):
    inputs = inputs or [info("x", ["N", 3, 8, 8], kind)]
    g = h.make_graph(nodes, "g", inputs,
                     [info(o, list("nchw"), kind) for o in outputs], inits)
    m = h.make_model(g, opset_imports=[h.make_opsetid("", opset)] + [
        h.make_opsetid(d, 1) for d in domains])
    m.ir_version = 8
    return m


def small(dtype=np.float32, kind=T.FLOAT):
    """Two convolutions with a bias and what lies between them."""
    return model([
        N("Conv", ["x", "w1", "b1"], ["a"], "c1", pads=[1] * 4),
        N("Relu", ["a"], ["r"]),
        N("Conv", ["r", "w2"], ["c"], "c2"),
        N("GlobalAveragePool", ["c"], ["y"])],
        [weight("w1", 16, 3, 3, 3, dtype=dtype),
         weight("b1", 16, dtype=dtype),
         weight("w2", 5, 16, 3, 3, dtype=dtype)], kind=kind)


class Job:
    def __init__(self, build, folder):
        self.build = build
        self.folder = folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *argv, code=0):
        r = subprocess.run(
            [os.path.join(self.build, argv[0])] + list(argv[1:]),
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        must(r.returncode == code, " ".join(argv), "gives", r.returncode,
             r.stderr.strip())
        return r.stdout if code == 0 else r.stderr

    def save(self, m, name="net.onnx"):
        with open(self.path(name), "wb") as f:
            f.write(m.SerializeToString())

    def info(self, name):
        return json.loads(self.run("inn", "info", name, "--json"))

    def whole(self, name="net.onnx", groups=1, runs=True, more=()):
        """Everything that a user does with a network."""
        self.run("inn-convert", name, "-o", "net.inn", "-f", "-q",
                 "--no-moments", *more)
        got = self.info("net.inn")
        must(len(got["groups"]) == groups, "groups:", got["groups"])
        if runs:
            out = self.run("inn", "compare", name, "net.inn", "--json", *more)
            must(json.loads(out)["equal"], "full width differs")
        for width, to in (("1", "same.onnx"), ("0.5", "half.onnx")):
            self.run("inn", "export", "net.inn", "-o", to, "-f", "-q",
                     "--width", width, "--round", "1")
            onnx.checker.check_model(self.path(to))
            if runs:
                self.run("inn", "run", to, "--random")
        if runs:
            self.run("inn", "check", "net.inn")
        return onnx.load(self.path("half.onnx"))


def types_of(m):
    return {t.name: t.data_type for t in m.graph.initializer}


@test
def half_network(job):
    job.save(small(np.float16, T.FLOAT16))
    half = job.whole()
    must(set(types_of(half).values()) == {T.FLOAT16}, types_of(half))
    must(half.graph.input[0].type.tensor_type.elem_type == T.FLOAT16)


@test
def half_weights_behind_cast(job):
    m = small(np.float16)
    casts = []
    for t in m.graph.initializer:
        t.name += "_h"
        casts.append(N("Cast", [t.name], [t.name[:-2]], to=T.FLOAT))
    nodes = casts + list(m.graph.node)
    del m.graph.node[:]
    m.graph.node.extend(nodes)
    job.save(m)
    types = types_of(job.whole())
    must(T.FLOAT16 in types.values() and T.FLOAT not in types.values(), types)


@test
def double_network(job):
    job.save(small(np.float64, T.DOUBLE))
    must(set(types_of(job.whole()).values()) == {T.DOUBLE})


@test
def brain_float_weights(job):
    """bf16 as initialisers behind Cast: NumPy has no such type."""
    m = small()
    for t in list(m.graph.initializer):
        bits = (nh.to_array(t).view(np.uint32) >> 16).astype("<u2")
        t.raw_data, t.data_type = bits.tobytes(), T.BFLOAT16
        t.name += "_b"
    casts = [N("Cast", [t.name], [t.name[:-2]], to=T.FLOAT)
             for t in m.graph.initializer]
    nodes = casts + list(m.graph.node)
    del m.graph.node[:]
    m.graph.node.extend(nodes)
    job.save(m)
    job.whole()


def put_outside(m, location, path, gap=0):
    """Moves all initialisers to a file, each behind gap bytes."""
    at = 0
    with open(path, "wb") as f:
        for t in m.graph.initializer:
            f.write(b"\xff" * gap)
            at += gap
            f.write(t.raw_data)
            for key, value in (("location", location), ("offset", at),
                               ("length", len(t.raw_data))):
                t.external_data.add(key=key, value=str(value))
            at += len(t.raw_data)
            t.data_location = T.EXTERNAL
            t.ClearField("raw_data")


@test
def external_data(job):
    os.mkdir(job.path("deep"))
    for location, gap in (("w.bin", 0), ("deep/w.bin", 64), ("w.bin", 3)):
        m = small()
        job.save(m, "inside.onnx")
        put_outside(m, location, job.path(location), gap)
        job.save(m)
        job.whole()
        out = job.run("inn", "compare", "net.onnx", "inside.onnx", "--json")
        must(json.loads(out)["equal"], location, gap)


@test
def external_data_in_another_folder(job):
    os.mkdir(job.path("elsewhere"))
    m = small()
    put_outside(m, "w.bin", job.path("elsewhere/w.bin"))
    job.save(m)
    says = job.run("inn", "info", "net.onnx", code=3)
    must("w.bin" in says and "\n" not in says.strip(), says)
    job.run("inn", "info", "net.onnx", "--external-data", "elsewhere")
    job.run("inn-convert", "net.onnx", "-q", "-f", "-o", "net.inn",
            "--no-moments", "--external-data", "elsewhere")
    job.run("inn", "run", "net.inn", "--random", "--width", "0.5")


@test
def hub_of_links(job):
    """snapshots/1/{net.onnx,w.bin} -> ../../blobs/…, as model hubs do."""
    for folder in ("blobs", "snapshots", "snapshots/1"):
        os.mkdir(job.path(folder))
    m = small()
    put_outside(m, "w.bin", job.path("blobs/aaaa"))
    job.save(m, "blobs/bbbb")
    os.symlink("../../blobs/bbbb", job.path("snapshots/1/net.onnx"))
    os.symlink("../../blobs/aaaa", job.path("snapshots/1/w.bin"))
    job.whole("snapshots/1/net.onnx")
    with open(job.path("secret"), "wb") as f:
        f.write(bytes(1 << 16))
    os.unlink(job.path("snapshots/1/w.bin"))
    os.symlink("../../secret", job.path("snapshots/1/w.bin"))
    says = job.run("inn", "info", "snapshots/1/net.onnx", code=4)
    must("leads out" in says, says)


@test
def export_follows_no_location(job):
    """What a network says of its files is never written to."""
    m = small()
    put_outside(m, "half.onnx", job.path("half.onnx"))
    with open(job.path("half.onnx"), "rb") as f:
        before = f.read()
    job.save(m)
    job.run("inn-convert", "net.onnx", "-o", "net.inn", "-q", "--no-moments")
    job.run("inn", "export", "net.inn", "-o", "other.onnx", "-q")
    with open(job.path("half.onnx"), "rb") as f:
        must(f.read() == before, "the weights' file was written to")
    must(all(not t.external_data for t in
             onnx.load(job.path("other.onnx")).graph.initializer))


@test
def output_that_is_read_too(job):
    """The hidden value is an output: its channels reach the user."""
    m = small()
    m.graph.output.append(info("r", list("nchw")))
    job.save(m)
    job.run("inn-convert", "net.onnx", "-o", "net.inn", "-q", "--no-moments")
    got = job.info("net.inn")
    must(got["groups"] == [] and
         any("output" in p["reason"] for p in got["pinned"]), got["pinned"])
    out = job.run("inn", "compare", "net.onnx", "net.inn", "--json")
    must(json.loads(out)["equal"] and len(json.loads(out)["outputs"]) == 2)


@test
def outputs_in_the_middle(job):
    """A group before and one behind the value that is an output too."""
    m = model([
        N("Conv", ["x", "w1"], ["a"]), N("Relu", ["a"], ["b"]),
        N("Conv", ["b", "w2"], ["y"]), N("Relu", ["y"], ["c"]),
        N("Conv", ["c", "w3"], ["d"]), N("Relu", ["d"], ["e"]),
        N("Conv", ["e", "w4"], ["z"]), N("Identity", ["y"], ["y2"])],
        [weight("w1", 8, 3, 1, 1), weight("w2", 6, 8, 1, 1),
         weight("w3", 12, 6, 1, 1), weight("w4", 2, 12, 1, 1)],
        ("y", "z", "y2"))
    job.save(m)
    half = job.whole(groups=2)
    shapes = {t.name: list(t.dims) for t in half.graph.initializer}
    must(shapes["w2"] == [6, 4, 1, 1] and shapes["w3"] == [6, 6, 1, 1],
         shapes)


@test
def unused_and_shared_weights(job):
    m = model([
        N("Conv", ["x", "w1", "b"], ["a"]), N("Relu", ["a"], ["r"]),
        N("Conv", ["r", "w2", "b"], ["c"]), N("Relu", ["c"], ["d"]),
        N("Conv", ["d", "w2", "b"], ["e"]), N("Add", ["e", "r"], ["f"]),
        N("Conv", ["f", "w3"], ["y"])],
        [weight("w1", 8, 3, 1, 1), weight("b", 8), weight("w2", 8, 8, 1, 1),
         weight("w3", 2, 8, 1, 1), weight("unused", 1000),
         nh.from_array(np.array([1, 2], np.int64), "unused_too")])
    job.save(m)
    half = job.whole()
    must(sorted(t.name for t in half.graph.initializer) ==
         ["b", "w1", "w2", "w3"], half.graph.initializer)


@test
def empty_optional_inputs(job):
    m = model([
        N("Conv", ["x", "w1", ""], ["a"]),
        N("Clip", ["a", "", "six"], ["b"]),
        N("Resize", ["b", "", "scales"], ["c"], mode="nearest"),
        N("Conv", ["c", "w2", ""], ["d"]),
        N("Clip", ["d", "", ""], ["e"]),
        N("Dropout", ["e", "", ""], ["f", ""]),
        N("Conv", ["f", "w3"], ["y"])],
        [weight("w1", 8, 3, 3, 3), weight("w2", 6, 8, 3, 3),
         weight("w3", 2, 6, 1, 1), nh.from_array(np.float32(6), "six"),
         nh.from_array(np.array([1, 1, 2, 2], np.float32), "scales")])
    job.save(m)
    job.whole(groups=2)


@test
def initializers_that_are_inputs(job):
    """IR 3: each weight is listed among the inputs."""
    m = small()
    m.ir_version = 3
    m.opset_import[0].version = 9
    for t in m.graph.initializer:
        m.graph.input.append(info(t.name, list(t.dims)))
    job.save(m)
    job.whole()


@test
def weights_in_constants(job):
    m = small()
    nodes = [N("Constant", [], [t.name], value=t)
             for t in m.graph.initializer] + list(m.graph.node)
    del m.graph.node[:], m.graph.initializer[:]
    m.graph.node.extend(nodes)
    job.save(m)
    job.whole()


@test
def training_mode(job):
    """With one output, which ONNX Runtime refuses; and as before opset 14."""
    for opset, outputs in ((17, 1), (17, 3), (12, 5)):
        m = small()
        m.opset_import[0].version = opset
        names = ["n"] + ["n%d" % i for i in range(1, outputs)]
        m.graph.node[1].input[0] = "n"
        m.graph.node.insert(1, N("BatchNormalization",
                                 ["a", "s", "b", "m", "v"], names, "bn"))
        if opset >= 14:
            m.graph.node[1].attribute.append(
                h.make_attribute("training_mode", 1))
        m.graph.initializer.extend(weight(k, 16) for k in "sbm")
        m.graph.initializer.append(
            nh.from_array(np.ones(16, np.float32), "v"))
        job.save(m)
        half = job.whole()
        (bn,) = [n for n in half.graph.node
                 if n.op_type == "BatchNormalization"]
        must(len(bn.output) == (5 if opset < 14 else 3), "outputs", bn.output)
        for t in half.graph.initializer:
            must(t.name not in "sbmv" or t.dims[0] == 8, t.name, t.dims)


@test
def running_statistics_that_are_read(job):
    m = small()
    m.graph.node[1].input[0] = "n"
    m.graph.node.insert(1, N("BatchNormalization",
                             ["a", "s", "b", "m", "v"],
                             ["n", "mean", "variance"], "bn",
                             training_mode=1))
    m.graph.initializer.extend(weight(k, 16) for k in "sbm")
    m.graph.initializer.append(nh.from_array(np.ones(16, np.float32), "v"))
    m.graph.output.append(info("mean", [16]))
    job.save(m)
    job.whole(groups=0)


@test
def operators_nobody_knows(job):
    """Converted, exported, pinned by name, refused only when run."""
    branch = [h.make_graph([N(op, ["c2"], ["o"])], op, [], [info("o")])
              for op in ("Neg", "Abs")]
    m = model([
        N("Conv", ["x", "w1"], ["a"], "first"), N("Relu", ["a"], ["b"]),
        N("Conv", ["b", "w2"], ["c"], "second"),
        N("Mystery", ["c"], ["c1"], "who", domain="own.ops", level=3),
        N("FutureOp", ["c1"], ["c2"], "later"),
        N("If", ["cond"], ["d"], "choice", then_branch=branch[0],
          else_branch=branch[1]),
        N("Conv", ["d", "w3"], ["e"]), N("Relu", ["e"], ["f"]),
        N("Conv", ["f", "w4"], ["y"])],
        [weight("w1", 8, 3, 1, 1), weight("w2", 6, 8, 1, 1),
         weight("w3", 10, 6, 1, 1), weight("w4", 2, 10, 1, 1),
         nh.from_array(np.array(True), "cond")], domains=("own.ops",))
    job.save(m)
    names = ("Mystery", "FutureOp", "If")
    says = job.run("inn", "info", "net.onnx")
    must(all(n in says for n in names), says)
    job.run("inn-convert", "net.onnx", "-o", "net.inn", "-f", "-q",
            "--no-moments")
    got = job.info("net.inn")
    # What lies behind them has no known shape, and stays as it is.
    must([g["name"] for g in got["groups"]] == ["w1"], got["groups"])
    reasons = [p["reason"] for p in got["pinned"]]
    must(any("Mystery" in r for r in reasons), reasons)
    job.run("inn", "export", "net.inn", "-o", "half.onnx", "-f", "-q",
            "--width", "0.5", "--round", "1")
    half = onnx.load(job.path("half.onnx"))
    must([n.op_type for n in half.graph.node] ==
         [n.op_type for n in m.graph.node])
    must(half.graph.node[3].attribute[0].i == 3)
    shapes = {t.name: list(t.dims) for t in half.graph.initializer}
    must(shapes["w1"] == [4, 3, 1, 1] and shapes["w4"] == [2, 10, 1, 1],
         shapes)
    for file in ("net.onnx", "net.inn", "half.onnx"):
        says = job.run("inn", "run", file, "--random", code=5)
        must("3 graph nodes can't be run" in says and names[0] in says and
             len(says.strip().split("\n")) == 1, says)


def large(path, side, count):
    """count matrices side × side beside a group of 64; its bytes."""
    m = model([N("MatMul", ["x" if i == 0 else "t%d" % (i - 1), "v%d" % i],
                 ["t%d" % i]) for i in range(count)] + [
        N("MatMul", ["x", "w1"], ["a"]), N("Relu", ["a"], ["b"]),
        N("MatMul", ["b", "w2"], ["y"])], [],
        ["t%d" % i for i in range(count)] + ["y"],
        inputs=[info("x", ["N", side])])
    block = (R.randn(1 << 22) * 0.01).astype("<f4").tobytes()
    at = 0
    with open(path + ".bin", "wb") as f:
        for name, dims in [("v%d" % i, (side, side)) for i in range(count)] + [
                ("w1", (side, 64)), ("w2", (64, 10))]:
            n = 4 * dims[0] * dims[1]
            t = m.graph.initializer.add(name=name, data_type=T.FLOAT,
                                        data_location=T.EXTERNAL)
            t.dims.extend(dims)
            for key, value in (("location", os.path.basename(path) + ".bin"),
                               ("offset", at), ("length", n)):
                t.external_data.add(key=key, value=str(value))
            for k in range(0, n, len(block)):
                f.write(block[:n - k])
            at += n
    with open(path, "wb") as f:
        f.write(m.SerializeToString())
    return at


def peak_of(job, *argv):
    """Most resident memory of a command, in bytes; stdout goes to told."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        with open(job.path("told"), "w") as f:
            f.write(job.run(*argv))
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        os.write(write, str(most * 1024).encode())
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    os.close(write)
    text = os.read(read, 64)
    os.close(read)
    must(status == 0 and text, " ".join(argv), "failed")
    return int(text)


@test
def more_than_2_gib(job):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    if shutil.disk_usage(job.folder).free < 8 << 30 or memory < 4 << 30:
        return "skip: wants 8 GB of disk and 4 of memory"
    total = large(job.path("big.onnx"), 8192, 8)
    must(total > 1 << 31)
    convert = peak_of(job, "inn-convert", "big.onnx", "-o", "big.inn", "-q",
                      "--no-moments") / total
    os.unlink(job.path("big.onnx"))
    export = peak_of(job, "inn", "export", "big.inn", "-o", "same.onnx",
                     "--json") / total
    os.unlink(job.path("big.inn"))
    sizes = [os.path.getsize(job.path(p))
             for p in ("same.onnx", "same.onnx.data")]
    must(sizes[0] < 1 << 20)
    with open(job.path("told")) as f:
        must(json.load(f)["bytes"] == sum(sizes), "bytes are not", sizes)
    got = onnx.load(job.path("same.onnx"), load_external_data=False)
    place = {t.name: {e.key: e.value for e in t.external_data}
             for t in got.graph.initializer}
    # The same bits, wherever they lie now.
    at = 0
    with open(job.path("big.onnx.bin"), "rb") as a, open(
            job.path("same.onnx.data"), "rb") as b:
        for name in ["v%d" % i for i in range(8)] + ["w1"]:
            b.seek(int(place[name]["offset"]))
            left = int(place[name]["length"])
            a.seek(at)
            at += left
            while left > 0:
                n = min(left, 1 << 24)
                must(a.read(n) == b.read(n), name, "differs")
                left -= n
    must(convert <= 1.3 and export <= 1.3, "peaks", convert, export)
    return "%.2f GiB; peak memory %.2f times that to convert, %.2f to " \
        "export" % (total / 2**30, convert, export)


def main(build, names):
    failed = 0
    for f in TESTS:
        if names and f.__name__ not in names:
            continue
        folder = tempfile.mkdtemp(prefix="inn-variant-")
        name = "variants/" + f.__name__
        try:
            note = f(Job(build, folder)) or ""
            if note.startswith("skip"):
                print("skip %s%s" % (name, note[4:]))
            else:
                print("ok %s%s" % (name, note and ": " + note))
        except (Failed, onnx.checker.ValidationError) as e:
            print("FAIL %s: %s" % (name, str(e).split("\n")[0][:400]))
            failed = 1
        finally:
            shutil.rmtree(folder)
        sys.stdout.flush()
    return failed


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(os.path.abspath(sys.argv[1]), sys.argv[2:]))
