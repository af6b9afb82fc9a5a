"""The broker of the virtual clock: who may log in, what its certificate is worth, and the sessions of its devices.

Hubs of the virtual clock speak to the desk straight; only devices with a modem come in here, by VirtualLine.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from sos_gateway.services.broker_users import rights_of
from sos_wire import topics

# What stands for the authority's certificate: nobody on the virtual clock does cryptography over it.
CA = "-----BEGIN CERTIFICATE-----\nvirtual authority of the broker\n-----END CERTIFICATE-----\n"
HOST, PORT = "broker.socors.test", 8883
LASTS_S = 800 * 24 * 3600
# mosquitto's max_queued_messages is larger; one device never gets there.
MOST_QUEUED = 100


def user_of(number: int) -> str:
    return f"device-{number}"


def password_of(number: int) -> str:
    """The credential of a simulated device, the same in every run: its flash is made once."""
    return f"password of device {number}"


def network_of(number: int, sms_to: str = "") -> dict[str, Any]:
    """Return the network file of a simulated watch (firmware/src/netfile.py)."""
    return {
        "apn": "internet",
        "host": HOST,
        "port": PORT,
        "user": user_of(number),
        "password": password_of(number),
        "ca": CA,
        "sms_to": sms_to,
    }


class Session:
    """What the broker keeps of one client identifier."""

    def __init__(self) -> None:
        self.filters: set[str] = set()
        self.queue: deque[tuple[str, bytes]] = deque(maxlen=MOST_QUEUED)
        self.deliver: Callable[[str, bytes], None] | None = None  # None: nobody is connected
        self.taken_over: Callable[[], None] = lambda: None


class Broker:
    """`authority`, `names` and the certificate's times are the scenario's to change; `stop` ends it, `mend` all that."""

    def __init__(self, take: Callable[[str, bytes], None], now_s: float) -> None:
        self._take = take
        self._made_s = now_s
        self.users: dict[str, str] = {}
        self.sessions: dict[str, Session] = {}
        self.mend()

    def mend(self) -> None:
        """It runs, and its certificate is right."""
        self.up = True
        self.authority = CA  # who has signed the certificate it shows
        self.names = {HOST}
        self.valid_from_s, self.valid_until_s = self._made_s - 3600, self._made_s + LASTS_S

    def stop(self) -> None:
        """The process is gone, and with it every session: `socors broker init` asks for no persistence."""
        self.up = False
        ended, self.sessions = self.sessions, {}
        for session in ended.values():
            if session.deliver:
                session.taken_over()

    def register(self, number: int) -> None:
        self.users[user_of(number)] = password_of(number)

    # Clients.

    def open(self, client: str, clean: bool) -> Session:
        """A client has logged in; one there already under the same identifier is thrown out."""
        session = self.sessions.setdefault(client, Session())
        if session.deliver:
            session.deliver = None
            session.taken_over()
        if clean:
            session = self.sessions[client] = Session()
        return session

    def publish(self, user: str, topic: str, payload: bytes) -> None:
        """As mosquitto: what a user may not write is taken and thrown away."""
        if topic in rights_of(user).write:
            self._take(topic, payload)

    def subscribe(self, user: str, session: Session, topic: str) -> bool:
        allowed = topic in rights_of(user).read
        if allowed:
            session.filters.add(topic)
        return allowed

    def send_down(self, number: int, frame: bytes) -> None:
        """The gateway publishes to a device's own topic."""
        topic = topics.device(number, "down")
        for session in self.sessions.values():
            if topic not in session.filters:
                continue
            if session.deliver:
                session.deliver(topic, frame)
            else:
                session.queue.append((topic, frame))
