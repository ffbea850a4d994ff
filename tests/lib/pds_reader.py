#!/usr/bin/env python3
"""Reads the events of a PDS stream with nothing but predis-stream(5) and the
standard library, and prints them as `predis-sample print` does. No
resynchronisation: anything unexpected is an error."""
import json
import struct
import sys
import zlib

OPS = "get set del expire touch update other".split()


def members(data):
    """The frames of a row of members and bare frames."""
    at = 0
    while at < len(data):
        if data[at:at + 4] == b"PDS1":
            length = 48 + struct.unpack_from("<I", data, at + 8)[0]
            yield data[at:at + length], None
            at += length
            continue
        assert data[at:at + 10] == bytes.fromhex("1f8b08040000000004ff")
        xlen, si, slen = struct.unpack_from("<H2sH", data, at + 10)
        assert (xlen, si, slen) == (36, b"PD", 32)
        size, nrec, t0, t1, kind, version, flags, crc = struct.unpack_from(
            "<IIQQBBHI", data, at + 16)
        assert crc == zlib.crc32(data[at + 16:at + 44])
        frame = zlib.decompress(data[at + 48:at + size - 8], -15)
        assert struct.unpack_from("<II", data, at + size - 8) == (
            zlib.crc32(frame), len(frame))
        yield frame, (kind, version, flags, nrec, t0, t1)
        at += size


def varints(data):
    value = shift = 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield value
            value = shift = 0
    assert shift == 0


def deltas(data, base):
    for v in varints(data):
        base = (base + (v >> 1 ^ -(v & 1))) % 2**64
        yield base


def columns(frame, flags):
    at, entries, cols = 48, [], {}
    while True:
        ident, enc, width, length = struct.unpack_from("<HBBI", frame, at)
        at += 8
        if ident == 0:
            break
        entries.append((ident, enc, width, length))
    if flags & 1:
        assert length == zlib.crc32(frame[at:], zlib.crc32(frame[:at - 4]))
    for ident, enc, width, length in entries:
        cols[ident] = frame[at:at + length]
        at += length
    assert at == len(frame)
    return cols


def events(cols, nrec, t0, header_shard, hits):
    new = struct.unpack("<%dQ" % (len(cols[4]) // 8), cols[4])
    sizes, ttls = varints(cols.get(6, b"")), varints(cols.get(7, b""))
    latency = list(varints(cols.get(8, bytes(nrec))))
    ns = list(varints(cols.get(9, bytes(nrec))))
    client = struct.unpack("<%dI" % nrec, cols.get(10, bytes(4 * nrec)))
    weight = list(varints(cols.get(11, b"\1" * nrec)))
    shard = list(varints(cols[12])) if 12 in cols else [header_shard] * nrec
    keys, last = [], {}
    for i, (t, tick, ref, flags) in enumerate(zip(
            deltas(cols[1], t0), deltas(cols[2], 0), varints(cols[3]),
            cols[5])):
        if ref == 0:
            keys.append(new[len(keys)])
        key = keys[-1] if ref == 0 else keys[-ref]
        if flags & 0x40:
            last[key] = next(sizes)
        yield (t, tick, "%016x" % key,
               OPS[flags & 7] if flags & 7 < 7 else "unknown",
               flags >> 3 & 1 if hits else "", flags >> 4 & 1, last.get(key, 1),
               next(ttls) if flags & 0x20 else "", latency[i], ns[i],
               client[i], weight[i], shard[i])
    assert i == nrec - 1


def main():
    first, hits = None, True
    for frame, member in members(sys.stdin.buffer.read()):
        magic, kind, version, flags, length, nrec, stream, seq, lost, t0 = (
            struct.unpack_from("<4sBBHIIQQQQ", frame))
        assert magic == b"PDS1" and length == len(frame) - 48
        if member:
            assert member[:4] == (kind, version, flags, nrec)
        cols = columns(frame, flags)
        if chr(kind) == "H":
            first = 0
            hits = json.loads(cols[128]).get("hits") != "unknown"
            continue
        assert struct.unpack("<Q", cols[13])[0] == first
        first += nrec
        if chr(kind) == "E":
            for e in events(cols, nrec, t0, 0, hits):
                print(*e, sep="\t")


main()
