"""What a fall felt like, put together from the pieces that came: acceleration in milli-g, and what can be read off it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from sos_wire import evidence as wire

Sample = tuple[int, int, int]
# A count at the end of its range stands for anything beyond it.
_LOWEST, _HIGHEST = -128, 127


@dataclass(frozen=True, slots=True)
class Evidence:
    """125 samples (x, y, z) in milli-g at 25 Hz, None where the piece has not come; the blow is sample `wire.BLOW`."""

    samples: tuple[Sample | None, ...]
    pieces: int
    is_clipped: bool  # the blow was stronger than can be told

    @property
    def is_whole(self) -> bool:
        return self.pieces == wire.PIECES

    def magnitudes_g(self) -> list[float | None]:
        """Return the length of each sample in g."""
        return [None if sample is None else math.hypot(*sample) / 1000 for sample in self.samples]

    def strongest(self) -> tuple[float, float] | None:
        """Return (g, seconds from the blow's sample) of the strongest sample that came; None where none did."""
        found = [(g, seconds(i)) for i, g in enumerate(self.magnitudes_g()) if g is not None]
        return max(found, default=None)


def seconds(sample: int) -> float:
    """Return the time of a sample, counted from the blow."""
    return (sample - wire.BLOW) / wire.RATE_HZ


def put_together(pieces: Iterable[tuple[int, bytes]]) -> Evidence:
    """Return the evidence in (index, samples) pieces, in any order and with any of them missing.

    Raises ValueError for a piece that evidence does not have, or that is not as long as it must be.
    """
    samples: list[Sample | None] = [None] * wire.SAMPLES
    came, clipped = set(), False
    for index, raw in pieces:
        if not 0 <= index < wire.PIECES or len(raw) != wire.piece_bytes(index):
            raise ValueError(f"piece {index} of {len(raw)} bytes is none of evidence")
        counts = memoryview(raw).cast("b").tolist()
        clipped = clipped or _LOWEST in counts or _HIGHEST in counts
        for at in range(0, len(counts), 3):
            x, y, z = (count * wire.UNIT_MG for count in counts[at : at + 3])
            samples[index * wire.PIECE_SAMPLES + at // 3] = (x, y, z)
        came.add(index)
    return Evidence(tuple(samples), len(came), clipped)
