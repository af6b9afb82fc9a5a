"""Who wears which device: provisioning, revoking, and the keys of one device when a frame must be opened."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg.types.json import Jsonb

from ..errors import Conflict, NotFound
from .wrapping import Wrapper

_INSERT_WEARER = """
INSERT INTO wearer (name, language, home_town, home_lat_e7, home_lon_e7, profile, notes)
VALUES (%(name)s, %(language)s, %(town)s, %(lat_e7)s, %(lon_e7)s, %(profile)s, %(notes)s) RETURNING id"""
_INSERT_DEVICE = """
INSERT INTO device (number, wearer_id, secret, board, created_at)
VALUES (%(number)s, %(wearer_id)s, %(secret)s, %(board)s, %(now)s)"""
_REPLACE_SECRET = """
UPDATE device SET secret = %(secret)s, revoked_at = NULL, created_at = %(now)s, clock_set_at = NULL,
    recovery_index = 0, alias_mode = 1, last_boot = 0, last_seq = 0, faults_boot = 0, faults_seq = 0
    WHERE number = %(number)s"""
_SET_ASIDE = (
    "UPDATE event SET boot = -1 - boot, ref_boot = -1 - ref_boot WHERE device = %s AND boot >= 0",
    "UPDATE evidence SET boot = -1 - boot WHERE device = %s AND boot >= 0",
    "UPDATE timer SET boot = -1 - boot WHERE device = %s AND boot >= 0",
    "DELETE FROM sighting WHERE device = %s",
    "DELETE FROM device_fault WHERE device = %s",
)
_OPEN_ALARMS = """
SELECT count(*) AS n FROM down WHERE device = %(number)s AND felt_at IS NULL AND until_at > %(now)s"""


@dataclass(frozen=True, slots=True)
class NewWearer:
    """What provisioning needs to know of a person; profile key: silent, the hold is a silent alarm."""

    name: str
    town: str
    language: str = "ca"
    lat_e7: int | None = None
    lon_e7: int | None = None
    profile: dict[str, Any] | None = None
    notes: str = ""


class Registry:
    """Provisioning against the store; secrets leave it only into a file for the flasher."""

    def __init__(self, store: Any, wrapper: Wrapper, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._wrapper = wrapper
        self._clock = clock

    async def provision(self, number: int, wearer: NewWearer, board: str = "pendant") -> bytes:
        """Register a new device for a new wearer and return its fresh secret."""
        if not 1 <= number <= 2**31 - 1:
            raise Conflict(f"{number} is no device number: use one from 1 to 2147483647.")
        secret = os.urandom(32)
        async with self._store.transaction() as tx:
            await self._require_town(tx, wearer.town)
            if await tx.one("device", device=number):
                raise Conflict(
                    f"Device {number} exists already: give another number, or `socors provision --again {number}`."
                )
            row = await self._one(tx, _INSERT_WEARER, self._wearer_values(wearer))
            await tx.connection.execute(
                _INSERT_DEVICE,
                {
                    "number": number,
                    "wearer_id": row["id"],
                    "secret": self._wrapper.wrap(number, secret),
                    "board": board,
                    "now": self._clock(),
                },
            )
            await tx.run("notify", channel="device", payload=str(number))
        return secret

    async def provision_again(self, number: int, force: bool = False) -> bytes:
        """Give a registered device a new secret; refused while answers to its alarms are still outstanding."""
        secret = os.urandom(32)
        now = self._clock()
        async with self._store.transaction() as tx:
            if not await tx.one("device", device=number):
                raise NotFound(f"There is no device {number}: `socors device list` shows those there are.")
            waiting = await self._one(tx, _OPEN_ALARMS, {"number": number, "now": now})
            if waiting["n"] and not force:
                raise Conflict(
                    f"Device {number} has {waiting['n']} alarms whose answer it has not confirmed, and may hold "
                    "unsent ones: wait, or add --force to give it a new secret all the same."
                )
            wrapped = self._wrapper.wrap(number, secret)
            await tx.connection.execute(_REPLACE_SECRET, {"number": number, "secret": wrapped, "now": now})
            # A new secret starts its numbers anew: what the old one has numbered must not swallow them, nor an
            # old cancel withdraw a new alarm. The old events stay, under boot numbers no device can have.
            await tx.connection.execute("DELETE FROM event_key WHERE device = %s", (number,))
            for query in _SET_ASIDE:
                await tx.connection.execute(query, (number,))
            await tx.connection.execute("DELETE FROM down WHERE device = %s", (number,))
            await tx.run("notify", channel="device", payload=str(number))
        return secret

    async def device_settings(self, number: int) -> dict[str, int]:
        """Return what a device must be set to for its wearer, by the names in firmware/src/settings.py."""
        async with self._store.transaction() as tx:
            wearer = await tx.lock_wearer(number)
        return {"silent_hold": int(bool(wearer.profile.get("silent")))}

    async def revoke(self, number: int) -> None:
        """End a device: nothing sealed with its secret is opened from now on."""
        async with self._store.transaction() as tx:
            row = await tx.one("device", device=number)
            if row is None or row["revoked_at"]:
                raise NotFound(
                    f"There is no device {number} in use: `socors device list` shows those there are."
                )
            await tx.connection.execute(
                "UPDATE device SET revoked_at = %s WHERE number = %s", (self._clock(), number)
            )
            await tx.run("notify", channel="device", payload=str(number))

    async def _require_town(self, tx: Any, ine: str) -> None:
        towns = {row["ine"]: row["name"] for row in await tx.all("towns")}
        if ine not in towns:
            raise NotFound(
                f"There is no town {ine}: use the INE code of one of {len(towns)}, e.g. 08073 Cornellà."
            )

    @staticmethod
    def _wearer_values(wearer: NewWearer) -> dict[str, Any]:
        return {
            "name": wearer.name,
            "language": wearer.language,
            "town": wearer.town,
            "lat_e7": wearer.lat_e7,
            "lon_e7": wearer.lon_e7,
            "profile": Jsonb(wearer.profile or {}),
            "notes": wearer.notes,
        }

    @staticmethod
    async def _one(tx: Any, query: str, values: dict[str, Any]) -> dict[str, Any]:
        row = await (await tx.connection.execute(query, values)).fetchone()
        assert row
        return row


def write_secret_file(
    path: Path,
    number: int,
    secret: bytes,
    settings: dict[str, int] | None = None,
    network: dict[str, Any] | None = None,
) -> None:
    """Write what the flasher (or the simulator) loads into a device; readable by its owner alone."""
    said = {"device": number, "secret": secret.hex(), "settings": settings or {}}
    if network:
        said["network"] = network
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(said, file)
