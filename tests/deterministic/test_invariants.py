"""Each invariant can fail: a true history passes, and one broken by hand is told of by the rule that it breaks."""

from dataclasses import replace
from pathlib import Path

import pytest
from sos_wire import kinds

from simulator import invariants, run
from simulator.world.virtual import Entry


@pytest.fixture(scope="module")
def sos():
    result = run.play("sos_at_home", 5)
    assert not result.breaches
    return result.history


@pytest.fixture(scope="module")
def basement():
    result = run.play("sos_in_a_basement", 5)
    assert not result.breaches
    return result.history


@pytest.fixture(scope="module")
def silent():
    result = run.play("silent_alarm", 5)
    assert not result.breaches
    return result.history


@pytest.fixture(scope="module")
def fall():
    result = run.play("fall_then_lies_still", 5)
    assert not result.breaches
    assert result.history.evidence
    return result.history


def rules_broken(history):
    return {breach.split(":")[0] for breach in invariants.check(history)}


def renumbered(entries):
    return [e._replace(n=n) for n, e in enumerate(entries)]


def with_entry(history, after, what, value=None, delay_us=0):
    """The history with one more entry of the pendant, behind the first that `after` picks."""
    index = next(i for i, e in enumerate(history.entries) if after(e))
    added = Entry(0, history.entries[index].t_us + delay_us, "pendant 1", what, value)
    later = next((i for i, e in enumerate(history.entries) if i > index and e.t_us > added.t_us), None)
    place = index + 1 if not delay_us or later is None else later
    return replace(history, entries=renumbered([*history.entries[:place], added, *history.entries[place:]]))


def without(history, drops):
    return replace(history, entries=renumbered([e for e in history.entries if not drops(e)]))


def is_gesture(e):
    return e.what == "log" and e.value.startswith("gesture s")


def is_alarm(row):
    return row["kind"] in kinds.ALARMS


def test_an_alarm_that_vanished_is_told_of(sos):
    gone = replace(sos, events=[row for row in sos.events if not is_alarm(row)], journals={1: []})
    assert "no_alarm_is_lost" in rules_broken(gone)


def test_an_alarm_that_still_waits_in_the_journal_is_not_lost_but_late_when_all_is_calm(sos):
    (alarm,) = [row for row in sos.events if is_alarm(row)]
    waits = [(alarm["boot"], alarm["seq"], alarm["kind"], 0, -1)]
    silent_told = without(sos, lambda e: e.what == "told")
    waiting = replace(
        silent_told, events=[row for row in sos.events if not is_alarm(row)], journals={1: waits}, calm=False
    )
    assert "no_alarm_is_lost" not in rules_broken(waiting)
    assert "no_alarm_is_lost" in rules_broken(replace(waiting, calm=True))


def test_evidence_before_its_answer_twice_or_of_no_fall_is_told_of(fall):
    rule = "evidence_stands_in_no_alarms_way"
    first = fall.evidence[0]
    assert rule in rules_broken(replace(fall, evidence=[*fall.evidence, first]))
    stray = {**first, "seq": first["seq"] + 1}
    assert rule in rules_broken(replace(fall, evidence=[stray]))
    number = [first["boot"], first["seq"]]
    unanswered = without(fall, lambda e: e.what == "told" and e.value[:2] == number)
    assert rule in rules_broken(unanswered)
    at = fall.us_of(first["received_at"])
    late = [
        e._replace(t_us=at + 1) if e.what == "told" and e.value[:2] == number else e for e in fall.entries
    ]
    assert rule in rules_broken(replace(fall, entries=late))


def test_an_alarm_stored_twice_is_told_of(sos):
    twice = replace(sos, events=[*sos.events, next(row for row in sos.events if is_alarm(row))])
    assert rules_broken(twice) == {"no_alarm_is_lost"}


def test_a_frame_that_stays_in_a_spool_is_told_of(sos):
    assert rules_broken(replace(sos, spooled=1)) == {"no_alarm_is_lost"}


def test_a_gesture_that_came_to_nothing_is_told_of(sos):
    deaf = without(sos, lambda e: e.what in ("kept", "stored") or (e.what == "motor" and e.value))
    assert "every_gesture_made_is_an_alarm" in rules_broken(deaf)


def test_two_incidents_of_one_wearer_at_once_are_told_of(sos):
    (incident,) = sos.incidents
    second = {**incident, "id": 2, "received_at": incident["received_at"] + 1}
    assert rules_broken(replace(sos, incidents=[incident, second])) == {"one_emergency_is_one_incident"}


def test_an_alarm_without_an_incident_is_told_of(sos):
    assert rules_broken(replace(sos, incidents=[])) == {"one_emergency_is_one_incident"}


def test_a_received_before_the_commit_is_told_of(sos):
    (alarm,) = [row for row in sos.events if is_alarm(row)]
    early = with_entry(sos, is_gesture, "told", [alarm["boot"], alarm["seq"], kinds.RECEIVED])
    assert "nothing_is_told_that_is_not_stored" in rules_broken(early)


def test_a_received_of_what_nobody_stored_is_told_of(sos):
    forged = with_entry(sos, is_gesture, "told", [1, 60_000, kinds.RECEIVED], delay_us=30_000_000)
    assert rules_broken(forged) == {"nothing_is_told_that_is_not_stored"}


def test_a_vibration_before_the_record_is_told_of(sos):
    eager = with_entry(with_entry(sos, is_gesture, "motor", 0), is_gesture, "motor", 1)
    assert rules_broken(eager) == {"nothing_is_felt_before_the_record"}


def test_an_alarm_nobody_answered_and_nobody_told_of_is_told_of(basement):
    mute = without(basement, lambda e: e.what == "motor")
    assert rules_broken(mute) == {"whoever_is_not_reached_is_told"}


def test_unreachable_told_too_late_is_told_of(basement):
    def later(e):
        moved = e.what == "motor" and e.t_us > 20_000_000
        return e._replace(t_us=e.t_us + 10_000_000) if moved else e

    late = replace(basement, entries=[later(e) for e in basement.entries])
    assert "whoever_is_not_reached_is_told" in rules_broken(late)


@pytest.mark.parametrize("what", ["light_red", "motor"])
def test_a_silent_alarm_that_shows_anything_is_told_of(silent, what):
    shown = with_entry(silent, is_gesture, what, 1, delay_us=12_000_000)
    if what == "motor":
        shown = with_entry(shown, is_gesture, what, 0, delay_us=12_020_000)
    assert rules_broken(shown) == {"silence_is_kept"}


def test_a_tick_that_is_too_long_is_told_of(silent):
    (start,) = [e for e in silent.entries if e.what == "motor" and e.value]

    def longer(e):
        is_end = e.what == "motor" and not e.value and e.t_us > start.t_us
        return e._replace(t_us=e.t_us + 40_000) if is_end else e

    assert rules_broken(replace(silent, entries=[longer(e) for e in silent.entries])) == {"silence_is_kept"}


@pytest.mark.parametrize("what", ["watchdog", "crash"])
def test_a_watchdog_that_bit_and_a_firmware_that_fell_are_told_of(sos, what):
    assert rules_broken(with_entry(sos, is_gesture, what, "", delay_us=40_000_000)) == {
        "the_watchdog_never_bit"
    }


def test_every_rule_has_a_history_here_that_breaks_it():
    text = Path(__file__).read_text()
    assert [rule.__name__ for rule in invariants.ALL if f'"{rule.__name__}"' not in text] == []
