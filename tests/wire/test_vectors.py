"""The golden vectors hold on both interpreters, and an independent implementation makes the same bytes."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.world.firmware import SOURCE, interpreter

HERE = Path(__file__).parent


def run(program: str) -> str:
    done = subprocess.run(
        [program, str(HERE / "check_vectors.py"), str(SOURCE)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("which", ["cpython", "micropython"])
def test_every_vector_holds_on(which):
    assert run(sys.executable if which == "cpython" else interpreter()).strip() == "85 vectors hold"


def test_the_vectors_are_what_the_paper_says():
    spec = importlib.util.spec_from_file_location("make_vectors", HERE / "make_vectors.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert json.loads(module.TARGET.read_text()) == module.vectors()
