"""A bench for real drivers: MicroPython on one end of the cable, the simulated hardware on the other, time by hand."""

import json
import os
import socket
import subprocess
import threading

from simulator.world import firmware
from simulator.world.hardware import Hardware


class Silence:
    """A radio nobody hears."""

    def __getattr__(self, name):
        return lambda *args: None


class Bench:
    """One device's hardware; `run(script)` lets a MicroPython process work on it and returns the JSON it prints."""

    def __init__(self, board="pendant", cellular=None):
        self.us = 0
        self.slept_ms = None
        self.told = []
        self.hardware = Hardware(
            1,
            Silence(),
            lambda: self.us,
            lambda what, value, at_us=None: self.told.append((what, value)),
            board,
            cellular,
        )

    def advance(self, ms):
        """Let time pass for the chip in steps a world would take."""
        end = self.us + ms * 1000
        while self.us < end:
            self.us = min(end, self.us + 20_000)
            self.hardware.accelerometer.advance(self.us)

    def run(self, script):
        with socket.create_server(("127.0.0.1", 0)) as server:
            serving = threading.Thread(target=self._serve, args=(server,))
            serving.start()
            environment = firmware.environment(
                f"127.0.0.1:{server.getsockname()[1]}", 1, "/nonexistent", "virtual", self.hardware.board
            )
            done = subprocess.run(
                [
                    firmware.interpreter(),
                    "-X",
                    "heapsize=2M",
                    "-c",
                    "import _port\n_port.connect()\n" + script,
                ],
                env={**environment, "PATH": os.environ.get("PATH", "")},
                capture_output=True,
                text=True,
                check=False,
                timeout=100,
            )
            serving.join(timeout=10)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.strip().splitlines()[-1])

    def _serve(self, server):
        connection, _ = server.accept()
        with connection, connection.makefile("rwb") as stream:

            def send(message):
                stream.write(json.dumps(message).encode() + b"\n")
                stream.flush()

            self.hardware.send = lambda name, *args: send({"ev": name, "a": args})
            for line in stream:
                message = json.loads(line)
                if message["op"] == "sleep":
                    self.slept_ms, value = message["a"][0], None
                elif message["op"] == "idle":
                    self.advance(max(1, message["a"][0]))
                    value = self.us
                else:
                    value = self.hardware.handle(message["op"], message["a"])
                if "id" in message:
                    send({"re": message["id"], "v": value})
            self.hardware.send = None
