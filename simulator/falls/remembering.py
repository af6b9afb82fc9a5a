"""Alarms that were already decided: the same firmware on the same samples need not be asked twice, nor after a power cut."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..world.firmware import ROOT, interpreter, sha256
from .evaluation import Alarms

FOLDER = ROOT / ".falls"


def _world() -> bytes:
    """Return what decides beside samples, position and tables: the firmware, what plays it, and the interpreter."""
    whole = hashlib.sha256(sha256().encode())
    for path in (
        *sorted((ROOT / "simulator" / "fakes").glob("*.py")),
        Path(__file__).with_name("replaying.py"),
    ):
        whole.update(path.read_bytes())
    found = Path(interpreter()).stat()
    whole.update(f"{interpreter()} {found.st_size} {found.st_mtime_ns}".encode())
    return whole.digest()


def remembered(alarms: Alarms, folder: Path = FOLDER) -> Alarms:
    """Return the same function, with a file in `folder` for each answer it has given."""
    world = _world()

    def ask(streams: Sequence[np.ndarray], position: str, tables: Path | None = None) -> list[list[int]]:
        whole = hashlib.sha256(world + position.encode())
        for path in sorted(tables.glob("*.py")) if tables else ():
            whole.update(path.name.encode() + path.read_bytes())
        for stream in streams:
            whole.update(str(stream.shape).encode() + stream.astype("<i2").tobytes())
        kept = folder / f"{whole.hexdigest()}.json"
        if kept.exists():
            return json.loads(kept.read_text())
        found = alarms(streams, position, tables)
        folder.mkdir(parents=True, exist_ok=True)
        half = kept.with_suffix(".half")
        half.write_text(json.dumps(found))
        half.replace(kept)
        return found

    return ask
