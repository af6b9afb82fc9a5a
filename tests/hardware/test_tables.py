"""The hardware folder's tables are the ones firmware and simulator run on: pins, currents, and their sources."""

import ast
import csv
import re
from pathlib import Path

import pytest

from simulator import energy
from simulator.chips.lsm6dsox import Lsm6dsox
from simulator.world import battery

ROOT = Path(__file__).parents[2]
KINDS = {"processor", "load", "constant"}
CHECKED = {"no", "measured", "computed"}


def rows(name):
    with (ROOT / "hardware" / name).open(newline="") as file:
        return list(csv.DictReader(file))


def board_pins(board):
    """The board file's constants that are passed to machine as pin numbers."""
    tree = ast.parse((ROOT / "firmware/esp32/boards" / board / "board.py").read_text())
    return {
        node.targets[0].id.lower(): node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and not node.targets[0].id.startswith(("WOKEN_", "_", "LOOK_", "NAP_"))
    }


@pytest.mark.parametrize("board", sorted(p.name for p in (ROOT / "firmware/esp32/boards").iterdir()))
def test_the_table_of_pins_and_the_board_file_say_the_same(board):
    assert {
        row["signal"]: int(row["gpio"]) for row in rows("pins.csv") if row["board"] == board
    } == board_pins(board)


def test_no_two_signals_share_a_pin():
    pins = [(row["board"], row["gpio"]) for row in rows("pins.csv")]
    assert len(pins) == len(set(pins))


def test_every_pin_says_its_direction_and_its_revision():
    assert all(row["direction"] in ("in", "out", "inout") and row["revision"] for row in rows("pins.csv"))


@pytest.mark.parametrize(("board", "last"), [("pendant", 5), ("watch", 21)])
def test_what_wakes_a_board_is_on_a_pin_that_can(board, last):
    """An ESP32-C3 wakes by GPIO 0 to 5, an S3 by those of its RTC, 0 to 21."""
    waking = {
        row["signal"]: int(row["gpio"])
        for row in rows("pins.csv")
        if row["board"] == board and "wakes from deep sleep" in row["note"]
    }
    assert set(waking) == {"button", "accelerometer_int1"}
    assert all(gpio <= last for gpio in waking.values())


def test_no_pin_of_the_watch_is_one_the_board_needs_or_the_chip_straps():
    """0, 3, 45, 46 are read at the start; 19, 20 are USB; 26 to 37 flash and PSRAM; 38 to 40 the card; 3, 6 modem, PMU."""
    taken = {0, 3, 6, 19, 20, *range(26, 41), 45, 46}
    assert not taken & {int(row["gpio"]) for row in rows("pins.csv") if row["board"] == "watch"}


def test_every_current_has_a_kind_a_source_and_says_whether_it_was_checked():
    for row in rows("power_budget.csv"):
        assert row["kind"] in KINDS, row
        assert row["checked"] in CHECKED, row
        assert float(row["current_ua"]) >= 0, row
        assert len(row["source"]) > 10, row
        assert row["variant"] in ("all", *battery.VARIANTS), row
        assert row["board"] in ("all", *battery.REFERENCE), row
        assert not row["duration_ms"] or float(row["duration_ms"]) > 0, row


def test_a_state_stands_once_for_each_variant_and_always_for_all():
    for board in battery.REFERENCE:
        table = [row for row in rows("power_budget.csv") if row["board"] in ("all", board)]
        keys = [(row["state"], row["variant"]) for row in table]
        assert len(keys) == len(set(keys))
        assert {state for state, _ in keys} == {state for state, variant in keys if variant == "all"}


def test_the_watch_has_a_current_for_all_the_pendant_does_and_for_its_modem():
    watch = battery.budget(battery.REFERENCE["watch"])
    pendant = {name for name, state in battery.budget().items() if state.kind != "constant"}
    modem = {"off", "search", "psm", "sleep", "idle", "transmit", "gnss"}
    assert set(watch) >= pendant | {f"modem_{state}" for state in modem}
    assert not [name for name in battery.budget() if name.startswith("modem")]


