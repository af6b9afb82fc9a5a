"""Writes vectors.json from an implementation of docs/wire.md of its own: struct and hmac, nothing of ours.

Run it only when the format changes; the tests recompute every frame and compare.
"""

import hashlib
import hmac
import json
import struct
from pathlib import Path

TARGET = Path(__file__).parents[2] / "firmware" / "src" / "sos_wire" / "vectors.json"
SECRET = bytes(range(32))
UNIX_S = 1_795_000_000
NAMES = [
    "sos",
    "silent",
    "fall",
    "duress",
    "preventive-started",
    "preventive-extended",
    "preventive-expired",
    "preventive-ended",
    "wandering",
    "proximity",
    "removed",
    "low-battery",
    "no-motion",
    "tamper",
    "stop-on-demand",
    "test",
    "position",
    "heartbeat",
    "decoy",
    "cancelled",
    "felt",
    "risen",
]
REFERRING = {"duress", "preventive-extended", "preventive-ended", "cancelled", "felt", "risen"}


def digest(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def key(purpose: str) -> bytes:
    return digest(SECRET, f"socors1 {purpose}".encode())


def alias(mode: int, index: int) -> bytes:
    return digest(key("alias"), struct.pack(">BI", mode, index))[:5]


def seal(direction: str, form: int, body: bytes, mode: int = 0, version: int = 1) -> bytes:
    """docs/wire.md, sealing."""
    head = bytes([version << 4 | form]) + alias(mode, UNIX_S // 900 if mode == 0 else 3)
    tag = digest(key(f"{direction} mac"), head + body)[:8]
    stream = b"".join(
        digest(key(f"{direction} enc"), head + tag + bytes([i])) for i in range(-(-len(body) // 32))
    )
    return head + bytes(a ^ b for a, b in zip(body, stream, strict=False)) + tag


def short(kind: int, name: str) -> tuple[dict, bytes]:
    flags = {"felt": 2, "preventive-extended": 6}.get(name, 0x03 if name in ("sos", "fall") else 0x02)
    fields = {"boot": 7, "seq": 100 + kind, "kind": kind, "flags": flags}
    head = struct.pack(">HHBB", 7, 100 + kind, kind, flags)
    if name in REFERRING:
        fields |= {"when": 0xFFFFFF, "battery": 255, "ref_boot": 7, "ref_seq": 99}
        return fields, head + struct.pack(">HH", 7, 99)
    when = UNIX_S // 2 % 2**24
    fields |= {"when": when, "battery": 83, "ref_boot": 0, "ref_seq": 0}
    return fields, head + struct.pack(">I", when << 8 | 83)


FULL = ">HHBBIBBHHHiiHHHHHIbHHBBBH"
FULL_NAMES = [
    "boot",
    "seq",
    "kind",
    "flags",
    "unix_s",
    "battery",
    "emergency_type",
    "ref_boot",
    "ref_seq",
    "age_s",
    "lat_e7",
    "lon_e7",
    "radius_m",
    "fix_age_s",
    "mcc",
    "mnc",
    "tac",
    "cell",
    "rssi",
    "battery_mv",
    "firmware",
    "reset_cause",
    "press_count",
    "still_s",
    "faults",
]


def full(kind: int, name: str) -> tuple[dict, bytes]:
    flags = {"felt": 2, "preventive-extended": 6}.get(name, 0x02)
    reference = (7, 99) if name in REFERRING else (0, 0)
    known = kind % 2 == 1
    place = (413_544_000, 20_710_000, 25, 90) if known else (-(2**31), -(2**31), 0, 65535)
    values = (7, 200 + kind, kind, flags, UNIX_S, 83, 0, *reference, 65535, *place)
    values += (214, 7, 4021, 27_447_297, -97, 3910, 1, 4, 1, 0, kind)
    return dict(zip(FULL_NAMES, values, strict=True)), struct.pack(FULL, *values)


def refused() -> list[dict]:
    """Authentic frames whose body or header this version does not write."""
    sos = short(1, "sos")[1]
    whole = bytearray(full(1, "sos")[1])
    cases = {
        "kind 0": (1, sos[:4] + b"\x00" + sos[5:], 1),
        "kind 23": (1, sos[:4] + b"\x17" + sos[5:], 1),
        "flag bit 7": (1, sos[:5] + b"\x82" + sos[6:], 1),
        "felt state 6": (1, struct.pack(">HHBBHH", 7, 1, 21, 6, 7, 99), 1),
        "version 2": (1, sos, 2),
        "version 0": (1, sos, 0),
        "form 2 of a short body": (2, sos, 1),
        "form 1 of a full body": (1, bytes(whole), 1),
        "form 3 of a short body": (3, sos, 1),
        "latitude beyond the pole": (
            2,
            bytes(whole[:18]) + struct.pack(">i", 900_000_001) + bytes(whole[22:]),
            1,
        ),
        "longitude beyond the date line": (
            2,
            bytes(whole[:22]) + struct.pack(">i", 1_800_000_001) + bytes(whole[26:]),
            1,
        ),
        "latitude known, longitude not": (
            2,
            bytes(whole[:22]) + struct.pack(">i", -(2**31)) + bytes(whole[26:]),
            1,
        ),
    }
    return [
        {"name": name, "frame": seal("up", form, body, version=version).hex()}
        for name, (form, body, version) in cases.items()
    ]


def evidence() -> list[dict]:
    """Every piece of one fall's evidence, sample i being (i − 60, 60 − i, a blow at sample 50)."""
    samples = [(i - 60, 60 - i, 127 if i == 50 else -128 if i == 51 else i % 7) for i in range(125)]
    raw = b"".join(struct.pack(">bbb", *sample) for sample in samples)
    found = []
    for index in range(9):
        part = raw[45 * index : 45 * (index + 1)]
        body = struct.pack(">HHB", 7, 103, index) + part.ljust(45, b"\0")
        fields = {"ref_boot": 7, "ref_seq": 103, "index": index, "samples": part.hex()}
        frame = seal("up", 3, body, mode=index % 2)
        found.append({"fields": fields, "body": body.hex(), "frame": frame.hex()})
    return found


def evidence_refused() -> list[dict]:
    """Authentic frames of form 3 that no version of this page writes."""
    cases = {
        "piece 9": struct.pack(">HHB", 7, 103, 9) + bytes(45),
        "the last piece not padded with zeros": struct.pack(">HHB", 7, 103, 8) + bytes(44) + b"\1",
    }
    return [{"name": name, "frame": seal("up", 3, body).hex()} for name, body in cases.items()]


def vectors() -> dict:
    up = []
    for kind, name in enumerate(NAMES, 1):
        for form, make in ((1, short), (2, full)):
            fields, body = make(kind, name)
            mode = kind % 2
            frame = seal("up", form, body, mode)
            up.append(
                {"name": name, "form": form, "fields": fields, "body": body.hex(), "frame": frame.hex()}
            )
    down = []
    for state in range(6):
        values = (7, 101, state, 0, UNIX_S + state)
        body = struct.pack(">HHBBI", *values)
        names = ("ref_boot", "ref_seq", "state", "arg", "unix_s")
        frame = seal("down", 1, body)
        down.append(
            {"fields": dict(zip(names, values, strict=True)), "body": body.hex(), "frame": frame.hex()}
        )
    bad_down = struct.pack(">HHBBI", 7, 101, 6, 0, UNIX_S)
    good = bytes.fromhex(up[0]["frame"])
    unopened = {
        "one bit of the tag": good[:-1] + bytes([good[-1] ^ 1]),
        "one bit of the body": good[:8] + bytes([good[8] ^ 1]) + good[9:],
        "one bit of the alias": good[:3] + bytes([good[3] ^ 1]) + good[4:],
        "one bit of the header": bytes([good[0] ^ 1]) + good[1:],
        "one byte short": good[:-1],
        "one byte long": good + b"\x00",
        "empty": b"",
        "of the other direction": bytes.fromhex(down[1]["frame"]),
    }
    return {
        "secret": SECRET.hex(),
        "unix_s": UNIX_S,
        "aliases": [
            {"mode": m, "index": i, "alias": alias(m, i).hex()}
            for m, i in ((0, UNIX_S // 900), (1, 0), (1, 3))
        ],
        "up": up,
        "down": down,
        "down_refused": [{"name": "state 6", "frame": seal("down", 1, bad_down).hex()}],
        "refused": refused(),
        "evidence": evidence(),
        "evidence_refused": evidence_refused(),
        "unopened": [{"name": name, "frame": frame.hex()} for name, frame in unopened.items()],
    }


if __name__ == "__main__":
    TARGET.write_text(json.dumps(vectors(), indent=1) + "\n")
    print(f"wrote {TARGET}")
