"""Which files make the firmware of a board, and the one hash over the tree that simulator and flasher print."""

import hashlib
from pathlib import Path

from ..errors import NotFound

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "firmware" / "src"
BOARDS = ROOT / "firmware" / "esp32" / "boards"


def source_files(source: Path = SOURCE) -> list[Path]:
    """Return the files of the firmware; vectors and caches are not of it."""
    return [
        file
        for file in sorted(source.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".json"
    ]


def sha256(source: Path = SOURCE) -> str:
    """Return one hash over every file of the firmware: what ran in the simulator is what is flashed."""
    digest = hashlib.sha256()
    for file in source_files(source):
        digest.update(str(file.relative_to(source)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def files_for(board: str) -> dict[str, bytes]:
    """Return {path on the board: content} in the order of copying: main.py, which starts everything, last."""
    if not SOURCE.is_dir():
        raise NotFound("The firmware's sources are not here: run `socors flash` from a checkout of Socors.")
    if not (BOARDS / board / "board.py").exists():
        known = ", ".join(sorted(folder.name for folder in BOARDS.iterdir()))
        raise NotFound(f"There is no board {board}: use one of {known}.")
    files = {file.relative_to(SOURCE).as_posix(): file.read_bytes() for file in source_files()}
    files["board.py"] = (BOARDS / board / "board.py").read_bytes()
    files["main.py"] = files.pop("main.py")
    return files
