"""Large fleets with real builders: two gateways, swaps under load, a builder killed, devices that come and go."""

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
from fleets import NOW, NOW_S, PERIOD, Built, register, seal
from sos_gateway.config import Settings
from sos_gateway.ingest import alias_table
from sos_gateway.ingest.aliases import Resolver
from sos_gateway.ingest.fleet import Fleet
from sos_gateway.keys.registry import NewWearer, Registry
from sos_gateway.keys.wrapping import Wrapper
from sos_gateway.store.postgres import PostgresStore
from sos_wire import kinds
from sos_wire.seal import CLOCK_MODE, RECOVERY_MODE

WITHIN_S = 60


def now():
    return datetime.now(UTC)


def opens(resolver, number, secret, mode=CLOCK_MODE, index=None):
    at = now()
    index = int(at.timestamp()) // kinds.ALIAS_PERIOD_S if index is None else index
    opened = resolver.open(seal(secret, mode, index), at)
    return opened is not None and opened.device == number


async def until(condition):
    async with asyncio.timeout(WITHIN_S):
        while not condition():
            await asyncio.sleep(0.05)


class House:
    """A database with devices, and gateways' halves that know them."""

    def __init__(self, url, tmp_path, small):
        key = tmp_path / "key"
        key.write_bytes(os.urandom(32))
        key.chmod(0o600)
        self.wrapper = Wrapper(key.read_bytes())
        self.url, self.small, self.folder = url, small, tmp_path / "aliases"
        self.settings = Settings(
            database_url=url, secret_key_file=key, mqtt_password="x6Qw-9kPz_t3Lm2R", alias_folder=self.folder
        )

    @contextlib.asynccontextmanager
    async def gateway(self):
        """One gateway's store, resolver and fleet, hearing notices as the gateway does."""
        store = PostgresStore(self.url, size=2)
        await store.open()
        resolver = Resolver(self.wrapper.unwrap)
        fleet = Fleet(
            settings=self.settings,
            store=store,
            wrapper=self.wrapper,
            resolver=resolver,
            clock=now,
            small=self.small,
        )
        await fleet.start()

        async def hear():
            async with store.listen("device") as connection:
                await fleet.catch_up()
                async for notice in connection.notifies():
                    await fleet.changed(int(notice.payload))

        tasks = [asyncio.create_task(part()) for part in (fleet.supervise, fleet.watch, hear)]
        try:
            async with asyncio.timeout(WITHIN_S):
                await fleet.ready()
            yield fleet, resolver, Registry(store, self.wrapper, now)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await store.close()


def test_a_few_devices_are_known_at_once_without_a_builder_and_without_a_folder(database_url, tmp_path):
    house = House(database_url, tmp_path, small=10)
    secrets = register(database_url, house.wrapper, 1, 10)

    async def story():
        async with house.gateway() as (fleet, resolver, _):
            assert all(opens(resolver, number, secret) for number, secret in secrets.items())
            assert fleet.builder is None
            assert not house.folder.exists()

    asyncio.run(story())


def test_two_gateways_share_one_table_and_both_know_at_once_who_comes_moves_and_goes(database_url, tmp_path):
    house = House(database_url, tmp_path, small=10)
    secrets = register(database_url, house.wrapper, 1, 200)

    async def story():
        async with house.gateway() as (one, first, registry), house.gateway() as (other, second, _):
            assert len(first) == len(second) == 0
            for resolver in (first, second):
                assert all(opens(resolver, number, secret) for number, secret in secrets.items())
            await until(lambda: one.builder and other.builder)
            assert len(list(house.folder.glob("*.entries.npy"))) == 1
            secret = await registry.provision(5000, NewWearer("new", "08073"))
            again = await registry.provision_again(7)
            await registry.revoke(9)
            for resolver in (first, second):
                await until(lambda r=resolver: opens(r, 5000, secret))
                await until(lambda r=resolver: opens(r, 7, again))
                await until(lambda r=resolver: not opens(r, 9, secrets[9]))
                assert not opens(resolver, 7, secrets[7])
                assert opens(resolver, 8, secrets[8])

    asyncio.run(story())


def test_a_fleet_that_grows_gets_a_builder_and_serves_all_the_while(database_url, tmp_path):
    house = House(database_url, tmp_path, small=10)
    secrets = register(database_url, house.wrapper, 1, 10)

    async def story():
        async with house.gateway() as (fleet, resolver, registry):
            secrets[11] = await registry.provision(11, NewWearer("eleventh", "08073"))
            await until(lambda: opens(resolver, 11, secrets[11]))
            while resolver.table is None:
                assert all(opens(resolver, number, secret) for number, secret in secrets.items())
                await asyncio.sleep(0.05)
            await until(lambda: len(resolver) == 0)
            assert all(opens(resolver, number, secret) for number, secret in secrets.items())
            assert fleet.is_large

    asyncio.run(story())


