"""The life of events on the device: states only rise, the wearer knows, silence is kept."""

import pytest
from app import alarm
from app.alarm import Alarms, Event
from sos_wire import kinds
from sos_wire.frame import Down

NOW = 1000


def raised(kind=kinds.SOS, flags=None):
    alarms = Alarms()
    pending = kinds.PENDING if kind in kinds.CANCELLABLE else 0
    event = alarms.add(Event(1, 1, kind, pending if flags is None else flags), NOW)
    event.first_sent_ms = NOW
    return alarms, event


def down(state, seq=1, unix_s=1_795_000_000):
    return Down(1, seq, state, 0, unix_s)


def test_received_accepted_closed_are_three_signals_and_three_confirmations():
    alarms, _ = raised()
    results = [alarms.answer(down(s), NOW) for s in (kinds.RECEIVED, kinds.ACCEPTED, kinds.CLOSED)]
    assert [r.signal for r in results] == [alarm.RECEIVED, alarm.ACCEPTED, alarm.CLOSED]
    assert [r.felt for r in results] == [kinds.RECEIVED, kinds.ACCEPTED, kinds.CLOSED]


def test_states_only_rise_and_an_old_answer_is_felt_by_nobody():
    alarms, event = raised()
    alarms.answer(down(kinds.ACCEPTED), NOW)
    old = alarms.answer(down(kinds.RECEIVED), NOW)
    assert (old.signal, old.felt, event.state) == (None, None, kinds.ACCEPTED)


def test_the_same_answer_again_is_confirmed_again_but_not_felt_again():
    alarms, _ = raised()
    alarms.answer(down(kinds.RECEIVED), NOW)
    again = alarms.answer(down(kinds.RECEIVED), NOW)
    assert (again.signal, again.felt) == (None, kinds.RECEIVED)


def test_an_answer_to_nothing_outstanding_changes_nothing():
    alarms, _ = raised()
    assert alarms.answer(down(kinds.RECEIVED, seq=9), NOW) is None


def test_a_silent_alarm_ticks_once_on_received_and_never_again():
    alarms, _ = raised(kinds.SILENT)
    signals = [alarms.answer(down(s), NOW).signal for s in (kinds.RECEIVED, kinds.ACCEPTED, kinds.CLOSED)]
    assert signals == [alarm.TICK, None, None]


def test_duress_shows_nothing_at_all():
    alarms, _ = raised(kinds.DURESS)
    assert alarms.answer(down(kinds.RECEIVED), NOW).signal is None


def test_the_answer_sets_the_clock_only_within_a_minute_of_the_first_sending():
    alarms, _ = raised()
    assert alarms.answer(down(kinds.RECEIVED), NOW + 60_001).clock is None
    alarms, _ = raised()
    assert alarms.answer(down(kinds.RECEIVED), NOW + 59_000).clock == 1_795_000_000


def test_a_replayed_answer_sets_no_clock():
    alarms, _ = raised()
    alarms.answer(down(kinds.RECEIVED), NOW)
    assert alarms.answer(down(kinds.RECEIVED, unix_s=1), NOW).clock is None


def test_the_wearer_is_told_unreachable_once_before_twenty_seconds_are_over():
    alarms, event = raised()
    assert alarms.unreachable(NOW + 18_499) == ([], None)
    assert alarms.unreachable(NOW + 18_500) == ([event], alarm.UNREACHABLE)
    assert alarms.unreachable(NOW + 40_000) == ([], None)


def test_a_silent_alarm_is_never_told_unreachable():
    alarms, _ = raised(kinds.SILENT)
    assert alarms.unreachable(NOW + 60_000)[1] is None


@pytest.mark.parametrize(("kind", "window_ms"), [(kinds.SOS, 3000), (kinds.FALL, 20_000)])
def test_a_cancel_has_its_window_and_no_more(kind, window_ms):
    alarms, event = raised(kind)
    assert alarms.countdown(NOW + window_ms - 1) is event
    assert alarms.countdown(NOW + window_ms) is None


@pytest.mark.parametrize("kind", [kinds.SILENT, kinds.DURESS])
def test_silent_and_duress_cannot_be_cancelled(kind):
    alarms, _ = raised(kind, kinds.PENDING)
    assert alarms.countdown(NOW) is None


def test_neither_felt_nor_heartbeat_nor_decoy_is_ever_confirmed():
    for kind in kinds.ANSWERED_ONCE:
        alarms, event = raised(kind, 0)
        result = alarms.answer(down(kinds.RECEIVED), NOW)
        assert result.felt is None
        assert event not in alarms.events


def test_the_most_serious_goes_first_and_of_equals_the_newest():
    alarms = Alarms()
    order = (kinds.HEARTBEAT, kinds.FALL, kinds.SOS, kinds.SOS, kinds.SILENT, kinds.CANCELLED)
    for seq, kind in enumerate(order, 1):
        alarms.add(Event(1, seq, kind), NOW)
    assert [e.seq for e in alarms.to_send()] == [5, 4, 3, 2, 6, 1]


