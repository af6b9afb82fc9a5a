"""The battery gives what it holds, to the states that were entered; the firmware reads its charge off its voltage."""

import pytest
from drivers import battery as driver

from simulator.world.battery import Battery, Meter, budget, mah, millivolts
from simulator.world.hardware import Hardware


class Silence:
    """A radio nobody hears."""

    def __getattr__(self, name):
        return lambda *args: None


class Clock:
    def __init__(self):
        self.us = 0

    def __call__(self):
        return self.us


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def hardware(clock):
    return Hardware(1, Silence(), clock, lambda *args: None)


@pytest.mark.parametrize("percent", range(0, 101, 5))
def test_the_firmware_reads_the_charge_the_battery_has(percent):
    assert abs(driver.percent_of(round(millivolts(percent / 100))) - percent) <= 1


def test_an_hour_asleep_takes_the_sleep_current_and_the_constant_ones(clock, hardware):
    hardware.enter("sleep")
    before = hardware.battery.left_mah
    clock.us += 3_600_000_000
    hardware.meter.settle()
    states = budget()
    constant = sum(s.current_ua for s in states.values() if s.kind == "constant")
    expected = (states["sleep"].current_ua + states["accelerometer_off"].current_ua + constant) / 1000
    assert before - hardware.battery.left_mah == pytest.approx(expected)


def test_a_boot_takes_its_whole_length_even_if_the_simulator_was_quicker(clock, hardware):
    hardware.enter("boot_from_deep_sleep")
    clock.us += 20_000
    hardware.handle("hello", [1])
    assert hardware.state_us["boot_from_deep_sleep"] == budget()["boot_from_deep_sleep"].duration_ms * 1000
    assert hardware.state == "awake"


def test_fast_advertising_is_a_burst_and_slow_advertising_its_window(hardware):
    hardware.handle("ble.advertise", [25_000, "", True])
    assert hardware.state == "radio_burst"
    hardware.handle("ble.advertise", [100_000, "", True])
    assert hardware.state == "radio_window"
    hardware.hear("ble.connected", 1, "")
    assert hardware.state == "connected"
    hardware.hear("ble.disconnected", 1, "")
    assert hardware.state == "awake"


def test_motor_and_lights_drain_while_they_are_on_and_not_in_sleep(clock, hardware):
    hardware.handle("pin", [hardware.pins["motor"], 1, 0])
    hardware.handle("pin", [hardware.pins["light_red"], 0, 0])  # low lights it
    clock.us += 100_000
    hardware.enter("sleep")
    clock.us += 100_000
    assert hardware.state_us["motor"] == 100_000
    assert hardware.state_us["light_red"] == 100_000


def test_the_adc_shows_the_battery_going_down(clock, hardware):
    gpio = hardware.pins["battery"]
    full = hardware.handle("adc", [gpio])
    hardware.enter("radio_window")
    clock.us += 10 * 3_600_000_000  # ten hours on the air
    assert (
        driver.percent_of(hardware.handle("adc", [gpio]) * 2 // 1000)
        < 40
        < driver.percent_of(full * 2 // 1000)
    )


def test_a_low_battery_can_be_set(hardware):
    hardware.set_charge(12)
    assert driver.percent_of(hardware.handle("adc", [hardware.pins["battery"]]) * 2 // 1000) in (11, 12)


def test_usb_fills_the_battery_and_not_beyond_full(clock, hardware):
    hardware.set_charge(50)
    hardware.set_input("usb_sense", 1)
    clock.us += 3_600_000_000
    hardware.meter.settle()
    assert hardware.battery.share == pytest.approx(0.5 + 200 / hardware.battery.usable_mah)
    clock.us += 10 * 3_600_000_000
    hardware.meter.settle()
    assert hardware.battery.share == 1


def test_the_meter_and_the_battery_agree(clock):
    battery = Battery()
    meter = Meter(clock, battery)
    for state, seconds in (("awake", 3), ("radio_burst", 1), ("sleep", 7200)):
        meter.enter(state)
        clock.us += seconds * 1_000_000
    meter.once("flash_write")
    meter.settle()
    states = budget()
    constant = sum(s.current_ua for s in states.values() if s.kind == "constant")
    spent = sum(mah(states[name].current_ua, us) for name, us in meter.us.items() if name in states)
    assert battery.usable_mah - battery.left_mah == pytest.approx(spent + mah(constant, clock.us))


def test_an_empty_battery_gives_no_more_than_it_held():
    battery = Battery(0.01)
    battery.drain(1000)
    assert battery.left_mah == 0
    assert battery.divided_uv() == 1_650_000
