#!/usr/bin/env python3
"""What is left when writing fails or is killed.

usage: safety.py SHIM.so FOLDER

Every command that writes is killed at random moments, runs out of disk, meets
a folder it can't write to, is told to write onto its input, and has its
output damaged on the way. Each time an old file must be intact or the new one
whole, and nothing else may be in the folder; what fails must say what and
where, in one line, with the right exit status.

The same under limits of memory and of threads: `ulimit -v` and `ulimit -u`.

INN_SAFETY_KILLS  how many random moments per command (default 100)
INN_SAFETY_STEP   MiB from one limit of memory to the next (default: a few)
INN_SAFETY_ONLY   "limits": these alone
INN_SAFETY_SEED   of the moments (default 1)
"""
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

SHIM, ROOT = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
BUILD = os.path.abspath(os.environ["INN_BUILD"])
HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
KILLS = int(os.environ.get("INN_SAFETY_KILLS", "100"))
RNG = random.Random(int(os.environ.get("INN_SAFETY_SEED", "1")))
DATA = os.path.join(ROOT, "data")
OLD = b"old bytes\n" * 3000
FAILED = []


def report(name, why=None):
    if why is None:
        print("ok safety/" + name, flush=True)
    else:
        print("FAIL safety/%s: %s" % (name, why), flush=True)
        FAILED.append(name)


def program(name):
    return os.path.join(BUILD, name)


def inn(*args):
    return [program("inn")] + list(args)


# What each command writes: name -> (command line, file). {} is the folder.
NET = os.path.join(DATA, "shapes10.inn")
CONVERT = ["--no-moments", "--scale", "1/255", "-q", "-f"]
COMMANDS = {
    "convert": ([program("inn-convert"), DATA + "/shapes10.onnx", "-o",
                 "{}/out.inn"] + CONVERT, "out.inn"),
    "export": (inn("export", NET, "--width", "0.8", "-o", "{}/out.onnx", "-q",
                   "-f"), "out.onnx"),
    "plan": (inn("export", NET, "--width", "0.8", "-o", "/dev/null",
                 "--write-plan", "{}/plan.json", "-q", "-f"), "plan.json"),
    "run": (inn("run", NET, "--random", "-o", "{}/y.npy", "-q", "-f",
                "--input-shape", "image:64,3,32,32"), "y.npy"),
    "picture": (inn("run", DATA + "/twice.onnx", "--image",
                    DATA + "/high.png", "-o", "{}/big.png", "-q", "-f"),
                "big.png"),
    "plot": (inn("eval", NET, "--data", DATA + "/shapes10.npz", "--widths",
                 "1,0.9", "--images", "even", "--plot", "{}/p.svg", "-q",
                 "-f"), "p.svg"),
    "junit": (inn("check", NET, "--junit", "{}/r.xml", "-q", "-f"), "r.xml"),
    "model": ([program("inn-model"), "srcnn-x3", "-o", "{}/m.onnx",
               "-q", "-f"], "m.onnx"),
}


def set_up():
    os.makedirs(DATA)
    for name in ("models/shapes10.onnx", "models/shapes10.npz",
                 "tests/cli/data/twice.onnx", "tests/cli/data/high.png"):
        shutil.copy(os.path.join(TOP, name), DATA)
    subprocess.run([program("inn-convert"), DATA + "/shapes10.onnx", "-o",
                    NET] + CONVERT, check=True)
    version = subprocess.run(inn("--version"), stdout=subprocess.PIPE,
                             text=True).stdout
    for what, commands in (("png: no", ["picture"]), ("plots: no", ["plot"]),
                           ("npz: no", ["plot"])):
        for name in commands:
            if what in version:
                COMMANDS.pop(name, None)


def command(name, folder):
    line, out = COMMANDS[name]
    return [a.replace("{}", folder) for a in line], os.path.join(folder, out)


def environment(shim=None):
    env = dict(os.environ, OMP_WAIT_POLICY="passive")
    if shim is not None:
        env.update(LD_PRELOAD=SHIM, INN_SHIM=shim)
    return env


def fresh(with_old, out=None):
    folder = os.path.join(ROOT, "work")
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    if with_old:
        with open(os.path.join(folder, out), "wb") as f:
            f.write(OLD)
    return folder


def content(path):
    if not os.path.exists(path):
        return None
    with open(path, "rb") as f:
        return f.read()


