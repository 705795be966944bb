#!/usr/bin/env python3
"""The main job on real networks, against ONNX Runtime and python3-onnx.

usage: nets.py [--list] [NAME...]

For each network: it runs within 1e-4 of the stored ONNX Runtime output; the
.inn at full width with two threads and the .onnx with one agree bit for bit;
sampled at three widths, rounded and not, the written ONNX gives in ONNX
Runtime what `inn run` gives within 1e-4, the same in OpenCV where that reads
the network at all (READ_BY_OPENCV), and passes python3-onnx's full check, and
so once refitted (REFITTED); permuting the channels of every group leaves the outputs unchanged.

A name that inn-model knows is built by it, and compared with what ONNX
Runtime gives for seeded noise; these are the suite models.

Prints "ok NAME", "FAIL NAME: why" lines. Environment: INN_BUILD, INN_CORPUS,
INN_CACHE, NODE_PATH (tests/nets/run sets them).
"""
import importlib.util
import json
import os
import subprocess
import sys
import tempfile

import pool

NETS = [
    "light_vgg19",  # minutes: first, so that the others run beside it
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
    "resnet20_cifar10_functions",
    "resnet20_cifar10_floatdata",
    "resnet20_cifar10_unfolded",
    "resnet32_cifar10_op21",
    "squeezenet11_imagenet",
    "squeezenet10_imagenet_dc",
    "mobilenet_edgetpu_075_imagenet",
    "minifasnet_v1se",
    "mini_xception_fer2013",
    "sr_imdn_x3",
    "sr_imdn_x2_extdata",
    "sr_carn_m_x4",
    "sr_rfdn_x4",
    "sr_srcnn_915",
    "sr_srcnn_935",
    "sr_fsrcnn_x3",
    "sr_fsrcnn_tf_x3",
    "sr_espcn_pytorch_x3",
    "sr_dncnn_25",
    "arch_densenet121",
    "arch_shufflenet",
    "arch_inception_v1",
    "arch_inception_v2",
]
WIDTHS = ["0.9", "0.7", "0.5"]
# At half width RFDN, not tuned, answers 14,000 to a picture of 0 to 1; ONNX
# Runtime's own answers with and without its optimiser differ by 1.2e-4 there.
OTHER_WIDTHS = {"sr_rfdn_x4": ["0.9", "0.8", "0.7"]}
# What inn-model builds: shape of the input, widths; the slow ones first.
BUILT = {
    "vgg19": ((1, 3, 224, 224), ["0.7"]),
    "edsr-x4": ((1, 3, 24, 24), WIDTHS),
    "resnet50": ((1, 3, 224, 224), WIDTHS),
    "resnet18": ((1, 3, 224, 224), WIDTHS),
    "vgg11-cifar": ((2, 3, 32, 32), WIDTHS),
    "nin-cifar": ((2, 3, 32, 32), WIDTHS),
    "resnet18-cifar": ((2, 3, 32, 32), WIDTHS),
    "srcnn-x3": ((1, 1, 48, 40), WIDTHS),
    "edsr-baseline-x4": ((1, 3, 24, 24), WIDTHS),
}
# The others it refuses as they come: Split with sizes and Clip with bounds as
# inputs, Identity of a weight, Shape of a size that is open, local functions.
READ_BY_OPENCV = {
    "mnist_cntk_8", "resnet8_cifar10_mlperftiny", "resnet20_cifar10",
    "resnet56_cifar10", "sr_vdsr_x3", "mobilenet_v1_075_224_imagenet",
    "resnet18_imagenet_ktb_small", "resnet18_imagenet_ktb_small_bnfolded",
    "resnet50_imagenet_pqf_large", "resnet20_cifar10_floatdata",
    "squeezenet11_imagenet", "squeezenet10_imagenet_dc",
    "mobilenet_edgetpu_075_imagenet", "mini_xception_fer2013",
    "sr_srcnn_915", "sr_srcnn_935", "sr_fsrcnn_x3", "sr_dncnn_25",
}
REFITTED = {"resnet20_cifar10", "sr_fsrcnn_x3"}
MOMENTS_MOST = 15 << 20  # bytes of ONNX
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


def has_opencv():
    return importlib.util.find_spec("cv2") is not None


def difference(np, a, b):
    if a.shape != b.shape:
        raise Failure("shapes %s and %s" % (a.shape, b.shape))
    a, b = a.astype(np.float64), b.astype(np.float64)
    if not np.isfinite(a).all():
        raise Failure("outputs are not finite")
    return np.abs(a - b).max() / max(np.abs(b).max(), 1e-30)


