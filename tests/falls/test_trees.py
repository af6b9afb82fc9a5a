"""The trainer's trees and the firmware's are the same integers: as scikit-learn learned them, bit for bit."""

import types

import numpy as np
import pytest
from app import fall_features, fall_trees
from sklearn.ensemble import HistGradientBoostingClassifier

from simulator.falls import recordings, replaying, training
from simulator.falls.streams import person_streams
from simulator.world.firmware import SOURCE


def learned(rows=400, seed=1):
    rng = np.random.default_rng(seed)
    values = rng.integers(-32768, 32768, (rows, fall_features.COUNT)).astype(np.int16)
    values[0], values[1] = -32768, 32767
    label = (values[:, 3].astype(int) + values[:, 40] > 5000) ^ (rng.random(rows) < 0.1)
    model = HistGradientBoostingClassifier(
        max_iter=training.TREES, max_depth=training.DEPTH, early_stopping=False, random_state=0
    )
    return values, model.fit(values, label)


def firmware(tables, limit=0):
    """The generated module, as the firmware imports it."""
    module = types.ModuleType("tables")
    exec(training.module("trunk", tables, limit, ["Of a test."]), module.__dict__)
    return module


def test_the_integers_say_what_scikit_learn_says():
    values, model = learned()
    found = training.tables_of(model).score(values) / training.ONE
    # Each of 200 leaves is rounded to 1/1024.
    assert np.abs(found - model.decision_function(values)).max() < training.TREES / training.ONE
    assert np.abs(found - model.decision_function(values)).mean() < 0.02


def test_the_firmware_adds_up_what_the_trainer_adds_up():
    values, model = learned()
    tables = training.tables_of(model)
    module = firmware(tables)
    ours = [fall_trees.score(module, [int(each) for each in row]) for row in values]
    assert ours == tables.score(values).tolist()


def test_a_tree_that_stopped_early_answers_alike_whatever_it_is_asked():
    values, model = learned(rows=50)  # leaves of 20: no tree has all its questions
    tables = training.tables_of(model)
    assert (tables.thresholds == training.NEVER).any()
    assert np.abs(tables.score(values) / training.ONE - model.decision_function(values)).max() < 0.2


def test_the_tables_are_read_back_as_they_were_written():
    _, model = learned()
    tables = training.tables_of(model)
    again = training.read(training.module("trunk", tables, 7, ["Of a test."]))
    assert (again.features == tables.features).all()
    assert (again.thresholds == tables.thresholds).all()
    assert (again.leaves == tables.leaves).all()
    assert again.base == tables.base


@pytest.mark.parametrize("position", replaying.POSITIONS)
def test_the_tables_of_the_firmware_fit_in_8_kb(position):
    module = training.read((SOURCE / "app" / f"fall_{position}.py").read_text())
    size = module.features.nbytes + module.thresholds.nbytes + module.leaves.nbytes
    assert 0 < size <= 8192
    assert module.features.max() < fall_features.COUNT


def test_what_is_measured_fits_the_trainers_windows():
    assert replaying.VALUES == fall_features.COUNT


@pytest.mark.slow
@pytest.mark.timeout(600)
# The recordings are not ours to give away, so a checkout need not have them beside it; where they are, nothing skips.
@pytest.mark.skipif(not recordings.available(), reason="the recordings are not beside the checkout")
@pytest.mark.parametrize("name", recordings.FILES)
def test_on_every_window_of_every_recording_firmware_and_trainer_agree_bit_for_bit(name):
    judged = 0
    for stream in person_streams(recordings.trials(name)):
        position = recordings.worn_at(stream.position)
        tables = training.read((SOURCE / "app" / f"fall_{position}.py").read_text())
        found = replaying.windows(stream.samples, position)
        assert (tables.score(found["values"]) == found["score"]).all(), stream.subject
        judged += len(found)
    assert judged
