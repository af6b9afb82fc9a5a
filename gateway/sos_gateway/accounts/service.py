"""Log-in, sessions and tokens: argon2id passwords, lock-out after failures, expiry, nothing reusable at rest."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from ..errors import Conflict, NotFound

SESSION_LASTS = timedelta(hours=12)  # a shift and its hand-over
IDLE_LASTS = timedelta(hours=2)
TOKEN_LASTS = timedelta(days=365)
FAILURES_BEFORE_LOCK = 5
LOCKED_FOR = timedelta(minutes=15)
SHORTEST_PASSWORD = 12
ROLES = ("operator", "specialist", "administrator")

_hasher = PasswordHasher()
# Verified against when there is no such account, so that the answer takes as long.
_NOBODY = _hasher.hash("nobody has this password")


@dataclass(frozen=True, slots=True)
class Operator:
    """Who is logged in. `towns` empty: all of them."""

    id: int
    name: str
    role: str
    towns: tuple[str, ...]
    csrf: str = ""
    is_machine: bool = False

    def may_see(self, town: str, also_towns: tuple[str, ...] | list[str]) -> bool:
        return not self.towns or bool(set(self.towns) & {town, *also_towns})

    def may_see_discreet(self) -> bool:
        return self.role in ("specialist", "administrator")


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class Accounts:
    """Accounts in the store."""

    def __init__(self, store: Any, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def create(self, name: str, role: str, towns: list[str], password: str | None) -> int:
        """Make an account; without a password it is a machine's and can only use tokens."""
        if role not in ROLES:
            raise Conflict(f"{role!r} is no role: use one of {', '.join(ROLES)}.")
        if password is not None and len(password) < SHORTEST_PASSWORD:
            raise Conflict(f"The password is too short: use at least {SHORTEST_PASSWORD} characters.")
        async with self._store.transaction() as tx:
            cursor = await tx.connection.execute(
                "INSERT INTO account (name, role, towns, password_hash, created_at) VALUES (%s, %s, %s, %s, %s) "
                "ON CONFLICT (name) DO NOTHING RETURNING id",
                (name, role, towns, _hasher.hash(password) if password else None, self._clock()),
            )
            row = await cursor.fetchone()
        if row is None:
            raise Conflict(f"There is an account {name} already: choose another name.")
        return row["id"]

    async def first_administrator(self) -> str | None:
        """Make the administrator of an empty table; return the password, to be shown once, or None."""
        async with self._store.transaction() as tx:
            cursor = await tx.connection.execute("SELECT count(*) AS n FROM account")
            if (await cursor.fetchone())["n"]:
                return None
        password = secrets.token_urlsafe(15)
        await self.create("admin", "administrator", [], password)
        return password

    async def log_in(self, name: str, password: str) -> tuple[str, str] | None:
        """Return (session token, CSRF token), or None; five failures lock the account for a quarter of an hour."""
        now = self._clock()
        async with self._store.transaction() as tx:
            cursor = await tx.connection.execute("SELECT * FROM account WHERE name = %s FOR UPDATE", (name,))
            row = await cursor.fetchone()
            usable = row and row["password_hash"] and not row["disabled"]
            locked = row and row["locked_until"] and row["locked_until"] > now
            matches = self._matches(row["password_hash"] if usable else _NOBODY, password)
            if not usable or locked or not matches:
                if usable and not locked:
                    await self._failed(tx, row, now)
                return None
            await tx.connection.execute(
                "UPDATE account SET failures = 0, locked_until = NULL WHERE id = %s", (row["id"],)
            )
            return await self._begin(tx, row["id"], "browser", SESSION_LASTS)

    @staticmethod
    def _matches(password_hash: str, password: str) -> bool:
        try:
            return _hasher.verify(password_hash, password)
        except VerificationError:
            return False

    @staticmethod
    async def _failed(tx: Any, row: dict[str, Any], now: datetime) -> None:
        failures = row["failures"] + 1
        lock = now + LOCKED_FOR if failures >= FAILURES_BEFORE_LOCK else None
        await tx.connection.execute(
            "UPDATE account SET failures = %s, locked_until = %s WHERE id = %s",
            (0 if lock else failures, lock, row["id"]),
        )

    async def _begin(self, tx: Any, account_id: int, kind: str, lasts: timedelta) -> tuple[str, str]:
        token, csrf, now = secrets.token_urlsafe(32), secrets.token_urlsafe(24), self._clock()
        await tx.connection.execute(
            "INSERT INTO session (token_hash, account_id, kind, csrf, created_at, seen_at, expires_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (_hash(token), account_id, kind, csrf, now, now, now + lasts),
        )
        return token, csrf

    async def disable(self, name: str) -> None:
        """End an account: its password, its sessions and its tokens open nothing from now on. Its history stays."""
        async with self._store.transaction() as tx:
            cursor = await tx.connection.execute(
                "UPDATE account SET disabled = true WHERE name = %s RETURNING id", (name,)
            )
            if await cursor.fetchone() is None:
                raise NotFound(
                    f"There is no account {name}: look for its name in the history of an incident."
                )

    async def new_token(self, name: str) -> str:
        """Return a token for an account, for machines; shown once."""
        async with self._store.transaction() as tx:
            cursor = await tx.connection.execute(
                "SELECT id FROM account WHERE name = %s AND NOT disabled", (name,)
            )
            row = await cursor.fetchone()
            if row is None:
                raise NotFound(f"There is no account {name}: make one with `socors account add`.")
            return (await self._begin(tx, row["id"], "token", TOKEN_LASTS))[0]

    async def who(self, token: str, kind: str) -> Operator | None:
        """Return who a token belongs to, while it is valid and not idle for too long."""
        now = self._clock()
        async with self._store.transaction() as tx:
            cursor = await tx.connection.execute(
                "SELECT s.csrf, s.seen_at, a.id, a.name, a.role, a.towns FROM session s JOIN account a "
                "ON a.id = s.account_id WHERE s.token_hash = %s AND s.kind = %s AND s.expires_at > %s AND NOT a.disabled",
                (_hash(token), kind, now),
            )
            row = await cursor.fetchone()
            if row is None or (kind == "browser" and now - row["seen_at"] > IDLE_LASTS):
                return None
            if now - row["seen_at"] > timedelta(minutes=1):
                await tx.connection.execute(
                    "UPDATE session SET seen_at = %s WHERE token_hash = %s", (now, _hash(token))
                )
        return Operator(
            row["id"], row["name"], row["role"], tuple(row["towns"]), row["csrf"], kind == "token"
        )

    async def log_out(self, token: str) -> None:
        async with self._store.transaction() as tx:
            await tx.connection.execute("DELETE FROM session WHERE token_hash = %s", (_hash(token),))
