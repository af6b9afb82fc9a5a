"""The evidence of a fall: 5 s of acceleration round the blow, in pieces that each fit a frame of form 3.

125 samples at 25 Hz, oldest first; each is x, y, z as int8 in counts of 64 milli-g; the blow is sample 50, 2 s after
the first. A piece is whole samples and says which fall it is of, so any part of the pieces can be shown, in any order.
"""

import struct
from collections import namedtuple

from . import kinds
from .frame import FrameError

RATE_HZ = 25
UNIT_MG = 64
SAMPLES = 125
BLOW = 50  # the sample of the blow
BYTES = 3 * SAMPLES

PIECE_SAMPLES = 15
PIECE_BYTES = 3 * PIECE_SAMPLES
PIECES = (BYTES + PIECE_BYTES - 1) // PIECE_BYTES  # the last is padded with zeros

_HEAD = ">HHB"
_HEAD_BYTES = 5

Piece = namedtuple("Piece", ("ref_boot", "ref_seq", "index", "samples"))


def piece_bytes(index):
    """Return how many bytes of samples the piece with this index holds; only the last holds fewer than the others."""
    return min(PIECE_BYTES, BYTES - index * PIECE_BYTES)


def encode(ref_boot, ref_seq, index, evidence):
    """Return the 50 bytes of a piece of 375 bytes of evidence; raises FrameError for a number that does not fit."""
    for name, value, highest in (("ref_boot", ref_boot, 65535), ("ref_seq", ref_seq, 65535)):
        if not 0 <= value <= highest:
            raise FrameError("%s is %d, outside 0 to %d" % (name, value, highest))
    if not 0 <= index < PIECES:
        raise FrameError("evidence has no piece %d" % index)
    if len(evidence) != BYTES:
        raise FrameError("evidence has %d bytes, not %d" % (BYTES, len(evidence)))
    start = index * PIECE_BYTES
    samples = bytes(evidence[start : start + PIECE_BYTES])
    return struct.pack(_HEAD, ref_boot, ref_seq, index) + samples + bytes(PIECE_BYTES - len(samples))


def is_evidence(frame):
    """Whether a frame is, by its form and length, a piece of evidence of this version; its tag tells whose."""
    form = kinds.FORM_EVIDENCE
    return len(frame) == kinds.FRAME_BYTES[form] and frame[0] == kinds.VERSION << 4 | form


def decode(body):
    """Return the Piece in 50 bytes, or raise FrameError."""
    if len(body) != kinds.BODY_BYTES[kinds.FORM_EVIDENCE]:
        raise FrameError("a piece of evidence has 50 bytes, not %d" % len(body))
    ref_boot, ref_seq, index = struct.unpack(_HEAD, body[:_HEAD_BYTES])
    if index >= PIECES:
        raise FrameError("evidence has no piece %d" % index)
    end = _HEAD_BYTES + piece_bytes(index)
    for byte in body[end:]:
        if byte:
            raise FrameError("the last piece of evidence is not padded with zeros")
    return Piece(ref_boot, ref_seq, index, bytes(body[_HEAD_BYTES:end]))
