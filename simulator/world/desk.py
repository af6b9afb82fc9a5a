"""The gateway on the virtual clock: its real services on the store in memory, and the officer at its desk."""

from base64 import b64encode
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from sos_gateway.config import Destination
from sos_gateway.dispatch.plan import planner
from sos_gateway.domain.incident import OVER
from sos_gateway.domain.jurisdiction import distance_m, metropolitan
from sos_gateway.down import Answer, Answers
from sos_gateway.incidents import Incidents
from sos_gateway.ingest import envelope
from sos_gateway.ingest.accept import Acceptor
from sos_gateway.ingest.aliases import KnownDevice, Resolver
from sos_gateway.ingest.lanes import Ingest, Message
from sos_gateway.store.memory import MemoryStore
from sos_wire import topics
from sos_wire.seal import Keys

from .broker import Broker
from .virtual import NEVER, World

if TYPE_CHECKING:
    from .hub import Hub

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CORNELLA = "08073"
LINE_US = (2_000, 20_000)
ANSWER_US = (200, 5_000)  # from a commit to what the process does next
OFFICER = "officer 1"
# Rows for it are written and stay: delivering them is the dispatcher's, whose tests have real servers.
POLICE = Destination(
    name="police",
    kind="webhook",
    url="https://police.invalid/",
    secret=SecretStr("whsec_" + b64encode(bytes(range(32))).decode()),
)


