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
# Whoever texts an alias that he has read off the air, from however many numbers, must not take the answer away from
# the wearer. He comes after her or before her, so the first numbers are kept and the last ones.
FIRST, LAST = 2, 2
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
CREATE TABLE IF NOT EXISTS sender (n INTEGER PRIMARY KEY, alias BLOB NOT NULL, number TEXT NOT NULL,
    last INTEGER NOT NULL, used_ms INTEGER NOT NULL, UNIQUE (alias, number));
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
        """A frame under this alias came from this number."""
        now = self._clock_ms()

        def work() -> None:
            # Told by their order, not by a clock that may jump.
            self._db.execute(
                "INSERT INTO sender (alias, number, last, used_ms) "
                "VALUES (?, ?, (SELECT coalesce(max(last), 0) + 1 FROM sender), ?) "
                "ON CONFLICT (alias, number) DO UPDATE SET last = excluded.last, used_ms = excluded.used_ms",
                (alias, number, now),
            )
            query = "SELECT number, n, last FROM sender WHERE alias = ?"
            known = self._db.execute(query, (alias,)).fetchall()
            kept = _first_and_last(known)
            for gone in (row[0] for row in known if row[0] not in kept):
                self._db.execute("DELETE FROM sender WHERE alias = ? AND number = ?", (alias, gone))

        self._do(work)

    def numbers(self, aliases: frozenset[bytes]) -> list[str]:
        """Return the numbers that texted under one of these aliases: the first ones and the last ones."""
        marks = ",".join("?" * len(aliases))
        query = f"SELECT number, min(n), max(last) FROM sender WHERE alias IN ({marks}) GROUP BY number"
        return _first_and_last(self._do(lambda: self._db.execute(query, sorted(aliases)).fetchall()))

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

    def is_texted(self, answer: int, state: int) -> bool:
        """Whether this state of an answer, or a later one, has been texted to anybody."""
        query = "SELECT 1 FROM texted WHERE answer = ? AND state >= ?"
        return self._do(lambda: self._db.execute(query, (answer, state)).fetchone()) is not None

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


def _first_and_last(known: list[tuple[str, int, int]]) -> list[str]:
    """Of (number, place among the firsts, place among the lasts) return the numbers that are kept, the first first."""
    first = sorted(known, key=lambda row: row[1])[:FIRST]
    last = sorted(known, key=lambda row: row[2])[-LAST:]
    return list(dict.fromkeys(row[0] for row in first + last))


def _digest(pin: str) -> bytes:
    return hashlib.sha256(b"socors pin " + pin.encode()).digest()