def test_a_large_fleet_without_a_table_of_now_is_not_ready_and_takes_nothing_from_the_broker(
    database_url, tmp_path
):
    house = House(database_url, tmp_path, small=10)
    register(database_url, house.wrapper, 1, 20)

    async def story():
        store = PostgresStore(database_url, size=2)
        await store.open()
        at = [now()]
        fleet = Fleet(
            settings=house.settings,
            store=store,
            wrapper=house.wrapper,
            resolver=Resolver(house.wrapper.unwrap),
            clock=lambda: at[0],
            small=10,
        )
        await fleet.start()
        waiting = asyncio.create_task(fleet.ready())
        await asyncio.sleep(0)
        assert not waiting.done()
        assert fleet.problem().startswith("devices: no alias table of now")
        supervisor = asyncio.create_task(fleet.supervise())
        await until(lambda: (house.folder / "current").exists())
        assert await fleet.look()
        await waiting
        assert fleet.problem() is None
        at[0] += timedelta(minutes=31)  # its builder has been silent for two periods
        assert fleet.problem().startswith("devices: no alias table of now")
        supervisor.cancel()
        await asyncio.gather(supervisor, return_exceptions=True)
        await store.close()

    asyncio.run(story())


def test_a_builder_that_is_killed_leaves_the_old_table_and_its_successor_builds_the_next(
    database_url, tmp_path
):
    house = House(database_url, tmp_path, small=10)
    secrets = register(database_url, house.wrapper, 1, 5000)

    async def story():
        async with house.gateway() as (fleet, resolver, _):
            killed = fleet.builder
            killed.kill()
            # What a builder leaves that dies while it writes: parts without a pointer.
            (house.folder / "table-torn.entries.npy").write_bytes(b"\x93NUMPY")
            more = register(database_url, house.wrapper, 6000, 1)
            assert all(opens(resolver, number, secrets[number]) for number in range(1, 5001, 100))
            await until(lambda: opens(resolver, 6000, more[6000]))
            assert fleet.builder.pid != killed.pid
            assert all(opens(resolver, number, secrets[number]) for number in range(1, 5001, 100))
            assert not (house.folder / "table-torn.entries.npy").exists()

    asyncio.run(story())


def test_devices_registered_while_nobody_listened_are_known_after_a_start_on_an_old_table(
    database_url, tmp_path
):
    house = House(database_url, tmp_path, small=10)
    secrets = register(database_url, house.wrapper, 1, 20)

    async def story():
        async with house.gateway():
            pass
        secrets.update(register(database_url, house.wrapper, 100, 3))
        async with house.gateway() as (_, resolver, _):
            assert all(opens(resolver, number, secret) for number, secret in secrets.items())

    asyncio.run(story())


@pytest.mark.parametrize("end", ["its gateway is gone", "a second one"])
def test_a_builder_ends_with_its_gateway_and_two_do_not_work_in_one_folder(database_url, tmp_path, end):
    house = House(database_url, tmp_path, small=10)
    register(database_url, house.wrapper, 1, 20)
    environment = {
        **os.environ,
        "SOCORS_DATABASE_URL": database_url,
        "SOCORS_SECRET_KEY_FILE": str(house.settings.secret_key_file),
        "SOCORS_ALIAS_FOLDER": str(house.folder),
    }
    command = [sys.executable, "-m", "sos_gateway.ingest.builder_process"]
    builder = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)

    async def built():
        await until(lambda: (house.folder / "current").exists())

    asyncio.run(built())
    if end == "a second one":
        by_hand = [sys.executable, "-c", "from sos_gateway.cli import main; main()", "aliases", "build"]
        second = subprocess.run(by_hand, env=environment, capture_output=True, text=True, check=False)
        assert second.returncode == 2
        assert "A builder is at work" in second.stderr
    builder.stdin.close()
    assert builder.wait(30) == 0


def test_tables_are_swapped_under_load_and_no_frame_goes_unresolved(tmp_path):
    built = Built(tmp_path, 300)
    built.build()
    frames = [built.seal(row, mode, index) for row in range(300) for mode, index in _used()]
    stop = threading.Event()
    swaps = 0

    def build():
        for step in range(25):
            built.builder.build(built.rows, NOW_S + step, NOW_S + step)
        stop.set()

    builder = threading.Thread(target=build)
    builder.start()
    while not stop.is_set():
        table = alias_table.load(tmp_path, "test")
        if table is not None and table.about.name != built.resolver.table.about.name:
            built.resolver.use(built.resolver.prepared(table))
            swaps += 1
        assert all(built.resolver.open(frame, NOW) is not None for frame in frames[:: 1 + swaps % 7])
    builder.join()
    assert swaps >= 2


def _used():
    return [(CLOCK_MODE, PERIOD), (CLOCK_MODE, PERIOD - 1), (RECOVERY_MODE, 0)]