def done(work: Coroutine[Any, Any, Any]) -> Any:
    """Run what never has to wait: the store in memory answers at once."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    work.close()
    raise RuntimeError("a service of the gateway waited for something that is not in the virtual world")


class Desk:
    """One gateway process. `alive` false: it was killed; what it had stored it has when it starts again."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.alive = True
        self.hubs: dict[str, Hub] = {}
        self.broker = Broker(self.take, START.timestamp())  # for devices with a modem
        self.keys: dict[int, Keys] = {}
        self.store = MemoryStore(self._noticed)
        self._chance = world.chance("gateway")
        self._towns = metropolitan()
        for ine, name in self._towns.names.items():
            self.store.put_town(ine, name)
        self._planned: dict[str, int] = {}
        self._begin()

    # Clocks.

    def clock(self) -> datetime:
        return START + timedelta(microseconds=self.world.now_us)

    def unix_s(self) -> float:
        """The time of day, as a network tells it to a modem."""
        return self.clock().timestamp()

    def unix_ms(self, world_us: int) -> int:
        return round(START.timestamp() * 1000) + world_us // 1000

    def world_us(self, unix_ms: int) -> int:
        return (unix_ms - round(START.timestamp() * 1000)) * 1000

    def time_us(self, at: datetime) -> int:
        """Return the world's time of an instant the gateway wrote down."""
        return (at - START) // timedelta(microseconds=1)

    # The process.

    def _begin(self) -> None:
        """What a gateway process makes of settings and database when it starts."""
        store, clock = self.store, self.clock
        rows_for = planner([POLICE])
        self.resolver = Resolver()
        self.answers = Answers(store=store, resolver=self.resolver, clock=clock, send=self._send)
        self.incidents = Incidents(store=store, clock=clock, rows_for=rows_for)
        acceptor = Acceptor(
            store=store,
            resolver=self.resolver,
            clock=clock,
            town_of=self._towns.town_of,
            rows_for=rows_for,
            distance_m=distance_m,
        )
        self.ingest = Ingest(
            store=store, acceptor=acceptor, answers=self.answers, clock=clock, publish=self._publish
        )
        for row in store.rows("device"):
            self.resolver.put(
                KnownDevice(
                    row["number"],
                    self.keys[row["number"]],
                    row["clock_set_at"],
                    row["last_heard_at"],
                    row["recovery_index"],
                ),
                self.clock(),
            )

    def register(self, number: int, secret: bytes, profile: dict[str, Any] | None = None) -> None:
        wearer_id = self.store.put_wearer(f"Wearer {number}", CORNELLA, profile)
        self.store.put_device(number, wearer_id, secret, self.clock())
        self.keys[number] = Keys(secret)
        self.broker.register(number)
        self._begin()

    def kill(self) -> None:
        self.world.note("gateway", "killed")
        self.alive = False

    def start(self) -> None:
        self.world.note("gateway", "started")
        self.alive = True
        self._planned.clear()
        self._begin()
        self._plan("answers", 0)
        self._plan("timers", 0)

    # Messages of hubs, answers to them.

    def take(self, topic: str, payload: bytes) -> None:
        """A message has arrived; a dead gateway hears nothing, and hubs send again what has no receipt."""
        if not self.alive:
            return
        known = len(self.store.tables.rows["event"])
        done(self.ingest.take(Message(topic, payload)))
        for row in self.store.rows("event")[known:]:
            self.world.note("gateway", "stored event", (row["device"], row["boot"], row["seq"], row["kind"]))
        self._plan("timers", self._until(self._next_timer()))
        if self.answers.wake.is_set():
            self.answers.wake.clear()
            self._plan("answers", self._chance.randint(*ANSWER_US))

    async def _send(self, answer: Answer) -> None:
        if answer.hub is None:
            self.world.after(
                self._chance.randint(*LINE_US), lambda: self.broker.send_down(answer.device, answer.frame)
            )
            return
        self._to_hub(answer.hub, "down", envelope.down(answer, self.clock()))

    async def _publish(self, topic: str, payload: bytes) -> None:
        owner = topics.owner(topic)
        assert owner
        self._to_hub(owner[1], topic.rsplit("/", 1)[1], payload)

    def _to_hub(self, hub: str, what: str, payload: bytes) -> None:
        delay = self._chance.randint(*LINE_US)
        self.world.after(delay, lambda: self.hubs[hub].take(what, payload))

    def _noticed(self, channel: str, payload: str) -> None:
        if channel == "down":
            # Not in the same instant: a process can die between its commit and what follows from it.
            self._plan("answers", self._chance.randint(*ANSWER_US))
        elif channel == "incident" and payload.isdigit():  # else a position, which is no step
            row = self.store.rows("transition")[-1]
            self.world.note("gateway", f"incident {payload}", f"{row['what']} -> {row['to_state']}")

    # The loops of the process: each is called when something is due, and plans its next turn.

    def _plan(self, loop: str, us: int | None) -> None:
        """Call a loop's turn in so long, unless it is called earlier anyway."""
        if us is None or self._planned.get(loop, NEVER) <= self.world.now_us + us:
            return
        self._planned[loop] = due_us = self.world.now_us + us

        def turn() -> None:
            if self.alive and self._planned.get(loop) == due_us:
                del self._planned[loop]
                getattr(self, f"_turn_of_{loop}")()

        self.world.at(due_us, turn)

    def _until(self, at: datetime | None) -> int | None:
        return None if at is None else max(0, self.time_us(at) - self.world.now_us)

    def _turn_of_answers(self) -> None:
        _, next_at = done(self.answers.carry_due())
        self._plan("answers", self._until(next_at))

    def _turn_of_timers(self) -> None:
        done(self.incidents.open_due())
        self._plan("timers", self._until(self._next_timer()))

    def _next_timer(self) -> datetime | None:
        async def ask() -> datetime | None:
            async with self.store.transaction() as tx:
                return await tx.next_timer()

        return done(ask())

    # The officer.

    def incidents_now(self) -> list[dict[str, Any]]:
        return self.store.rows("incident")

    def open_incidents(self) -> list[dict[str, Any]]:
        """Return what an officer has before her: every incident that is not over."""
        return [row for row in self.incidents_now() if row["state"] not in OVER]

    def accept(self, incident_id: int) -> None:
        self.world.note("desk", "accepts", incident_id)
        done(self.incidents.accept(incident_id, OFFICER))

    def close(self, incident_id: int, disposition: str = "real") -> None:
        self.world.note("desk", "closes", incident_id)
        done(self.incidents.close(incident_id, OFFICER, disposition))
