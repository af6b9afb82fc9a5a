"""Collects `upy_*.py`: every `test_` function in them runs in a MicroPython process of its own, with the fakes in front."""

import ast
import os
import subprocess
from pathlib import Path

import pytest

from simulator.world import firmware

HERE = Path(__file__).parent


def pytest_collect_file(file_path: Path, parent):
    if file_path.name.startswith("upy_") and file_path.suffix == ".py":
        return UpyFile.from_parent(parent, path=file_path)
    return None


class UpyFile(pytest.File):
    def collect(self):
        for node in ast.parse(self.path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield UpyTest.from_parent(self, name=node.name)


class UpyTest(pytest.Item):
    def runtest(self):
        done = subprocess.run(
            [firmware.interpreter(), "-X", "heapsize=2M", str(HERE / "harness.py")],
            env={
                "PATH": os.environ.get("PATH", ""),
                "MICROPYPATH": f"{HERE}:{firmware.path()}",
                "UPY_FILE": self.path.stem,
                "UPY_TEST": self.name,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
        )
        if done.returncode or "held" not in done.stdout:
            raise UpyFailure(done.stdout[-3000:] + done.stderr[-3000:])
        self.add_report_section("call", "held", done.stdout.strip().splitlines()[-1])

    def repr_failure(self, excinfo, style=None):
        return str(excinfo.value)

    def reportinfo(self):
        return self.path, 0, self.name.replace("_", " ")


class UpyFailure(Exception):
    """What MicroPython printed."""
