"""A day in the life: what happened is what the gateway holds, and the books of the charge balance."""

import pytest

from simulator import day
from simulator.scenarios import a_day_with_a_watch as scenario

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def lived():
    return day.lived(7)


def test_the_charge_by_state_is_what_the_battery_gave(lived):
    assert sum(lived.by_state().values()) == pytest.approx(lived.drained_mah, rel=0.01)
    assert len(lived.hours) == 24


def test_the_sos_is_one_incident_and_positions_follow_it(lived):
    assert lived.counts["SOS"] == lived.counts["incidents"] == 1
    assert lived.counts["positions of the SOS"] >= 1


def test_what_found_a_network_is_stored_and_what_had_none_for_two_hours_is_not(lived):
    begin, end = scenario.NO_COVERAGE_S
    lost = sum(begin <= at <= end for at in scenario.RUNS_AT_S)
    # A run is long enough for one position; one that was still due when the watch slept comes at the next look as well.
    assert (
        len(scenario.RUNS_AT_S) - lost <= lived.counts["positions by motion"] <= 2 * len(scenario.RUNS_AT_S)
    )
    assert day.QUARTERS - 4 * (end - begin) // 3600 - 4 <= lived.counts["heartbeats"] < day.QUARTERS + 8
    assert lost == 4


def test_the_hours_without_coverage_are_told_and_so_is_what_nobody_has_measured(lived):
    said = "\n".join(day.told(lived))
    assert "no coverage" in said
    assert "Not measured" in said


def test_it_can_be_plotted(lived, tmp_path):
    day.draw(lived, tmp_path / "day.png")
    assert (tmp_path / "day.png").stat().st_size > 10_000
