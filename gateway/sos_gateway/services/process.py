"""A child process that we start, wait for, stop politely and, in tests, kill."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import SocorsError

READY_WITHIN_S = 30.0  # initialisation on a loaded two-core machine took 6 s at worst
STOP_WITHIN_S = 10.0
_POLL_S = 0.02


class Child:
    """One program under our care; its output goes to a log file that is quoted when it fails to start."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._process: subprocess.Popen[Any] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, command: Sequence[str], ready: Callable[[], bool], **options: Any) -> None:
        """Start it and return when it is ready; a program that ends or stays silent is told of in one sentence."""
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C reaches the parent alone, which then stops its children in order.
            process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, **options
            )
        self._process = process
        end = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < end:
            if process.poll() is not None:
                raise SocorsError(
                    f"{self.name} ended at once with status {process.returncode} ({self._last_line()}): "
                    f"look into {self.log}."
                )
            if ready():
                return
            time.sleep(_POLL_S)
        self.stop()
        raise SocorsError(
            f"{self.name} was not ready within {READY_WITHIN_S:.0f} s ({self._last_line()}): look into {self.log}."
        )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, and end it when it does not."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(how)
            try:
                self._process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def signal(self, what: signal.Signals) -> None:
        if self.running and self._process:
            os.kill(self._process.pid, what)

    def _last_line(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"
