"""Gestures at the emulated pin, awake and from deep sleep with its boot time, with bounce and a trembling finger.

Every over-long version of an alarm is that alarm; what is short of one shows and sends nothing; nothing but two clicks
in a countdown takes an alarm back.
"""

import pytest
from sos_wire import kinds

from simulator.story import opened

# (what the finger does: a number of clicks, then a hold of so many seconds or none), the kind that must come of it
ALARMS = (
    ((0, 1.5), "sos"),
    ((0, 4.0), "sos"),
    ((0, 12.0), "sos"),
    ((1, 1.5), "sos"),
    ((3, 1.5), "silent"),
    ((4, 0), "silent"),
    ((5, 0), "silent"),
    ((7, 0), "silent"),
    ((5, 2.0), "silent"),
)
SHORT_OF_ONE = ((1, 0), (2, 0), (0, 0.3), (1, 0.5))
# Done within the 3 s in which two clicks would cancel.
IN_THE_COUNTDOWN = ((1, 0), (3, 0), (4, 0), (6, 0), (0, 1.5), (1, 1.2), (2, 1.2), (0, 0.5))


class Told:
    """One pendant near one hub, and a finger on it."""

    def __init__(self, story, awake):
        self.story = story
        story.hub("kitchen")
        self.pendant = story.pendant()
        story.set_clock(self.pendant)
        self.finger = story.finger(self.pendant)
        self.finger.trembles = True
        if awake:
            # One click wakes it, shows nothing and means nothing.
            self.finger.click(1)
            story.until(lambda: not self.pendant.asleep and not self.pendant.booting, within_s=5)

    def do(self, clicks, hold_s):
        for _ in range(clicks):
            self.finger._press(0.12)
            self.story.run(0.15)
        if hold_s:
            self.finger._press(hold_s)
        self.story.run(0.7)

    def alarms(self):
        return [row for row in self.story.desk.store.rows("event") if row["kind"] in kinds.ALARMS]

    def shown(self):
        return [e for e in self.story.world.history if e.what == "motor" or e.what.startswith("light_")]


@pytest.mark.parametrize("awake", [True, False], ids=["awake", "from deep sleep"])
@pytest.mark.parametrize("gesture, kind", ALARMS)
def test_a_hold_and_four_clicks_are_alarms_however_they_go_on(gesture, kind, awake):
    with opened(seed=gesture[0] * 100 + round(gesture[1] * 10) + awake) as story:
        told = Told(story, awake)
        told.do(*gesture)
        assert story.until(told.alarms, within_s=20)
        story.run(10)
        assert kinds.NAMES[told.alarms()[0]["kind"]] == kind
        assert not any(row["cancelled"] for row in told.alarms())
        (incident,) = story.desk.open_incidents()
        assert incident["state"] == "open" and incident["kind"] == kind


@pytest.mark.parametrize("awake", [True, False], ids=["awake", "from deep sleep"])
@pytest.mark.parametrize("gesture", SHORT_OF_ONE)
def test_what_is_short_of_an_alarm_shows_nothing_and_tells_the_desk_nothing(gesture, awake):
    with opened(seed=gesture[0] * 10 + awake) as story:
        told = Told(story, awake)
        told.do(*gesture)
        story.run(5)
        assert not told.alarms() and not story.desk.incidents_now()
        assert not told.shown()


def test_three_clicks_are_no_alarm_awake_but_may_have_been_four_out_of_sleep():
    for awake in (True, False):
        with opened(seed=30) as story:
            told = Told(story, awake)
            told.do(3, 0)
            story.run(10)
            assert [row["kind"] for row in told.alarms()] == ([] if awake else [kinds.SILENT])


@pytest.mark.parametrize("gesture", IN_THE_COUNTDOWN)
def test_nothing_but_two_clicks_takes_an_alarm_back(gesture):
    with opened(seed=gesture[0] * 100 + round(gesture[1] * 10)) as story:
        told = Told(story, awake=True)
        told.do(0, 1.15)
        told.do(*gesture)
        assert story.until(told.alarms, within_s=20)
        story.run(10)
        assert not any(row["cancelled"] for row in told.alarms())
        assert told.alarms()[0]["kind"] == kinds.SOS
        (incident,) = story.desk.open_incidents()
        assert incident["state"] == "open"


def test_two_clicks_in_the_countdown_do_take_it_back():
    with opened(seed=3) as story:
        told = Told(story, awake=True)
        told.do(0, 1.15)
        told.do(2, 0)
        assert story.until(lambda: any(row["cancelled"] for row in told.alarms()), within_s=20)
        story.run(10)
        assert [i["state"] for i in story.desk.incidents_now()] == ["cancelled"]
