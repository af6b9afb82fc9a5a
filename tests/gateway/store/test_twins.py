"""The store in memory keeps and refuses what PostgreSQL keeps and refuses: the same stories, row for row the same."""

import ast
import asyncio
import inspect
import random
import sys
from datetime import timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from desk import CORNELLA, HUBS, Clock, Pendant
from psycopg import errors
from sos_gateway.config import Destination
from sos_gateway.dispatch.plan import planner
from sos_gateway.domain.jurisdiction import distance_m
from sos_gateway.domain.models import BLE, LTE, SMS, Number
from sos_gateway.down import Answers
from sos_gateway.errors import SocorsError
from sos_gateway.incidents import Incidents
from sos_gateway.ingest import lanes
from sos_gateway.ingest.accept import Acceptor, Heard
from sos_gateway.ingest.aliases import KnownDevice, Resolver
from sos_gateway.store import memory, postgres
from sos_gateway.store.memory import TABLES, MemoryStore
from sos_gateway.store.postgres import PostgresStore
from sos_wire import evidence, kinds

NUMBER, SECRET = 1001, bytes(range(32))
POLICE = Destination(
    name="police",
    kind="webhook",
    url="https://police.invalid/",
    secret="whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
)
GENERIC = {"run", "one", "all"}  # for SQL by name, which a store without SQL has not
SERVICES = (Acceptor, Incidents, Answers, lanes.Ingest)


class House:
    """The gateway's services on one of the twins."""

    def __init__(self, store, clock):
        self.store, self.clock, self.sent = store, clock, []
        self.resolver = Resolver()
        self.pendant = Pendant(NUMBER, SECRET, clock)
        self.resolver.put(KnownDevice(NUMBER, self.pendant.keys, clock(), clock()), clock())
        rows_for = planner([POLICE])

        async def send(answer):
            self.sent.append(answer)

        self.incidents = Incidents(store=store, clock=clock, rows_for=rows_for)
        self.answers = Answers(store=store, resolver=self.resolver, clock=clock, send=send)
        self.acceptor = Acceptor(
            store=store,
            resolver=self.resolver,
            clock=clock,
            town_of=lambda lat, lon: CORNELLA,
            rows_for=rows_for,
            distance_m=distance_m,
        )
        self._n = 0

    async def hear(self, frame, hub="kitchen", rssi=-60, via=BLE):
        if via == LTE:
            return await self.acceptor.accept(
                Heard(frame, None, self.clock(), via=LTE, publisher=NUMBER, is_alarm=rssi > -60)
            )
        self._n += 1
        return await self.acceptor.accept(Heard(frame, hub, self.clock(), rssi, "0badcafe", self._n, via))


async def prepare_postgres(store, now):
    async with store.transaction() as tx:
        await tx.run("put_town", ine=CORNELLA, name="Cornellà de Llobregat")
        for name, (lat, lon) in HUBS.items():
            await tx.run("put_hub", id=name, town=CORNELLA, lat_e7=lat, lon_e7=lon, place=name)
        await tx.connection.execute(
            "INSERT INTO wearer (name, home_town) VALUES ('Montserrat', %s)", (CORNELLA,)
        )
        await tx.connection.execute(
            "INSERT INTO device (number, wearer_id, secret, created_at) VALUES (%s, 1, %s, %s)",
            (NUMBER, SECRET, now),
        )


def prepare_memory(store, now):
    store.put_town(CORNELLA, "Cornellà de Llobregat")
    for name, (lat, lon) in HUBS.items():
        store.put_hub(name, CORNELLA, lat, lon, name)
    store.put_device(NUMBER, store.put_wearer("Montserrat", CORNELLA), SECRET, now)


def comparable(rows):
    """Rows without order, as values both twins spell alike."""

    def plain(value):
        return bytes(value) if isinstance(value, memoryview) else value

    return sorted(
        ({k: plain(v) for k, v in row.items()} for row in rows), key=lambda r: sorted(map(str, r.items()))
    )


async def tables_of(store):
    found = {}
    async with store.transaction() as tx:
        for table in TABLES:
            cursor = await tx.connection.execute(f"SELECT * FROM {table}")  # names are ours
            found[table] = comparable(await cursor.fetchall())
    return found


@pytest.fixture
def both(database_url):
    """Play a story at PostgreSQL and in memory; both must end alike, and say the same of each step."""

    def play(story):
        async def whole():
            clock = Clock()
            real = PostgresStore(database_url, size=2)
            await real.open()
            try:
                await prepare_postgres(real, clock())
                house = House(real, clock)
                said = await story(house)
                tables = await tables_of(real)
            finally:
                await real.close()
            clock = Clock()
            twin = MemoryStore()
            prepare_memory(twin, clock())
            twin_house = House(twin, clock)
            twin_said = await story(twin_house)
            for table in TABLES:
                assert comparable(twin.rows(table)) == tables[table], table
            assert twin_said == said
            # UPDATE … RETURNING promises no order.
            assert sorted(twin_house.sent, key=repr) == sorted(house.sent, key=repr)
            return tables

        return asyncio.run(whole())

    return play


