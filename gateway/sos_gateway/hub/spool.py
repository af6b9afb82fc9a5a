"""The spool: every frame heard is on disk before it is published, and stays until the gateway's receipt names it."""

import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

UNSPOOLED = 0  # the sequence number of a frame that could not be kept; no receipt can name it
MOST_FRAMES = 500_000  # about 60 MB; what a week of a busy street leaves behind


@dataclass(frozen=True, slots=True)
class Kept:
    """One frame as it lies in the spool."""

    n: int
    heard_ms: int
    rssi: int
    frame: bytes
    address: str


class Spool:
    """SQLite with a write-ahead log, synced at each commit. A spool that is full or broken says so and lets frames pass."""

    def __init__(self, path: Path, most: int = MOST_FRAMES) -> None:
        self._most = most
        self.failed = 0  # frames that passed unspooled
        self.trouble = ""
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS frame (n INTEGER PRIMARY KEY AUTOINCREMENT, heard_ms INTEGER NOT NULL, "
            "rssi INTEGER NOT NULL, frame BLOB NOT NULL, address TEXT NOT NULL)"
        )
        self._db.execute("CREATE TABLE IF NOT EXISTS identity (spool TEXT PRIMARY KEY)")
        row = self._db.execute("SELECT spool FROM identity").fetchone()
        if row is None:
            name = secrets.token_hex(4)
            self._db.execute("INSERT INTO identity VALUES (?)", (name,))
            row = (name,)
        self.name: str = row[0]
        self._count = self._db.execute("SELECT count(*) FROM frame").fetchone()[0]

    def close(self) -> None:
        self._db.close()

    def __len__(self) -> int:
        return self._count

    def keep(self, frames: list[tuple[int, int, bytes, str]]) -> list[Kept]:
        """Write (heard_ms, rssi, frame, address) and return them numbered; number 0 where the disk took nothing."""
        try:
            if self._count + len(frames) > self._most:
                raise sqlite3.OperationalError("the spool is full")
            self._db.execute("BEGIN IMMEDIATE")
            kept = []
            for heard_ms, rssi, frame, address in frames:
                cursor = self._db.execute(
                    "INSERT INTO frame (heard_ms, rssi, frame, address) VALUES (?, ?, ?, ?)",
                    (heard_ms, rssi, frame, address),
                )
                kept.append(Kept(cursor.lastrowid or UNSPOOLED, heard_ms, rssi, frame, address))
            self._db.execute("COMMIT")
            self._count += len(kept)
            self.trouble = ""
            return kept
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self.failed += len(frames)
            self.trouble = str(error)
            return [Kept(UNSPOOLED, *frame) for frame in frames]

    def erase(self, ranges: list[list[int]]) -> int:
        """Remove what a receipt names; return how many frames that were."""
        removed = 0
        for first, last in ranges:
            removed += self._db.execute("DELETE FROM frame WHERE n BETWEEN ? AND ?", (first, last)).rowcount
        self._count -= removed
        return removed

    def waiting(self, limit: int, older_than_ms: int, skip: Callable[[int], bool]) -> list[Kept]:
        """Return what waits for a receipt, newest first, leaving out what `skip` says is under way."""
        rows = self._db.execute(
            "SELECT n, heard_ms, rssi, frame, address FROM frame WHERE heard_ms <= ? ORDER BY n DESC LIMIT ?",
            (older_than_ms, limit * 4),
        )
        return [Kept(*row) for row in rows if not skip(row[0])][:limit]
