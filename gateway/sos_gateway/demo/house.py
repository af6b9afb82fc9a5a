"""Every part of Socors on this machine: database, broker, gateway, hubs, simulated air and pendants, one folder."""

import asyncio
import base64
import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from ..accounts.service import Accounts
from ..app import put_towns, utc_now
from ..keys.registry import NewWearer, Registry, write_secret_file
from ..keys.wrapping import Wrapper, new_key_file, read_key_file
from ..services.broker import BrokerService
from ..services.mosquitto import MosquittoService
from ..services.ports import any_free
from ..services.postgres import PostgresService
from ..store.migrate import migrate
from ..store.postgres import PostgresStore

START_S = 30
KITCHEN = (413_544_000, 20_710_000)  # Cornellà de Llobregat
CORNELLA = "08073"


@dataclass
class House:
    """Where everything is, and the processes that run it."""

    folder: Path
    database_url: str
    store: PostgresStore
    postgres: PostgresService
    broker: BrokerService | MosquittoService
    environment: dict[str, str] = field(default_factory=dict)
    gateway_url: str = ""
    simulator_url: str = ""
    token: str = ""
    password: str = ""
    devices: list[int] = field(default_factory=list)
    hubs: list[str] = field(default_factory=list)
    children: dict[str, subprocess.Popen] = field(default_factory=dict)
    hub_adapters: dict[str, str] = field(default_factory=dict)
    hub_sticks: dict[str, str] = field(default_factory=dict)  # ports, of hubs that have a GSM stick
    passwords: dict[str, str] = field(default_factory=dict)

    def start(
        self, name: str, command: list[str], environment: dict[str, str] | None = None
    ) -> subprocess.Popen:
        """Start a child whose output goes into a file of the folder."""
        log = (self.folder / f"{name}.log").open("ab")
        child = subprocess.Popen(
            command,
            env={**os.environ, **self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        log.close()
        self.children[name] = child
        return child

    def start_gateway(self) -> None:
        self.start("gateway", [_socors(), "gateway"])

    def start_hub(self, name: str) -> None:
        certificate = {"SOCORS_HUB_MQTT_CA_FILE": str(self.broker.ca_file)} if self.broker.ca_file else {}
        self.start(
            f"hub-{name}",
            [_socors(), "hub"],
            {
                "SOCORS_HUB_NAME": name,
                "SOCORS_HUB_SPOOL_FILE": str(self.folder / f"spool-{name}.db"),
                "SOCORS_HUB_MQTT_PORT": str(self.broker.port),
                "SOCORS_HUB_MQTT_PASSWORD": self.passwords[f"hub-{name}"],
                "SOCORS_HUB_ADAPTER": self.hub_adapters[name],
                "SOCORS_HUB_BACKEND": "simulator.bleak_backend",
                "SOCORS_HUB_SMS_PORT": self.hub_sticks.get(name, ""),
                **certificate,
            },
        )

    def kill(self, name: str) -> None:
        """Kill a child without warning and wait until it is gone."""
        child = self.children.pop(name)
        child.kill()
        child.wait()

    def stop(self) -> None:
        for child in self.children.values():
            child.terminate()
        for child in self.children.values():
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _socors() -> str:
    return str(Path(sys.executable).with_name("socors"))


@contextlib.asynccontextmanager
async def open_house(
    pendants: int,
    hubs: int,
    say: Callable[[str], None],
    webhook_url: str | None = None,
    *,
    mosquitto: bool = False,
) -> AsyncIterator[House]:
    """Start everything and yield it when the last pendant is on the air; stop everything afterwards."""
    with contextlib.ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="socors-", ignore_cleanup_errors=True))
        )
        say("a database (PostgreSQL) and a message broker (MQTT) start …")
        postgres = stack.enter_context(PostgresService(folder / "postgres"))
        names = [f"hub{n + 1}" for n in range(hubs)]
        # The embedded broker needs no system package; mosquitto adds TLS and access rules.
        broker = MosquittoService(folder / "broker") if mosquitto else BrokerService(folder / "broker")
        passwords = broker.add("gateway", *(f"hub-{name}" for name in names))
        stack.enter_context(broker)
        url = postgres.create_database("socors")
        await asyncio.to_thread(migrate, url)
        store = PostgresStore(url, size=3)
        await store.open()
        house = House(folder, url, store, postgres, broker, hubs=names, passwords=passwords)
        try:
            await _prepare(house, webhook_url)
            say(f"the gateway, {hubs} hubs (the boxes that hear pendants) and the simulated air start …")
            await _start_parts(house)
            say(f"{pendants} pendants get their secrets and are switched on …")
            await _start_pendants(house, pendants)
            yield house
        finally:
            house.stop()
            keep_logs(folder)
            await store.close()


