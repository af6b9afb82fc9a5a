"""Bytecodes are counted one by one, what is counted computes what it should, and no share is told as if it were measured."""

import importlib
import random
import subprocess
import sys
from itertools import pairwise

import pytest
from app import waking, worn

from simulator.falls import bytecode, cost
from simulator.world import body, firmware


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Compile a module of some lines by the unix port; return it as CPython has it, and a machine that counts it."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def compiled(text, name):
        (tmp_path / f"{name}.py").write_text(text)
        return importlib.import_module(name), bytecode.Machine(bytecode.compiled(name, tmp_path))

    return compiled


def test_what_can_be_counted_by_hand_is_counted_the_same(written):
    module, machine = written("def seven():\n    return 7\n\ndef add(a, b):\n    return a + b\n", "counted_a")
    assert machine.call(module.seven) == 7
    assert machine.count == 2  # load, return
    assert machine.call(module.add, 3, 4) == 7
    assert machine.count == 2 + 4  # load, load, add, return


def test_a_loop_costs_the_same_for_each_turn(written):
    text = "def total(n):\n    sum = 0\n    for i in range(n):\n        sum += i\n    return sum\n"
    module, machine = written(text, "counted_b")
    counts = []
    for turns in range(6):
        before = machine.count
        assert machine.call(module.total, turns) == sum(range(turns))
        counts.append(machine.count - before)
    assert len({b - a for a, b in pairwise(counts[1:])}) == 1
    assert counts[2] > counts[1]


def test_what_it_cannot_count_it_refuses_by_name(written):
    module, machine = written(
        "def odd():\n    try:\n        return 1\n    finally:\n        pass\n", "counted_c"
    )
    with pytest.raises(NotImplementedError, match=r"SETUP_FINALLY is not counted \(odd\)"):
        machine.call(module.odd)


@pytest.mark.parametrize("position", cost.POSITIONS)
def test_the_counted_detector_says_what_the_detector_says(position):
    noise = random.Random(4)
    samples = [*body.walk(noise), *body.fall(noise), *body.get_up(noise), *body.run(noise, 5)]
    machine = bytecode.Machine(bytecode.compiled("app.worn, app.waking"))
    for counted, real in (
        (worn.detector(position), worn.detector(position)),
        (waking.Waking(), waking.Waking()),
    ):
        said = [machine.call(counted.feed, *sample) for sample in samples]
        assert said == [real.feed(*sample) for sample in samples]


@pytest.mark.parametrize("position", cost.POSITIONS)
def test_by_the_estimate_the_detector_keeps_to_its_share_of_the_processor(position):
    counted = cost.counted(position)
    assert 0 < cost.percent(counted.trigger) <= cost.TRIGGER_PERCENT
    assert cost.percent(counted.trigger) < cost.percent(counted.whole) <= cost.WHOLE_PERCENT


def test_a_share_is_cycles_of_a_160_mhz_core():
    assert cost.percent(1000) == pytest.approx(1000 * 100 * 50 / 160e6 * 100)
    assert cost.milliseconds(1600) == pytest.approx(1.0)


def test_the_command_says_what_is_counted_and_what_is_estimated():
    printed = subprocess.run(
        [sys.executable, "-m", "simulator.falls.cost", "--position", "trunk"],
        cwd=firmware.ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "an estimate: no board was measured" in printed
    assert all("estimated" in line for line in printed.splitlines() if "160 MHz" in line or "stretch" in line)
    assert "wrist" not in printed