class Net:
    suite = "nets"

    def __init__(self, name, tmp):
        self.name = name
        self.widths = OTHER_WIDTHS.get(name, WIDTHS)
        self.tmp = tmp
        build = os.environ["INN_BUILD"]
        self.inn = os.path.join(build, "inn")
        self.convert = os.path.join(build, "inn-convert")
        self.permute = os.path.join(build, "tests", "nets", "permute")
        corpus = os.environ["INN_CORPUS"]
        self.ort = os.path.join(corpus, "tools", "ort_run.js")
        self.expected = os.path.join(corpus, "models", "expected")
        self.file = os.path.join(tmp, name + ".inn")
        self.model = self.find()
        self.inputs, self.outputs = self.samples()

    def find(self):
        cache = os.path.join(os.environ["INN_CACHE"], "corpus")
        model = os.path.join(cache, self.name + ".onnx")
        if not os.path.exists(model):
            call(sys.executable,
                 os.path.join(os.environ["INN_CORPUS"], "models", "build"),
                 cache, self.name)
        return model

    def samples(self):
        path = os.path.join(self.expected, self.name + ".json")
        if not os.path.exists(path):
            stem = os.path.join(self.expected, self.name)
            return [stem + ".in.npy"], {None: stem + ".out.npy"}
        with open(path) as f:
            about = json.load(f)
        inputs, outputs = (
            part.items() if isinstance(part, dict)
            else [(a["name"], a["file"]) for a in part]
            for part in (about["inputs"], about["outputs"]))
        return (["%s=%s" % (name, os.path.join(self.expected, path))
                 for name, path in inputs],
                {name: os.path.join(self.expected, path)
                 for name, path in outputs})

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
        # Moments of the large ones take a minute each, and prove no more.
        large = os.path.getsize(self.model) > MOMENTS_MOST
        call(self.convert, self.model, "-o", self.file, "-f", "-q",
             *(["--no-moments"] if large else []))
        # Whatever the number of threads, too.
        got = self.run(self.file, "inn", "--threads", "2")
        want = self.run(self.model, "onnx", "--threads", "1")
        if got.keys() != want.keys():
            raise Failure("outputs %s and %s" % (list(got), list(want)))
        for k in got:
            if got[k].tobytes() != want[k].tobytes():
                raise Failure("output %s differs at full width" % k)

    def check_width(self, width, export, run):
        import numpy as np
        small = os.path.join(self.tmp, "small.onnx")
        call(self.inn, "export", self.file, "-o", small, "-f", "-q", *export)
        ours = self.run(self.file, "sampled", *run)
        theirs = self.run_ort(small, "ort")
        if not theirs or len(ours) != len(theirs):
            raise Failure("outputs %s and %s" % (list(ours), list(theirs)))
        for a, b in zip(ours.values(), theirs.values()):
            d = difference(np, a, b)
            if d > TOLERANCE:
                raise Failure("width %s: ONNX Runtime differs by %.2g"
                              % (width, d))
        self.check_model(small)
        self.check_opencv(small, ours)

    def check_widths(self):
        for width in self.widths:
            for rounding in ([], ["--round", "1"]):
                options = ["--width", width] + rounding
                self.check_width(" ".join(options),
                                 options + ["--refit", "off"], options)
        if self.name in REFITTED:
            options = ["--width", "0.7"]
            self.check_width("0.7, refitted", options,
                             options + ["--refit", "auto"])

    def check_model(self, path):
        import onnx
        model = onnx.load(path)
        if model.ir_version <= 8 and all(
                o.version <= 17 for o in model.opset_import if not o.domain):
            try:
                onnx.checker.check_model(model, full_check=True)
            except Exception as e:  # its errors have no common base
                raise Failure("onnx checker: %s" % str(e).splitlines()[0])

    def check_opencv(self, path, ours):
        import numpy as np
        if self.name not in READ_BY_OPENCV or not has_opencv():
            return
        import cv2
        try:
            net = cv2.dnn.readNetFromONNX(path)
            net.setInput(np.load(self.inputs[0].split("=")[-1]))
            theirs = net.forward()
        except cv2.error as e:
            raise Failure("OpenCV: %s" % " ".join(str(e).split())[:200])
        d = difference(np, *ours.values(), theirs)
        if d > TOLERANCE:
            raise Failure("OpenCV differs by %.2g" % d)

    def check_permuted(self):
        call(self.permute, self.model, *[i.split("=")[-1]
                                         for i in self.inputs])


class Built(Net):
    suite = "models"

    def find(self):
        self.shape, self.widths = BUILT[self.name]
        model = os.path.join(self.tmp, self.name + ".onnx")
        if not os.path.exists(model):
            call(os.path.join(os.environ["INN_BUILD"], "inn-model"),
                 self.name, "-o", model, "-q")
        return model

    def samples(self):
        import numpy as np
        path = os.path.join(self.tmp, "input.npy")
        noise = np.random.default_rng(12).standard_normal(self.shape)
        np.save(path, noise.astype(np.float32))
        return [path], {}

    def check_run(self):
        theirs = self.run_ort(self.model, "reference")
        self.outputs = {f: os.path.join(self.tmp, "reference", f)
                        for f in theirs}
        super().check_run()


def check(name):
    # VGG-19 takes a gigabyte, which a /tmp may not have.
    with tempfile.TemporaryDirectory(dir=os.environ["INN_CACHE"]) as tmp:
        return list(lines(name, tmp))


def lines(name, tmp):
    kind = Built if name in BUILT else Net
    for part in ("run", "exact", "widths", "permuted"):
        label = "%s/%s/%s" % (kind.suite, name, part)
        try:
            getattr(kind(name, tmp), "check_" + part)()
            yield "ok " + label
        except Failure as e:
            yield "FAIL %s: %s" % (label, e)


def main(argv):
    names = [a for a in argv if not a.startswith("-")] or NETS
    if "--list" in argv:
        print("\n".join(("models/" if n in BUILT else "nets/") + n
                        for n in names))
        return 0
    if not has_opencv():
        print("skip nets/opencv: python3-opencv is not installed")
    return 1 if pool.each(check, names) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
