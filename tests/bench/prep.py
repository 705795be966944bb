#!/usr/bin/python3
"""What inn-convert says of right and wrong preparations.

tests/bench/prep.py CORPUS [INN-CONVERT] converts (--dry-run) every network of
the list below with its right preparation and with each wrong preset, and
prints how often there was a warning, and what --prep auto chooses. Networks
in odd places of the list are those that thresholds were chosen on, the others
those that they are judged by. Preparations are those of the corpus's README
files and, of detectors, of the sources that these name.
"""
import json
import os
import subprocess
import sys

TORCH, TF, UNIT, NONE, CAFFE = "torch", "tf", "unit", "none", "caffe"
# name, and the preset that is right
NETWORKS = [
    ("resnet50_imagenet_pqf_large_bnstats", TORCH),
    ("resnet18_imagenet_ktb_small_bnstats", TORCH),
    ("resnet50_imagenet_pqf_large", TORCH),
    ("resnet18_imagenet_ktb_small", TORCH),
    ("resnet18_imagenet_ktb_small_bnfolded", TORCH),
    ("mobilenet_v2_imagenet", TF),
    ("mobilenet_edgetpu_075_imagenet", TF),
    ("mobilenet_v1_075_224_imagenet", TF),
    ("squeezenet10_imagenet_dc", CAFFE),
    ("squeezenet11_imagenet", CAFFE),
    ("resnet20_cifar10", TORCH),
    ("resnet32_cifar10_op21", TORCH),
    ("resnet56_cifar10", TORCH),
    ("resnet8_cifar10_mlperftiny", NONE),
    ("vww_mobilenet_v1_025_96", UNIT),
    ("mini_xception_fer2013", TF),
    ("minifasnet_v1se", NONE),
    ("zoo_ultraface_rfb_320", TF),
    ("zoo_ppocrv2_cls", TF),
    ("zoo_ppocrv4_det", TORCH),
    ("zoo_ppocrv4_rec", TF),
    ("mnist_cntk_8", NONE),
    ("fastestdet_shufflenetv2_coco", UNIT),
    ("zoo_yunet_n_dynamic", NONE),
    ("zoo_yolox_nano", NONE),
    ("zoo_blazeface_front", TF),
    ("zoo_blazeface_back", TF),
    ("zoo_style_candy", NONE),
    ("sr_carn_m_x4", UNIT),
    ("sr_imdn_x3", UNIT),
    ("sr_rfdn_x4", UNIT),
    ("sr_safmn_x4", UNIT),
    ("sr_realesr_animevideo_x4_fp16", UNIT),
    ("sr_waifu2x_upconv7_x2_fp16", UNIT),
    ("sr_waifu2x_cunet_x2_fp16", UNIT),
    ("sr_imdn_x2_extdata", UNIT),
    ("sr_espcn_pytorch_x3", UNIT),
    ("sr_fsrcnn_x3", UNIT),
    ("sr_fsrcnn_tf_x3", UNIT),
    ("sr_srcnn_915", UNIT),
    ("sr_vdsr_x3", UNIT),
    ("sr_dncnn_25", UNIT),
]
PRESETS = [NONE, UNIT, TF, TORCH, CAFFE]


def convert(program, path, prep):
    """The report, or None where the preset isn't for its channels."""
    command = [program, path, "--dry-run", "--json"]
    command += ["--prep", prep] if prep else []
    done = subprocess.run(command, capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None


def kind(report):
    evidence = report.get("evidence", [])
    for key, name in (("divergence", "statistics"), ("distance", "pictures"),
                      ("entropy", "scores")):
        if any(e[key] is not None for e in evidence):
            return name
    return "others"


def main():
    corpus = sys.argv[1]
    program = sys.argv[2] if len(sys.argv) > 2 else "inn-convert"
    cells, rows = {}, []
    for i, (name, right) in enumerate(NETWORKS):
        path = os.path.join(corpus, name + ".onnx")
        if not os.path.exists(path):
            print("missing: " + name, file=sys.stderr)
            continue
        reports = {p: convert(program, path, p)
                   for p in PRESETS + [None, "auto"]}
        what = kind(reports[right])
        auto = reports["auto"]["prep"].split(",")[0] if reports["auto"] \
            else "-"
        caught = [p for p in PRESETS if p != right and reports[p] and
                  reports[p]["warnings"]]
        missed = [p for p in PRESETS if p != right and reports[p] and
                  not reports[p]["warnings"]]
        alarm = bool(reports[right]["warnings"])
        print("%-38s %-10s %-6s auto %-6s none given: %-4s alarm: %-3s "
              "caught: %-22s missed: %s"
              % (name, what, right, auto,
                 "line" if reports[None]["warnings"] else "-",
                 "YES" if alarm else "no", ",".join(caught),
                 ",".join(missed)), flush=True)
        for half in ("chosen on" if i % 2 == 0 else "judged on", "all"):
            for p in PRESETS:
                if p == right or not reports[p]:
                    continue
                cell = cells.setdefault((half, what, p), [0, 0])
                cell[0] += p in caught
                cell[1] += 1
            cell = cells.setdefault((half, what, "right"), [0, 0])
            cell[0] += alarm
            cell[1] += 1
            cell = cells.setdefault((half, what, "auto"), [0, 0])
            cell[0] += auto == right
            cell[1] += 1
    print("\n| half | evidence | right: alarms | none | unit | tf | torch | "
          "caffe | auto right |\n|---|---|---|---|---|---|---|---|---|")
    for half in ("chosen on", "judged on", "all"):
        for what in ("statistics", "pictures", "scores", "others"):
            row = [cells.get((half, what, key)) for key in
                   ["right"] + PRESETS + ["auto"]]
            if any(row):
                print("| %s | %s | %s |" % (half, what, " | ".join(
                    "%d of %d" % tuple(c) if c else "–" for c in row)))


main()
