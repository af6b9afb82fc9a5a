"""`socors replay`: anyone's recording through the firmware's fall detector, one line for each alarm."""

import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn

from .replaying import POSITIONS, played

USAGE = """Usage: socors replay --position trunk|wrist < recording

Reads x, y, z as little-endian int16 triples in milli-g at 50 Hz from standard input, runs them through the firmware's
fall detector in MicroPython, past the thresholds that wake a sleeping device, and writes one line for each alarm: the
index of the sample at which it was decided, counted from 0."""
TRIPLE_BYTES = 6


def _refuse(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    sys.exit(2)


def position_of(arguments: Sequence[str]) -> str:
    """Return the position asked for; says what is wrong and ends with status 2 where there is none such."""
    known = " or ".join(POSITIONS)
    words = [part for argument in arguments for part in argument.split("=", 1)]
    if len(words) != 2 or words[0] != "--position":
        _refuse(f"socors replay takes --position and nothing else: --position {known}.")
    if words[1] not in POSITIONS:
        _refuse(f"There is no detector for the position {words[1]!r}: give --position {known}.")
    return words[1]


def main() -> None:
    arguments = sys.argv[1:]
    if arguments in (["--help"], ["-h"]):
        print(USAGE)
        return
    position = position_of(arguments)
    samples = sys.stdin.buffer.read()
    if len(samples) % TRIPLE_BYTES:
        _refuse(
            f"{len(samples)} bytes are no whole number of samples: each is x, y, z as little-endian int16, "
            f"{TRIPLE_BYTES} bytes."
        )
    try:
        sys.stdout.write(played(samples, position).decode())
    except subprocess.CalledProcessError as error:
        print(f"The firmware's detector ended with status {error.returncode}.", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
