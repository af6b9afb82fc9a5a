"""Who texted under which alias, and what was texted back: in the spool's file, no longer than a day after its last use."""

import contextlib
import hashlib
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

# Telephone numbers are personal data. An alarm that nobody closes within a day is answered without a text.
KEPT_MS = 24 * 3_600_000
HOUR_MS = 3_600_000
# Whoever texts an alias that he has read off the air must not take the answer away from the wearer: both get it.
MOST_NUMBERS = 3
# Some times what a SIM can receive in a day.
MOST_ROWS = 20_000
# A hub without a clock of its own starts in 1970. What it noted before the clock was set counts as of now.
CLOCK_IS_SET_MS = 1_700_000_000_000
# So far ahead a row may lie, for a clock that was set back a little.
AHEAD_MS = HOUR_MS

_TABLES = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS sender (alias BLOB NOT NULL, number TEXT NOT NULL, used_ms INTEGER NOT NULL,
    PRIMARY KEY (alias, number));
CREATE TABLE IF NOT EXISTS texted (n INTEGER PRIMARY KEY, number TEXT NOT NULL, answer INTEGER NOT NULL,
    state INTEGER NOT NULL, used_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS refused_pin (digest BLOB PRIMARY KEY);
"""

log = logging.getLogger("socors.hub")
Result = TypeVar("Result")


class Senders:
    """For one thread. A disk that fails is told once; then memory has to do, until the next start."""

    def __init__(self, path: Path, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        try:
            self._db = self._opened(str(path))
        except sqlite3.Error as error:
            self._forget(error)

    @staticmethod
    def _opened(path: str) -> sqlite3.Connection:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            db.executescript(_TABLES)
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _forget(self, error: sqlite3.Error) -> None:
        log.error("numbers that texted are kept in memory alone: %s", error)
        self._db = self._opened(":memory:")

    def _do(self, work: Callable[[], Result]) -> Result:
        try:
            return work()
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self._db.close()
            self._forget(error)
            return work()

    def close(self) -> None:
        self._db.close()

    def heard(self, alias: bytes, number: str) -> None:
        """A frame under this alias came from this number, which is the newest of at most three now."""
        now = self._clock_ms()

        def work() -> None:
            self._db.execute("INSERT OR REPLACE INTO sender VALUES (?, ?, ?)", (alias, number, now))
            self._db.execute(
                "DELETE FROM sender WHERE alias = ? AND rowid NOT IN "
                "(SELECT rowid FROM sender WHERE alias = ? ORDER BY used_ms DESC, rowid DESC LIMIT ?)",
                (alias, alias, MOST_NUMBERS),
            )

        self._do(work)

    def numbers(self, aliases: frozenset[bytes]) -> list[str]:
        """Return the numbers that texted under one of these aliases, the last one first."""
        marks = ",".join("?" * len(aliases))
        query = f"SELECT number FROM sender WHERE alias IN ({marks}) GROUP BY number ORDER BY max(used_ms) DESC LIMIT ?"
        values = (*sorted(aliases), MOST_NUMBERS)
        return [row[0] for row in self._do(lambda: self._db.execute(query, values).fetchall())]

    def texted(self, number: str, answer: int, state: int) -> None:
        """This state of an answer has been texted to this number."""
        row = (number, answer, state, self._clock_ms())

        def work() -> None:
            self._db.execute("INSERT INTO texted (number, answer, state, used_ms) VALUES (?, ?, ?, ?)", row)
            self._db.execute("UPDATE sender SET used_ms = ? WHERE number = ?", (row[3], number))

        self._do(work)

    def last_texted_ms(self, number: str, answer: int, state: int) -> int | None:
        """Return when this state of an answer, or a later one, was last texted to this number."""
        query = "SELECT max(used_ms) FROM texted WHERE number = ? AND answer = ? AND state >= ?"
        return self._do(lambda: self._db.execute(query, (number, answer, state)).fetchone())[0]

    def texts_in_an_hour(self, number: str) -> tuple[int, int]:
        """Return how many texts went to this number, and how many to all, in the last hour."""
        query = "SELECT coalesce(sum(number = ?), 0), count(*) FROM texted WHERE used_ms > ?"
        since = self._clock_ms() - HOUR_MS
        return self._do(lambda: self._db.execute(query, (number, since)).fetchone())

    def tidy(self) -> None:
        """Erase what has not been used for a day, and the oldest of too much."""
        now = self._clock_ms()
        if now < CLOCK_IS_SET_MS:
            return

        def work() -> None:
            for table in ("sender", "texted"):
                self._db.execute(f"UPDATE {table} SET used_ms = ? WHERE used_ms < ?", (now, CLOCK_IS_SET_MS))
                self._db.execute(
                    f"DELETE FROM {table} WHERE used_ms NOT BETWEEN ? AND ?", (now - KEPT_MS, now + AHEAD_MS)
                )
                self._db.execute(
                    f"DELETE FROM {table} WHERE rowid NOT IN (SELECT rowid FROM {table} ORDER BY used_ms DESC LIMIT ?)",
                    (MOST_ROWS,),
                )
            self._db.execute(
                "PRAGMA wal_checkpoint(TRUNCATE)"
            )  # erased numbers do not stay in the log either

        self._do(work)

    # A SIM forgives two wrong PINs and is locked by the third. A hub that restarts and tries again would be the third.

    def refuse_pin(self, pin: str) -> None:
        self._do(lambda: self._db.execute("INSERT OR IGNORE INTO refused_pin VALUES (?)", (_digest(pin),)))

    def is_refused(self, pin: str) -> bool:
        query = "SELECT 1 FROM refused_pin WHERE digest = ?"
        return self._do(lambda: self._db.execute(query, (_digest(pin),)).fetchone()) is not None


def _digest(pin: str) -> bytes:
    return hashlib.sha256(b"socors pin " + pin.encode()).digest()
