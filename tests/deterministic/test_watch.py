"""The watch keeps every promise whatever its modem and its network do; it neither blocks nor spends for ever."""

from itertools import repeat

import pytest
from sos_wire import kinds

from simulator import run
from simulator.invariants import History, whoever_is_not_reached_is_told
from simulator.scenarios import sos_while_the_modem_misbehaves as misbehaviour
from simulator.story import HUB_SIM, opened
from simulator.world.broker import CA


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_misbehaviour_in_turn_during_an_sos_and_it_arrives_once():
    count = len(misbehaviour.MISBEHAVIOURS)
    seeds = range(count, 3 * count)  # each of them twice, differently drawn
    name = misbehaviour.__name__.rsplit(".", 1)[1]
    with run.side_by_side() as pool:
        verdicts = list(pool.map(run.verdict, repeat(name), seeds))
    failed = {seed: breaches for seed, _, breaches in verdicts if breaches}
    assert not failed, f"again: socors sim {name} --seed {next(iter(failed))}"


def journalled_after_s(story, watch, press):
    """Return how long after a finger went down the record of its alarm is whole."""
    began = len(story.world.history)
    down_us = story.world.now_us
    press()
    for entry in story.world.history[began:]:
        if entry.who == watch.name and entry.what == "kept" and entry.value[0].startswith("e"):
            return (entry.t_us - down_us) / 1e6
    raise AssertionError("no record")


@pytest.mark.parametrize("after_s", [3, 8, 14, 20, 33])
def test_a_press_is_journalled_at_once_whatever_the_modem_is_doing(after_s):
    with opened(seed=after_s) as story:
        watch = story.watch()
        story.set_clock(watch, within_s=180)
        story.modem(watch).faults.connect_hangs_s = 60.0
        finger = story.finger(watch)
        finger.bounces = False
        finger.hold()
        story.run(after_s)
        assert journalled_after_s(story, watch, lambda: finger.hold(1.6)) < 1.5


@pytest.mark.parametrize("wrong", [wrong for wrong, _ in misbehaviour.MISBEHAVIOURS], ids=str)
def test_whatever_the_modem_does_the_button_is_felt_at_once_and_who_is_not_reached_is_told_within_20_s(wrong):
    with opened(seed=9) as story:
        watch = story.watch()  # no hub is near, and nobody has the number of the texts
        story.set_clock(watch, within_s=180)
        misbehaviour.begin(story, wrong)
        finger = story.finger(watch)
        finger.bounces = False
        first = len(story.world.history)
        for wait_s in (7.3, 8.1, 20.5):
            began, down_us = len(story.world.history), story.world.now_us
            assert journalled_after_s(story, watch, lambda: finger.hold(1.6)) < 1.5
            felt = next(e for e in story.world.history[began:] if e.what == "motor" and e.value)
            assert felt.t_us - down_us < 1_500_000
            story.run(wait_s)
        history = History(entries=story.world.history, end_us=story.world.now_us)
        assert list(whoever_is_not_reached_is_told(history)) == []
        answered = any(e.what == "told" for e in story.world.history[first:])
        unreachable = any(e.what == "log" and e.value == "unreachable" for e in story.world.history[first:])
        assert answered or unreachable


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_drawn_stories_of_a_watch_keep_every_promise():
    name = "anything_with_a_watch"
    with run.side_by_side() as pool:
        verdicts = list(pool.map(run.verdict, repeat(name), range(1, 101), chunksize=5))
    failed = {seed: breaches for seed, _, breaches in verdicts if breaches}
    assert not failed, f"again: socors sim {name} --seed {next(iter(failed))}"


def test_text_messages_about_one_alarm_stay_few_through_deep_sleep_and_repeats():
    with opened(seed=4) as story:
        watch = story.watch(awake_s=30)  # nobody has this number: no hub, no answer
        texts = []
        story.phones.attach(HUB_SIM, lambda sender, text: texts.append(text) or True)
        story.set_clock(watch, within_s=180)
        story.modem(watch).faults.pdp_dropped = True
        story.finger(watch).hold()
        story.run(3 * 3600)
        assert 1 <= len(texts) <= 4


