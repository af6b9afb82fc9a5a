"""The watch on both clocks: the pendant's firmware on an ESP32-S3, what wakes it, and a modem at its UART."""

import asyncio
import json
import random
import re
from pathlib import Path

import pytest
from sos_wire import kinds

from simulator.chips.sim7080g import Identity
from simulator.provisioning import provision
from simulator.story import opened
from simulator.world import firmware
from simulator.world.battery import REFERENCE, budget
from simulator.world.cellular import Cellular
from simulator.world.hardware import WOKEN_BY_EXT0, WOKEN_BY_EXT1
from simulator.world.line_real import PahoLine
from simulator.world.phones import LoopScheduler, SmsCentre
from simulator.world.realtime import World
from simulator.world.sky import Sky

PROBE = Path(__file__).parents[1] / "device" / "modem_probe"
SECRET = bytes(range(32))
LIMIT_S = 90


@pytest.fixture
def probe(monkeypatch):
    """Put the probe in the place of the firmware's main."""
    path = firmware.path
    monkeypatch.setattr(firmware, "path", lambda board="pendant": f"{PROBE}:{path(board)}")


def boots(story, watch):
    return [e.value for e in story.world.history if e.who == watch.name and e.what == "boot"]


def logged(story, watch):
    return [e.value for e in story.world.history if e.who == watch.name and e.what == "log"]


def test_a_watch_is_a_pendant_to_its_wearer_beside_a_hub():
    with opened(seed=5) as story:
        story.hub("kitchen")
        watch = story.watch(2)
        story.set_clock(watch)
        story.finger(watch).hold()
        assert story.until(story.desk.open_incidents)
        number = story.desk.store.rows("incident")[0]
        assert number["state"] == "pending"
        assert watch.name == "watch 2"
        assert not [e for e in story.world.history if e.what == "crash"]
        assert watch.hardware.pmu.unknown == []
        assert watch.hardware.modem.unknown == []


def test_the_button_wakes_it_by_ext0_and_a_blow_by_ext1():
    with opened(seed=6) as story:
        story.hub("kitchen")
        watch = story.watch(2)
        assert story.until(lambda: watch.asleep)
        story.finger(watch).click(1)
        assert boots(story, watch) == ["power", WOKEN_BY_EXT0]
        assert story.until(lambda: watch.asleep)
        watch.move("fall")
        assert story.until(lambda: len(boots(story, watch)) > 2)
        assert boots(story, watch)[2] == WOKEN_BY_EXT1
        assert story.until(
            lambda: any(row["kind"] == kinds.FALL for row in story.desk.store.rows("event")), 60
        )


def test_a_line_that_stays_low_does_not_wake_it_for_ever():
    with opened(seed=7) as story:
        watch = story.watch(2)
        assert story.until(lambda: watch.asleep, within_s=240)
        story.finger(watch)._level(0)
        story.run(180)
        story.finger(watch)._level(1)
        assert len(boots(story, watch)) < 8


def test_asleep_its_modem_draws_nothing_and_every_state_has_its_current():
    with opened(seed=8) as story:
        story.hub("kitchen")
        watch = story.watch(2, listen_ms=500)
        story.set_clock(watch)
        story.run(600)
        hardware = watch.hardware
        entered = {name for name, us in hardware.state_us.items() if us and name != "off"}
        assert entered >= {"sleep", "boot_from_deep_sleep", "awake", "radio_burst", "modem_off"}
        assert entered <= set(budget(REFERENCE["watch"]))
        assert hardware.pmu.rails() == {"dc1", "bldo1"}
        assert hardware.battery.share < 1


def test_without_its_power_management_an_alarm_goes_out_all_the_same():
    with opened(seed=9) as story:
        story.hub("kitchen")
        watch = story.watch(2)
        story.set_clock(watch)
        watch.hardware.pmu = None
        story.finger(watch).hold()
        assert story.until(story.desk.open_incidents)


def test_its_modem_hears_and_answers_keeps_on_through_sleep_where_it_should_and_its_settings_always(probe):
    with opened(seed=10) as story:
        watch = story.watch(2)
        assert story.until(lambda: len(boots(story, watch)) > 3, within_s=120)
        imei = Identity.of(2).imei
        said = logged(story, watch)
        life = ["found: silence", "switched on: OK", f"module: {imei} OK", "mode: +CNMP: 38 OK"]
        stayed = ["found: OK", "mode: +CNMP: 38 OK"]
        cut = ["found: silence", "switched on: OK", "mode: +CNMP: 38 OK"]
        assert said[: len(life + stayed + cut)] == life + stayed + cut
        assert watch.hardware.modem.unknown == []


@pytest.mark.system
def test_on_the_real_clock_too_its_modem_answers(probe, tmp_path):
    async def run():
        folder = tmp_path / "2"
        secret_file = tmp_path / "secret.json"
        secret_file.write_text(json.dumps({"device": 2, "secret": SECRET.hex()}))
        await asyncio.to_thread(provision, folder, secret_file)
        scheduler = LoopScheduler()
        chance = random.Random(2)
        cellular = Cellular(scheduler, PahoLine(), Sky(chance), SmsCentre(scheduler, chance), chance)
        world = World(Nobody())
        await world.open()
        try:
            world.add(2, folder, board="watch", cellular=cellular)
            log = folder / "log.txt"
            async with asyncio.timeout(LIMIT_S):
                while not re.search(r"found: OK\s+mode: \+CNMP: 38 OK", log.read_text()):
                    await asyncio.sleep(0.1)
            assert f"module: {Identity.of(2).imei} OK" in log.read_text()
        finally:
            world.close()

    asyncio.run(run())


class Nobody:
    """A radio nobody hears."""

    def __getattr__(self, name):
        return lambda *args: None
