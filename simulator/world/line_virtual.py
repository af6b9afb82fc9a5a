"""What stands behind a modem's MQTT client on the virtual clock: the way to the broker, which can be cut at any moment.

Delays of the radio are the modem's own (chips/sim7080g/delays.csv); here only those of the wire behind it pass.
"""

import random
from collections.abc import Callable

from ..chips.sim7080g.line import (
    CLOSED,
    CREDENTIALS,
    EXPIRED,
    REFUSED,
    UNREACHABLE,
    UNTRUSTED,
    WRONG_NAME,
    Done,
    Failure,
)
from ..chips.sim7080g.line import Broker as Want
from .broker import HOST, PORT, Broker, Session
from .virtual import World

LINE_US = (2_000, 20_000)
# How long TCP tries before whoever waits is told that nobody answers.
UNREACHABLE_US = 30_000_000


def _ignore_message(topic: str, payload: bytes) -> None:
    pass


def _ignore_loss() -> None:
    pass


class VirtualLine:
    """One device's connection. `cut` true: nothing passes either way, and who waits learns it late."""

    def __init__(self, world: World, broker: Broker, chance: random.Random) -> None:
        self._world, self._broker, self._chance = world, broker, chance
        self.on_message: Callable[[str, bytes], None] = _ignore_message
        self.on_lost: Callable[[], None] = _ignore_loss
        self._cut = False
        self._session: Session | None = None
        self._want: Want | None = None
        self._life = 0  # counts connections: what was on its way in an earlier one does not arrive

    @property
    def connected(self) -> bool:
        return self._session is not None

    @property
    def cut(self) -> bool:
        return self._cut

    @cut.setter
    def cut(self, cut: bool) -> None:
        self._cut = cut
        if cut and self._session and self._want:
            life = self._life
            # Both ends miss the pings: one and a half keep-alives, as MQTT 3.1.1 says (3.1.2.10).
            self._world.after(round(self._want.keepalive_s * 1.5e6), lambda: self._missed(life))

    def _missed(self, life: int) -> None:
        if life == self._life and self._cut and self._session:
            self._lose()

    def _lose(self) -> None:
        """The connection is gone without a word; the broker queues what its session wants."""
        self._leave()
        self.on_lost()

    def _leave(self) -> None:
        self._life += 1
        if self._session:
            self._session.deliver = None
        self._session = None

    def _after_the_wire(self, do: Callable[[], object]) -> None:
        life = self._life
        us = self._chance.randint(*LINE_US)
        self._world.after(us, lambda: do() if life == self._life else None)

    # What the modem asks.

    def connect(self, want: Want, done: Done) -> None:
        self._leave()
        self._want = want
        self._try(want, lambda failure: self._open(want, failure, done))

    def probe(self, want: Want, done: Done) -> None:
        self._try(want, done)

    def _try(self, want: Want, done: Done) -> None:
        """TCP and TLS; the answer takes the way there and back, or as long as TCP tries."""
        life = self._life
        failure = self._judge(want)
        silent = failure is not None and failure.kind == UNREACHABLE
        us = UNREACHABLE_US if silent else 2 * self._chance.randint(*LINE_US)
        self._world.after(us, lambda: done(failure) if life == self._life else None)

    def _judge(self, want: Want) -> Failure | None:
        if self._cut or want.host != HOST:
            return Failure(UNREACHABLE, f"nobody answers at {want.host}")
        if not self._broker.up or want.port != PORT:
            return Failure(REFUSED, "nobody listens there")
        if not want.tls or want.ca_pem is None:
            return None  # nothing is verified
        if want.ca_pem.decode(errors="replace").strip() != self._broker.authority.strip():
            return Failure(UNTRUSTED, "signed by an authority that is not ours")
        if want.check_time and not self._broker.valid_from_s <= want.now <= self._broker.valid_until_s:
            return Failure(EXPIRED, "by the modem's clock it is not valid now")
        if (want.sni or want.host) not in self._broker.names:
            return Failure(WRONG_NAME, "the certificate is another host's")
        return None

    def _open(self, want: Want, failure: Failure | None, done: Done) -> None:
        """CONNECT, once TLS stands."""
        if failure is None and not want.tls:
            failure = Failure(CLOSED, "the broker speaks TLS alone")
        if failure is None and self._broker.users.get(want.user) != want.password:
            failure = Failure(CREDENTIALS, "user or password are wrong")
        if failure is not None:
            done(failure)
            return
        session = self._broker.open(want.client_id, want.clean)
        session.deliver, session.taken_over = self._arrive, self._lose
        self._session = session
        while session.queue:
            self._arrive(*session.queue.popleft())
        done(None)

    def _arrive(self, topic: str, payload: bytes) -> None:
        """A message for the device is on its way; where the line is cut it comes to nobody."""
        self._after_the_wire(lambda: None if self._cut else self.on_message(topic, payload))

    def publish(
        self, topic: str, payload: bytes, qos: int, retain: bool, done: Callable[[bool], None]
    ) -> None:
        want = self._want
        if self._session is None or want is None:
            done(False)
            return

        def arrived() -> None:
            if self._cut:
                self._fail_late(done)
                return
            self._broker.publish(want.user, topic, payload)
            if qos:
                self._after_the_wire(lambda: self._fail_late(done) if self._cut else done(True))
            else:
                done(True)

        self._after_the_wire(arrived)

    def _fail_late(self, done: Callable[[bool], None]) -> None:
        life = self._life
        self._world.after(UNREACHABLE_US, lambda: done(False) if life == self._life else None)

    def subscribe(self, topic: str, qos: int, done: Callable[[bool], None]) -> None:
        session, want = self._session, self._want
        if session is None or want is None:
            done(False)
            return

        def arrived() -> None:
            if self._cut:
                self._fail_late(done)
                return
            went_well = self._broker.subscribe(want.user, session, topic)
            self._after_the_wire(lambda: done(went_well))

        self._after_the_wire(arrived)

    def unsubscribe(self, topic: str, done: Callable[[bool], None]) -> None:
        if self._session:
            self._session.filters.discard(topic)
        done(self._session is not None)

    def disconnect(self) -> None:
        self._leave()

    def drop(self) -> None:
        """The broker notices only later; nobody here is told a will."""
        self._leave()
