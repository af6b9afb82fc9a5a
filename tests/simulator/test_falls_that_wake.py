"""Every recorded fall wakes the processor, whoever fell and wherever the device was worn."""

import pytest
from app import waking

from simulator.falls import recordings

pytestmark = pytest.mark.skipif(
    not recordings.available(), reason="the recordings are not here (../shared/data/falls)"
)


def wakes(trial):
    """Whether the chip's thresholds are passed anywhere in a recording, taken as if the device had slept before it."""
    asleep = waking.Waking()
    return any(asleep.feed(*(int(value) for value in sample)) for sample in trial.samples)


@pytest.mark.slow
@pytest.mark.parametrize("name, falls", [("sisfall", 1198), ("mobifall", 204), ("wedafall", 250)])
def test_a_recorded_fall_wakes_the_processor(name, falls):
    found = [wakes(trial) for trial in recordings.trials(name) if trial.is_fall]
    assert len(found) == falls
    assert all(found)
