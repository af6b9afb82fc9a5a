"""Whatever is sealed opens, whatever is not sealed does not, and nothing ever raises anything but FrameError."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sos_wire import evidence, frame, kinds, seal, sms, times

KEYS = seal.Keys(bytes(range(32)))
OTHER = seal.Keys(bytes(32))
U16 = st.integers(0, 65535)
FREE_KINDS = [k for k in range(1, len(kinds.NAMES)) if k not in kinds.REFERRING]


@given(
    U16, U16, st.sampled_from(FREE_KINDS), st.integers(0, 127), st.integers(0, 0xFFFFFF), st.integers(0, 255)
)
def test_a_short_event_comes_back_as_it_was(boot, seq, kind, flags, when, battery):
    event = frame.short(boot, seq, kind, flags, when, battery)
    raw = KEYS.seal_up(KEYS.alias(0, 1), 1, frame.encode_short(event))
    assert len(raw) == 24
    assert frame.decode_up(raw[0], KEYS.open_up(raw)) == event
    assert OTHER.open_up(raw) is None
    assert KEYS.open_down(raw) is None


@given(st.binary(max_size=80))
def test_rubbish_opens_for_nobody_and_raises_nothing(raw):
    assert KEYS.open_up(raw) is None
    assert KEYS.open_down(raw) is None


@given(st.sampled_from([10, 50]).flatmap(lambda n: st.binary(min_size=n, max_size=n)), st.integers(0, 255))
def test_an_authentic_body_of_any_content_is_read_or_refused(body, header):
    try:
        event = frame.decode_up(header, body)
    except frame.FrameError:
        return
    encode = frame.encode_short if len(body) == 10 else frame.encode_full
    assert encode(event) == body


@settings(deadline=None)  # nine seals and as many openings
@given(
    U16,
    U16,
    st.binary(min_size=evidence.BYTES, max_size=evidence.BYTES),
    st.permutations(range(evidence.PIECES)),
)
def test_evidence_is_put_together_again_from_its_pieces_in_any_order(boot, seq, whole, order):
    found = bytearray(evidence.BYTES)
    for index in order:
        body = evidence.encode(boot, seq, index, whole)
        raw = KEYS.seal_up(KEYS.alias(0, 1), kinds.FORM_EVIDENCE, body)
        assert (
            len(raw) == kinds.FRAME_BYTES[kinds.FORM_FULL]
        )  # nobody on the way can tell it from an event by its length
        assert OTHER.open_up(raw) is None
        piece = evidence.decode(KEYS.open_up(raw))
        assert (piece.ref_boot, piece.ref_seq) == (boot, seq)
        at = piece.index * evidence.PIECE_BYTES
        found[at : at + len(piece.samples)] = piece.samples
    assert bytes(found) == whole


@given(st.binary(min_size=40, max_size=60))
def test_a_piece_of_any_content_is_read_as_it_was_written_or_refused(body):
    try:
        piece = evidence.decode(body)
    except frame.FrameError:
        return
    whole = bytearray(evidence.BYTES)
    at = piece.index * evidence.PIECE_BYTES
    whole[at : at + len(piece.samples)] = piece.samples
    assert evidence.encode(piece.ref_boot, piece.ref_seq, piece.index, whole) == body


@pytest.mark.parametrize(
    "wrong", [(65536, 1, 0, 375), (1, -1, 0, 375), (1, 1, 9, 375), (1, 1, -1, 375), (1, 1, 0, 374)]
)
def test_evidence_that_does_not_fit_is_refused_before_it_is_written(wrong):
    boot, seq, index, size = wrong
    with pytest.raises(frame.FrameError):
        evidence.encode(boot, seq, index, bytes(size))


@given(st.integers(0, 191))
def test_no_bit_of_a_frame_can_be_turned(bit):
    raw = bytearray(KEYS.seal_up(KEYS.alias(1, 4), 1, frame.encode_short(frame.short(1, 2, kinds.SOS))))
    raw[bit // 8] ^= 1 << bit % 8
    assert KEYS.open_up(bytes(raw)) is None


@given(st.integers(1_700_000_000, 4_000_000_000), st.integers(-7000, 388 * 86_400 - 8000))
def test_a_time_of_the_last_388_days_is_found_again(received_s, age_s):
    found = times.resolve_when(times.pack_when(received_s - age_s), received_s)
    assert found is not None
    assert abs(found - (received_s - age_s)) <= 3


@pytest.mark.parametrize("field", ["boot", "seq", "battery", "when", "flags", "kind"])
def test_a_value_out_of_range_is_refused_before_it_is_written(field):
    event = frame.short(1, 1, kinds.SOS)._replace(**{field: 2**24})
    with pytest.raises(frame.FrameError, match="outside"):
        frame.encode_short(event)


def test_two_frames_of_one_event_are_equal_and_of_two_events_share_nothing():
    alias = KEYS.alias(0, 7)
    one = KEYS.seal_up(alias, 1, frame.encode_short(frame.short(1, 1, kinds.SOS)))
    same = KEYS.seal_up(alias, 1, frame.encode_short(frame.short(1, 1, kinds.SOS)))
    other = KEYS.seal_up(alias, 1, frame.encode_short(frame.short(1, 2, kinds.SOS)))
    assert one == same
    assert one[6:] != other[6:]


def test_a_secret_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        seal.Keys(os.urandom(31))


@given(st.sampled_from([24, 64]).flatmap(lambda n: st.binary(min_size=n, max_size=n)))
def test_a_frame_has_one_text_and_the_text_has_one_frame(raw):
    text = sms.encode(raw)
    assert sms.decode(text) == raw
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.text(max_size=100) | st.text("ABCabc019-_=", max_size=90).map(lambda body: "S1" + body))
def test_whatever_else_comes_as_a_text_is_none_of_ours_and_raises_nothing(text):
    raw = sms.decode(text)
    assert raw is None or sms.encode(raw) == text.strip()
