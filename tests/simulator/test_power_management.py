"""The watch's power management: the firmware's driver on one end of the bus, the emulated AXP2101 on the other."""

import pytest
from cable import Bench

from simulator.chips import axp2101

DRIVER = """
import json, machine
from drivers.axp2101 import Axp2101
pmu = Axp2101(machine.I2C(0))
"""


@pytest.fixture
def bench():
    return Bench("watch")


def run(bench, script):
    answer = bench.run(DRIVER + script)
    assert bench.hardware.pmu.unknown == []
    return answer


def test_from_the_first_start_the_modem_can_be_heard_and_nothing_is_switched_on_for_it(bench):
    run(bench, "pmu.start(); print(json.dumps(1))")
    assert bench.hardware.pmu.rails() == {"dc1", "bldo1"}
    assert bench.hardware.pmu.millivolts("bldo1") == 3300


def test_the_modems_rail_has_the_voltage_it_wants_before_it_is_on(bench):
    pmu, seen = bench.hardware.pmu, []
    bench.hardware.tell = lambda what, value, at_us=None: seen.append((what, value, pmu.millivolts("dc3")))
    run(bench, "pmu.modem(True); print(json.dumps(1))")
    assert ("rail dc3", 1, 3000) in seen
    run(bench, "pmu.modem(False); print(json.dumps(1))")
    assert seen[-1][:2] == ("rail dc3", 0)
    assert pmu.on("bldo1")


def test_no_step_of_the_driver_takes_the_level_shifter_away_or_the_processors_own_supply(bench):
    everything = """
for on in (True, False, True, False):
    pmu.start()
    pmu.modem(on)
    pmu.antenna(on)
    pmu.antenna(not on)
    pmu.percent(), pmu.millivolts(), pmu.usb()
print(json.dumps(1))
"""
    run(bench, everything)
    assert ("rail bldo1", 0) not in bench.told
    assert ("rail dc1", 0) not in bench.told
    assert ("rail bldo2", 0) in bench.told  # the others are switched


def test_a_start_after_a_reset_of_the_processor_leaves_a_modem_that_runs_running(bench):
    run(bench, "pmu.modem(True); pmu.antenna(True); print(json.dumps(1))")
    before = list(bench.told)
    run(bench, "pmu.start(); print(json.dumps(1))")
    assert bench.told == before
    assert {"dc3", "bldo1", "bldo2"} <= bench.hardware.pmu.rails()


def test_the_battery_is_what_the_simulators_battery_is(bench):
    bench.hardware.set_charge(62)
    percent, millivolts, usb = run(
        bench, "pmu.start(); print(json.dumps([pmu.percent(), pmu.millivolts(), pmu.usb()]))"
    )
    assert percent == 62
    assert 3790 <= millivolts <= 3870  # the discharge curve between 45 and 65 per cent
    assert usb is False


def test_without_a_gauge_the_voltage_says_how_full_it_is(bench):
    bench.hardware.set_charge(45)
    percent, millivolts = run(bench, "print(json.dumps([pmu.percent(), pmu.millivolts()]))")
    assert (percent, millivolts) == (45, 3790)


def test_usb_is_felt_and_charges_because_the_chip_was_told_that_there_is_no_thermistor(bench):
    bench.hardware.set_charge(50)
    bench.hardware.set_input("usb_sense", 1)
    assert ("usb", 1) in bench.told
    assert not bench.hardware.meter.charging  # as the board's maker warns
    assert run(bench, "pmu.start(); print(json.dumps(pmu.usb()))") is True
    assert bench.hardware.meter.charging
    assert bench.hardware.meter.charge_ma == 500
    left = bench.hardware.battery.left_mah
    bench.us += 3_600_000_000
    bench.hardware.meter.settle()
    assert bench.hardware.battery.left_mah == pytest.approx(left + 500)
    bench.hardware.set_input("usb_sense", 0)
    assert not bench.hardware.meter.charging


def test_a_chip_that_does_not_answer_costs_no_alarm_but_switches_no_rail(bench):
    bench.hardware.pmu = None
    said = run_dead(
        bench,
        """
def raises(work):
    try:
        work()
    except OSError:
        return True
    return False
asked = [pmu.percent(), pmu.millivolts(), pmu.usb()]
print(json.dumps([asked, [raises(work) for work in (pmu.start, lambda: pmu.modem(True), lambda: pmu.antenna(True))]]))
""",
    )
    assert said == [[255, 0, False], [True, True, True]]


def run_dead(bench, script):
    return bench.run(DRIVER + script)


def test_another_chip_at_the_address_is_not_written_to(bench):
    bench.hardware.pmu._registers[axp2101.CHIP_ID] = 0x03
    answer = run(
        bench,
        """
try:
    pmu.start()
    print(json.dumps("started"))
except OSError as error:
    print(json.dumps(str(error)))
""",
    )
    assert "another chip" in answer
    assert bench.hardware.pmu.rails() == {"dc1"}


def test_a_contact_of_the_battery_that_bounces_is_made_good_by_the_next_switch(bench):
    run(bench, "pmu.modem(True); print(json.dumps(1))")
    bench.hardware.lose_power()
    assert bench.hardware.pmu.rails() == {"dc1"}
    assert ("rail dc3", 0) in bench.told
    run(bench, "pmu.modem(True); print(json.dumps(1))")
    assert {"dc3", "bldo1"} <= bench.hardware.pmu.rails()
