"""The processor sleeps while nothing stirs, sleeps lightly while she moves, and neither costs an alarm."""

import pytest
from sos_wire import kinds

from simulator.story import SURE_HOLD_S, opened

HOUR_S = 3600


@pytest.fixture(params=["pendant", "watch"])
def worn(request):
    """A story with a device that hangs still and has gone to sleep."""
    with opened(seed=5) as story:
        story.hub("kitchen")
        device = getattr(story, request.param)()
        story.run(120)
        assert device.asleep
        yield story, device


def seconds(device, before=None):
    now = {name: us / 1e6 for name, us in device.hardware.state_us.items()}
    return {name: value - (before or {}).get(name, 0) for name, value in now.items()}


def entries(story, device, since, *what):
    return [e for e in story.world.history[since:] if e.who == device.name and e.what in what]


def test_armed_for_falls_it_is_in_deep_sleep_while_nothing_happens(worn):
    story, device = worn
    assert device.hardware.accelerometer.registers[0x5E] & 0x30  # its wakes reach the line
    before, since = seconds(device), len(story.world.history)
    story.run(HOUR_S)
    spent = seconds(device, before)
    boots = entries(story, device, since, "boot")
    assert 3 <= len(boots) <= 6  # a heartbeat in each quarter of an hour
    assert all(boot.value == 4 for boot in boots)  # the timer's; nothing else wakes it
    assert spent.get("light_sleep", 0) == 0
    assert spent["sleep"] > 0.98 * HOUR_S


def test_while_she_runs_it_is_in_light_sleep_with_the_radio_off_and_soon_after_in_deep_sleep(worn):
    story, device = worn
    before, since = seconds(device), len(story.world.history)
    ran = device.move("run")
    story.run(ran + 15)
    spent = seconds(device, before)
    assert spent["light_sleep"] > 0.9 * ran
    assert spent.get("radio_window", 0) + spent.get("radio_burst", 0) == 0
    assert len(entries(story, device, since, "boot")) == 1
    assert device.asleep
    (slept,) = entries(story, device, since, "sleep")
    # The quiet of 4 s, a doze that was under way, and the look that finds nothing to do.
    assert slept.t_us <= entries(story, device, since, "motion")[0].t_us + (ran + 4 + 2.5 + 1.5) * 1e6


def dozing(story, device):
    device.move("run")
    story.run(8)
    assert device.hardware.state in ("light_sleep", "awake")
    assert seconds(device).get("light_sleep", 0) > 5


@pytest.mark.parametrize("late_ms", [0, 13, 31])
def test_a_press_during_light_sleep_is_an_alarm_like_any_other(worn, late_ms):
    story, device = worn
    dozing(story, device)
    story.run(late_ms / 1000)
    story.finger(device).hold(SURE_HOLD_S)
    assert story.until(story.desk.open_incidents, within_s=10)
    assert [i["kind"] for i in story.desk.open_incidents()] == ["sos"]
    assert "died" not in "".join(str(e.value) for e in story.world.history if e.what == "log")


@pytest.mark.parametrize("late_ms", [0, 13, 31])
def test_four_clicks_that_begin_in_light_sleep_are_a_silent_alarm(worn, late_ms):
    story, device = worn
    dozing(story, device)
    story.run(late_ms / 1000)
    story.finger(device).click(4)
    assert story.until(story.desk.open_incidents, within_s=10)
    assert [i["kind"] for i in story.desk.open_incidents()] == ["silent"]


def test_a_fall_while_she_moves_is_found_in_light_sleep(worn):
    story, device = worn
    dozing(story, device)
    since = len(story.world.history)
    device.move("fall")
    assert story.until(
        lambda: any(e.value == "fall" for e in entries(story, device, since, "log")), within_s=12
    )


def test_a_heartbeat_that_falls_due_in_light_sleep_reaches_the_gateway(worn):
    story, device = worn

    def beats():
        return sum(row["kind"] == kinds.HEARTBEAT for row in story.desk.store.rows("event"))

    before, since = beats(), len(story.world.history)
    for _ in range(25):  # half an hour of running without a pause
        story.run(device.move("run"))
    assert beats() > before
    assert not entries(story, device, since, "sleep")
    assert "died" not in "".join(str(e.value) for e in story.world.history[since:] if e.what == "log")


def test_on_the_charger_it_does_not_sleep_lightly(worn):
    story, device = worn
    device.hardware.set_input("usb_sense", 1)
    before = seconds(device)
    device.move("run")
    story.run(30)
    assert seconds(device, before).get("light_sleep", 0) == 0
