#!/usr/bin/env python3
"""One set of input sizes and one count of MACs per network.

usage: sizes.py [--all] [NAME...]

For each network of the corpus: converted without options it is still counted
as the original is, and 100.0 % of it at width 1; so are the file exported
from it, and what bench and eval count; check passes; every command works
with no option, whatever the network leaves open; other sizes by
--input-shape change all of them alike.

Takes the networks below $INN_CORPUS/models and cases of up to 4 MB; --all
the others too, and those built in $INN_CACHE (half an hour).

Prints "ok sizes/NAME", "FAIL sizes/NAME: why", "skip sizes/NAME: why" lines.
Environment: INN_BUILD, INN_CORPUS, INN_CACHE.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "nets"))
import pool  # noqa: E402

CI_BYTES = 4 << 20
# MACs from which on a network is counted, but not run.
MOST_MACS = 3e9
FORMAT, UNSUPPORTED = 4, 5  # exit codes


class Failure(Exception):
    pass


class Refused(Exception):
    """By the converter, and not for its sizes."""


def call(*argv, may=()):
    """What a command prints; None where it ends in one of the codes."""
    r = subprocess.run([str(a) for a in argv], capture_output=True, text=True)
    if r.returncode in may:
        return None
    if r.returncode != 0:
        raise Failure("%s: exit %d: %s" % (
            " ".join(os.path.basename(str(a)) for a in argv[:3]),
            r.returncode, (r.stderr.strip().splitlines() or [""])[-1]))
    return r.stdout


def same(what, got, want):
    if got != want:
        raise Failure("%s: %s, not %s" % (what, got, want))


class Net:
    def __init__(self, path, tmp):
        build = os.environ["INN_BUILD"]
        self.inn = os.path.join(build, "inn")
        self.convert = os.path.join(build, "inn-convert")
        self.onnx = path
        self.tmp = tmp
        self.file = os.path.join(tmp, "net.inn")
        self.out = os.path.join(tmp, "net.onnx")

    def info(self, path, *options):
        return json.loads(call(self.inn, "info", path, "--json", "-q",
                               *options))

    def counts(self, path, *options):
        info = self.info(path, *options)
        return {k: info[k] for k in ("macs", "macs_uncounted", "sizes")}

    def export(self, *options):
        text = call(self.inn, "export", self.file, "-f", "-o", self.out,
                    "--width", "1", *options)
        share = re.search(r"^MACs +([0-9,]+) +([0-9,]+) *(.*)$", text, re.M)
        before, after, percent = share.groups()
        same("MACs in the table of export", after, before)
        if before != "0":
            same("share of MACs", percent, "100.0 %")
        named = "MACs are without those of" in text
        return int(after.replace(",", "")), named

    def agree(self, want, *options):
        """All who count, at these options."""
        same("info of .inn", self.counts(self.file, *options), want)
        macs, named = self.export(*options)
        same("MACs of export", macs, want["macs"])
        same("whether export names what is not counted", named,
             want["macs_uncounted"] != [])
        same("info of what was exported", self.counts(self.out, *options),
             want)

    def bench(self, path, *options):
        """MACs, or None where it can't be run here."""
        text = call(self.inn, "bench", path, "--json", "-q", "--runs", "1",
                    "--warmup", "0", "--threads", "1", *options,
                    may=(UNSUPPORTED,))
        return text and json.loads(text)["rows"][0]["macs"]

    def eval(self, info):
        """Classifiers of pictures, on two grey ones in their size."""
        import numpy as np
        shape = list(info["sizes"].values())[0]
        if len(info["inputs"]) != 1 or len(shape) != 4 or \
                info["inputs"][0]["type"] != "f32" or shape[0] != 1:
            return
        outputs = info["outputs"][0]["shape"]
        if len(info["outputs"]) != 1 or outputs is None or \
                len(outputs) != 2 or shape[1] not in (1, 3):
            return
        data = os.path.join(self.tmp, "data.npz")
        np.savez(data, x=np.full([2] + shape[1:], 0.5, np.float32),
                 y=np.zeros(2, np.int64))
        for path in (self.onnx, self.file):
            text = call(self.inn, "eval", path, "--data", data, "--json",
                        "--batch", "1", "-q", may=(UNSUPPORTED,))
            if text is not None:
                same("MACs of eval", json.loads(text)["rows"][0]["macs"],
                     info["macs"])

    def other_sizes(self, info):
        """Options for open sizes that are twice or half as large."""
        for double in (True, False):
            options = []
            for i in info["inputs"]:
                if i["shape"] is None or i["name"] not in info["sizes"]:
                    continue
                size = info["sizes"][i["name"]]
                other = [d if isinstance(s, int) or k == 0
                         else 2 * d if double else max(d // 2, 1)
                         for k, (s, d) in enumerate(zip(i["shape"], size))]
                if other != size:
                    options += ["--input-shape", "%s:%s" % (
                        i["name"], ",".join(map(str, other)))]
            if options and call(self.inn, "info", self.onnx, "-q", *options,
                                may=(FORMAT,)) is not None:
                return options
        return []

    def run(self):
        info = self.info(self.onnx)
        want = self.counts(self.onnx)
        if call(self.convert, self.onnx, "-o", self.file, "-f", "-q",
                "--no-moments", may=(UNSUPPORTED,)) is None:
            raise Refused("inn-convert refuses it")
        self.agree(want)
        call(self.inn, "check", self.file, "-q")
        options = self.other_sizes(info)
        if options:
            other = self.counts(self.onnx, *options)
            self.agree(other, *options)
        if want["macs"] < MOST_MACS:
            macs = self.bench(self.file)
            if macs is not None:
                same("MACs of bench", macs, want["macs"])
                same("MACs of bench", self.bench(self.onnx), want["macs"])
                if options and other["macs"] < MOST_MACS:
                    same("MACs of bench", self.bench(self.file, *options),
                         other["macs"])
                self.eval(info)


def work(path):
    name = "sizes/" + os.path.basename(path)[:-len(".onnx")]
    with tempfile.TemporaryDirectory() as tmp:
        try:
            Net(path, tmp).run()
        except Failure as e:
            return ["FAIL %s: %s" % (name, e)]
        except Refused as e:
            return ["skip %s: %s" % (name, e)]
    return ["ok " + name]


def networks(everything):
    corpus = os.environ["INN_CORPUS"]
    folders = ["models", "cases", "cases/tf"]
    found = {}
    for folder in [os.path.join(corpus, f) for f in folders] + (
            [os.path.join(os.environ["INN_CACHE"], "corpus")]
            if everything else []):
        for name in sorted(os.listdir(folder)
                           if os.path.isdir(folder) else []):
            path = os.path.join(folder, name)
            if name.endswith(".onnx") and name not in found and (
                    everything or os.path.getsize(path) <= CI_BYTES):
                found[name] = path
    return sorted(found.values(), key=os.path.getsize, reverse=True)


def main():
    args = sys.argv[1:]
    names = [a for a in args if not a.startswith("--")]
    paths = networks("--all" in args or names)
    if names:
        paths = [p for p in paths
                 if os.path.basename(p)[:-len(".onnx")] in names]
    sys.exit(1 if pool.each(work, paths) else 0)


if __name__ == "__main__":
    main()
