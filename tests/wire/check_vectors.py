"""Every golden vector through sos_wire; runs on CPython and on MicroPython alike. Prints how many held."""

import json
import sys
from binascii import hexlify, unhexlify

sys.path.insert(0, sys.argv[1])

from sos_wire import advert, evidence, frame, kinds, seal, sms


def read(path):
    with open(path) as file:
        return json.load(file)


def same(left, right, what):
    if left != right:
        raise AssertionError("%s: %r is not %r" % (what, left, right))


def refuses(call, *arguments):
    try:
        call(*arguments)
    except frame.FrameError:
        return True
    return False


def check_up(keys, vector):
    raw, body = unhexlify(vector["frame"]), unhexlify(vector["body"])
    names = frame.Short if vector["form"] == 1 else frame.Full
    encode = frame.encode_short if vector["form"] == 1 else frame.encode_full
    event = names(**vector["fields"])
    same(hexlify(encode(event)), hexlify(body), vector["name"])
    same(keys.open_up(raw), body, vector["name"])
    same(frame.decode_up(raw[0], body), event, vector["name"])
    same(hexlify(keys.seal_up(raw[1:6], vector["form"], body)), hexlify(raw), vector["name"])
    if vector["form"] == 1:
        same(len(advert.build(raw)), 31, "advertisement")
    text = sms.encode(raw)
    same(len(text), 34 if vector["form"] == 1 else 88, "text message")
    same(sms.decode(" " + text + "\r\n"), raw, "text message")
    for spoilt in (
        text[1:],
        text + "A",
        text[:-1],
        text.replace("S1", "S2"),
        text[:-1] + "=",
        text[:9] + "." + text[10:],
    ):
        same(sms.decode(spoilt), None, "text message " + spoilt)


def check_evidence(keys, vectors):
    """Every piece reads and writes as told, and all of them together are what was cut into pieces."""
    pieces = vectors["evidence"]
    whole = b"".join([unhexlify(vector["fields"]["samples"]) for vector in pieces])
    same((len(whole), len(pieces)), (evidence.BYTES, evidence.PIECES), "evidence")
    for vector in pieces:
        raw, body, fields = unhexlify(vector["frame"]), unhexlify(vector["body"]), vector["fields"]
        same(keys.open_up(raw), body, "evidence")
        same(evidence.is_evidence(raw), True, "evidence")
        piece = evidence.decode(body)
        told = (fields["ref_boot"], fields["ref_seq"], fields["index"], unhexlify(fields["samples"]))
        same(tuple(piece), told, "evidence")
        same(evidence.encode(piece.ref_boot, piece.ref_seq, piece.index, whole), body, "evidence")
        same(hexlify(keys.seal_up(raw[1:6], kinds.FORM_EVIDENCE, body)), hexlify(raw), "evidence")
        if not refuses(frame.decode_up, raw[0], body):
            raise AssertionError("a piece of evidence is read as an event")
    for vector in vectors["evidence_refused"]:
        if not refuses(evidence.decode, keys.open_up(unhexlify(vector["frame"]))):
            raise AssertionError("not refused: " + vector["name"])
    return len(pieces) + len(vectors["evidence_refused"])


def main():
    vectors = read(sys.argv[1] + "/sos_wire/vectors.json")
    keys = seal.Keys(unhexlify(vectors["secret"]))
    held = 0
    for vector in vectors["aliases"]:
        same(hexlify(keys.alias(vector["mode"], vector["index"])).decode(), vector["alias"], "alias")
        held += 1
    for vector in vectors["up"]:
        check_up(keys, vector)
        same(kinds.NAMES[vector["fields"]["kind"]], vector["name"], "name")
        held += 1
    for vector in vectors["down"]:
        raw, body = unhexlify(vector["frame"]), unhexlify(vector["body"])
        same(keys.open_down(raw), body, "down")
        same(frame.decode_down(body), frame.Down(**vector["fields"]), "down")
        same(keys.seal_down(raw[1:6], 1, body), raw, "down")
        held += 1
    for vector in vectors["refused"]:
        raw = unhexlify(vector["frame"])
        body = keys.open_up(raw)
        # A form that does not fit its length changes where body and tag lie: then nothing opens at all.
        if body is not None and not refuses(frame.decode_up, raw[0], body):
            raise AssertionError("not refused: " + vector["name"])
        held += 1
    for vector in vectors["down_refused"]:
        if not refuses(frame.decode_down, keys.open_down(unhexlify(vector["frame"]))):
            raise AssertionError("not refused: " + vector["name"])
        held += 1
    held += check_evidence(keys, vectors)
    for vector in vectors["unopened"]:
        same(keys.open_up(unhexlify(vector["frame"])), None, vector["name"])
        held += 1
    print("%d vectors hold" % held)


main()
