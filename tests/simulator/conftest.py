"""A simulator in a process of its own, with real firmware in its pendants, and its page in a real Chromium."""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from sos_gateway.keys.registry import write_secret_file

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))  # cable.py, the bench for drivers

# Of an authority nobody asks: the broker does not answer.
CERTIFICATE = (
    "-----BEGIN CERTIFICATE-----\nQUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo0MTI=\n-----END CERTIFICATE-----\n"
)


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
        self._wait_until_it_listens()

    def _wait_until_it_listens(self) -> None:
        """The address is told when the port is taken, a moment before anybody answers there."""
        while True:
            assert self.process.poll() is None, "the simulator has ended"
            try:
                self.ask("/firmware")
                return
            except urllib.error.URLError:
                time.sleep(0.05)

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

    def add_watch(self, number: int, port: int = 1) -> int:
        """A watch with a modem; its broker is at a port where nobody listens, unless another is given."""
        file = self.folder / f"secret-{number}.json"
        network = {
            "apn": "internet",
            "host": "127.0.0.1",
            "port": port,
            "user": f"device-{number}",
            "password": "not asked for",
            "ca": CERTIFICATE,
            "sms_to": "+34600900001",
        }
        write_secret_file(file, number, secrets.token_bytes(32), network=network)
        return self.ask("/devices", {"secret_file": str(file)})["device"]

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Cable:
    """A way to the simulator that can be cut: no new connections, and the open ones end."""

    def __init__(self, target: str) -> None:
        self._target = ("127.0.0.1", int(target.rpartition(":")[2]))
        self._open: list[socket.socket] = []
        self._port = 0
        self.mend()
        self.url = f"http://127.0.0.1:{self._port}"

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        # Closing alone would leave the thread that accepts asleep on a port that is still taken.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open = []

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            self._open += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    @staticmethod
    def _carry(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)


@pytest.fixture
def cable(simulator):
    found = Cable(simulator.url)
    yield found
    found.cut()


@pytest.fixture
def simulator(tmp_path):
    found = Simulator(tmp_path)
    yield found
    found.close()


@pytest.fixture
def open_page(chromium, simulator):
    """Open the visitor's page; anything the page complains of fails the test."""
    contexts, complaints = [], []

    def open_one(width: int = 1440, height: int = 900, language: str = "en", url: str = simulator.url):
        context = chromium.new_context(
            viewport={"width": width, "height": height}, locale=language, has_touch=True
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{url}/")
        page.wait_for_selector("#live:not(.off):not(:empty)")
        return page

    yield open_one
    for context in contexts:
        context.close()
    # A connection a test cut is said by the browser itself.
    assert not [text for text in complaints if "net::ERR" not in text]
