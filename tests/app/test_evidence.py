"""What a fall felt like on the device: told piece by piece over one connection, begun again on the next, and kept through
deep sleep."""

import pytest
import retained
from app import ways
from app.evidence import ENDS, ROUNDS, SETTLED_MS, WAITS, Evidence
from app.identity import Identity
from sos_wire import evidence as wire

SAMPLES = bytes(i % 251 for i in range(wire.BYTES))


def kept(**more):
    return Evidence(1, 7, SAMPLES, ways.BLE, **more)


def tell(found, connection, now=0, most=wire.PIECES):
    """Hand over up to so many pieces; return their numbers."""
    told = []
    while len(told) < most and (piece := found.step(connection, now)) >= 0:
        told.append(piece)
        found.gone(now)
    return told


def test_every_piece_goes_up_a_connection_once_and_in_order():
    assert tell(kept(), 1) == list(range(wire.PIECES))


def test_a_piece_the_radio_had_no_room_for_is_the_next_one_again():
    found = kept()
    assert found.step(1, 0) == found.step(1, 5) == 0


def test_it_is_told_when_the_connection_still_stands_a_moment_after_the_last_piece():
    found = kept()
    tell(found, 1, now=100)
    assert found.step(1, 100 + SETTLED_MS - 1) == WAITS
    assert found.step(1, 100 + SETTLED_MS) == ENDS
    assert found.is_told()


def test_a_connection_that_ends_too_soon_is_made_up_for_on_the_next_and_not_for_ever():
    found = kept()
    told = [tell(found, connection, most=4) for connection in range(ROUNDS)]
    assert told[:3] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 0, 1, 2]]  # each where the last was cut off
    assert found.step(ROUNDS, 0) == ENDS
    assert not found.is_told()


def test_a_round_that_follows_one_cut_short_is_whole_again():
    found = kept()
    tell(found, 1, most=5)
    assert sorted(tell(found, 2, now=50)) == list(range(wire.PIECES))
    assert found.step(2, 50 + SETTLED_MS) == ENDS
    assert found.is_told()


@pytest.mark.parametrize("rounds", [0, ROUNDS])
def test_deep_sleep_keeps_it_and_how_often_it_was_begun(rounds):
    raw = retained.save(Identity(3, 9), kept(rounds=rounds))
    assert len(raw) <= 2048  # of RTC memory
    assert retained.load(raw).boot == 3
    found = retained.load_evidence(raw)
    assert (found.boot, found.seq, found.samples, found.ways, found.rounds) == (
        1,
        7,
        SAMPLES,
        ways.BLE,
        rounds,
    )


@pytest.mark.parametrize("bit", [0, 30, 8 * 200, -1])
def test_one_wrong_bit_costs_the_evidence_and_not_who_the_device_is(bit):
    own = len(retained.save(Identity(3, 9)))
    raw = bytearray(retained.save(Identity(3, 9), kept()))
    place = own + bit // 8 if bit >= 0 else len(raw) - 1
    raw[place] ^= 1 << (bit % 8)
    assert retained.load_evidence(bytes(raw)) is None
    assert retained.load(bytes(raw)).seq == 9


def test_without_any_there_is_none():
    assert retained.load_evidence(retained.save(Identity(3, 9))) is None