def test_an_alarm_accepted_and_closed_leaves_the_same_rows_in_both(both):
    async def story(house):
        sos = house.pendant.event(kinds.SOS, flags=kinds.CLOCK_VALID | kinds.PENDING)
        accepted = await house.hear(house.pendant.seal(sos))
        await house.answers.carry_due()
        house.clock.pass_time(seconds=6)
        opened = await house.incidents.open_due()
        await house.incidents.accept(accepted.incident_id, "officer 1")
        await house.answers.carry_due()
        felt = house.pendant.event(kinds.FELT, flags=2, ref_boot=sos.boot, ref_seq=sos.seq)
        await house.hear(house.pendant.seal(felt), hub="stairs")
        house.clock.pass_time(minutes=2)
        await house.incidents.close(accepted.incident_id, "officer 1", "real")
        return opened

    tables = both(story)
    assert [row["state"] for row in tables["incident"]] == ["closed"]
    assert len(tables["outbox"]) == 3


def test_what_a_transaction_that_fails_had_done_is_undone_in_both(both):
    async def story(house):
        await house.hear(house.pendant.alarm())
        try:
            async with house.store.transaction() as tx:
                await tx.claim_event(Number(NUMBER, 9, 9))
                await tx.count("nonsense")
                await tx.mark_cancelled(Number(NUMBER, 1, 1))
                await tx.due_timers(house.clock() + timedelta(days=1), 5)
                await tx.put_down(Number(NUMBER, 1, 1), kinds.CLOSED, house.clock(), timedelta(hours=1))
                raise LookupError
        except LookupError:
            pass
        await house.hear(house.pendant.alarm(kinds.SILENT))

    both(story)


def test_a_second_open_incident_of_a_wearer_is_refused_by_both(both):
    async def story(house):
        first = await house.hear(house.pendant.alarm(kinds.SILENT))
        refused = 0
        async with house.store.transaction() as tx:
            incident = await tx.incident(first.incident_id)
        try:
            async with house.store.transaction() as tx:
                await tx.insert_incident(incident)
        except (errors.UniqueViolation, memory.ConstraintError):
            refused += 1
        try:
            async with house.store.transaction() as tx:
                await tx.record_frame("kitchen", "0badcafe", 77, "eaten", house.clock())
        except (errors.CheckViolation, memory.ConstraintError):
            refused += 1
        return refused

    both(story)


def test_a_number_is_claimed_once_in_both(both):
    async def story(house):
        said = []
        for _ in range(2):
            async with house.store.transaction() as tx:
                said.append(await tx.claim_event(Number(NUMBER, 3, 4)))
        assert said == [True, False]
        return said

    both(story)


def test_frames_kept_unresolved_are_read_searched_and_trimmed_alike(both):
    async def story(house):
        for n in range(6):
            await house.hear(bytes((0x11, n)) + bytes(22))
            house.clock.pass_time(minutes=1)
        async with house.store.transaction() as tx:
            kept = await tx.unresolved(6, 3)
            await tx.unresolved_searched([row["id"] for row in kept], 9)
            await tx.resolved(kept[1]["id"])
            too_old = await tx.trim_unresolved(house.clock() - timedelta(minutes=5), 10)
            too_many = await tx.trim_unresolved(house.clock() - timedelta(days=1), 2)
        return [bytes(row["frame"]) for row in kept], too_old, too_many

    both(story)


async def something(house, chance, raised):
    """One step of a drawn life: frames, copies, rubbish, officers, time."""
    what = chance.randrange(16)
    hub, rssi = chance.choice(list(HUBS)), chance.randint(-100, -40)
    if what < 3:
        kind = chance.choice((kinds.SOS, kinds.SOS, kinds.FALL, kinds.SILENT, kinds.TAMPER, kinds.HEARTBEAT))
        flags = kinds.CLOCK_VALID | (kinds.PENDING if kind in kinds.CANCELLABLE else 0)
        raised.append(house.pendant.event(kind, flags=flags))
        return await heard(house, house.pendant.seal(raised[-1]), hub, rssi)
    if what == 3 and raised:
        return await heard(house, house.pendant.seal(chance.choice(raised)), hub, rssi)
    if what in (4, 5) and raised:
        named = chance.choice(raised)
        kind = chance.choice((kinds.CANCELLED, kinds.FELT))
        event = house.pendant.event(kind, ref_boot=named.boot, ref_seq=named.seq, flags=chance.randint(1, 4))
        return await heard(house, house.pendant.seal(event), hub, rssi)
    if what == 6:
        return await heard(house, chance.randbytes(chance.choice((24, 24, 64, 11))), hub, rssi)
    if what == 7:
        house.clock.pass_time(seconds=chance.choice((0.1, 3, 10, 400, 90_000)))
        return await house.incidents.open_due()
    if what == 8:
        return await house.answers.carry_due()
    if what == 9:
        async with house.store.transaction() as tx:
            await tx.touch_hub(hub, house.clock(), chance.choice(({}, {"spooled": 3})))
            wakes = await tx.next_timer(), await tx.next_down(house.clock())
        await house.answers.hub_reported(
            chance.randint(1, 4), hub, chance.random() < 0.5, chance.choice((BLE, BLE, SMS))
        )
        return wakes
    if what > 13 and raised:
        return await of_a_fall(house, chance, chance.choice(raised), hub)
    if what > 11:
        return await full_form(house, chance, raised, hub, rssi)
    incident_id = chance.randint(1, 4)
    try:
        if what == 10:
            return (await house.incidents.accept(incident_id, "officer 1")).state
        if chance.random() < 0.7:
            return (await house.incidents.close(incident_id, "officer 1", "real")).state
        return (await house.incidents.cancel(incident_id, "officer 2", "a mistake")).state
    except SocorsError as error:
        return str(error)


