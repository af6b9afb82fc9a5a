"""The order of attempts: every step has a limit, alarms never rest for long, and text messages stay few."""

from itertools import pairwise
from pathlib import Path

import pytest
from app import attempts
from app.alarm import Event
from sos_wire import kinds

MINUTE_MS = 60_000


def test_every_step_has_a_name_and_a_limit_and_the_longest_is_under_a_minute_and_a_half():
    assert [attempts.STEPS[step][0] for step in (attempts.START, attempts.CONNECT, attempts.REST)] == [
        "start",
        "connect",
        "rest",
    ]
    assert all(0 < limit <= 90_000 for _, limit in attempts.STEPS)


def test_the_page_that_explains_the_order_names_the_limits_there_are():
    page = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text()
    for name, limit_ms in attempts.STEPS:
        assert f"| `{name}` | {limit_ms // 1000} s |" in page


def test_a_connection_is_waited_for_less_long_while_a_text_message_waits_behind_it():
    assert attempts.limit_ms(attempts.CONNECT, text_waits=True) < attempts.limit_ms(attempts.CONNECT)
    assert attempts.limit_ms(attempts.REGISTER, text_waits=True) == attempts.limit_ms(attempts.REGISTER)


def test_an_alarm_that_nobody_answers_is_published_at_least_every_half_minute_for_ever():
    alarm = Event(1, 1, kinds.SOS)
    assert attempts.repeat_after_ms(0) == 0
    assert all(0 < attempts.repeat_after_ms(n) <= 30_000 for n in range(1, 200))
    assert not any(attempts.is_published_enough(alarm, n) for n in range(200))


def test_heartbeats_and_positions_are_published_once_and_other_news_a_few_times():
    assert attempts.is_published_enough(Event(1, 1, kinds.HEARTBEAT), 1)
    assert attempts.is_published_enough(Event(1, 1, kinds.POSITION), 1)
    assert not attempts.is_published_enough(Event(1, 1, kinds.LOW_BATTERY), 1)
    assert attempts.is_published_enough(Event(1, 1, kinds.LOW_BATTERY), attempts.PUBLISHED)
    assert not attempts.is_published_enough(Event(1, 1, kinds.CANCELLED), 100)


def texts_of(event, last_ms):
    """Return the ages at which text messages of an event go out, each at once when it is due."""
    ages = []
    for age_ms in range(0, last_ms, 1000):
        if attempts.text_due_ms(event, age_ms) == 0:
            ages.append(age_ms)
            event.texted += 1
    return ages


def test_an_alarm_goes_as_a_text_message_after_twenty_seconds_and_then_seldom_and_not_for_ever():
    ages = texts_of(Event(1, 1, kinds.SOS), 24 * 60 * MINUTE_MS)
    assert ages[0] == 20_000
    assert len(ages) == len(attempts.TEXTS_MS) <= 7  # what the journal's record can count
    assert all(later - earlier >= MINUTE_MS for earlier, later in pairwise(ages))


def test_an_answered_alarm_costs_no_text_message():
    alarm = Event(1, 1, kinds.SOS)
    alarm.state = kinds.RECEIVED
    assert attempts.text_due_ms(alarm, 25_000) == -1


@pytest.mark.parametrize("state, texts", [(kinds.RECEIVED, 0), (kinds.ACCEPTED, 1), (kinds.CLOSED, 0)])
def test_of_what_was_felt_only_accepted_is_worth_one_text_message(state, texts):
    assert len(texts_of(Event(1, 1, kinds.FELT, flags=state), 60 * MINUTE_MS)) == texts


@pytest.mark.parametrize("kind", [kinds.HEARTBEAT, kinds.POSITION, kinds.TEST, kinds.LOW_BATTERY])
def test_telemetry_never_goes_as_a_text_message(kind):
    assert texts_of(Event(1, 1, kind), 60 * MINUTE_MS) == []


def test_an_alarm_climbs_the_whole_ladder_twice_and_then_the_battery_must_last():
    assert [attempts.rungs(True, n) for n in range(4)] == [attempts.RUNGS, attempts.RUNGS, 0, 0]
    assert attempts.rungs(False, 0) < attempts.RUNGS
    assert attempts.rungs(False, 5) == 0


def test_pauses_grow_and_end_at_ten_minutes_for_an_alarm_and_an_hour_for_the_rest():
    for has_alarm, longest in ((True, 600), (False, 3600)):
        pauses = [attempts.pause_s(n, has_alarm) for n in range(1, 20)]
        assert pauses == sorted(pauses)
        assert pauses[-1] == longest
    assert attempts.pause_s(1, True) <= 5


def test_a_certificate_that_is_refused_is_told_by_text_once_when_nobody_else_took_it():
    fault = kinds.FAULT_CERTIFICATE
    assert attempts.text_fault(fault, 0, attempts.TEXT_FAULT_AFTER_S, None) == fault
    assert attempts.text_fault(fault, 0, attempts.TEXT_FAULT_AFTER_S - 1, None) == 0  # a hub may take it yet
    assert attempts.text_fault(fault, fault, 86_400, None) == 0
    assert attempts.text_fault(fault, 0, 86_400, 3600) == 0  # one of them a day, whatever comes and goes


def test_a_broker_that_is_away_for_a_while_costs_no_text_message_and_a_missing_sim_could_send_none():
    assert attempts.text_fault(kinds.FAULT_BROKER, 0, 600, None) == 0
    assert attempts.text_fault(kinds.FAULT_BROKER, 0, attempts.TEXT_OTHER_FAULT_AFTER_S, None)
    assert attempts.text_fault(kinds.FAULT_SIM | kinds.FAULT_MODEM, 0, 1_000_000, None) == 0
