"""A gateway without its broker: real database, real seals, a clock turned by hand; what hubs say is handed in."""

import contextlib
import json
from datetime import UTC, datetime, timedelta

from sos_gateway.app import put_towns
from sos_gateway.config import Destination
from sos_gateway.dispatch.plan import planner
from sos_gateway.domain.jurisdiction import distance_m, metropolitan
from sos_gateway.down import Answers
from sos_gateway.incidents import Incidents
from sos_gateway.ingest.accept import Acceptor
from sos_gateway.ingest.aliases import KnownDevice, Resolver
from sos_gateway.ingest.lanes import Ingest, Message
from sos_gateway.keys.registry import NewWearer, Registry
from sos_gateway.keys.wrapping import Wrapper
from sos_gateway.store.postgres import PostgresStore
from sos_wire import evidence, frame, kinds, times
from sos_wire.seal import CLOCK_MODE, Keys

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CORNELLA = "08073"
HUBS = {
    "kitchen": (413_550_000, 20_700_000),
    "stairs": (413_551_000, 20_701_000),
    "beach": (412_600_000, 19_800_000),  # 13 km away
}

POLICE = Destination(
    name="police",
    kind="webhook",
    url="https://police.invalid/",
    secret="whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
)


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now

    def pass_time(self, **lapse):
        self.now += timedelta(**lapse)