def test_beyond_the_bound_a_press_raises_the_count_of_the_newest_alarm():
    alarms = Alarms()
    for seq in range(alarm.MOST_ALARMS):
        alarms.add(Event(1, seq + 1, kinds.SOS), NOW)
    newest = alarms.stands_for(kinds.SOS, NOW)
    assert newest is not None
    assert (newest.seq, newest.presses) == (alarm.MOST_ALARMS, 2)


def test_beyond_the_bound_an_alarm_that_was_taken_back_stands_for_no_new_one():
    alarms = Alarms()
    for seq in range(alarm.MOST_ALARMS):
        alarms.add(Event(1, seq + 1, kinds.SOS), NOW).cancelled = seq > 4
    assert alarms.stands_for(kinds.SOS, NOW).seq == 5
    for event in alarms.events:
        event.cancelled = True
    assert alarms.stands_for(kinds.SOS, NOW) is None


def test_a_silent_alarm_is_never_swallowed_by_thirty_two_loud_ones():
    alarms = Alarms()
    for seq in range(alarm.MOST_ALARMS):
        alarms.add(Event(1, seq + 1, kinds.SOS), NOW)
    assert alarms.stands_for(kinds.SILENT, NOW) is None


def reloaded(state, kind=kinds.SOS, flags=kinds.PENDING):
    event = Event(1, 1, kind, flags)
    event.state = state
    return Alarms([event]), event


def test_an_alarm_out_of_the_journal_opens_no_countdown_again():
    for state in (-1, kinds.RECEIVED, kinds.CLOSED):
        assert reloaded(state)[0].countdown(10) is None


def test_an_answer_to_an_alarm_out_of_the_journal_sets_no_clock_for_it_may_be_days_old():
    alarms, event = reloaded(-1)
    event.first_sent_ms = NOW
    assert alarms.answer(down(kinds.RECEIVED), NOW).clock is None


def test_who_was_told_unreachable_before_a_restart_is_not_told_again():
    alarms, event = reloaded(-1)
    event.told = True
    assert alarms.unreachable(60_000) == ([], None)


def test_an_alarm_that_an_officer_has_closed_can_no_longer_be_cancelled():
    alarms, event = raised()
    event.state = kinds.CLOSED
    assert alarms.countdown(NOW + 100) is None


def test_closed_records_go_when_they_are_many_or_a_month_old_and_waiting_ones_never():
    events = [Event(1, seq, kinds.SOS, unix_s=1_795_000_000) for seq in range(1, 20)]
    for event in events[:15]:
        event.state = kinds.CLOSED
    events[14].unix_s -= alarm.KEEP_CLOSED_S + 10
    gone = Alarms(events).outdated(1_795_000_005)
    assert [e.seq for e in gone] == [15, 1, 2, 3, 4, 5, 6]


def test_answered_alarms_that_nobody_ever_closed_do_not_fill_the_journal_either():
    events = [Event(1, seq, kinds.SOS, unix_s=1_795_000_000) for seq in range(1, 41)]
    for event in events[:-1]:
        event.state = kinds.ACCEPTED
    events[20].unix_s -= alarm.KEEP_CLOSED_S + 10
    gone = Alarms(events).outdated(1_795_000_005)
    assert [e.seq for e in gone] == [21, 1, 2, 3, 4, 5, 6]


def test_a_silent_alarm_hushes_what_came_before_it_and_while_it_is_under_way_falls_are_to_be_hushed():
    alarms = Alarms()
    sos = alarms.add(Event(1, 1, kinds.SOS, kinds.PENDING), NOW)
    assert alarms.hush(sos) == []
    silent = alarms.add(Event(1, 2, kinds.SILENT), NOW)
    assert alarms.hush(silent) == [sos]
    assert alarms.hush(silent) == []  # once: it is saved
    assert alarms.answer(down(kinds.RECEIVED), NOW).signal is None
    assert alarms.unreachable(NOW + 60_000)[1] is None
    assert alarms.is_silent()
    later = alarms.add(Event(1, 3, kinds.SOS), NOW)
    assert not later.is_discreet()
    silent.state = kinds.CLOSED
    assert not alarms.is_silent()


def test_clicks_that_began_before_an_alarm_was_raised_never_name_it():
    alarms, event = raised()
    assert alarms.countdown(NOW - 1) is None
    assert alarms.countdown(NOW) is event


def test_power_that_goes_before_the_earlier_alarms_are_marked_leaves_them_silent_all_the_same():
    journal = [Event(1, 1, kinds.SOS), Event(1, 2, kinds.SILENT), Event(1, 3, kinds.SOS)]
    alarms = Alarms(journal)
    assert [event.is_discreet() for event in alarms.events] == [True, True, False]
