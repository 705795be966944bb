#!/usr/bin/env python3
"""The main job on real networks, against ONNX Runtime and python3-onnx.

usage: nets.py [--list] [NAME...]

For each network: it runs within 1e-4 of the stored ONNX Runtime output; the
.inn at full width and the .onnx agree bit for bit; sampled at three widths,
rounded and not, the written ONNX gives in ONNX Runtime what `inn run` gives
within 1e-4 and passes python3-onnx's full check; permuting the channels of
every group leaves the outputs unchanged.

Prints "ok NAME", "FAIL NAME: why" lines. Environment: INN_BUILD, INN_CORPUS,
INN_CACHE, NODE_PATH (tests/nets/run sets them).
"""
import json
import os
import subprocess
import sys
import tempfile

NETS = [
    "shapes10",
    "mnist_cntk_8",
    "resnet8_cifar10_mlperftiny",
    "resnet20_cifar10",
    "resnet56_cifar10",
    "sr_vdsr_x3",
    "mobilenet_v1_075_224_imagenet",
    "mobilenet_v2_imagenet",
    "resnet18_imagenet_ktb_small",
    "resnet18_imagenet_ktb_small_bnfolded",
    "resnet50_imagenet_pqf_large",
    "arch_resnet50",
]
WIDTHS = ["0.9", "0.7", "0.5"]
TOLERANCE = 1e-4  # largest difference over largest magnitude


class Failure(Exception):
    pass


def call(*argv):
    r = subprocess.run(argv, capture_output=True, text=True)
    if r.returncode != 0:
        raise Failure("%s: exit %d: %s" % (
            " ".join(os.path.basename(a) for a in argv[:3]), r.returncode,
            r.stderr.strip().splitlines()[-1] if r.stderr.strip() else ""))
    return r.stdout


def difference(np, a, b):
    if a.shape != b.shape:
        raise Failure("shapes %s and %s" % (a.shape, b.shape))
    a, b = a.astype(np.float64), b.astype(np.float64)
    if not np.isfinite(a).all():
        raise Failure("outputs are not finite")
    return np.abs(a - b).max() / max(np.abs(b).max(), 1e-30)


class Net:
    def __init__(self, name, tmp):
        self.name = name
        self.tmp = tmp
        build = os.environ["INN_BUILD"]
        self.inn = os.path.join(build, "inn")
        self.convert = os.path.join(build, "inn-convert")
        self.permute = os.path.join(build, "tests", "nets", "permute")
        corpus = os.environ["INN_CORPUS"]
        self.ort = os.path.join(corpus, "tools", "ort_run.js")
        cache = os.path.join(os.environ["INN_CACHE"], "corpus")
        self.model = os.path.join(cache, name + ".onnx")
        if not os.path.exists(self.model):
            call(sys.executable, os.path.join(corpus, "models", "build"),
                 cache, name)
        self.expected = os.path.join(corpus, "models", "expected")
        self.file = os.path.join(tmp, name + ".inn")
        self.inputs, self.outputs = self.samples()

    def samples(self):
        path = os.path.join(self.expected, self.name + ".json")
        if not os.path.exists(path):
            stem = os.path.join(self.expected, self.name)
            return [stem + ".in.npy"], {None: stem + ".out.npy"}
        with open(path) as f:
            about = json.load(f)
        at = self.expected
        return (["%s=%s" % (i["name"], os.path.join(at, i["file"]))
                 for i in about["inputs"]],
                {o["name"]: os.path.join(at, o["file"])
                 for o in about["outputs"]})

    def run(self, model, out, *options):
        import numpy as np
        folder = os.path.join(self.tmp, out)
        inputs = [a for i in self.inputs for a in ("--input", i)]
        call(self.inn, "run", model, *inputs, "--output-dir", folder, "-f",
             *options)
        return {f: np.load(os.path.join(folder, f))
                for f in sorted(os.listdir(folder))}

    def run_ort(self, model, out):
        import numpy as np
        folder = os.path.join(self.tmp, out)
        os.makedirs(folder, exist_ok=True)
        call("node", self.ort, model, *self.inputs, "--out", folder)
        return {f: np.load(os.path.join(folder, f))
                for f in sorted(os.listdir(folder))}

    def check_run(self):
        import numpy as np
        got = list(self.run(self.model, "onnx").values())
        for a, path in zip(got, self.outputs.values()):
            d = difference(np, a, np.load(path))
            if d > TOLERANCE:
                raise Failure("differs from ONNX Runtime by %.2g" % d)

    def check_exact(self):
        call(self.convert, self.model, "-o", self.file, "-f", "-q")
        got, want = self.run(self.file, "inn"), self.run(self.model, "onnx")
        if got.keys() != want.keys():
            raise Failure("outputs %s and %s" % (list(got), list(want)))
        for k in got:
            if got[k].tobytes() != want[k].tobytes():
                raise Failure("output %s differs at full width" % k)

    def check_widths(self):
        import numpy as np
        for width in WIDTHS:
            for rounding in ([], ["--round", "1"]):
                options = ["--width", width] + rounding
                small = os.path.join(self.tmp, "small.onnx")
                call(self.inn, "export", self.file, "-o", small, "-f", "-q",
                     *options)
                ours = self.run(self.file, "sampled", *options)
                theirs = self.run_ort(small, "ort")
                if not theirs or len(ours) != len(theirs):
                    raise Failure("outputs %s and %s" % (list(ours),
                                                         list(theirs)))
                for a, b in zip(ours.values(), theirs.values()):
                    d = difference(np, a, b)
                    if d > TOLERANCE:
                        raise Failure("width %s: ONNX Runtime differs by %.2g"
                                      % (" ".join(options), d))
                self.check_model(small)

    def check_model(self, path):
        import onnx
        model = onnx.load(path)
        if model.ir_version <= 8 and all(
                o.version <= 17 for o in model.opset_import if not o.domain):
            try:
                onnx.checker.check_model(model, full_check=True)
            except Exception as e:  # its errors have no common base
                raise Failure("onnx checker: %s" % str(e).splitlines()[0])

    def check_permuted(self):
        call(self.permute, self.model, *[i.split("=")[-1]
                                         for i in self.inputs])


def main(argv):
    if "--list" in argv:
        print("\n".join(NETS))
        return 0
    failed = 0
    for name in argv or NETS:
        with tempfile.TemporaryDirectory() as tmp:
            for part in ("run", "exact", "widths", "permuted"):
                label = "nets/%s/%s" % (name, part)
                try:
                    getattr(Net(name, tmp), "check_" + part)()
                    print("ok " + label, flush=True)
                except Failure as e:
                    print("FAIL %s: %s" % (label, e), flush=True)
                    failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