def leftovers(folder, out):
    return [n for n in os.listdir(folder) if os.path.join(folder, n) != out]


def whole(name):
    """What the command writes when nothing happens, and how long it takes."""
    best = 1e9
    for _ in range(3):
        folder = fresh(False)
        line, out = command(name, folder)
        start = time.monotonic()
        subprocess.run(line, check=True, env=environment())
        best = min(best, time.monotonic() - start)
    return content(out), best


SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def kill_at(name, moment, number, with_old, shim):
    line, out = command(name, fresh(with_old, COMMANDS[name][1]))
    p = subprocess.Popen(line, env=environment(shim),
                         stderr=subprocess.DEVNULL)
    time.sleep(moment)
    p.send_signal(number)
    p.wait()
    return out, p.returncode


def kills(name, label, count, signals, shim=None):
    """Killed at random moments, half of them with an old file there."""
    want, _ = whole(name)
    start = time.monotonic()
    line, out = command(name, fresh(False))
    subprocess.run(line, check=True, env=environment(shim))
    took = time.monotonic() - start
    if content(out) != want:
        return report(label, "the file is another one under the shim")
    outcomes = {"old": 0, "none": 0, "new": 0}
    for i in range(count):
        moment = RNG.uniform(0, took)
        number = signals[i % len(signals)]
        with_old = (i // len(signals)) % 2 == 1
        out, code = kill_at(name, moment, number, with_old, shim)
        what = "signal %d after %.1f ms of %.1f" % (number, 1e3 * moment,
                                                    1e3 * took)
        got = content(out)
        left = leftovers(os.path.dirname(out), out)
        if left:
            return report(label, "%s leaves %s" % (what, left))
        if got == want:
            outcomes["new"] += 1
        elif got == (OLD if with_old else None):
            outcomes["old" if with_old else "none"] += 1
        else:
            return report(label, "%s leaves %s bytes of neither the old file "
                          "nor the new" % (what, len(got or b"")))
        if code not in (0, -number):
            return report(label, "%s: exit %d" % (what, code))
    print("  %s: %d x the old file, %d x none, %d x the new one, of %.0f ms" %
          (label, outcomes["old"], outcomes["none"], outcomes["new"],
           1e3 * took))
    report(label)


def fails(name, label, reason, code=3, shim=None, with_old=True, wrap=None):
    """Must fail with this reason and leave things as they were."""
    folder = fresh(with_old, COMMANDS[name][1])
    line, out = command(name, folder)
    before = content(out)
    names = sorted(os.listdir(folder))
    if wrap is not None:
        line = wrap(line)
    r = subprocess.run(line, env=environment(shim), stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True)
    lines = r.stderr.strip().splitlines()
    if r.returncode != code:
        return report(label, "exit %d: %s" % (r.returncode, r.stderr.strip()))
    if len(lines) != 1 or not re.search(reason, lines[0]):
        return report(label, "says '%s'" % r.stderr.strip())
    if not re.match(r"inn[a-z-]*: ", lines[0]) or \
            os.path.basename(out) not in lines[0]:
        return report(label, "does not say where: '%s'" % lines[0])
    if content(out) != before:
        return report(label, "the old file has changed")
    if sorted(os.listdir(folder)) != names:
        return report(label, "leaves %s" % os.listdir(folder))
    return report(label)


def faults():
    for name in COMMANDS:
        for old in (True, False):
            tag = "%s-%s" % (name, "over" if old else "new")
            fails(name, "full-" + tag, "No space left on device",
                  shim="full=100", with_old=old)
        fails(name, "full-named-" + name, "No space left on device",
              shim="full=100 notmp")
        fails(name, "sync-" + name, "Input/output error", shim="nosync")
        no_folder(name)
    for name in ("convert", "export", "model"):
        fails(name, "full-late-" + name, "No space left on device",
              shim="full=200000")
        fails(name, "full-copy-" + name, "No space left on device",
              shim="nolink full=%d" % (len(whole(name)[0]) + 5000))
        fails(name, "file-size-" + name, "File too large",
              wrap=lambda line: ["bash", "-c", 'ulimit -f 64; exec "$@"',
                                 "bash"] + line)


def no_folder(name):
    line, out = command(name, os.path.join(fresh(False), "none"))
    r = subprocess.run(line, stderr=subprocess.PIPE, text=True)
    ok = r.returncode == 3 and r.stderr.count("\n") == 1 and \
        out + ": can't be written: No such file or directory" in r.stderr
    report("no-folder-" + name, None if ok else "exit %d: %s" % (
        r.returncode, r.stderr.strip()))


def devices():
    for name in COMMANDS:
        line, out = COMMANDS[name]
        line = [a if "{}" not in a else "/dev/full" for a in line]
        if name in ("picture", "plot", "run"):
            continue  # their names say what they write
        r = subprocess.run(line, stderr=subprocess.PIPE, text=True)
        ok = r.returncode == 3 and r.stderr.count("\n") == 1 and \
            "/dev/full: can't be written: No space left" in r.stderr
        report("dev-full-" + name, None if ok else "exit %d: %s" % (
            r.returncode, r.stderr.strip()))
    line, _ = command("run", fresh(False))
    line[line.index("-o") + 1] = "/dev/full"
    r = subprocess.run(line, stderr=subprocess.PIPE, text=True)
    report("dev-full-run", None if r.returncode == 3 else r.stderr)


def unnamed_fallbacks():
    """Where the system has no nameless files, or won't name them."""
    for shim in ("notmp", "nolink", "notmp nolink"):
        for name in ("convert", "export"):
            for old in (True, False):
                label = "%s-%s-%s" % (shim.replace(" ", "-"), name,
                                      "over" if old else "new")
                want, _ = whole(name)
                line, out = command(name, fresh(old, COMMANDS[name][1]))
                subprocess.run(line, check=True, env=environment(shim))
                left = leftovers(os.path.dirname(out), out)
                report(label, None if content(out) == want and not left
                       else "another file, or %s" % left)


def damaged_on_the_way():
    """What is read back and found wrong never takes the old one's place."""
    for name in ("convert", "export"):
        at = len(whole(name)[0]) // 3
        for old in (True, False):
            fails(name, "read-back-%s-%s" % (name, "over" if old else "new"),
                  "read back: ", shim="flip=%d" % at, with_old=old)
        fails(name, "read-back-named-" + name, "read back: ",
              shim="notmp flip=%d" % at)


def onto_input():
    def refused(label, line, *files):
        before = [content(f) for f in files]
        r = subprocess.run(line, stderr=subprocess.PIPE, text=True)
        ok = r.returncode == 2 and "is the input" in r.stderr and \
            [content(f) for f in files] == before
        report("onto-input-" + label, None if ok else "exit %d: %s" % (
            r.returncode, r.stderr.strip()))

    folder = fresh(False)
    net, onnx = folder + "/net.inn", folder + "/net.onnx"
    shutil.copy(NET, net)
    shutil.copy(DATA + "/shapes10.onnx", onnx)
    os.symlink("net.onnx", folder + "/link.onnx")
    os.symlink("net.inn", folder + "/link.inn")
    os.link(net, folder + "/hard.inn")
    convert = program("inn-convert")
    for there in ("net.onnx", "link.onnx"):
        refused("convert-" + there, [convert, onnx, "-f", "-q", "-o",
                                     os.path.join(folder, there)], onnx)
    for there in ("net.inn", "link.inn", "hard.inn"):
        refused("export-" + there, inn("export", net, "-f", "-q", "-o",
                                       os.path.join(folder, there)), net)
    plan = folder + "/plan.json"
    subprocess.run(inn("export", net, "-o", "/dev/null", "-q", "--write-plan",
                       plan), check=True)
    refused("plan", inn("export", net, "--plan", plan, "-f", "-q", "-o",
                        plan), plan)
    x = folder + "/x.npy"
    subprocess.run(inn("run", DATA + "/twice.onnx", "--random", "-q",
                       "--input-shape", "x:1,3,4,4", "-o", x), check=True)
    refused("run", inn("run", DATA + "/twice.onnx", "-i", x, "-o", x, "-f"),
            x)
    refused("run-network", inn("run", net, "--random", "-o", net, "-f"), net)
    os.rename(x, folder + "/y.npy")
    x = folder + "/y.npy"
    refused("run-dir", inn("run", DATA + "/twice.onnx", "-i", x,
                           "--output-dir", folder, "-f"), x)
    refused("junit", inn("check", net, "--junit", net, "-f"), net)


IN_NAMESPACE = ["unshare", "-rm", "bash", "-c"]


def file_systems():
    """Real ones: a tmpfs that is full, and one that is read-only."""
    folder = fresh(False)
    mount = "mount -t tmpfs -o size=%s tmpfs " + folder + " && "
    if subprocess.run(IN_NAMESPACE + [mount % "64k" + "true"],
                      stderr=subprocess.DEVNULL).returncode != 0:
        print("skip safety/file-systems: no mounts of one's own here")
        return
    for name in ("convert", "export", "model", "plot"):
        if name not in COMMANDS:
            continue
        line, out = command(name, folder)
        quoted = " ".join("'%s'" % a for a in line)
        old = "head -c 30000 /dev/zero > %s; " % out
        after = ("; echo exit $?; stat -c %%s %s; ls -A %s | wc -l" %
                 (out, folder))
        small = 40 if name != "plot" else 32
        for label, script, reason in (
                ("full", mount % ("%dk" % small) + old, "No space left"),
                ("read-only", mount % "1m" + old + "mount -o remount,ro " +
                 folder + " && ", "Read-only file system")):
            r = subprocess.run(IN_NAMESPACE + [script + quoted + after],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
            ok = r.stdout.split() == ["exit", "3", "30000", "1"] and \
                r.stderr.count("\n") == 1 and reason in r.stderr and \
                os.path.basename(out) in r.stderr
            report("%s-tmpfs-%s" % (label, name), None if ok else
                   (r.stdout + r.stderr).strip().replace("\n", "; "))


def memory():
    """Every malloc in turn, those of libraries too; of a run, which makes
    many, one in 97. OpenMP has a line of its own before ours."""
    tiny = os.path.join(DATA, "tiny.inn")
    shutil.copy(os.path.join(TOP, "tests/cli/data/tiny.onnx"), DATA)
    subprocess.run([program("inn-convert"), DATA + "/tiny.onnx", "-o", tiny,
                    "-q", "--no-moments"], check=True)
    lines = {
        "convert": [program("inn-convert"), DATA + "/tiny.onnx", "-o",
                    "{}/o", "--no-moments", "-f"],
        "export": inn("export", tiny, "-o", "{}/o", "--width", "0.6", "-f"),
        "check": inn("check", tiny),
        "info": inn("info", tiny, "--json"),
        "info-onnx": inn("info", DATA + "/tiny.onnx"),
        "run": inn("run", DATA + "/shapes10.onnx", "--random"),
    }
    for name, line in lines.items():
        folder = fresh(False)
        line = [a.replace("{}", folder) for a in line] + ["--threads", "1"]
        done = os.path.join(ROOT, "done")
        want = subprocess.run(line, stdout=subprocess.PIPE).stdout
        want_file = content(folder + "/o")
        n, why = 0, None
        while why is None and not os.path.exists(done):
            n += 97 if name == "run" else 1
            folder = fresh(False)
            r = subprocess.run(line, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE,
                               env=dict(environment("nomem=%d" % n),
                                        INN_SHIM_DONE=done))
            err = r.stderr.decode(errors="replace")
            left = leftovers(folder, folder + "/o")
            if left or content(folder + "/o") not in (None, want_file):
                why = "leaves %s" % (left or "another file")
            elif r.returncode == 0 and r.stdout != want:
                why = "another result"
            elif r.returncode != 0 and (
                    r.returncode != 6 or
                    (err.count("\n") != 1 and "libgomp: " not in err)):
                why = "exit %d: %s" % (r.returncode, err.strip())
        if os.path.exists(done):
            os.unlink(done)
        report("memory-" + name, why and "allocation %d: %s" % (n, why))
        print("  memory-%s: up to allocation %d" % (name, n - 1))


def limited(line, kind, value, uid=None):
    """Runs line under one limit; 60 seconds are a hang."""
    def before():
        resource.setrlimit(kind, (value, value))
        if uid is not None:
            os.setgroups([])
            os.setresuid(uid, uid, uid)

    try:
        r = subprocess.run(line, stdout=subprocess.PIPE, preexec_fn=before,
                           stderr=subprocess.PIPE, timeout=60)
    except subprocess.TimeoutExpired:
        return None, b"", "does not end"
    return r.returncode, r.stdout, r.stderr.decode(errors="replace")


def judge(result, folder, want_file, may_fail):
    """Why this is not how a program ends under a limit, or None."""
    code, _, err = result
    if code is None:
        return err
    # Not ours to change: the loader itself finds no memory.
    if code == 127 and "error while loading shared libraries" in err:
        return None
    left = leftovers(folder, folder + "/o.npy")
    if left or content(folder + "/o.npy") not in (None, want_file):
        return "leaves %s" % (left or "another file")
    if code == 0:
        return None if content(folder + "/o.npy") == want_file else \
            "says it is fine and writes nothing"
    if not may_fail or code != 6:
        return "exit %d: %s" % (code, err.strip())
    if err.count("\n") != 1 or not re.match(r"inn(-convert)?: ", err):
        return "exit 6: '%s'" % err.strip()
    return None


def limit_lines():
    small, y = DATA + "/small.onnx", "{}/o.npy"
    subprocess.run(inn("export", NET, "--width", "0.8", "-o", small, "-q",
                       "-f"), check=True)
    return {
        "convert": [program("inn-convert"), DATA + "/shapes10.onnx", "-o", y,
                    "-q", "--pictures", "8"],
        "info": inn("info", NET),
        "export": inn("export", NET, "--width", "0.8", "-o", y, "-q"),
        "run": inn("run", NET, "--random", "-o", "logits=" + y, "-q"),
        "run-onnx": inn("run", small, "--random", "-q"),
        "eval": inn("eval", NET, "--data", DATA + "/shapes10.npz",
                    "--images", "even", "-q"),
        "bench": inn("bench", NET, "--runs", "3", "-q"),
        "compare": inn("compare", NET, small, "--width", "0.8", "-q"),
        "check": inn("check", NET, "-q"),
    }


# MiB: from what the loader needs to what is enough, OpenBLAS apart.
STEPS = {"convert": (100, 250, 340, 400, 560, 640, 900, 1200)}
FEW_STEPS = (60, 95, 110, 125, 150, 200, 280, 400)
NOBODY = 54321


def limits():
    """Too little memory, and too few threads, from none to enough."""
    step = int(os.environ.get("INN_SAFETY_STEP", "0"))
    os.chmod(ROOT, 0o755)
    for name, line in limit_lines().items():
        folder = fresh(False)
        line = [a.replace("{}", folder) for a in line]
        subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
        want = content(folder + "/o.npy")
        steps = range(40, 1000 if name == "convert" else 260, step) \
            if step else STEPS.get(name, FEW_STEPS)
        why = None
        for mib in steps:
            folder = fresh(False)
            why = why or judge(limited(line, resource.RLIMIT_AS, mib << 20),
                               folder, want, True)
            if why:
                why = "%d MiB: %s" % (mib, why)
                break
        report("memory-limit-" + name, why)
        if os.getuid() != 0:
            print("skip safety/thread-limit-%s: only root becomes another "
                  "user" % name)
            continue
        why = None
        for n in range(0, 4):
            folder = fresh(False)
            os.chmod(folder, 0o777)
            # Of a user of one's own, so that nobody else's threads count.
            why = judge(limited(line, resource.RLIMIT_NPROC, n, NOBODY + n),
                        folder, want, False)
            if why:
                why = "%d threads: %s" % (n, why)
                break
        report("thread-limit-" + name, why)


def main():
    set_up()
    limits()
    if os.environ.get("INN_SAFETY_ONLY") == "limits":
        return 1 if FAILED else 0
    memory()
    kills("convert", "killed-convert", KILLS, SIGNALS)
    kills("export", "killed-export", KILLS, SIGNALS)
    # Most of the time is spent writing: that is where the moments fall.
    kills("convert", "killed-writing-convert", KILLS // 2, SIGNALS,
          "slow=20")
    kills("export", "killed-writing-export", KILLS, SIGNALS, "slow=20")
    # With a name from the start only what can be caught leaves nothing.
    kills("convert", "killed-named-convert", KILLS // 2, SIGNALS[1:],
          "notmp slow=20")
    kills("export", "killed-named-export", KILLS // 2, SIGNALS[1:],
          "notmp slow=20")
    faults()
    devices()
    unnamed_fallbacks()
    damaged_on_the_way()
    onto_input()
    file_systems()
    return 1 if FAILED else 0


sys.exit(main())
