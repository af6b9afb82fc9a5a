"""What an evaluation runs: real firmware on streams, each change the same at every run, limits in tables of their own."""

import random

import numpy as np
import pytest
from made_up import trial

from simulator.falls.changes import CHANGES
from simulator.falls.evaluation import (
    AS_RECORDED,
    FOLDS,
    LEFT_OUT,
    ONE_QUIET,
    Case,
    Recorded,
    changed,
    evaluate,
    with_limit,
)
from simulator.falls.recordings import Trial
from simulator.falls.replaying import alarms
from simulator.falls.streams import person_streams
from simulator.world import body


def lived(subject, position="waist"):
    """A made-up person who walks, falls and walks again."""
    noise = random.Random(subject)
    done = (("D01", body.walk(noise)), ("F01", body.fall(noise)), ("D02", body.walk(noise)))
    for number, (code, samples) in enumerate(done, 1):
        felt = np.array(samples, dtype=np.int16)
        yield Trial("sisfall", subject, code, number, code == "F01", position, 30, felt)


def people(name):
    assert name == "sisfall"
    for subject in ("SA03", "SA04"):
        yield from lived(subject)
        yield from lived(subject, "wrist")


def case(name=FOLDS, position="trunk", subjects=("SA03", "SA04"), **more):
    return Case(name, position, "sisfall", frozenset(subjects), None, **more)


def softer(samples, rng):
    """Nothing is left of any movement."""
    return samples // 100


def test_the_firmware_finds_the_made_up_falls_and_a_change_that_takes_them_away_is_seen():
    said = []
    results = evaluate([case()], alarms, {"softer": softer}, Recorded(people), said.append)
    assert [result.what for result in results] == [AS_RECORDED, ONE_QUIET, "softer"]
    found = {result.what: [one.found for one in result.scored if one.trial.is_fall] for result in results}
    assert found[AS_RECORDED] == [True, True]
    assert found["softer"] == [False, False]
    assert not any(one.alarms_s for result in results for one in result.scored)
    assert len(said) == 3
    assert said[0].startswith(
        "1/3 folds, trunk, sisfall, fold 0, as recorded: 2 of 2 falls found, 0 false alarms"
    )


def test_only_the_people_and_the_position_of_a_case_are_judged():
    (result,) = [
        result
        for result in evaluate([case(LEFT_OUT, "wrist", ["SA04"])], alarms, {}, Recorded(people), print)
        if result.what == AS_RECORDED
    ]
    assert {(one.trial.subject, one.trial.position) for one in result.scored} == {("SA04", "wrist")}
    assert len(result.scored) == 3


def test_changes_are_made_for_folds_alone_and_no_wrist_hangs_on_a_cord():
    cases = [case(), case(position="wrist"), case(LEFT_OUT)]
    changes = {"on a cord": softer, "turned": softer}
    run = [
        (r.case.name, r.case.position, r.what)
        for r in evaluate(cases, alarms, changes, Recorded(people), print)
    ]
    after = [one for one in run if one[2] not in (AS_RECORDED, ONE_QUIET)]
    assert after == [(FOLDS, "trunk", "on a cord"), (FOLDS, "trunk", "turned"), (FOLDS, "wrist", "turned")]


def test_a_case_whose_people_are_not_recorded_is_refused():
    with pytest.raises(LookupError, match="sisfall has none of 1 people at the trunk"):
        Recorded(people).streams(case(subjects=["SE06"]))


def test_a_change_is_the_same_at_every_run_and_another_for_every_person():
    one, other = (stream for stream in person_streams(people("sisfall")) if stream.position == "waist")

    def first_draw(samples, rng):
        return np.full_like(samples, rng.integers(30_000))

    assert np.array_equal(changed(one, "draw", first_draw)[0], changed(one, "draw", first_draw)[0])
    assert changed(one, "draw", first_draw)[0][0, 0] != changed(other, "draw", first_draw)[0][0, 0]


def test_an_alarm_in_what_is_left_after_samples_are_lost_is_told_at_the_recordings_own_time():
    (stream,) = person_streams(trial("D01", number, seconds=60) for number in range(20))
    assert len(stream.samples) > 2 * 30_000
    samples, at = changed(stream, "5 % lost", CHANGES["5 % lost"])
    assert len(samples) == len(at) == round(0.95 * len(stream.samples))
    assert np.array_equal(samples, stream.samples[at])


@pytest.mark.parametrize(
    "change", [lambda samples, rng: samples[1::-1], lambda samples, rng: np.concatenate([samples, samples])]
)
def test_a_change_of_the_length_that_is_no_loss_is_refused(change):
    (stream,) = person_streams([trial("F01")])
    with pytest.raises(ValueError, match="cut/sisfall/SA03/waist"):
        changed(stream, "cut", change)


def test_another_limit_is_the_same_tables_but_for_it(tmp_path):
    tables, other = tmp_path / "tables", tmp_path / "other"
    tables.mkdir()
    other.mkdir()
    for name in ("fall_trunk.py", "fall_wrist.py"):
        (tables / name).write_text('LEAVES = b"\\x01"\nLIMIT = 512\nBASE = -3\n')
    assert with_limit(tables, -40, other) == other
    for name in ("fall_trunk.py", "fall_wrist.py"):
        assert (other / name).read_text() == 'LEAVES = b"\\x01"\nLIMIT = -40\nBASE = -3\n'


def test_tables_without_a_limit_are_refused(tmp_path):
    (tmp_path / "fall_trunk.py").write_text("LEAVES = b''\n")
    with pytest.raises(LookupError, match=r"fall_trunk\.py has no LIMIT"):
        with_limit(tmp_path, 3, tmp_path)
