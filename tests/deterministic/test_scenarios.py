"""Every story ends with the promise kept, whatever the seed draws; the same seed tells the same story."""

from itertools import repeat

import pytest

from simulator import run
from simulator.invariants import alarms

LONG = ("a_day_of_normal_life", "a_day_with_a_watch", run.SOAKED)
SEEDS = range(1, 201)


@pytest.mark.parametrize("name", [name for name in run.names() if name not in LONG])
def test_the_story_keeps_every_promise(name):
    for seed in (1, 2):
        result = run.play(name, seed)
        assert not result.breaches, f"again: socors sim {name} --seed {seed}"


@pytest.mark.slow
@pytest.mark.timeout(600)  # half a minute on two idle cores, several on busy ones
def test_two_hundred_drawn_stories_keep_every_promise():
    with run.side_by_side() as pool:
        verdicts = list(pool.map(run.verdict, repeat(run.SOAKED), SEEDS, chunksize=5))
    failed = {seed: breaches for seed, _, breaches in verdicts if breaches}
    assert not failed, f"again: socors sim {run.SOAKED} --seed {next(iter(failed))}"
    assert len(verdicts) == 200


@pytest.mark.slow
def test_a_simulated_day_is_the_same_in_every_byte_for_one_seed():
    with run.side_by_side() as pool:
        first, second = pool.map(run.transcript, ["a_day_of_normal_life"] * 2, [11, 11])
    assert first == second
    assert "invariants hold" in first
    # One in each quarter of an hour, but for those that no packet of a burst brought to a hub.
    assert first.count("stores heartbeat") >= 24 * 4


def test_one_seed_tells_one_story_and_another_another():
    once = run.transcript("sos_at_home", 1)
    assert run.transcript("sos_at_home", 1) == once
    assert run.transcript("sos_at_home", 2) != once


def test_every_scenario_says_in_a_sentence_what_it_is_about():
    for name in run.names():
        said = (run.scenario(name).__doc__ or "").strip()
        assert said.endswith(".") and "\n" not in said, name


def test_an_alarm_in_a_power_cut_is_accepted_or_was_never_felt():
    """The seeds cut power at different bytes: in some runs every record got whole, in others not."""
    accepted = []
    for seed in range(1, 6):
        result = run.play("power_cut_in_an_alarm", seed)
        assert not result.breaches
        accepted.append(len(alarms(result.history, 1)))
    assert min(accepted) < max(accepted)
