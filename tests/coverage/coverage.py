#!/usr/bin/env python3
"""coverage: lines and branches that the unit tests reach.

usage: tests/coverage/coverage.py BUILD

BUILD was configured with --enable-coverage and has run `make check`. Prints
a line per folder, and FAIL where the files that read what others wrote are
below LEAST percent of their lines; those lines, if --missing is there too.
"""
import json
import os
import subprocess
import sys

LEAST = 95
# What reads files: ONNX, .inn, arrays, pictures, and what they stand on.
LOADERS = [
    "runtime/base/file.c", "runtime/base/image.c", "runtime/base/image_jpeg.c",
    "runtime/base/image_png.c", "runtime/base/npy.c", "runtime/base/wire.c",
    "runtime/file/codec.c", "runtime/file/layout.c", "runtime/file/open.c",
    "runtime/file/unpack.c", "runtime/file/unpack_groups.c",
    "runtime/file/unpack_moments.c", "runtime/graph/onnx_attr.c",
    "runtime/graph/onnx_external.c", "runtime/graph/onnx_function.c",
    "runtime/graph/onnx_message.c", "runtime/graph/onnx_read.c",
    "runtime/graph/onnx_sniff.c", "runtime/graph/onnx_subgraph.c",
    "runtime/graph/onnx_tensor.c", "runtime/grid/plan_file.c"]
TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))


def reached(build):
    """{source: ({line: times}, {(line, branch): times})}"""
    found = {}
    for folder, _, names in os.walk(build):
        names = [n for n in names if n.endswith(".gcda")]
        if not names:
            continue
        out = subprocess.run(["gcov", "-b", "-j", "-t"] + names, cwd=folder,
                             stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True).stdout
        for line in out.splitlines():
            for f in json.loads(line)["files"]:
                # Objects of libtool lie deeper than the compiler ran.
                path = os.path.realpath(os.path.join(build, f["file"]))
                name = os.path.relpath(path, TOP)
                if not name.startswith(("runtime/", "converter/")):
                    continue
                lines, branches = found.setdefault(name, ({}, {}))
                for entry in f["lines"]:
                    at = entry["line_number"]
                    lines[at] = lines.get(at, 0) + entry["count"]
                    for i, b in enumerate(entry["branches"]):
                        branches[at, i] = branches.get(
                            (at, i), 0) + b["count"]
    return found


def share(counts):
    n = sum(len(c) for c in counts)
    hit = sum(v > 0 for c in counts for v in c.values())
    return hit, n, 100.0 * hit / n if n else 100.0


def row(name, files):
    lines = share([f[0] for f in files])
    branches = share([f[1] for f in files])
    print("%-18s lines %6.2f %% of %5d   branches %6.2f %% of %5d" % (
        name, lines[2], lines[1], branches[2], branches[1]))
    return lines[2]


def main(build, missing):
    found = reached(build)
    folders = sorted({os.path.dirname(f) for f in found})
    for folder in folders:
        row(folder, [v for k, v in found.items()
                     if os.path.dirname(k) == folder])
    row("all", list(found.values()))
    absent = [f for f in LOADERS if f not in found]
    if absent:
        print("FAIL coverage: nothing is known of", *absent)
        return 1
    loaders = row("loaders", [found[f] for f in LOADERS])
    for f in LOADERS:
        if missing:
            print("%-32s %6.2f %%" % (f, share([found[f][0]])[2]),
                  *sorted(n for n, v in found[f][0].items() if v == 0))
    if loaders < LEAST:
        print("FAIL coverage: loaders have %.2f %% of their lines, %d are "
              "wanted" % (loaders, LEAST))
        return 1
    print("ok coverage: %.2f %% of the loaders' lines" % loaders)
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(os.path.realpath(sys.argv[1]), "--missing" in sys.argv))
