"""The printed life of the battery adds up, and the settings file quotes the prices the model gives."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simulator import energy
from simulator.world.battery import CAPACITY_MAH, USABLE_SHARE, VARIANTS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_day_has_twenty_four_hours_whatever_is_done_in_it(variant):
    us = energy.day_us(energy.Day())
    processor = {n for n, s in energy.budget(variant).items() if s.kind == "processor"}
    assert sum(us.get(name, 0) for name in processor) == pytest.approx(energy.DAY_US)


def test_life_is_the_usable_charge_by_what_a_day_takes():
    per_day = energy.mah_per_day(energy.day_us(energy.Day()), "lsm6dsox")
    days = CAPACITY_MAH * USABLE_SHARE / sum(per_day.values())
    assert energy.months(per_day) == pytest.approx(days / 30.4375)


def test_more_of_anything_shortens_the_life():
    def life(**change):
        return energy.months(
            energy.mah_per_day(energy.day_us(energy.replace(energy.Day(), **change)), "lsm6dsox")
        )

    usual = life()
    for change in (
        {"heartbeats": 97},
        {"motion_wakes": 201},
        {"moving_h": 5},
        {"blows": 1001},
        {"alarms": 1},
        {"decoys": 1},
    ):
        assert life(**change) < usual, change
    longer = {**energy.default_settings(), "listen_ms": 1600}
    assert life(settings=longer) < usual


def test_armed_for_falls_it_sleeps_while_nothing_happens_and_motion_alone_makes_the_difference():
    day = energy.Day()
    still, usual = energy.day_us(energy.still(day)), energy.day_us(day)
    assert still["light_sleep"] == still["fall_detector"] == still["fall_window"] == 0
    assert still["sleep"] > 0.99 * energy.DAY_US
    assert usual["light_sleep"] == pytest.approx((day.moving_h * 3600 + day.motion_wakes * 4) * 1e6)
    printed = "\n".join(energy.armed(day))
    assert "0 s for motion" in printed
    assert "not measured" in printed


def test_a_sample_is_paid_for_once_whether_she_moves_or_has_just_woken_it():
    day = energy.still(energy.Day())
    hour = energy.day_us(energy.replace(day, moving_h=1))["fall_detector"]
    wake = energy.day_us(energy.replace(day, motion_wakes=1))["fall_detector"]
    assert wake / hour == pytest.approx((400 + 200) / (3600 * 50))


def test_the_prices_in_the_settings_file_are_the_models():
    text = (ROOT / "firmware/src/settings.py").read_text()
    settings = energy.default_settings()
    day = energy.Day()

    def quoted(pattern):
        found = re.search(pattern, text)
        assert found, pattern
        return float(found.group(1)), len(found.group(1).partition(".")[2])

    awake = energy.price_mah(energy._awake_for(settings["awake_s"], settings))
    ask = energy.price_mah(energy._episode(settings))
    asks = settings["ask_for_s"] / settings["ask_every_s"]
    longer = replace_listen(settings, 100)
    window = sum(
        energy.mah_per_day(energy.day_us(energy.replace(day, settings=longer, alarms=0)), "lsm6dsox").values()
    )
    usual = sum(energy.mah_per_day(energy.day_us(energy.replace(day, alarms=0)), "lsm6dsox").values())
    for pattern, price in (
        (r"reach the wearer .* about ([\d.]+) mAh", awake),
        (r"asks so often.* about ([\d.]+) mAh", ask * asks),
        (r"Decoy episodes.* about ([\d.]+) mAh", energy.price_mah(energy.decoy_ms(settings))),
        (r"100 ms more cost about ([\d.]+) mAh", window - usual),
    ):
        said, digits = quoted(pattern)
        assert said == pytest.approx(price, abs=1.01 * 10**-digits / 2 + 0.02 * price), pattern


def replace_listen(settings, more_ms):
    return {**settings, "listen_ms": settings["listen_ms"] + more_ms}


def test_the_command_prints_a_table_for_every_variant_and_for_a_run(tmp_path):
    printed = subprocess.run(
        [sys.executable, "-m", "simulator.energy"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "months on 500 mAh" in printed
    assert all(name in printed for name in energy.NAMES.values())
    run = tmp_path / "run.json"
    run.write_text(json.dumps({"state_s": {"sleep": 86_400 - 60, "radio_window": 60}}))
    printed = subprocess.run(
        [sys.executable, "-m", "simulator.energy", "--run", str(run)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.search(r"radio_window +0\.467", printed)
