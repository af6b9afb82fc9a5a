"""The spool: every frame heard is on disk before it is published, and stays until the gateway's receipt names it."""

import logging
import secrets
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

UNSPOOLED = 0  # the sequence number of a frame that could not be kept; no receipt can name it
BLE, SMS = "ble", "sms"  # how a frame came
MOST_FRAMES = 500_000  # about 60 MB; what a week of a busy street leaves behind

log = logging.getLogger("socors.hub")


@dataclass(frozen=True, slots=True)
class Kept:
    """One frame as it lies in the spool."""

    n: int
    heard_ms: int
    rssi: int
    frame: bytes
    via: str = BLE


class Spool:
    """SQLite with a write-ahead log, synced at each commit. A spool that is full or broken says so and lets frames pass.

    Calls may come from any thread and take turns, so that nobody publishes what another has not yet committed.
    """

    def __init__(self, path: Path, most: int = MOST_FRAMES) -> None:
        self._path = path
        self._most = most
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._count = 0
        self.failed = 0  # frames that passed unspooled
        self.trouble = ""
        self.name = secrets.token_hex(4)  # the file's own, once it is open
        try:
            self._opened()
        except sqlite3.Error as error:
            self._note(error)

    def _opened(self) -> sqlite3.Connection:
        """Return the database, opening it if that has not been possible so far."""
        if self._db is not None:
            return self._db
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute(
                "CREATE TABLE IF NOT EXISTS frame (n INTEGER PRIMARY KEY AUTOINCREMENT, heard_ms INTEGER NOT NULL, "
                "rssi INTEGER NOT NULL, frame BLOB NOT NULL, via TEXT NOT NULL DEFAULT 'ble')"
            )
            if "via" not in [column[1] for column in db.execute("PRAGMA table_info(frame)")]:
                db.execute(
                    "ALTER TABLE frame ADD COLUMN via TEXT NOT NULL DEFAULT 'ble'"
                )  # a spool from before
            db.execute("CREATE TABLE IF NOT EXISTS identity (spool TEXT PRIMARY KEY)")
            row = db.execute("SELECT spool FROM identity").fetchone()
            if row is None:
                row = (secrets.token_hex(4),)
                db.execute("INSERT INTO identity VALUES (?)", row)
            self._count = db.execute("SELECT count(*) FROM frame").fetchone()[0]
        except sqlite3.Error:
            db.close()
            raise
        self.name = row[0]
        self._db = db
        return db

    def _note(self, error: sqlite3.Error) -> None:
        if str(error) != self.trouble:
            log.error("the spool %s fails (%s): frames pass without being kept", self._path, error)
        self.trouble = str(error)

    def close(self) -> None:
        if self._db is not None:
            self._db.close()

    def __len__(self) -> int:
        return self._count

    def keep(self, frames: list[tuple[int, int, bytes]], via: str = BLE) -> list[Kept]:
        """Write (heard_ms, rssi, frame) and return them numbered; number 0 where the disk took nothing."""
        with self._lock:
            try:
                kept = self._keep(frames, via)
                self.trouble = ""
                return kept
            except sqlite3.Error as error:
                self.failed += len(frames)
                self._note(error)
                return [Kept(UNSPOOLED, *frame, via) for frame in frames]

    def _keep(self, frames: list[tuple[int, int, bytes]], via: str) -> list[Kept]:
        db = self._opened()
        if self._count + len(frames) > self._most:
            raise sqlite3.OperationalError("the spool is full")
        kept = []
        with _Transaction(db):
            for heard_ms, rssi, frame in frames:
                cursor = db.execute(
                    "INSERT INTO frame (heard_ms, rssi, frame, via) VALUES (?, ?, ?, ?)",
                    (heard_ms, rssi, frame, via),
                )
                kept.append(Kept(cursor.lastrowid or UNSPOOLED, heard_ms, rssi, frame, via))
        self._count += len(kept)
        return kept

    def erase(self, ranges: list[list[int]]) -> int:
        """Remove what a receipt names; return how many frames that were. What the disk does not erase comes again."""
        with self._lock:
            try:
                db, removed = self._opened(), 0
                with _Transaction(db):
                    for first, last in ranges:
                        removed += db.execute(
                            "DELETE FROM frame WHERE n BETWEEN ? AND ?", (first, last)
                        ).rowcount
                self._count -= removed
                return removed
            except sqlite3.Error as error:
                self._note(error)
                return 0

    def waiting(self, limit: int, now_ms: int, settled_ms: int, skip: Callable[[int], bool]) -> list[Kept]:
        """Return what has waited for a receipt for so long, newest first, leaving out what `skip` says is under way.

        A frame from the future was heard before the clock was set: it waits no longer than others.
        """
        with self._lock:
            try:
                rows = self._opened().execute(
                    "SELECT n, heard_ms, rssi, frame, via FROM frame "
                    "WHERE heard_ms NOT BETWEEN ? AND ? ORDER BY n DESC",
                    (now_ms - settled_ms + 1, now_ms),
                )
                found: list[Kept] = []
                for row in rows:
                    if len(found) == limit:
                        break
                    if not skip(row[0]):
                        found.append(Kept(*row))
                return found
            except sqlite3.Error as error:
                self._note(error)
                return []


class _Transaction:
    """All of it or nothing, on disk when the block is left."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