class Pendant:
    """One device's half: numbers its events and seals them under the alias of the moment."""

    def __init__(self, number, secret, clock):
        self.number, self.keys, self.clock = number, Keys(secret), clock
        self.boot, self.seq = 1, 0

    def event(self, kind, **fields):
        self.seq += 1
        fields.setdefault("when", int(self.clock().timestamp()) // times.WHEN_UNIT_S % (1 << 24))
        fields.setdefault("flags", kinds.CLOCK_VALID)
        if kind in kinds.REFERRING:
            fields.pop("when")
        return frame.short(self.boot, fields.pop("seq", self.seq), kind, **fields)

    def seal(self, event=None, body=None, header=None):
        alias = self.keys.alias(CLOCK_MODE, times.alias_index(int(self.clock().timestamp())))
        body = frame.encode_short(event) if body is None else body
        if header is None:
            return self.keys.seal_up(alias, kinds.FORM_SHORT, body)
        return self.keys._up.seal(bytes([header]) + alias, body)

    def alarm(self, kind=kinds.SOS, **fields):
        return self.seal(self.event(kind, **fields))

    def full(self, kind=kinds.SOS, of=None, **fields):
        """A new event in its full form, or the full form `of` one that exists."""
        if of is None:
            self.seq += 1
        boot, seq = (self.boot, self.seq) if of is None else (of.boot, of.seq)
        fields.setdefault("unix_s", int(self.clock().timestamp()))
        fields.setdefault("flags", kinds.CLOCK_VALID)
        return frame.full(boot, seq, kind if of is None else of.kind, **fields)

    def seal_full(self, event):
        alias = self.keys.alias(CLOCK_MODE, times.alias_index(int(self.clock().timestamp())))
        return self.keys.seal_up(alias, kinds.FORM_FULL, frame.encode_full(event))

    def pieces(self, fall, felt):
        """The sealed pieces of what a fall felt like, in their order."""
        alias = self.keys.alias(CLOCK_MODE, times.alias_index(int(self.clock().timestamp())))
        bodies = [evidence.encode(fall.boot, fall.seq, i, felt) for i in range(evidence.PIECES)]
        return [self.keys.seal_up(alias, kinds.FORM_EVIDENCE, body) for body in bodies]

    def opened(self, answer):
        """What the device reads in a down frame."""
        return frame.decode_down(self.keys.open_down(answer))


class Desk:
    """Everything of a gateway that does not need a broker; what it tells destinations is in the outbox."""

    def __init__(self, store, clock):
        self.store, self.clock = store, clock
        rows_for = planner([POLICE])
        self.sent, self.published = [], []
        self.resolver = Resolver()
        self.incidents = Incidents(store=store, clock=clock, rows_for=rows_for)

        async def send(answer):
            self.sent.append(answer)

        async def publish(topic, payload):
            self.published.append((topic, json.loads(payload)))

        self.answers = Answers(store=store, resolver=self.resolver, clock=clock, send=send)
        self.acceptor = Acceptor(
            store=store,
            resolver=self.resolver,
            clock=clock,
            town_of=metropolitan().town_of,
            rows_for=rows_for,
            distance_m=distance_m,
        )
        self.ingest = Ingest(
            store=store, acceptor=self.acceptor, answers=self.answers, clock=clock, publish=publish
        )
        self._n = 0

    async def prepare(self):
        await put_towns(self.store)
        async with self.store.transaction() as tx:
            for name, (lat, lon) in HUBS.items():
                await tx.run("put_hub", id=name, town=CORNELLA, lat_e7=lat, lon_e7=lon, place=name)

    async def pendant(self, number=1001, **profile):
        registry = Registry(self.store, Wrapper(bytes(range(32))), self.clock)
        secret = await registry.provision(number, NewWearer(f"Wearer {number}", CORNELLA, profile=profile))
        made = Pendant(number, secret, self.clock)
        self.resolver.put(KnownDevice(number, made.keys, self.clock(), self.clock()))
        return made

    async def publish(self, number, lane, *frames):
        """What a device with a modem publishes itself."""
        await self.ingest.take(Message(f"socors/v1/d/{number}/{lane}", b"".join(frames)))

    async def hear(self, *frames, hub="kitchen", rssi=-60, age=timedelta(), via=None):
        """One message of a hub with these frames; return the numbers its spool gave them."""
        numbers, now = [], round(self.clock().timestamp() * 1000)
        for _ in frames:
            self._n += 1
            numbers.append(self._n)
        heard = now - round(age.total_seconds() * 1000)
        listed = [
            {"n": n, "t": heard, "rssi": rssi, "frame": bytes(f).hex(), **({"via": via} if via else {})}
            for n, f in zip(numbers, frames, strict=True)
        ]
        await self.say({"v": 1, "hub": hub, "spool": "0badcafe", "sent": now, "frames": listed}, hub)
        return numbers

    async def say(self, message, hub="kitchen"):
        payload = message if isinstance(message, bytes) else json.dumps(message).encode()
        await self.ingest.take(Message(f"socors/v1/h/{hub}/up", payload))

    async def all(self, query, *values):
        async with self.store.transaction() as tx:
            cursor = await tx.connection.execute(query, values or None)
            return await cursor.fetchall()

    async def incident(self):
        """Return the only incident there is."""
        (row,) = await self.all("SELECT * FROM incident")
        return row

    async def counters(self):
        return {row["name"]: row["value"] for row in await self.all("SELECT name, value FROM counter")}

    async def down(self, event):
        (row,) = await self.all(
            "SELECT * FROM down WHERE ref_boot = %s AND ref_seq = %s", event.boot, event.seq
        )
        return row

    async def told(self):
        """What the police are told, in order: what changed and the position it is told with."""
        rows = await self.all("SELECT payload FROM outbox WHERE state <> 'withdrawn' ORDER BY id")
        return [(row["payload"]["change"], row["payload"]["position"]) for row in rows]

    def to_device(self):
        """Answers published to devices' own topics."""
        return [answer for answer in self.sent if answer.hub is None]

    def receipts(self):
        return [said["ranges"] for topic, said in self.published if topic.endswith("/receipt")]


@contextlib.asynccontextmanager
async def opened(database_url, clock):
    store = PostgresStore(database_url)
    await store.open()
    try:
        desk = Desk(store, clock)
        await desk.prepare()
        yield desk
    finally:
        await store.close()
