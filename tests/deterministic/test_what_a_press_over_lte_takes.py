"""The modelled delays of a watch are those of the real driver: its commands are counted, its press lies between the sums."""

import csv
from itertools import pairwise

from sos_gateway.demo import modelled
from sos_wire import kinds

from simulator.story import opened


def pressed(seed):
    """Press a watch out of deep sleep, no hub and no text messages; return (commands to its modem, milliseconds)."""
    with opened(seed) as story:
        watch = story.watch(sms_to="")
        story.set_clock(watch, within_s=120)
        story.run(600)
        modem = watch.hardware.modem
        assert watch.asleep
        assert modem.power.load == "modem_psm"
        modem.transcript.clear()
        down_us = story.world.now_us
        story.finger(watch).hold()
        assert story.until(lambda: story.stored(kinds.SOS), within_s=120)
        took_ms = (story.world.now_us - down_us) / 1000 - 1000
        said = [data.decode("latin-1").strip() for _, who, data in modem.transcript if who == "host"]
        return said, took_ms


def times(name):
    with modelled.RADIO_LTE.open(newline="") as file:
        return next(int(row["times"]) for row in csv.DictReader(file) if row["name"] == name)


def test_the_commands_of_the_way_are_as_many_as_the_table_says():
    said, _ = pressed(3)
    registered = max(n for n, text in enumerate(said) if text == "AT+CEREG?")
    subscribed = next(n for n, text in enumerate(said) if text.startswith("AT+SMSUB"))
    way = said[registered + 1 : subscribed + 1]
    once = [
        text for before, text in pairwise(["", *way]) if text != before
    ]  # a context is asked for until it is there
    assert len(once) == times("way_commands")


def test_a_press_on_the_virtual_clock_takes_what_the_table_allows():
    rows = [row for row in modelled.lte_delays() if "press_to_desk_ms" in row.used_in]
    late = modelled.boot_ms("watch") - modelled.boot_in_hold_ms()
    low, high = (sum(getattr(row, name) * row.times for row in rows) + late for name in ("low_ms", "high_ms"))
    for seed in (1, 2, 3):
        _, took_ms = pressed(seed)
        assert low <= took_ms <= high
