#!/usr/bin/env python3
"""Small networks of INN_CORPUS/cases: each a kind that users were stuck with.

usage: cases.py [NAME...]

For each network: it converts without options; it runs within 1e-4 of ONNX
Runtime; the .inn at full width gives the bits of the .onnx; sampled at three
widths, what `inn export` writes loads in ONNX Runtime and gives what `inn
run` gives; permuting the channels of every group leaves the outputs
unchanged. Networks that inn cannot run yet are named in NOT_RUN with the
operator that stands in the way: for these, ONNX Runtime alone has to load
and run what is exported, and a name that runs after all is a failure here.

Prints "ok NAME", "FAIL NAME: why" lines. Environment: INN_BUILD, INN_CORPUS,
INN_CACHE, NODE_PATH (tests/cases/run sets them).
"""
import glob
import os
import sys
import tempfile

import numpy
import onnx

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                             "nets"))
import nets
import pool

WIDTHS = ["0.9", "0.75", "0.5"]
# Carried and exported, refused by name when they are to run here.
NOT_RUN = {
    "arange_nonzero": "NonZero",
    "crnn": "LSTM",
    "deformconv": "DeformConv",
    "dynamic_quant": "DynamicQuantizeLinear",
    "einsum": "Einsum",
    "fusedconv_vi0": "FusedConv",
    "fusedconv_vi1": "FusedConv",
    "if_squeeze": "If",
    "qdq": "DequantizeLinear",
    "scatternd": "ScatterND",
    "tf/r11_mha": "MultiHeadAttention",
    "tf/r12_attention23": "Attention",
    "tf/r23_sdpa_causal_dyn": "Trilu",
    "tf/r23_sdpa_causal_static": "Trilu",
    "tf/r6_rms_op23": "RMSNormalization",
    "tf/r8_skipln": "Gelu",
    "tf/r9_einsum": "Einsum",
    "topk": "TopK",
}
# ONNX Runtime refuses a BatchNormalization that trains without its two other
# outputs; the same network with them says what it should give.
SAME_AS = {"bn_training1": "bn_training"}
OPEN = {"batch": 1, "b": 1, "N": 1, "seq": 8, "t": 8, "H": 8, "W": 8}


class Case(nets.Net):
    suite = "cases"

    def find(self):
        self.widths = WIDTHS
        self.file = os.path.join(self.tmp, "case.inn")
        return self.path(self.name)

    @staticmethod
    def path(name):
        return os.path.join(os.environ["INN_CORPUS"], "cases", name + ".onnx")

    def samples(self):
        return ["%s=%s" % (name, self.sample(name, kind, dims))
                for name, kind, dims in self.declared()], {}

    def declared(self):
        """Name, element type and sizes of each input."""
        graph = onnx.load(self.model).graph
        known = {t.name for t in graph.initializer}
        for i in graph.input:
            if i.name not in known:
                t = i.type.tensor_type
                yield i.name, t.elem_type, [
                    d.dim_value or OPEN[d.dim_param] for d in t.shape.dim]

    def sample(self, name, kind, dims):
        """The case's own input, or a seeded one."""
        given = "%s.%s.npy" % (self.model[:-len(".onnx")], name)
        if os.path.exists(given):
            return given
        path = os.path.join(self.tmp, name + ".npy")
        dtype = onnx.mapping.TENSOR_TYPE_TO_NP_TYPE[kind]
        rng = numpy.random.default_rng(21)
        a = rng.integers(0, 8, dims) if numpy.issubdtype(dtype, numpy.integer) \
            else rng.standard_normal(dims)
        numpy.save(path, a.astype(dtype))
        return path

    def check_run(self):
        theirs = self.run_ort(self.path(SAME_AS.get(self.name, self.name)),
                              "reference")
        why = NOT_RUN.get(self.name)
        if why is not None:
            try:
                self.run(self.model, "onnx")
            except nets.Failure as e:
                if why not in str(e):
                    raise
                return
            raise nets.Failure("it runs now: take it off NOT_RUN")
        self.agree("ONNX Runtime", self.run(self.model, "onnx"), theirs)

    def agree(self, who, ours, theirs):
        if not theirs or len(ours) != len(theirs):
            raise nets.Failure("outputs %s and %s" % (list(ours),
                                                      list(theirs)))
        for a, b in zip(ours.values(), theirs.values()):
            d = nets.difference(numpy, a, b)
            if not d <= nets.TOLERANCE:
                raise nets.Failure("%s differs by %.2g" % (who, d))

    def check_exact(self):
        if self.name in NOT_RUN:
            nets.call(self.convert, self.model, "-o", self.file, "-f", "-q")
        else:
            super().check_exact()

    def check_widths(self):
        small = os.path.join(self.tmp, "small.onnx")
        for width in self.widths:
            nets.call(self.inn, "export", self.file, "-o", small, "-f", "-q",
                      "--refit", "off", "--width", width)
            if self.name in SAME_AS:
                continue
            theirs = self.run_ort(small, "ort")
            if self.name not in NOT_RUN:
                ours = self.run(self.file, "sampled", "--width", width)
                self.agree("width %s: ONNX Runtime" % width, ours, theirs)

    def check_permuted(self):
        if self.name not in NOT_RUN:
            super().check_permuted()


def check(name):
    lines = []
    with tempfile.TemporaryDirectory(dir=os.environ["INN_CACHE"]) as tmp:
        for part in ("run", "exact", "widths", "permuted"):
            label = "cases/%s/%s" % (name, part)
            try:
                getattr(Case(name, tmp), "check_" + part)()
                lines.append("ok " + label)
            except nets.Failure as e:
                lines.append("FAIL %s: %s" % (label, e))
    return lines


def names():
    top = os.path.join(os.environ["INN_CORPUS"], "cases")
    return sorted(os.path.relpath(p, top)[:-len(".onnx")]
                  for folder in (top, os.path.join(top, "tf"))
                  for p in glob.glob(os.path.join(folder, "*.onnx")))


def main(argv):
    return 1 if pool.each(check, argv or names()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
