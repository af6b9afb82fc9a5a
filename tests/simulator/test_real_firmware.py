"""The real firmware on the simulated hardware, on the real clock: the states it enters, the battery it reads, its wakes."""

import asyncio
import json

import pytest
from sos_wire import frame, kinds
from sos_wire.seal import Keys

from simulator.provisioning import provision
from simulator.world.battery import budget
from simulator.world.realtime import World, now_us

SECRET = bytes(range(32))
# Long for what takes a few seconds: a limit for a test that would otherwise wait for ever.
LIMIT_S = 60


class Scanner:
    """A radio that hears every advertisement of one pendant and never connects."""

    def __init__(self):
        self.kinds = []
        self._keys = Keys(SECRET)

    def advertise(self, device, interval_us, data, connectable):
        body = self._keys.open_up(data[-24:])
        assert body is not None
        self.kinds.append(frame.decode_short(body).kind)

    def __getattr__(self, name):
        return lambda *args: None


async def until(condition):
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.05)


def play(tmp_path, scene, **said):
    """Run a scene (device, scanner) with one pendant that was just switched on."""

    async def run():
        folder = tmp_path / "7"
        secret_file = tmp_path / "secret.json"
        secret_file.write_text(json.dumps({"device": 7, "secret": SECRET.hex()}))
        await asyncio.to_thread(provision, folder, secret_file, said.pop("settings", {}))
        scanner = Scanner()
        world = World(scanner)
        await world.open()
        moving = asyncio.create_task(world.run())
        try:
            device = world.add(7, folder, **said)
            await scene(device, scanner)
        finally:
            moving.cancel()
            world.close()
        await until(lambda: device.hardware.send is None)  # the cable is out

    asyncio.run(run())


@pytest.mark.system
def test_a_low_battery_is_told_to_the_desk_and_a_full_one_is_not(tmp_path):
    async def low(device, scanner):
        await until(lambda: kinds.LOW_BATTERY in scanner.kinds)

    async def full(device, scanner):
        await until(lambda: device.asleep)
        assert set(scanner.kinds) == {kinds.HEARTBEAT}

    for name, scene, percent in (("low", low, 10), ("full", full, 90)):
        (tmp_path / name).mkdir()
        play(tmp_path / name, scene, battery_percent=percent)


@pytest.mark.system
def test_every_state_the_firmware_enters_has_its_current_and_drains_the_battery(tmp_path):
    async def scene(device, scanner):
        await until(lambda: device.asleep)
        spent = device.hardware.state_us
        entered = {name for name, us in spent.items() if us and name != "off"}
        assert entered >= {
            "boot_from_deep_sleep",
            "awake",
            "radio_burst",
            "radio_window",
            "flash_write",
            "accelerometer_ultra_low_power",
        }
        assert entered <= set(budget())
        assert device.hardware.battery.share < 1
        # A burst of 12 at 25 ms, and the whole window, whatever is in them.
        bursts = device.hardware.meter.times["radio_burst"]
        assert bursts == device.hardware.meter.times["radio_window"]
        assert spent["radio_burst"] >= bursts * 290_000

    play(tmp_path, scene, settings={"listen_ms": 500})


@pytest.mark.system
def test_a_blow_wakes_the_pendant_once_and_it_sleeps_again(tmp_path):
    async def scene(device, scanner):
        await until(lambda: device.asleep)
        boots = device.hardware.meter.times["boot_from_deep_sleep"]
        device.hardware.body.play_trace(
            [(0, 1000, 60)] * 20 + [(0, 4200, 60)] * 2 + [(0, 1000, 60)] * 50, now_us()
        )
        await until(lambda: not device.asleep)
        await until(lambda: device.asleep)
        assert device.hardware.levels[device.hardware.pins["accelerometer_int1"]] == 1
        assert device.hardware.meter.times["boot_from_deep_sleep"] == boots + 1

    play(tmp_path, scene, settings={"listen_ms": 500})


@pytest.mark.system
def test_a_fall_out_of_deep_sleep_is_found_in_the_seconds_before_the_wake_and_told(tmp_path):
    async def scene(device, scanner):
        await until(lambda: device.asleep)
        device.hardware.body.play("fall", now_us())
        await until(lambda: kinds.FALL in scanner.kinds)

    play(tmp_path, scene, settings={"listen_ms": 500})


@pytest.mark.system
def test_without_the_fall_detector_the_accelerometers_line_wakes_nobody(tmp_path):
    async def scene(device, scanner):
        await until(lambda: device.asleep)
        assert device.hardware.levels[device.hardware.pins["accelerometer_int1"]] == 0  # it was never set up
        assert device.hardware.wake_pins == [device.hardware.pins["button"]]
        assert not device.hardware.wakes_now()

    play(tmp_path, scene, settings={"listen_ms": 500, "falls": 0})
