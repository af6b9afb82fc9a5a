"""A simulator in a process of its own, with real firmware in its pendants, and its page in a real Chromium."""

import json
import os
import secrets
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from sos_gateway.keys.registry import write_secret_file

ROOT = Path(__file__).parents[2]


class Simulator:
    """`python -m simulator.server`, as the demo starts it."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "simulator.server",
                "--port",
                str(port),
                "--devices",
                str(folder / "devices"),
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http://127.0.0.1:"), "the simulator did not start"

    def ask(self, path: str, body: dict | None = None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data=data, headers={"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def add(self, number: int) -> int:
        file = self.folder / f"secret-{number}.json"
        write_secret_file(file, number, secrets.token_bytes(32))
        return self.ask("/devices", {"secret_file": str(file)})["device"]

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def simulator(tmp_path):
    found = Simulator(tmp_path)
    yield found
    found.close()


@pytest.fixture
def open_page(chromium, simulator):
    """Open the visitor's page; anything the page complains of fails the test."""
    contexts, complaints = [], []

    def open_one(width: int = 1440, height: int = 900, language: str = "en", scheme: str = "light"):
        context = chromium.new_context(
            viewport={"width": width, "height": height}, locale=language, color_scheme=scheme, has_touch=True
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{simulator.url}/")
        page.wait_for_selector("#live:not(.off):not(:empty)")
        return page

    yield open_one
    for context in contexts:
        context.close()
    # A connection a test cut is said by the browser itself.
    assert not [text for text in complaints if "net::ERR" not in text]
