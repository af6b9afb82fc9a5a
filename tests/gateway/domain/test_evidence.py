"""What a fall felt like is put together from whatever came of it, and says what did not come."""

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sos_gateway.domain import evidence
from sos_wire import evidence as wire


def cut(felt):
    """Cut 125 triples of counts into (index, samples) as a device does."""
    return slices(bytes(value & 0xFF for triple in felt for value in triple))


def slices(raw):
    return [(i, raw[i * wire.PIECE_BYTES : (i + 1) * wire.PIECE_BYTES]) for i in range(wire.PIECES)]


STILL = [(0, 16, 0)] * wire.SAMPLES  # 1.024 g


@settings(deadline=None)
@given(
    st.binary(min_size=wire.BYTES, max_size=wire.BYTES),
    st.sets(st.integers(0, wire.PIECES - 1)),
    st.randoms(),
)
def test_any_pieces_in_any_order_give_their_samples_and_nothing_else(raw, which, chance):
    felt = list(struct.iter_unpack(">bbb", raw))
    pieces = [piece for piece in slices(raw) if piece[0] in which] * 2
    chance.shuffle(pieces)
    found = evidence.put_together(pieces)
    for i, sample in enumerate(found.samples):
        if i // wire.PIECE_SAMPLES in which:
            assert sample == tuple(count * wire.UNIT_MG for count in felt[i])
        else:
            assert sample is None
    assert (found.pieces, found.is_whole) == (len(which), len(which) == wire.PIECES)


def test_the_strongest_sample_is_told_with_its_time_from_the_blow():
    felt = [*STILL]
    felt[wire.BLOW + 5] = (30, -40, 0)
    g, at = evidence.put_together(cut(felt)).strongest()
    assert math.isclose(g, 50 * wire.UNIT_MG / 1000)
    assert at == 0.2
    assert evidence.put_together([]).strongest() is None


@pytest.mark.parametrize("count", [-128, 127])
def test_what_is_beyond_the_range_is_said_to_be(count):
    felt = [*STILL]
    assert not evidence.put_together(cut(felt)).is_clipped
    felt[wire.BLOW] = (count, 0, 0)
    assert evidence.put_together(cut(felt)).is_clipped


@pytest.mark.parametrize(("index", "size"), [(0, 44), (8, 45), (9, 45), (-1, 45)])
def test_a_piece_that_evidence_does_not_have_is_refused(index, size):
    with pytest.raises(ValueError, match="none of evidence"):
        evidence.put_together([(index, bytes(size))])
