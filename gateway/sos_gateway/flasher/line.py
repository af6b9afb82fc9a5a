"""One board on its serial line, by mpremote; every failure is one sentence for who holds the cable."""

import contextlib
import hashlib
import io
import time
from collections.abc import Iterator

import serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport
from serial.tools import list_ports

from ..errors import SocorsError

ESPRESSIF = 0x303A
ANSWER_S = 5
# A board that was reset is back on USB after a second or two.
BACK_WITHIN_S = 15


class FlashError(SocorsError):
    """The board could not be flashed; the text says why and what to do."""


def find_port() -> str:
    """Return the only port a board of Espressif hangs on."""
    found = sorted(port.device for port in list_ports.comports() if port.vid == ESPRESSIF)
    if not found:
        raise FlashError(
            "No board answers: plug one in (a cable with data lines), or name its port with --port; "
            "asleep it is not on USB: press its reset button and try again within two seconds."
        )
    if len(found) > 1:
        raise FlashError(f"There are several boards: name one with --port ({', '.join(found)}).")
    return found[0]


class Line:
    """An open serial line to a board whose MicroPython takes orders."""

    def __init__(self, port: str) -> None:
        self.port = port
        self._transport = self._open()

    def _open(self) -> SerialTransport:
        silent = io.StringIO()  # mpremote prints what it could not make out
        try:
            with contextlib.redirect_stdout(silent):
                transport = SerialTransport(self.port, timeout=ANSWER_S)
        except (TransportError, OSError) as error:
            raise FlashError(
                f"The port {self.port} cannot be opened: see that it is there, that no other program holds it, "
                "and that you may use it (on Linux: be in the group dialout)."
            ) from error
        try:
            with contextlib.redirect_stdout(silent):
                transport.enter_raw_repl(soft_reset=False, timeout_overall=ANSWER_S)
        except (TransportError, OSError) as error:
            transport.serial.close()
            raise FlashError(
                f"Nothing on {self.port} answers as MicroPython: flash MicroPython first (hardware/README.md), "
                "or press the board's reset button and try again."
            ) from error
        return transport

    def run(self, code: str) -> str:
        """Run code on the board and return what it prints."""
        with self._told():
            return self._transport.exec(code).decode().strip()

    def write(self, path: str, content: bytes) -> None:
        """Write a file, with its folders, and see that what is there is what was sent."""
        with self._told():
            parts = path.split("/")[:-1]
            for depth in range(len(parts)):
                folder = "/".join(parts[: depth + 1])
                if not self._transport.fs_exists(folder):
                    self._transport.fs_mkdir(folder)
            self._transport.fs_writefile(path, content)
            there = self._transport.fs_hashfile(path, "sha256")
        if there != hashlib.sha256(content).digest():
            raise FlashError(
                f"{path} did not arrive whole on {self.port}: flash again; if it stays so, the chip is worn."
            )

    def exists(self, path: str) -> bool:
        with self._told():
            return self._transport.fs_exists(path)

    def remove(self, path: str) -> None:
        with self._told():
            self._transport.fs_rmfile(path)

    def reset(self) -> None:
        """Reset the board and let go of it."""
        with contextlib.suppress(TransportError, OSError):
            self._transport.exec_raw_no_follow("import machine\nmachine.reset()")
        self.close()

    def come_back(self) -> None:
        """Wait for a board that was reset."""
        until = time.monotonic() + BACK_WITHIN_S
        while True:
            try:
                self._transport = self._open()
                return
            except FlashError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._transport.serial.close()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except TransportExecError as error:
            last = error.error_output.strip().splitlines()[-1:] or ["no reason given"]
            raise FlashError(f"The board on {self.port} refused: {last[0]}.") from error
        except (TransportError, OSError, serial.SerialException) as error:
            raise FlashError(
                f"The board on {self.port} went away: leave the cable in and flash again."
            ) from error