def keep_logs(folder: Path) -> None:
    """Copy what every part has said to .demo/logs, for whoever wants to know how it went."""
    kept = Path(".demo") / "logs"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    for log in [*folder.glob("*.log"), *folder.glob("devices/*/log.txt")]:
        name = log.name if log.suffix == ".log" else f"device-{log.parent.name}.log"
        shutil.copyfile(log, kept / name)


async def _prepare(house: House, webhook_url: str | None) -> None:
    """Keys, towns, hubs' places, an operator, settings of the gateway."""
    new_key_file(house.folder / "key")
    await put_towns(house.store)
    async with house.store.transaction() as tx:
        for n, name in enumerate(house.hubs):
            await tx.run(
                "put_hub",
                id=name,
                town=CORNELLA,
                lat_e7=KITCHEN[0] + n * 900,
                lon_e7=KITCHEN[1] + n * 900,
                place="kitchen" if n == 0 else "stairs",
            )
    accounts = Accounts(house.store, utc_now)
    house.password = secrets.token_urlsafe(12)
    await accounts.create("officer", "specialist", [], house.password)
    await accounts.create("demo", "specialist", [], None)
    house.token = await accounts.new_token("demo")
    port = any_free()
    house.gateway_url = f"http://127.0.0.1:{port}"
    house.environment = {
        "SOCORS_DATABASE_URL": house.database_url,
        "SOCORS_SECRET_KEY_FILE": str(house.folder / "key"),
        "SOCORS_MQTT_PORT": str(house.broker.port),
        "SOCORS_MQTT_PASSWORD": house.passwords["gateway"],
        "SOCORS_HTTP_PORT": str(port),
        "SOCORS_SECURE_COOKIES": "false",
    }
    if house.broker.ca_file:
        house.environment["SOCORS_MQTT_CA_FILE"] = str(house.broker.ca_file)
    if webhook_url:
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        house.environment["SOCORS_DESTINATIONS"] = (
            f'[{{"name":"police","kind":"webhook","url":"{webhook_url}","secret":"{secret}"}}]'
        )


async def _start_parts(house: House) -> None:
    house.start_gateway()
    port = any_free()
    house.simulator_url = f"http://127.0.0.1:{port}"
    house.start(
        "simulator",
        [
            sys.executable,
            "-m",
            "simulator.server",
            "--port",
            str(port),
            "--devices",
            str(house.folder / "devices"),
        ],
    )
    await answering(house, "simulator", house.simulator_url + "/firmware")
    async with httpx.AsyncClient(base_url=house.simulator_url) as client:
        for name in house.hubs:
            port = (await client.post(f"/hubs/{name}")).json()["port"]
            house.hub_adapters[name] = f"tcp-client:127.0.0.1:{port}"
            house.start_hub(name)
    await answering(house, "gateway", house.gateway_url + "/health")


async def answering(house: House, name: str, url: str) -> None:
    """Wait until a child answers; one that has ended is told with its last words."""
    async with httpx.AsyncClient() as client:
        async with asyncio.timeout(START_S):
            while True:
                if house.children[name].poll() is not None:
                    words = (house.folder / f"{name}.log").read_text().strip().splitlines()
                    raise RuntimeError(
                        f"the {name} did not start: {words[-1] if words else 'no reason given'}"
                    )
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(url)).status_code == 200:
                        return
                await asyncio.sleep(0.1)


async def _start_pendants(house: House, count: int) -> None:
    registry = Registry(house.store, Wrapper(read_key_file(house.folder / "key")), utc_now)
    people = ("Maria Soler", "Josep Puig", "Rosa Vidal", "Joan Ferrer", "Carme Roca", "Antoni Serra")
    async with httpx.AsyncClient(base_url=house.simulator_url, timeout=60) as client:
        for n in range(count):
            number = 1001 + n
            name = people[n % len(people)] + (f" {n // len(people) + 1}" if n >= len(people) else "")
            lat, lon = KITCHEN
            secret = await registry.provision(number, NewWearer(name, CORNELLA, lat_e7=lat, lon_e7=lon))
            file = house.folder / f"secret-{number}.json"
            write_secret_file(file, number, secret)
            (await client.post("/devices", json={"secret_file": str(file)})).raise_for_status()
            file.unlink()
            house.devices.append(number)
    await _all_heard(house)


async def _all_heard(house: House) -> None:
    """Wait until every pendant's first heartbeat has been stored."""
    async with asyncio.timeout(START_S + 2 * len(house.devices)):
        while True:
            async with house.store.transaction() as tx:
                rows = await tx.all("devices")
            if all(row["last_heard_at"] for row in rows):
                return
            await asyncio.sleep(0.1)
