#!/usr/bin/env python3
"""Runs the commands a page shows and compares what they print.

usage: docs.py PAGE.md...

A page's ```console blocks hold lines "$ command" and the output below them;
a line "..." stands for any number of lines. Commands run one after the other
in one empty folder, with the programs of INN_BUILD first on PATH and the
tree's models/ beside them. Numbers may differ by 2 % (another CPU rounds
otherwise), all other words must be the same.

A ```make block becomes the folder's Makefile. Of a ```yaml block, a workflow,
the `run:` steps are run as a runner would (bash -e, one script each), but for
the step "install inn": the programs are there. What a workflow's steps print
is not compared, they must succeed.

A comment "<!-- needs NAME=PATH ... -->" holds up to the next heading: the
commands there find INN_CACHE/PATH as NAME. What is not there is made from the
corpus (INN_CORPUS); without that these commands are skipped by name.
"""
import os
import re
import subprocess
import sys
import tempfile
import textwrap

NEEDS = re.compile(r"<!-- needs ((?:\S+=\S+ )+)-->")
TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
NUMBER = re.compile(r"^[-+]?[\d,]*\.?\d+(e[-+]?\d+)?$")


def steps(lines):
    """The scripts of a workflow's steps, in their order, by name."""
    found, name, at = [], "", 0
    while at < len(lines):
        line = lines[at]
        at += 1
        m = re.match(r"^(\s*)(- |  )(\w+):\s*(.*)$", line)
        if not m:
            continue
        if m[2] == "- ":
            name = ""
        if m[3] == "name":
            name = m[4]
        if m[3] != "run":
            continue
        script = m[4]
        if script == "|":
            indent = len(m[1]) + 3
            body = []
            while at < len(lines) and (not lines[at].strip() or
                                       lines[at].startswith(" " * indent)):
                body.append(lines[at])
                at += 1
            script = textwrap.dedent("\n".join(body))
        if name != "install inn":
            found.append(script)
    return found


def blocks(path):
    """(command, expected lines, needs) in the order of the page."""
    shown, found, command, kind, held = False, [], None, "", []
    needs = {}
    for line in open(path, encoding="utf-8"):
        line = line.rstrip("\n")
        if not kind and line.startswith("#"):
            needs = {}
        if not kind and NEEDS.match(line):
            needs = dict(need.split("=", 1)
                         for need in NEEDS.match(line)[1].split())
        if line.startswith("```"):
            if kind == "make":
                found.append(("cat > Makefile << 'END_OF_BLOCK'\n%s\n"
                              "END_OF_BLOCK" % "\n".join(held), [], needs))
            elif kind == "yaml":
                found += [("set -e\n" + s, ["..."], needs)
                          for s in steps(held)]
            shown, command = line == "```console", None
            kind, held = line[3:], []
        elif kind in ("make", "yaml"):
            held.append(line)
        elif shown and line.startswith("$ "):
            command = (line[2:], [], needs)
            found.append(command)
        elif shown and command and command[0].endswith("\\"):
            found[-1] = command = (command[0][:-1] + line.strip(), [],
                                   needs)
        elif shown and command:
            command[1].append(line)
    return found


def same_word(a, b):
    if a == b:
        return True
    if not (NUMBER.match(a) and NUMBER.match(b)):
        return False
    x, y = float(a.replace(",", "")), float(b.replace(",", ""))
    return abs(x - y) <= 0.02 * max(abs(x), abs(y))


def same_line(want, got):
    a, b = want.split(), got.split()
    return len(a) == len(b) and all(map(same_word, a, b))


def mismatch(want, got):
    """The first expected line that was not printed, or None."""
    at, skip = 0, False
    for line in want:
        if line.strip() == "...":
            skip = True
            continue
        while skip and at < len(got) and not same_line(line, got[at]):
            at += 1
        if at == len(got) or not same_line(line, got[at]):
            return line, got[at] if at < len(got) else "(nothing)"
        at, skip = at + 1, False
    if not skip and at < len(got):
        return "(nothing)", got[at]
    return None


def made(path):
    """INN_CACHE/PATH, from the corpus where it is not there; or None."""
    full = os.path.join(os.environ["INN_CACHE"], path)
    corpus = os.environ.get("INN_CORPUS")
    if corpus is None:
        return None
    if os.path.exists(full):
        return full
    os.makedirs(os.path.dirname(full), exist_ok=True)
    name, ending = os.path.splitext(os.path.basename(path))
    argv = ([corpus + "/models/build", os.path.dirname(full), name]
            if ending == ".onnx" else
            [corpus + "/data/pack", corpus + "/data/" + name, full])
    subprocess.run([sys.executable, *argv], stdout=subprocess.DEVNULL)
    return full if os.path.exists(full) else None


def lacks(needs, folder):
    """Puts what is needed into the folder; what can't be had, or None."""
    for name, path in needs.items():
        at = os.path.join(folder, name)
        if os.path.lexists(at):
            continue
        full = made(path)
        if full is None:
            return path
        os.symlink(full, at)
    return None


def check(page):
    failed = 0
    env = dict(os.environ)
    env["PATH"] = env["INN_BUILD"] + os.pathsep + env["PATH"]
    with tempfile.TemporaryDirectory() as tmp:
        os.symlink(os.path.join(TOP, "models"), os.path.join(tmp, "models"))
        found = blocks(page)
        if not found:
            print("FAIL docs/%s: no commands found" % os.path.basename(page))
            return 1
        for number, (command, want, needs) in enumerate(found, 1):
            label = "docs/%s/%d" % (os.path.basename(page), number)
            missing = lacks(needs, tmp)
            if missing:
                print("skip %s: no %s" % (label, missing))
                continue
            r = subprocess.run(["bash", "-c", command], cwd=tmp, env=env,
                               stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
            while want and not want[-1].strip():
                want.pop()
            differs = mismatch(want, r.stdout.splitlines())
            if differs:
                print("FAIL %s: %s: shows '%s', prints '%s'" %
                      ((label, command) + differs))
                failed += 1
            elif r.returncode != 0 and not any("inn: " in w for w in want):
                print("FAIL %s: %s: exit %d" % (label, command,
                                                r.returncode))
                failed += 1
            else:
                print("ok " + label)
    return failed


if __name__ == "__main__":
    sys.exit(1 if sum(check(p) for p in sys.argv[1:]) else 0)