def test_every_state_the_simulated_hardware_enters_has_a_current():
    known = set(battery.budget())
    source = "".join((ROOT / "simulator/world" / name).read_text() for name in ("hardware.py", "realtime.py"))
    entered = set(re.findall(r'\.enter\(\s*"(\w+)"', source)) | set(re.findall(r'"(radio_\w+)"', source))
    loads = set(re.findall(r'"(flash_\w+)"', source)) | {
        "motor",
        "light_red",
        "light_green",
        "light_blue",
    }
    chip = Lsm6dsox(lambda t_us: (0, 0, 1000), lambda level: None)
    modes = set()
    for odr, ulp, low in ((0, 0, 0), (0x30, 0x80, 0), (0x30, 0, 0x10), (0x30, 0, 0)):
        chip.write(0x10, b"\0", 0)
        chip.write(0x14, bytes((ulp,)), 0)
        chip.write(0x15, bytes((low,)), 0)
        chip.write(0x10, bytes((odr,)), 0)
        modes.add("accelerometer_" + chip.power_mode())
    assert len(modes) == 4
    assert len(entered) >= 5
    assert entered | loads | modes <= known


def test_the_wiring_in_the_readme_is_the_table_of_pins_on_the_xiaos_own_labels():
    # Seeed's pin map of the XIAO ESP32C3.
    labels = {
        2: "D0",
        3: "D1",
        4: "D2",
        5: "D3",
        6: "D4",
        7: "D5",
        21: "D6",
        20: "D7",
        8: "D8",
        9: "D9",
        10: "D10",
    }
    text = (ROOT / "hardware" / "README.md").read_text()
    wired = re.findall(r"^\| (D\d+) \| (\d+) \| (\w+) \|", text, re.MULTILINE)
    pins = {row["signal"]: int(row["gpio"]) for row in rows("pins.csv") if row["board"] == "pendant"}
    assert {signal: int(gpio) for _, gpio, signal in wired} == pins
    assert all(labels[int(gpio)] == label for label, gpio, _ in wired)


def test_the_watchs_wiring_in_the_readme_is_the_table_of_pins_on_the_headers_own_numbers():
    # Header P1 of the T-SIM7080G-S3 from its pin map: pin of the header, GPIO.
    header = {3: 16, 4: 17, 5: 18, 6: 8, 9: 9, 10: 10, 11: 11, 12: 12, 13: 13, 14: 14}
    text = (ROOT / "hardware" / "README.md").read_text()
    wired = re.findall(r"^\| (\d+) \| (\d+) \| (\w+) \|", text, re.MULTILINE)
    table = {row["signal"]: row for row in rows("pins.csv") if row["board"] == "watch"}
    soldered = {
        signal: int(row["gpio"]) for signal, row in table.items() if "on the board" not in row["note"]
    }
    assert {signal: int(gpio) for _, gpio, signal in wired} == soldered
    assert all(header[int(pin)] == int(gpio) for pin, gpio, _ in wired)
    assert all(table[signal]["note"].startswith(f"P1.{pin};") for pin, _, signal in wired)


def test_the_months_in_the_decisions_are_those_the_model_prints():
    text = (ROOT / "hardware" / "DECISIONS.md").read_text().replace("\n", " ")
    said = re.search(r"prints ([\d.]+) months \(LSM6DSOX\), ([\d.]+) \(BMA400\) and ([\d.]+) \(XIAO\)", text)
    assert said
    us = energy.day_us(energy.Day())
    assert [float(n) for n in said.groups()] == [
        round(energy.months(energy.mah_per_day(us, variant)), 1) for variant in battery.VARIANTS
    ]
    still = energy.mah_per_day(energy.day_us(energy.still(energy.Day())), "lsm6dsox")
    assert f"lying still, it prints {energy.months(still):.1f} months" in text
    hour = energy.price_mah(energy.motion_ms(energy.replace(energy.still(energy.Day()), moving_h=1)))
    assert f"an hour of moving {hour:.1f} mAh" in text
    day = energy.Day()
    guesses = f"{day.motion_wakes} wakes by motion, {day.moving_h} hours of moving and {day.blows:,} blows"
    assert guesses in text
