"""Numbers are never used twice; the alias follows the clock, or a counter without one."""

import struct
from binascii import crc32

import pytest
import retained
from app.alarm import Event
from app.identity import BUTTON_STUCK, Identity, NumbersSpent, pause_s
from app.tracking import Fix
from sos_wire import kinds
from sos_wire.seal import Keys

KEYS = Keys(bytes(range(32)))


def test_numbers_rise_and_when_they_run_out_the_next_boot_must_be_begun():
    identity = Identity(7, seq=65_534)
    assert identity.take_number() == (7, 65_535)
    assert identity.is_spent()
    with pytest.raises(NumbersSpent):
        identity.take_number()
    identity.begin_boot(8)
    assert identity.take_number() == (8, 1)


def test_starts_that_never_come_to_an_orderly_sleep_make_longer_and_longer_pauses():
    assert [pause_s(n) for n in range(1, 10)] == [0, 0, 0, 5, 10, 20, 40, 60, 60]


def test_what_is_noted_stays_until_it_is_forgotten_and_says_whether_it_changed():
    identity = Identity(1)
    assert identity.note(BUTTON_STUCK, True)
    assert not identity.note(BUTTON_STUCK, True)
    assert identity.notes == BUTTON_STUCK
    assert identity.note(BUTTON_STUCK, False)


def test_everything_that_is_kept_comes_back_out_of_rtc_memory_and_one_wrong_byte_loses_it_all():
    identity = Identity(7, 12, 1_795_000_000, 5, 100, 1_994_444)
    identity.beat_at, identity.decoy_at, identity.ask_until, identity.notes = 900, 5000, 70_000, BUTTON_STUCK
    identity.outside.found(Fix(413_000_000, -20_000_000, 12, 4000))
    identity.outside.fault(kinds.FAULT_CERTIFICATE, 5000)
    raw = bytearray(retained.save(identity))
    loaded = retained.load(raw)
    assert loaded.outside.values() == identity.outside.values()
    assert {**vars(loaded), "outside": None} == {**vars(identity), "outside": None}
    for i in range(len(raw)):
        raw[i] ^= 1
        assert retained.load(raw) is None
        raw[i] ^= 1


def test_an_older_layout_of_rtc_memory_is_none_and_begins_a_new_boot():
    body = struct.pack(">HHHBqIqiqqqB", 0x50C1, 7, 12, 1, 5, 5, 100, 3, 900, 5000, 70_000, 0)
    assert retained.load(body + struct.pack(">I", crc32(body))) is None
    assert retained.load(body + bytes(100)) is None


def test_no_number_in_the_journal_is_given_again():
    identity = Identity(7, seq=3)
    identity.raise_above([Event(7, 12, kinds.SOS), Event(6, 900, kinds.SOS)])
    assert identity.take_number() == (7, 13)


def test_the_alias_changes_every_quarter_of_an_hour_and_not_within_it():
    identity = Identity(1, clock_offset=0)
    start = 1_795_000_000 // 900 * 900
    aliases = {identity.alias(KEYS, start + s)[1] for s in (0, 450, 899)}
    assert len(aliases) == 1
    assert identity.alias(KEYS, start + 900)[1] not in aliases


def test_without_a_clock_the_counter_is_used_for_six_hours():
    identity = Identity(1, recovery=5, recovery_at=100)
    assert identity.alias(KEYS, 100)[1] == KEYS.alias(1, 5)
    assert not identity.recovery_is_due(100 + 6 * 3600 - 1)
    assert identity.recovery_is_due(100 + 6 * 3600)
    identity.set_clock(1_795_000_000, 200)
    assert not identity.recovery_is_due(10**9)
