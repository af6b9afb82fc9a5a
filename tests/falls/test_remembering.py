"""What the firmware has decided is not asked again; anything that could change the answer asks anew."""

import numpy as np
import pytest

from simulator.falls.remembering import remembered


@pytest.fixture
def asked():
    return []


@pytest.fixture
def alarms(asked, tmp_path):
    def answer(streams, position, tables=None):
        asked.append(position)
        return [[len(stream), len(asked)] for stream in streams]

    return remembered(answer, tmp_path / "kept")


STREAM = np.zeros((20, 3), dtype=np.int16)


def test_the_same_question_is_answered_from_memory_also_by_a_later_run(alarms, asked, tmp_path):
    assert alarms([STREAM], "trunk") == [[20, 1]]
    assert alarms([STREAM.copy()], "trunk") == [[20, 1]]
    assert asked == ["trunk"]

    def never(streams, position, tables=None):
        raise AssertionError("asked again")

    assert remembered(never, tmp_path / "kept")([STREAM], "trunk") == [[20, 1]]


def test_one_other_sample_another_position_or_other_tables_ask_anew(alarms, asked, tmp_path):
    other = STREAM.copy()
    other[7, 1] = 1
    (tmp_path / "fall_trunk.py").write_text("LIMIT = 1\n")
    alarms([STREAM], "trunk")
    alarms([other], "trunk")
    alarms([STREAM], "wrist")
    alarms([STREAM], "trunk", tmp_path)
    assert len(asked) == 4
    (tmp_path / "fall_trunk.py").write_text("LIMIT = 2\n")
    alarms([STREAM], "trunk", tmp_path)
    assert len(asked) == 5


def test_two_streams_are_not_one_of_their_length(alarms, asked):
    alarms([STREAM, STREAM], "trunk")
    alarms([np.concatenate([STREAM, STREAM])], "trunk")
    assert len(asked) == 2


def test_an_answer_that_failed_is_not_kept(asked, tmp_path):
    def fails_first(streams, position, tables=None):
        asked.append(position)
        if len(asked) == 1:
            raise OSError("killed")
        return [[3]]

    alarms = remembered(fails_first, tmp_path)
    with pytest.raises(OSError, match="killed"):
        alarms([STREAM], "trunk")
    assert alarms([STREAM], "trunk") == [[3]]
