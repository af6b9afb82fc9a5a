"""What was tried to break the promise with a watch: full journals, strangers' texts, foreign messages, wrong clocks."""

import pytest
from sos_wire import kinds, sms

from simulator.chips.sim7080g import Identity
from simulator.story import opened

NUMBER = Identity.of(2).number


def logged(story, text, since=0):
    return [e for e in story.world.history[since:] if e.what == "log" and text in str(e.value)]


def test_a_press_on_a_full_journal_ends_the_pauses_and_all_the_alarms_go_out_together():
    with opened(seed=13) as story:
        watch = story.watch()  # texts go out, and nobody has the number they go to
        story.set_clock(watch, within_s=180)
        story.modem(watch).faults.no_network = True
        finger = story.finger(watch)
        for _ in range(33):
            finger.hold()
            story.run(8)
        story.run(1800)
        story.modem(watch).faults.clear()
        finger.hold()
        assert story.until(lambda: story.stored(kinds.SOS), within_s=90)
        # One text takes some seconds, and more than thirty are due.
        assert story.until(lambda: len(story.stored(kinds.SOS)) == 32, within_s=60)


def test_five_hundred_texts_of_strangers_cost_an_alarm_nothing_but_their_reading():
    with opened(seed=11) as story:
        watch = story.watch()
        story.set_clock(watch, within_s=180)
        for number in range(500):
            forged = sms.encode(story.chance.randbytes(24))
            text = forged if number % 2 else f"You have won prize {number}"
            story.phones.send(f"+34611{number:06d}", NUMBER, text, lambda taken: None)
        began = len(story.world.history)
        finger = story.finger(watch)
        finger.hold()
        assert story.until(lambda: story.stored(kinds.SOS), within_s=60)
        story.run(120)  # a turn of the receiver in it
        finger.click(4)
        assert story.until(lambda: story.stored(kinds.SILENT), within_s=90)
        assert story.until(lambda: not story.phones.waiting(NUMBER), within_s=1800)
        assert not logged(story, "lte: no answer in time", began)
        assert not logged(story, "died", began)


@pytest.mark.parametrize("refused", [0.0, 1.0])
def test_a_modem_that_dies_after_a_long_failure_of_the_broker_is_revived_all_the_same(refused):
    with opened(seed=21) as story:
        watch = story.watch(awake_s=3600)
        story.set_clock(watch, within_s=180)
        story.desk.broker.up = False
        story.phones.weather.refused = refused  # of the texts that nobody reads anyway
        story.finger(watch).hold()
        assert story.until(lambda: len(logged(story, "modem: recovery")) >= 2, within_s=600)
        story.run(300)
        story.modem(watch).faults.dark = True  # until its supply was off
        story.run(300)
        story.desk.broker.up = True
        assert story.until(lambda: story.stored(kinds.SOS), within_s=1500)


@pytest.mark.parametrize("kind", ["pendant", "watch"])
def test_a_reset_by_the_watchdog_in_an_alarm_leaves_nobody_without_a_word(kind):
    with opened(seed=31) as story:
        device = story.pendant() if kind == "pendant" else story.watch()
        hub = story.hub("kitchen")
        story.set_clock(device, within_s=180)
        story.reception(device, hub).deaf = True
        for line in story.lines.values():
            line.cut = True
        story.finger(device).hold()
        story.run(5)
        began = len(story.world.history)
        device.reset()
        story.run(25)
        assert logged(story, "unreachable", began)
        assert not device.asleep