def test_a_certificate_that_is_refused_is_told_at_once_by_the_hub_that_hears_her_and_costs_no_text_message():
    with opened(seed=6) as story:
        story.hub("kitchen", sim=HUB_SIM)
        watch = story.watch()
        story.set_clock(watch, within_s=180)
        story.desk.broker.authority = CA.replace("virtual", "another")
        story.finger(watch).hold()

        def told() -> bool:
            return any(
                (row["faults"] or 0) & kinds.FAULT_CERTIFICATE for row in story.desk.store.rows("event")
            )

        assert story.until(told, within_s=180)
        story.run(120)
        assert {row["via"] for row in story.desk.store.rows("sighting")} == {"ble"}


def test_two_hours_without_coverage_leave_the_modem_off_for_most_of_the_time():
    with opened(seed=7) as story:
        watch = story.watch()
        story.set_clock(watch, within_s=180)
        story.modem(watch).faults.no_network = True
        story.finger(watch).hold()
        story.run(1800)  # in which she is told, and everything is tried
        began = watch.hardware.meter.us["modem_search"]
        story.run(7200)
        assert watch.hardware.meter.us["modem_search"] - began < 0.1 * 7200e6


XTRA = "http://xtra.example/xtra3gr_72h.bin"


def asks(story, watch):
    """Return how often the modem was told to fetch assistance."""
    return sum(b"AT+HTTPTOFS=" in data for _, who, data in story.modem(watch).transcript if who == "host")


def test_without_an_address_of_its_own_a_watch_fetches_nothing():
    with opened(seed=8) as story:
        watch = story.watch()
        story.set_clock(watch, within_s=180)
        assert story.until(lambda: watch.asleep, within_s=240)
        assert not asks(story, watch)


def test_assistance_for_satellites_is_fetched_with_telemetry_and_not_again_while_it_is_young():
    with opened(seed=8) as story:
        watch = story.watch(network={"assist_url": XTRA})
        story.set_clock(watch, within_s=180)
        assert story.until(lambda: "xtra_copied" in story.modem(watch).flash, within_s=3 * 3600)
        assert story.modem(watch).flash["cgnsxtra"] == 1
        fetched = story.modem(watch).flash["xtra_copied"]
        assert story.until(lambda: watch.asleep, within_s=240)
        story.run(6 * 3600)
        assert story.modem(watch).flash["xtra_copied"] == fetched


def test_nothing_is_fetched_while_an_alarm_is_open():
    with opened(seed=9) as story:
        watch = story.watch(network={"assist_url": XTRA})
        story.finger(watch).hold()
        assert story.until(story.desk.open_incidents, within_s=240)
        story.run(600)
        assert "downloads" not in story.modem(watch).flash


def test_a_press_during_a_download_that_hangs_does_not_wait_for_it():
    with opened(seed=10) as story:
        watch = story.watch(network={"assist_url": XTRA})
        story.modem(watch).faults.download_hangs = True
        assert story.until(lambda: asks(story, watch), within_s=180)
        story.finger(watch).hold()
        assert story.until(story.desk.open_incidents, within_s=4)


def test_the_last_fix_and_its_age_ride_in_the_first_full_form_of_an_alarm():
    with opened(seed=5) as story:
        watch = story.watch()
        story.set_clock(watch, within_s=180)
        finger = story.finger(watch)
        finger.hold()
        assert story.until(lambda: story.stored(kinds.POSITION), within_s=240)
        (incident,) = story.desk.open_incidents()
        story.desk.accept(incident["id"])
        assert story.until(lambda: story.stored(kinds.FELT, kinds.ACCEPTED), within_s=240)
        story.desk.close(incident["id"])
        assert story.until(lambda: watch.asleep, within_s=240)
        story.run(60)
        finger.hold()
        assert story.until(lambda: len(story.stored(kinds.SOS)) == 2, within_s=120)
        second = story.stored(kinds.SOS)[1]
        lat, lon = story.skies[2].place(story.world.now_us)
        assert abs(second["lat_e7"] - lat * 1e7) < 5000
        assert abs(second["lon_e7"] - lon * 1e7) < 5000
        assert second["fix_age_s"] >= 60
        assert second["radius_m"] > 0
        assert second["cell"]
