"""What stands behind the emulated modem: the MQTT line, the sky, the SMS centre, the clock of the world. Interfaces only."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

# Why a line did not come about. The modem tells its host much less than this.
UNREACHABLE = "unreachable"  # no such host, no answer in time
REFUSED = "refused"  # nobody listens there
UNTRUSTED = "untrusted"  # the certificate is not signed by the authority we have
EXPIRED = "expired"  # by the modem's clock, before or after its time
WRONG_NAME = "wrong name"  # it belongs to another host
HANDSHAKE = "handshake"  # TLS failed for another reason
CREDENTIALS = "credentials"  # the broker does not let us in
CLOSED = "closed"  # it broke off before it answered


class Failure(NamedTuple):
    """Why the line did not come about: one of the kinds above, and a sentence for a log."""

    kind: str
    text: str = ""


class Will(NamedTuple):
    """What the broker says when we are gone."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(frozen=True)
class Broker:
    """Everything a connection is opened with. `now` is the modem's clock (unix seconds), which may be wrong."""

    host: str
    port: int
    client_id: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    keepalive_s: int = 60
    clean: bool = False
    will: Will | None = None
    tls: bool = False
    ca_pem: bytes | None = None  # with TLS and without it nothing is verified, as in the modem
    sni: str = ""
    now: float = 0.0
    check_time: bool = True


Done = Callable[[Failure | None], None]


class MqttLine(Protocol):
    """What stands behind the modem's MQTT client. Every callback comes in the world's own thread."""

    on_message: Callable[[str, bytes], None]
    on_lost: Callable[[], None]

    def connect(self, want: Broker, done: Done) -> None:
        """Open TCP, TLS and MQTT; a connection there is already goes first."""
        ...

    def probe(self, want: Broker, done: Done) -> None:
        """Open TCP, and TLS if it is wanted, say how that went, and close: what AT+CAOPEN shows."""
        ...

    def publish(
        self, topic: str, payload: bytes, qos: int, retain: bool, done: Callable[[bool], None]
    ) -> None: ...
    def subscribe(self, topic: str, qos: int, done: Callable[[bool], None]) -> None: ...
    def unsubscribe(self, topic: str, done: Callable[[bool], None]) -> None: ...

    def disconnect(self) -> None:
        """Close in order; `on_lost` is not called, nor any `done` that is still open."""
        ...

    def drop(self) -> None:
        """The radio is gone: nothing more goes out, not even a DISCONNECT, so that the broker speaks the will."""
        ...


class SmsCentre(Protocol):
    """What carries text messages."""

    def send(self, sender: str, recipient: str, text: str, done: Callable[[bool], None]) -> None: ...

    def attach(self, number: str, receive: Callable[[str, str], bool | None]) -> None:
        """Register a telephone; it returns False when it cannot take a text now, and the centre keeps that one."""
        ...


class Fix(NamedTuple):
    """Where the receiver believes it is."""

    latitude: float
    longitude: float
    altitude_m: float
    speed_kmh: float
    course: float
    hdop: float
    satellites: int
    radius_m: float


class SkyView(Protocol):
    """What the receiver sees."""

    def fix_at(self, t_us: int) -> Fix | None:
        """Return the position if enough satellites are seen at this moment."""
        ...


class Scheduler(Protocol):
    """The world's clock."""

    def now_us(self) -> int: ...
    def after(self, us: int, do: Callable[[], object]) -> object: ...
