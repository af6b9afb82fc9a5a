"""How the firmware is run: the real interpreter, the fakes in front on its path, the tree it is built from."""

import os
import shutil
import sys
from pathlib import Path

from sos_gateway.flasher.tree import sha256  # noqa: F401 - the simulator prints the hash the flasher prints

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "firmware" / "src"
# 64-bit words, so about twice what the chip needs: an ESP32-C3 has 160 KB. And the compiled code, some 130 KB, which lies
# in flash on the chip and here in the heap. An S3 with its PSRAM would have megabytes; a bound is kept all the same, so
# that nothing grows unseen and a collection stays short.
HEAPS = {"pendant": "512k", "watch": "768k"}


def interpreter() -> str:
    """Return the MicroPython to run: MICROPYTHON in the environment, else the one beside this Python."""
    named = os.environ.get("MICROPYTHON")
    if named:
        return named
    beside = Path(sys.executable).with_name("micropython")
    found = str(beside) if beside.exists() else shutil.which("micropython")
    if not found:
        raise FileNotFoundError(
            "MicroPython is not installed: run `make setup`, or set MICROPYTHON to a unix port of it."
        )
    return found


def path(board: str = "pendant") -> str:
    """Return MICROPYPATH: fakes first, then board and sources."""
    folders = [
        ROOT / "simulator" / "fakes",
        ROOT / "firmware" / "esp32" / "boards" / board,
        SOURCE,
        SOURCE / "lib",
    ]
    return ":".join([*map(str, folders), ".frozen"])


def environment(world: str, number: int, flash: Path, clock: str, board: str = "pendant") -> dict[str, str]:
    """Return the environment one firmware process is started with."""
    return {
        "MICROPYPATH": path(board),
        "SOCORS_WORLD": world,
        "SOCORS_DEVICE": str(number),
        "SOCORS_FLASH": str(flash),
        "SOCORS_CLOCK": clock,
        "PATH": os.environ.get("PATH", ""),
    }


def command(script: str = "_start.py", board: str = "pendant") -> list[str]:
    """Return the command line of one firmware process."""
    return [interpreter(), "-X", f"heapsize={HEAPS[board]}", str(ROOT / "simulator" / "fakes" / script)]