async def of_a_fall(house, chance, named, hub):
    """Pieces of what a fall, or something that was none, felt like; or that she is up again."""
    if chance.random() < 0.3:
        event = house.pendant.event(kinds.RISEN, ref_boot=named.boot, ref_seq=named.seq)
        return await heard(house, house.pendant.seal(event), hub, -50)
    pieces = house.pendant.pieces(named, chance.randbytes(evidence.BYTES))
    return [await heard(house, piece, hub, 0) for piece in chance.sample(pieces, 4)]


async def full_form(house, chance, raised, hub, rssi):
    """The long form of something, by any way: with or without a position, a cell, faults."""
    said = {"faults": chance.choice((0, 0, kinds.FAULT_GNSS, kinds.FAULT_SIM | 1 << 14))}
    if chance.random() < 0.6:
        said |= {"lat_e7": 413_550_000 + chance.randrange(40_000), "lon_e7": 20_700_000, "radius_m": 20}
        said["fix_age_s"] = chance.choice((0, 40, 9000, kinds.AGE_UNKNOWN))
    if chance.random() < 0.3:
        said |= {"mcc": 214, "mnc": 7, "tac": 9, "cell": chance.randrange(1, 4), "press_count": 2}
    of = chance.choice(raised) if raised and chance.random() < 0.5 else None
    kind = chance.choice((kinds.SOS, kinds.POSITION, kinds.POSITION, kinds.HEARTBEAT))
    event = house.pendant.full(kind, of=of, **said)
    if of is None and kind == kinds.SOS:
        raised.append(house.pendant.event(kind, seq=event.seq))
    return await heard(house, house.pendant.seal_full(event), hub, rssi, chance.choice((BLE, LTE, LTE, SMS)))


async def heard(house, frame, hub, rssi, via=BLE):
    result = await house.hear(frame, hub, rssi, via)
    if result.event is not None and result.answer_now is not None:
        await house.answers.answer_again(result.event, result.answer_now, None if via == LTE else hub, via)
    return result.outcome, result.incident_id, result.answer_now


@pytest.mark.parametrize("seed", range(6))
def test_lives_drawn_by_chance_end_alike_in_both(both, seed):
    async def story(house):
        chance, raised = random.Random(seed), []
        return [await something(house, chance, raised) for _ in range(120)]

    tables = both(story)
    for table in ("event", "incident", "down", "outbox"):
        assert tables[table], table
    assert tables["device"][0]["faults_seq"]
    assert {row["via"] for row in tables["sighting"]} == {BLE, LTE, SMS}


def test_evidence_and_getting_up_end_alike_in_both(both):
    async def story(house):
        fall = house.pendant.event(kinds.FALL, flags=kinds.CLOCK_VALID | kinds.PENDING)
        said = [await heard(house, house.pendant.seal(fall), "kitchen", -60)]
        chance = random.Random(5)
        return said + [await of_a_fall(house, chance, fall, hub) for hub in ("kitchen", "stairs") * 4]

    tables = both(story)
    assert tables["evidence"]
    assert "risen" in {row["what"] for row in tables["transition"]}


def public(kind):
    return {
        name: inspect.signature(value)
        for name, value in vars(kind).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }


def test_both_have_the_same_methods_with_the_same_arguments():
    real = {name: said for name, said in public(postgres.Tx).items() if name not in GENERIC}
    assert public(memory.Tx) == real


def test_the_services_ask_for_nothing_the_twin_does_not_have():
    asked = set()
    for service in SERVICES:
        for node in ast.walk(ast.parse(inspect.getsource(inspect.getmodule(service)))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "tx":
                asked.add(node.attr)
    assert asked and not asked - set(public(memory.Tx))
