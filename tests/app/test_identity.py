"""Numbers are never used twice; the alias follows the clock, or a counter without one."""

from app.alarm import Event
from app.identity import Identity
from sos_wire import kinds
from sos_wire.seal import Keys

KEYS = Keys(bytes(range(32)))


def test_numbers_rise_and_the_boot_rises_when_they_run_out():
    identity = Identity(7, seq=65_534)
    assert [identity.take_number() for _ in range(3)] == [(7, 65_535), (8, 1), (8, 2)]


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
