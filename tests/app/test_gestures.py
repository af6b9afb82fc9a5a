"""No prefix, no over-long version, no bounce and no tremor of any gesture cancels or downgrades an alarm."""

import itertools
import random

import pytest
from app import gestures as g

CLICK, GAP, HOLD = 120, 180, 1100


def presses(*lengths, gap=GAP, start=1000):
    """Return [(at_ms, pressed)] of presses of the given lengths."""
    edges, at = [], start
    for length in lengths:
        edges += [(at, True), (at + length, False)]
        at += length + gap
    return edges


def bounced(edges, seed):
    """Add contact bounce to every edge, and to long presses the short releases of a trembling finger."""
    noise, out = random.Random(seed), []
    for at, pressed in edges:
        out.append((at, pressed))
        if pressed:
            out += [(at + 3, False), (at + 6, True), (at + 9 + noise.randrange(8), True)]
        else:
            out += [(at + 2, True), (at + 5, False)]
    for (down, _), (up, _) in itertools.pairwise(edges):
        at = down + 200
        while at < up - 200:
            out += [(at, False), (at + noise.randrange(5, 35), True)]
            at += noise.randrange(150, 400)
    return sorted(out)


def play(edges, context=0, woken=None, until=None, contexts=None):
    """Feed edges and every sample the recognizer asks for; return the gestures told, with their times."""
    recognizer, told = g.Recognizer(), []
    if woken is not None:
        recognizer.woke(woken, 0)
    level, now = bool(woken), 0
    pending = list(edges)
    end = until if until is not None else (edges[-1][0] if edges else 0) + 3000
    while now <= end:
        at = contexts(now) if contexts else context
        gesture = recognizer.sample(level, now, at)
        if gesture:
            told.append((gesture, now))
            continue
        wait = recognizer.wait_ms(now)
        next_edge = pending[0][0] if pending else end + 1
        step = min(next_edge, now + max(wait, 1) if wait >= 0 else end + 1)
        while pending and pending[0][0] <= step:
            level = pending.pop(0)[1]
        now = max(step, now + 1) if step == now else step
    return told


def names(told):
    return [g.NAMES[gesture] for gesture, _ in told]


TABLE = [
    ((HOLD,), 0, "sos"),
    ((HOLD,), g.COUNTDOWN, "sos"),
    ((HOLD,), g.PREVENTIVE, "sos"),
    ((CLICK,) * 4, 0, "silent"),
    ((CLICK,) * 4, g.COUNTDOWN, "silent"),
    ((CLICK,) * 2, g.COUNTDOWN, "cancel"),
    ((CLICK,) * 2, g.CHARGING, "test"),
    ((CLICK,) * 2, 0, "preventive-start"),
    ((CLICK,) * 3, 0, "preventive-end"),
    ((CLICK, CLICK, HOLD), g.PREVENTIVE, "duress-end"),
    ((CLICK, CLICK, HOLD), 0, "sos"),
    ((CLICK,), 0, "repeat"),
]


@pytest.mark.parametrize(("lengths", "context", "expected"), TABLE)
@pytest.mark.parametrize("seed", range(5))
def test_the_table_holds_with_bounce_and_tremor(lengths, context, expected, seed):
    assert names(play(bounced(presses(*lengths), seed), context)) == [expected]


@pytest.mark.parametrize("count", range(4, 30))
@pytest.mark.parametrize("context", [0, g.COUNTDOWN, g.PREVENTIVE, g.CHARGING, g.COUNTDOWN | g.PREVENTIVE])
def test_four_or_more_clicks_are_always_a_silent_alarm(count, context):
    assert names(play(presses(*[CLICK] * count), context)) == ["silent"]


@pytest.mark.parametrize("length", [1000, 1001, 1500, 5000, 29_000])
@pytest.mark.parametrize("clicks", range(0, 8))
@pytest.mark.parametrize("context", [0, g.COUNTDOWN, g.CHARGING])
def test_a_hold_is_always_an_alarm_however_many_clicks_come_before_it(length, clicks, context):
    told = names(play(presses(*[CLICK] * clicks, length), context))
    assert told == ["silent" if clicks >= 3 else "sos"]


def test_the_alarm_is_told_while_the_finger_is_still_down():
    ((gesture, at),) = play(presses(5000), until=3000)
    assert (gesture, at) == (g.SOS, 2000)


