"""Holds our onnx.proto against the copies that other packages install.

Every message, field and enum value of theirs has to be in ours with the same
number, type and label: then what they write is what we read. Ours may have
more, since it follows a newer version of the format.

    wire_test.py OURS [THEIRS...]

Without THEIRS, the copies of Debian's python3-onnx and libonnx-dev are used.
Prints "ok NAME", "FAIL NAME: why" or "skip NAME: why" per copy.
"""
import os
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2

COPIES = [
    "/usr/lib/python3/dist-packages/onnx/onnx.proto",
    "/usr/lib/python3/dist-packages/onnx/onnx-ml.proto",
    "/usr/include/onnx/onnx.proto",
]


def load(path):
    """The compiled descriptor of one .proto file."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "set")
        subprocess.run(
            ["protoc", "--proto_path=" + os.path.dirname(path),
             "--descriptor_set_out=" + out, path],
            check=True)
        with open(out, "rb") as file:
            files = descriptor_pb2.FileDescriptorSet.FromString(file.read())
    return files.file[0]


def walk(messages, prefix, fields, enums):
    """Fills fields {(message, number): ...} and enums {(enum, name): n}."""
    for m in messages:
        name = prefix + m.name
        fields[(name, None)] = "message"
        for f in m.field:
            type_name = f.type_name.split(".", 2)[-1]
            packed = f.options.packed
            oneof = m.oneof_decl[f.oneof_index].name \
                if f.HasField("oneof_index") else ""
            fields[(name, f.number)] = (f.name, f.type, f.label, type_name,
                                        packed, oneof)
        for e in m.enum_type:
            for v in e.value:
                enums[(name + "." + e.name, v.name)] = v.number
        walk(m.nested_type, name + ".", fields, enums)


def tables(path):
    descriptor = load(path)
    fields, enums = {}, {}
    walk(descriptor.message_type, "", fields, enums)
    return descriptor.package, fields, enums


def differences(ours, theirs):
    found = []
    if ours[0] != theirs[0]:
        found.append("package %s is %s here" % (theirs[0], ours[0]))
    for what, mine, others in (("field", ours[1], theirs[1]),
                               ("value", ours[2], theirs[2])):
        for key, value in sorted(others.items(), key=str):
            if mine.get(key) != value:
                found.append("%s %s %s: %s, here %s" %
                             (what, key[0], key[1], value, mine.get(key)))
    return found


def main():
    ours = tables(sys.argv[1])
    failed = False
    for path in sys.argv[2:] or COPIES:
        name = "proto/wire " + path
        if not os.path.exists(path):
            print("skip %s: not installed" % name)
            continue
        found = differences(ours, tables(path))
        if found:
            failed = True
            print("FAIL %s: %s" % (name, "; ".join(found[:5])))
        else:
            print("ok " + name)
    return failed


if __name__ == "__main__":
    sys.exit(main())
