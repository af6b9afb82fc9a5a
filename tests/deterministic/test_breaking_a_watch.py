"""What was tried to break the promise with a watch: full journals, strangers' texts, foreign messages, wrong clocks."""

import pytest
from sos_wire import kinds, sms

from simulator.chips.sim7080g import Identity
from simulator.story import opened

NUMBER = Identity.of(2).number


def logged(story, text, since=0):
    return [e for e in story.world.history[since:] if e.what == "log" and text in str(e.value)]


def weighed(story, device):
    """Return the bytes in use after a collection."""
    device.weigh_heap()
    assert story.until(lambda: story.world.history[-1].what == "heap", within_s=5)
    return story.world.history[-1].value


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


def test_a_modem_that_begins_anew_in_a_turn_of_the_receiver_ends_the_turn_and_the_antenna_is_off():
    with opened(seed=41) as story:
        watch = story.watch()
        story.set_clock(watch, within_s=120)
        story.skies[2].indoors = True  # the turn would last its whole minute
        story.finger(watch).hold()
        modem = story.modem(watch)
        assert story.until(lambda: modem.gnss.running, within_s=120)
        story.run(3)
        modem.power.restart()
        assert story.until(lambda: not modem.gnss.antenna, within_s=20)


def test_foreign_messages_and_answers_played_again_on_the_topic_of_a_watch_change_nothing():
    with opened(seed=51) as story:
        watch = story.watch(awake_s=3600)
        story.set_clock(watch, within_s=180)
        answers = []
        send_down = story.desk.broker.send_down

        def noted(number, frame):
            answers.append(frame)
            send_down(number, frame)

        story.desk.broker.send_down = noted
        story.finger(watch).hold()
        assert story.until(lambda: story.stored(kinds.FELT, kinds.RECEIVED), within_s=120)
        (incident,) = story.desk.open_incidents()
        story.desk.accept(incident["id"])
        assert story.until(lambda: story.stored(kinds.FELT, kinds.ACCEPTED), within_s=240)
        story.skies[2].indoors = True
        story.run(8)  # it is felt to its end
        told = [e.value for e in story.world.history if e.what == "told"]
        before = len(story.world.history)
        weight = weighed(story, watch)
        for length in (0, 1, 23, 24, 25, 64, 280, 400, 1024):
            for _ in range(10):
                send_down(2, story.chance.randbytes(length))
            story.run(2)
        for frame in list(answers) * 3:
            send_down(2, frame)
            story.run(0.5)
        story.run(120)
        # States only rise: the present one may be confirmed again, nothing older is felt or told anew.
        accepted = [number for number in told if number[2] == kinds.ACCEPTED]
        felt = [e for e in story.world.history[before:] if e.what == "motor" and e.value]
        assert accepted
        assert not felt
        assert not logged(story, "died", before)
        assert story.stored(kinds.SOS)[0]["kind"] == kinds.SOS
        assert len(story.desk.incidents_now()) == 1
        assert weighed(story, watch) - weight < 8_000
        story.finger(watch).click(4)
        assert story.until(lambda: story.stored(kinds.SILENT), within_s=90)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_hours_of_an_open_alarm_over_lte_with_turns_of_the_receiver_cost_no_memory():
    with opened(seed=61) as story:
        watch = story.watch(awake_s=3600 * 1)
        story.set_clock(watch, within_s=180)
        finger = story.finger(watch)
        weights = []
        for turn in range(8):
            finger.hold()  # each keeps it awake for another hour
            story.run(900)
            weights.append(weighed(story, watch))
            if turn % 2:
                story.modem(watch).faults.pdp_dropped = turn % 4 == 1
        assert not watch.asleep
        # Each press is an alarm of its own, kept until it is closed.
        assert weights[-1] - weights[3] < 4 * 2048
