#!/usr/bin/env python3
"""A second reader of .inn files, written from proto/FORMAT.md alone.

usage: read_inn.py FILE.inn [FOLDER]

Prints a line per weight at full width: name, type, dims, CRC-32 of its
elements. With FOLDER, writes it there too, as NUMBER.npy (bf16 as f32).
"""
import collections, ctypes, os, struct, sys, zlib
try:
    import numpy as np
except ImportError:
    sys.exit(77)

zstd, xxh = ctypes.CDLL("libzstd.so.1"), ctypes.CDLL("libxxhash.so.0")
xxh.XXH3_64bits.restype = ctypes.c_uint64
xxh.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
zstd.ZSTD_decompress.restype = ctypes.c_size_t
zstd.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t] * 2
Section = collections.namedtuple("Section",
                                 "kind flags at stored raw codec type hash")
TYPES = {0: "u1", 1: "u4", 10: "u2", 11: "u8", 16: "u2"}
NAMES = {1: "f32", 10: "f16", 11: "f64", 16: "bf16"}

def need(ok, what):
    if not ok:
        sys.exit("read_inn: not a file we can read: " + what)

def hashed(data, value, what):
    need(xxh.XXH3_64bits(data, len(data)) == value, "checksum of " + what)

def layout(data):
    need(len(data) >= 128 and data[:8] == b"INN\r\n\x1a\n\0", "magic")
    hashed(data[:56], struct.unpack("<Q", data[56:64])[0], "header")
    need(data[8] in (1, 2) and data[9:56] == b"\0\0\0@" + bytes(43), "version")
    at, length, size, value, end_hash = struct.unpack("<4Q24xQ", data[-64:])
    hashed(data[-64:-8], end_hash, "tail")
    need(data[-32:-8] == bytes(16) + b"INN\r\nEOF", "tail")
    need(size == len(data) == at + length + 64 and length % 64 == 0, "length")
    hashed(data[at:at + length], value, "directory")
    sections, end = [], 64
    for i in range(at, at + length, 64):
        s = Section(*struct.unpack("<IIQQQII16xQ", data[i:i + 64]))
        need(data[i + 40:i + 56] == bytes(16) and s.flags < 2, "entry")
        need(s.at == end and s.stored <= at - end, "place of a section")
        need(s.kind in (1, 2, 3, 4, 6) or s.flags & 1, "unknown section")
        stop, end = end + s.stored, (end + s.stored + 63) // 64 * 64
        hashed(data[s.at:stop], s.hash, "section %d" % len(sections))
        need(data[stop:end] == bytes(end - stop), "padding")
        sections.append(s)
    need(end == at, "place of the directory")
    return sections

def decode(data, s):
    """The elements of a section as unsigned integers."""
    dtype = np.dtype("<" + TYPES[s.type])
    planes, body = dtype.itemsize, data[s.at:s.at + s.stored]
    need(s.codec < 2 and s.raw % planes == 0, "codec or raw length")
    if s.codec == 0:
        return np.frombuffer(body, dtype)
    frames, out, at = -(-s.raw // 2**20), [np.zeros(0, dtype)], 0
    table = np.frombuffer(body[s.stored - 4 * frames * planes:], "<u4")
    need(int(table.sum(dtype="u8")) + 4 * table.size == s.stored, "frames")
    for f in range(frames):
        n = min(2**20, s.raw - f * 2**20) // planes
        r = np.zeros((n, planes), np.uint8)
        for k in range(planes):
            piece = body[at:at + int(table[f * planes + k])]
            at += len(piece)
            if len(piece) != n:
                plain = ctypes.create_string_buffer(n)
                got = zstd.ZSTD_decompress(plain, n, piece, len(piece))
                need(got == n, "zstd frame")
                piece = plain.raw
            r[:, planes - 1 - k] = np.frombuffer(piece, np.uint8)
        u = r.reshape(-1).view(dtype)
        out.append(u if s.type == 0 else
                   u >> dtype.type(1) | u << dtype.type(8 * planes - 1))
    return np.concatenate(out)

def varint(data, at):
    value = shift = 0
    while True:
        value, shift, at = value | (data[at] & 127) << shift, shift + 7, at + 1
        if data[at - 1] < 128:
            return value, at

def message(data):
    """Field number -> list of values: integers, or bytes."""
    fields, at = collections.defaultdict(list), 0
    while at < len(data):
        tag, at = varint(data, at)
        size = {1: 8, 5: 4}.get(tag & 7)
        if size is None:
            size, at = varint(data, at)
        if tag & 7:
            need(tag & 7 in (1, 2, 5) and size <= len(data) - at, "field")
            fields[tag >> 3].append(data[at:at + size])
            at += size
        else:
            fields[tag >> 3].append(size)
    return fields

def number(fields, key):
    return fields[key][-1] if key in fields else 0

def numbers(fields, key):
    out, at, data = [], 0, b"".join(fields[key])
    while at < len(data):
        value, at = varint(data, at)
        out.append(value)
    return out

def put_back(grid, axis, spans, groups):
    """Channels of an axis in the network's own order."""
    points, at = collections.defaultdict(list), 0
    for group, block, count, repeat in zip(*[iter(spans)] * 4):
        first, n = 0, 1
        if group >= 0:
            sizes = numbers(groups[group], 4)
            first, n, count = sum(sizes[:block]), sizes[block], repeat
        for p in range(first, first + n):
            points[group, p] += range(at, at + count)
            at += count
    need(at == grid.shape[axis], "length of an axis, or nodes < size")
    source = np.arange(at)
    for group in {g for g, _ in points if g >= 0}:
        for p, channel in enumerate(numbers(groups[group], 5)):
            source[points[group, channel]] = points[group, p]
    return np.take(grid, source, axis)

data = open(sys.argv[1], "rb").read()
sections = layout(data)
network, groups = (message(decode(data, s).tobytes())
                   for k in (1, 2) for s in sections if s.kind == k)
axes = collections.defaultdict(dict)
for a in map(message, groups[2]):
    axes[a[1][0]][number(a, 2)] = [v >> 1 ^ -(v & 1) for v in numbers(a, 4)]
groups = [message(g) for g in groups[1]]
for i, w in enumerate(map(message, network[4])):
    section = sections[number(w, 5)]
    weight = decode(data, section).reshape(numbers(w, 3))
    for axis, spans in axes[w[1][0]].items():
        weight = put_back(weight, axis, spans, groups)
    print(w[1][0].decode(), NAMES[section.type],
          "x".join(map(str, weight.shape)), "%08x" % zlib.crc32(weight))
    if len(sys.argv) > 2:
        wide = weight.astype("<u4") << 16 if section.type == 16 else weight
        np.save(os.path.join(sys.argv[2], "%d.npy" % i),
                wide.view("<f%d" % wide.itemsize))
