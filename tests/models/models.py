#!/usr/bin/env python3
"""What inn-model writes, for every name of inn-model --list.

python3-onnx's full check takes it; its weights are as many as the list says;
the same seed gives the same bytes whatever --threads is, another one others;
inn-convert finds the groups that the architecture has, and pins nothing but
inputs and outputs.

Prints "ok NAME", "FAIL NAME: why" lines. Environment: INN_BUILD, INN_CACHE.
"""
import hashlib
import json
import os
import subprocess
import sys
import tempfile

import onnx
import numpy as np

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "nets"))
import pool

# Convolutions whose width is their own; trunks of residual networks.
GROUPS = {
    "nin-cifar": 8,           # all but the last convolution
    "vgg11-cifar": 8,
    "resnet18-cifar": 8 + 4,  # one in each block, a trunk per stage
    "vgg19": 16 + 2,
    "resnet18": 8 + 4,
    "resnet50": 32 + 1 + 4,   # two in each block, the stem, the trunks
    "srcnn-x3": 2,
    "edsr-baseline-x4": 16 + 1 + 2,
    "edsr-x4": 32 + 1 + 2,    # one in each block, the trunk, two shuffles
}
LARGE = 50000000  # parameters; not built again and again


class Failure(Exception):
    pass


def call(program, *argv):
    r = subprocess.run([os.path.join(os.environ["INN_BUILD"], program), *argv],
                       capture_output=True, text=True)
    if r.returncode != 0:
        raise Failure("%s: exit %d: %s" % (program, r.returncode,
                                           r.stderr.strip()))
    return r.stdout


def digest(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        for part in iter(lambda: f.read(1 << 20), b""):
            h.update(part)
    return h.hexdigest()


def check_file(about, path):
    built = json.loads(call("inn-model", about["name"], "-o", path, "--json"))
    if built["bytes"] != os.path.getsize(path):
        raise Failure("said %d bytes" % built["bytes"])
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    if model.ir_version != 7 or model.opset_import[0].version != 13:
        raise Failure("IR %d, opset %d" % (model.ir_version,
                                           model.opset_import[0].version))
    sizes = {t.name: int(np.prod(t.dims)) for t in model.graph.initializer}
    learnt = sum(n for name, n in sizes.items()
                 if name.endswith((".weight", ".bias")))
    if not built["params"] == about["params"] == learnt:
        raise Failure("%d weights; list says %d, program %d" % (
            learnt, about["params"], built["params"]))
    if not all(np.isfinite(np.frombuffer(t.raw_data, np.float32)).all()
               for t in model.graph.initializer):
        raise Failure("weights are not finite")


def check_seed(about, path):
    if about["params"] > LARGE:
        return
    again = path + ".again"
    want = digest(path)
    call("inn-model", about["name"], "-o", again, "-q", "--threads", "1")
    if digest(again) != want:
        raise Failure("another file from the same seed")
    call("inn-model", about["name"], "-o", again, "-fq", "--seed", "1")
    if digest(again) == want:
        raise Failure("the same file from another seed")


def check_groups(about, path):
    told = json.loads(call("inn-convert", path, "--dry-run", "--json"))
    if len(told["groups"]) != GROUPS[about["name"]]:
        raise Failure("%d groups, not %d" % (len(told["groups"]),
                                             GROUPS[about["name"]]))
    free = told["params_free"] / told["params"]
    if free < 0.999:
        raise Failure("%.2f %% of the parameters are free" % (100 * free))


def check(about):
    lines = []
    with tempfile.TemporaryDirectory(dir=os.environ["INN_CACHE"]) as tmp:
        path = os.path.join(tmp, about["name"] + ".onnx")
        for part in (check_file, check_seed, check_groups):
            label = "models/%s/%s" % (about["name"],
                                      part.__name__.split("_")[1])
            try:
                part(about, path)
                lines.append("ok " + label)
            except (Failure, onnx.checker.ValidationError) as e:
                lines.append("FAIL %s: %s" % (label, str(e).splitlines()[0]))
    return lines


def main():
    models = json.loads(call("inn-model", "--list", "--json"))["models"]
    if sorted(m["name"] for m in models) != sorted(GROUPS):
        print("FAIL models/list: %s" % [m["name"] for m in models])
        return 1
    return 1 if pool.each(check, models) else 0


if __name__ == "__main__":
    sys.exit(main())
