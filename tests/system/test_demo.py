"""`socors demo --once`: a story in which every step happened ends with figures and 0, any other with its step and 1."""

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]


def started(folder):
    """The demo, small: the story whole, six presses instead of 300 and four instead of 60."""
    folder.mkdir()
    size = ("--pendants", "3", "--presses", "6", "--watches", "2", "--lte-presses", "4")
    return subprocess.Popen(
        [Path(sys.executable).with_name("socors"), "demo", "--once", *size],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def until(process, words):
    """Read what the demo says until it says these words; return all of it."""
    said = ""
    while words not in said:
        line = process.stdout.readline()
        assert line, f"the demo ended before it said {words!r}: {said}"
        said += line
    return said


def parts(process, command):
    """Return the demo's own child processes whose command line names a part."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        # A pendant that goes to sleep ends its process, and it may do so while it is asked.
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie is one of these, too
            if command in " ".join(child.cmdline()):
                found.append(child)
    return found


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    """One that goes well and one that loses its hubs in the middle, at once: most of a story is waiting."""
    folder = tmp_path_factory.mktemp("demo")
    well, broken = started(folder / "well"), started(folder / "broken")
    try:
        said = until(broken, "the wearer holds the button")
        for hub in parts(broken, "socors hub"):
            hub.kill()
        yield {"well": (well, well.communicate()[0]), "broken": (broken, said + broken.communicate()[0])}
    finally:
        for process in (well, broken):
            left = parts(process, "") if process.poll() is None else []
            process.kill()
            process.wait()
            for child in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()


def test_a_story_that_goes_well_ends_with_zero_and_its_last_line_is_the_figures(stories):
    process, said = stories["well"]
    assert process.returncode == 0, said
    figures = json.loads(said.splitlines()[-1])
    assert set(figures) == {
        *("chain", "modelled", "lte", "alarms", "incidents", "lost", "duplicated"),
        *("told_received_but_not_stored", "firmware_sha256"),
    }
    assert set(figures["lte"]) == {"chain", "modelled"}
    for kind, presses in ((figures, 6), (figures["lte"], 4)):
        assert set(kind["modelled"]) == {"awake", "from_sleep"}
        for column in (kind["chain"], *kind["modelled"].values()):
            assert set(column) == {"press_to_desk_ms", "press_to_received_ms", "accept_to_felt_ms"}
            for row in column.values():
                assert set(row) == {"median", "p99", "max", "n"}
                assert row["n"] == presses
                assert 0 < row["median"] <= row["p99"] <= row["max"]
    assert [figures[name] for name in ("lost", "duplicated", "told_received_but_not_stored")] == [0, 0, 0]
    # The SOS, the fall, the press by accident, each pendant's press out of sleep, and the six; the watch tried at home
    # and on the beach, each watch's press out of sleep, and the four.
    assert figures["alarms"] == figures["incidents"] == (3 + 3 + 6) + (2 + 2 + 4)
    assert len(figures["firmware_sha256"]) == 64


def test_the_story_of_the_beach_ends_in_the_town_the_beach_lies_in(stories):
    _, said = stories["well"]
    told = [line for line in said.splitlines() if "watch 2001: " in line]
    known = next(line for line in told if "last known place" in line)
    assert "(08073)" in known  # at home, where the watch was tried
    assert next(line for line in told if "later the desk shows" in line).endswith("in Castelldefels (08056)")
    assert "closes the incident" in told[-1]


def test_both_kinds_of_device_have_rows_of_their_own(stories):
    _, said = stories["well"]
    for bearer, n in (("BLE", 6), ("LTE", 4)):
        rows = [line for line in said.splitlines() if f" {bearer} " in line and f"(n = {n})" in line]
        assert len(rows) == 3, said


def test_a_story_whose_hubs_are_killed_in_the_middle_ends_with_one_and_names_the_step(stories):
    process, said = stories["broken"]
    assert process.returncode == 1, said
    named = [line for line in said.splitlines() if line.startswith("This step did not happen: ")]
    assert len(named) == 1
    assert "is on the desk" in named[0]
    assert "Traceback" not in said
    assert not said.splitlines()[-1].startswith("{")


def test_the_demo_leaves_nothing_running(stories):
    for process, _ in stories.values():
        assert not psutil.pid_exists(process.pid) or psutil.Process(process.pid).status() == "zombie"


def test_a_demo_that_is_terminated_takes_everything_with_it(tmp_path):
    process = started(tmp_path / "ended")
    try:
        said = until(process, "get their secrets")
        left = psutil.Process(process.pid).children(recursive=True)
        database = next(child.cmdline() for child in left if "-D" in child.cmdline())
        folder = Path(database[database.index("-D") + 1]).parent
        process.send_signal(signal.SIGTERM)
        said += process.communicate()[0]
        _, alive = psutil.wait_procs(left, timeout=20)
        assert not alive, said
        assert not folder.exists()
        assert process.returncode == 130, said
        assert "Traceback" not in said
    finally:
        process.kill()
        process.wait()
