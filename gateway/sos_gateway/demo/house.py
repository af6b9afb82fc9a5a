"""Every part of Socors on this machine: database, broker, gateway, hubs, simulated air and devices, one folder."""

import asyncio
import base64
import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from ..accounts.service import Accounts
from ..app import put_towns, utc_now
from ..keys.network import Lte
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
PEOPLE = ("Maria Soler", "Josep Puig", "Rosa Vidal", "Joan Ferrer", "Carme Roca", "Antoni Serra")
# Shorter turns than the default of 30 s: a story is waited for.
STORY_SETTINGS = {"gnss_turn_s": 10, "gnss_between_s": 10}
SWIMMERS = ("Núria Bosch", "Pere Camps", "Montse Font", "Jordi Mas")
FIRST_PENDANT, FIRST_WATCH = 1001, 2001
# The SIM in the stick of the first hub: where a watch without data sends its texts.
HUB_SIM = "+34600900001"


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
    devices: list[int] = field(default_factory=list)  # pendants
    watches: list[int] = field(default_factory=list)
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
    watches: int = 0,
    mosquitto: bool = False,
) -> AsyncIterator[House]:
    """Start everything and yield it when the last device is on the air; stop everything afterwards."""
    with contextlib.ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="socors-", ignore_cleanup_errors=True))
        )
        say("a database (PostgreSQL) and a message broker (MQTT) start …")
        postgres = stack.enter_context(PostgresService(folder / "postgres"))
        names = [f"hub{n + 1}" for n in range(hubs)]
        numbers = [FIRST_WATCH + n for n in range(watches)]
        # The embedded broker needs no system package; mosquitto adds access rules.
        service = MosquittoService if mosquitto else partial(BrokerService, tls=True)
        broker = service(folder / "broker")
        users = [*(f"hub-{name}" for name in names), *(f"device-{number}" for number in numbers)]
        passwords = broker.add("gateway", *users)
        stack.enter_context(broker)
        url = postgres.create_database("socors")
        await asyncio.to_thread(migrate, url)
        store = PostgresStore(url, size=3)
        await store.open()
        house = House(folder, url, store, postgres, broker, hubs=names, passwords=passwords)
        try:
            await _prepare(house, webhook_url)
            say(f"the gateway, {hubs} hubs (the boxes that hear pendants) and the simulated air start …")
            await _start_parts(house, watches > 0)
            and_watches = f" and {watches} watches" if watches else ""
            say(f"{pendants} pendants{and_watches} get their secrets and are switched on …")
            await _start_devices(house, pendants, numbers)
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


async def _start_parts(house: House, has_watches: bool) -> None:
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
        if has_watches:  # those without data send texts, to the first hub
            opened = await client.post(f"/sticks/{HUB_SIM}")
            house.hub_sticks[house.hubs[0]] = opened.json()["path"]
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


async def _start_devices(house: House, pendants: int, watches: list[int]) -> None:
    """Register devices as `socors provision` does, flash and switch on each, and wait until all were heard."""
    registry = Registry(house.store, Wrapper(read_key_file(house.folder / "key")), utc_now)
    async with httpx.AsyncClient(base_url=house.simulator_url, timeout=60) as client:

        async def start(number: int, name: str, network: dict[str, Any] | None = None) -> None:
            wearer = NewWearer(name, CORNELLA, lat_e7=KITCHEN[0], lon_e7=KITCHEN[1])
            secret = await registry.provision(number, wearer, "watch" if network else "pendant")
            file = house.folder / f"secret-{number}.json"
            write_secret_file(file, number, secret, network=network)
            said = {"secret_file": str(file), "settings": STORY_SETTINGS if network else {}}
            (await client.post("/devices", json=said)).raise_for_status()
            file.unlink()

        for n in range(pendants):
            await start(FIRST_PENDANT + n, _name(PEOPLE, n))
            house.devices.append(FIRST_PENDANT + n)
        # The chain alone: what a modem's radio takes is in the modelled figures.
        (await client.post("/modems", json={"scale": 0})).raise_for_status()
        for n, number in enumerate(watches):
            await start(number, _name(SWIMMERS, n), _network(house, number))
            house.watches.append(number)
    await _all_heard(house)


def _name(people: Sequence[str], n: int) -> str:
    return people[n % len(people)] + (f" {n // len(people) + 1}" if n >= len(people) else "")


def _network(house: House, number: int) -> dict[str, Any]:
    """Return what `socors provision --lte` writes: the way to the broker, the watch's own credential, the CA."""
    file = house.folder / f"password-{number}"
    file.write_text(house.passwords[f"device-{number}"])
    made = Lte(
        apn="internet",
        host=house.broker.host,
        port=house.broker.port_311,
        sms_to=HUB_SIM if house.hub_sticks else "",
        ca_file=house.broker.ca_file,
        password_file=file,
    ).prepare(number)()
    file.unlink()
    return made


async def _all_heard(house: House) -> None:
    """Wait until every device's first heartbeat has been stored."""
    async with asyncio.timeout(START_S + 2 * len(house.devices) + 10 * len(house.watches)):
        while True:
            async with house.store.transaction() as tx:
                rows = await tx.all("devices")
            if all(row["last_heard_at"] for row in rows):
                return
            await asyncio.sleep(0.1)