def test_a_button_that_something_lies_on_is_one_alarm_and_then_a_fault():
    assert names(play([(1000, True)], until=120_000)) == ["sos", "stuck"]


@pytest.mark.parametrize(("lengths", "context", "expected"), TABLE)
def test_no_prefix_of_a_gesture_cancels_or_ends_anything_by_accident(lengths, context, expected):
    edges = presses(*lengths)
    for cut in range(len(edges)):
        told = names(play(edges[:cut], context, until=edges[cut][0] if cut < len(edges) else None))
        assert "cancel" not in told
        assert "preventive-end" not in told


def test_nothing_is_told_before_a_run_of_clicks_is_quiet():
    edges = presses(CLICK, CLICK)
    assert play(edges, g.COUNTDOWN, until=edges[-1][0] + 499) == []


def test_a_press_that_began_before_the_countdown_never_counts_towards_cancelling():
    edges = presses(CLICK, CLICK)
    second_down = edges[2][0]

    def countdown_begins_after_the_first_press(now):
        return g.COUNTDOWN if now >= edges[0][0] + 50 else 0

    assert "cancel" not in names(play(edges, contexts=countdown_begins_after_the_first_press))

    def countdown_begins_between(now):
        return g.COUNTDOWN if now >= second_down + 10 else 0

    assert "cancel" not in names(play(edges, contexts=countdown_begins_between))


def test_two_clicks_made_within_the_countdown_cancel_although_they_are_judged_after_its_end():
    edges = presses(CLICK, CLICK, start=2500)
    over = edges[-1][0] + 50

    def countdown(now):
        return g.COUNTDOWN if now < over else 0

    assert names(play(edges, contexts=countdown)) == ["cancel"]


def test_two_clicks_of_which_one_began_after_the_countdown_do_not_cancel():
    edges = presses(CLICK, CLICK, start=2500)
    over = edges[2][0] - 10

    def countdown(now):
        return g.COUNTDOWN if now < over else 0

    assert "cancel" not in names(play(edges, contexts=countdown))


@pytest.mark.parametrize("clicks", range(0, 7))
def test_after_a_wake_from_deep_sleep_three_counted_clicks_are_four(clicks):
    told = names(play(presses(*[CLICK] * clicks, start=250), woken=False))
    counted = clicks + 1  # the wake itself
    expected = {1: "repeat", 2: "preventive-start"}.get(counted, "silent")
    assert told == [expected]


@pytest.mark.parametrize("held_ms", [950, 1200, 4000])
def test_a_hold_that_woke_the_device_is_an_alarm(held_ms):
    assert names(play([(held_ms, False)], woken=True)) == ["sos"]


@pytest.mark.parametrize("clicks, expected", [(0, "sos"), (1, "silent"), (2, "silent"), (3, "silent")])
def test_a_hold_after_clicks_that_woke_the_device_stays_silent_when_the_boot_may_have_hidden_one(
    clicks, expected
):
    edges = presses(*[CLICK] * clicks, 1500, start=250)
    assert names(play(edges, woken=False)) == [expected]


def test_random_presses_never_lose_an_alarm_that_the_rules_promise():
    noise = random.Random(7)
    for _ in range(2000):
        lengths = [noise.choice([60, 120, 200, 400, 1100, 2500]) for _ in range(noise.randrange(1, 9))]
        context = noise.choice([0, g.COUNTDOWN, g.CHARGING, g.PREVENTIVE])
        told = names(play(bounced(presses(*lengths, gap=noise.randrange(80, 400)), noise.random()), context))
        if max(lengths) >= 1100 or len(lengths) >= 4:
            assert {"sos", "silent", "duress-end"} & set(told), (lengths, context, told)
        if len(lengths) >= 4 or max(lengths) >= 1100:
            assert "cancel" not in told or {"sos", "silent", "duress-end"} & set(told)


def test_a_button_that_was_stuck_before_the_start_raises_nothing_until_it_has_come_free():
    recognizer = g.Recognizer()
    recognizer.still_stuck(0)
    assert not recognizer.busy()
    assert {recognizer.sample(True, at, 0) for at in range(0, 120_000, 50)} == {g.NONE}
    for at in range(120_000, 121_000, 10):
        recognizer.sample(False, at, 0)
    assert not recognizer.stuck()
    told = [recognizer.sample(True, at, 0) for at in range(122_000, 123_200, 10)]
    assert told.count(g.SOS) == 1
