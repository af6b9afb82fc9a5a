"""A console on a real database, and a real Chromium in front of it."""

import asyncio
import secrets
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import uvicorn
from pydantic import SecretStr
from sos_gateway.accounts.service import Accounts
from sos_gateway.api.create import create_api
from sos_gateway.app import put_towns, utc_now
from sos_gateway.config import Settings
from sos_gateway.domain.models import Event, Incident, Number, Transition
from sos_gateway.incidents import Incidents
from sos_gateway.keys.registry import NewWearer, Registry
from sos_gateway.keys.wrapping import Wrapper, new_key_file
from sos_gateway.store.postgres import PostgresStore
from sos_wire import evidence, kinds

PASSWORD = "correct horse battery"
CORNELLA, BADALONA = "08073", "08015"


class Desk:
    """The application in a thread of its own, and what happens behind it."""

    def __init__(self, url: str, folder) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        new_key_file(folder / "key")
        self.settings = Settings(
            database_url=url,
            secret_key_file=folder / "key",
            mqtt_password=SecretStr(secrets.token_urlsafe(16)),
            secure_cookies=False,
        )
        self.devices = self.events = 0
        self.run(self._open(url))

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _open(self, url: str) -> None:
        self.store = PostgresStore(url, size=4)
        await self.store.open()
        await put_towns(self.store)
        self.accounts = Accounts(self.store, utc_now)
        self.incidents = Incidents(store=self.store, clock=utc_now, rows_for=lambda *_: [])
        self.app = create_api(
            store=self.store, settings=self.settings, clock=utc_now, incidents=self.incidents
        )
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(self.app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._tasks = [
            asyncio.create_task(self._server.serve(sockets=[listener])),
            asyncio.create_task(self.app.state.stream.run()),
        ]
        while not self._server.started:
            await asyncio.sleep(0.01)

    def close(self) -> None:
        async def end() -> None:
            self._server.should_exit = True
            self._tasks[1].cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self.store.close()

        self.run(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    # What happens.

    def operator(self, name: str, role: str = "operator", towns: tuple[str, ...] = ()) -> str:
        self.run(self.accounts.create(name, role, list(towns), PASSWORD))
        return name

    def incident(self, kind: str = "sos", state: str = "open", wearer: str = "Maria Soler", **fields) -> int:
        """Put an incident on the desk as the ingest would: rows and a transition that is told."""
        return self.run(self._incident(kind, state, wearer, fields))

    async def _incident(self, kind: str, state: str, wearer: str, fields: dict) -> int:
        self.devices += 1
        number = 1000 + self.devices
        town = fields.get("town", CORNELLA)
        registry = Registry(self.store, Wrapper(bytes(32)), utc_now)
        await registry.provision(number, NewWearer(wearer, town, profile=fields.pop("profile", {})))
        now = datetime.now(UTC)
        made = Incident(
            wearer_id=self.devices,
            device=number,
            kind=kind,
            state="pending" if state == "pending" else "open",
            town=town,
            occurred_at=now,
            received_at=now,
            updated_at=now,
            opened_at=None if state == "pending" else now,
            pending_until=now + timedelta(seconds=20) if state == "pending" else None,
        )
        made = replace(made, **{k: v for k, v in fields.items() if k != "town"})
        async with self.store.transaction() as tx:
            made = await tx.insert_incident(made)
            event = Event(number, 1, 1, 1, 0, 1, now, True, now, b"", incident_id=made.id)
            await tx.insert_event(event)
            await tx.add_transition(
                Transition(made.id, "raised", None, made.state, f"device {number}", now, kind)
            )
        if state in ("accepted", "closed"):
            await self.incidents.accept(made.id, "agent.roca")
        if state == "closed":
            await self.incidents.close(made.id, "agent.roca", "real")
        return made.id

    def walk(self, incident_id: int, *points: tuple[int, int, int]) -> None:
        """Positions of its device arrive, as the ingest stores them: (lat_e7, lon_e7, age in seconds)."""
        self.run(self._walk(incident_id, points))

    async def _walk(self, incident_id: int, points: tuple[tuple[int, int, int], ...]) -> None:
        now = datetime.now(UTC)
        async with self.store.transaction() as tx:
            incident = await tx.incident(incident_id)
            for lat_e7, lon_e7, age_s in points:
                self.events += 1
                at = now - timedelta(seconds=age_s)
                place = {"lat_e7": lat_e7, "lon_e7": lon_e7, "radius_m": 25}
                event = Event(incident.device, 1, 1 + self.events, kinds.POSITION, 2, 2, at, True, now, b"")
                event = replace(event, incident_id=incident_id, **place, fix_age_s=0, fix_at=at)
                await tx.insert_event(event)
                incident = replace(incident, **place, position_source="device", position_at=at)
            await tx.update_incident(incident)
            await tx.notice_position(incident_id)

    def felt(self, incident_id: int, felt: bytes, *pieces: int, seq: int = 1) -> None:
        """Pieces of what a fall felt like arrive, as the ingest stores them."""

        async def arrive() -> None:
            async with self.store.transaction() as tx:
                number = Number((await tx.incident(incident_id)).device, 1, seq)
                for piece in pieces:
                    start = piece * evidence.PIECE_BYTES
                    samples = felt[start : start + evidence.PIECE_BYTES]
                    await tx.add_evidence(number, piece, samples, datetime.now(UTC))
                await tx.notice_evidence(incident_id)

        self.run(arrive())

    def risen(self, incident_id: int) -> None:
        """Who fell is up again, as the ingest stores it."""

        async def rise() -> None:
            now = datetime.now(UTC)
            async with self.store.transaction() as tx:
                incident = await tx.incident(incident_id)
                event = Event(incident.device, 1, 90, kinds.RISEN, 2, 1, now, False, now, b"")
                await tx.insert_event(replace(event, incident_id=incident_id, ref_boot=1, ref_seq=1))
                who = f"device {incident.device}"
                state = incident.state
                await tx.add_transition(Transition(incident_id, "risen", state, state, who, now))

        self.run(rise())

    def faults(self, device: int, *names: str) -> None:
        async def say() -> None:
            async with self.store.transaction() as tx:
                for name in names:
                    await tx.note_fault(device, name, datetime.now(UTC))

        self.run(say())


@pytest.fixture
def desk(database_url, tmp_path):
    found = Desk(database_url, tmp_path)
    yield found
    found.close()


@pytest.fixture
def open_page(chromium, desk):
    """Open a logged-in desk page; anything the page complains of fails the test."""
    contexts, complaints = [], []

    def open_one(name: str, width: int = 1440, height: int = 900, language: str = "en"):
        context = chromium.new_context(viewport={"width": width, "height": height}, locale=language)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{desk.url}/login?lang={language}")
        page.fill("#name", name)
        page.fill("#password", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_selector("#incidents", state="attached")
        return page

    yield open_one
    for context in contexts:
        context.close()
    # A refused request and a connection a test cut are said by the browser itself.
    foreseen = ("status of 401", "status of 409", "status of 422", "net::ERR")
    unexpected = [text for text in complaints if not any(said in text for said in foreseen)]
    assert not unexpected
