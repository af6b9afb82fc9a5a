"""Every pair of user and topic, for reading and for writing, against a real mosquitto."""

import queue
import threading

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sos_gateway.errors import SocorsError
from sos_gateway.ingest.mqtt import shared
from sos_gateway.services.broker_users import rights_of

ROOT = "socors/v1"
USERS = ("gateway", "hub-h1", "hub-h2", "device-7", "device-70")
TOPICS = (
    *(f"{ROOT}/h/{hub}/{lane}" for hub in ("h1", "h2") for lane in ("up", "backlog", "down", "receipt", "x")),
    *(f"{ROOT}/d/{number}/{lane}" for number in (7, 70) for lane in ("alarm", "telemetry", "down", "x")),
    f"{ROOT}/h/h1",
    f"{ROOT}/h/h1/up/more",
    "socors/v2/h/h1/up",
    "elsewhere",
)
# Written out by hand, not taken from the code under test.
MAY_WRITE = {
    "gateway": {
        *(f"{ROOT}/h/{hub}/{lane}" for hub in ("h1", "h2") for lane in ("down", "receipt")),
        *(f"{ROOT}/d/{number}/down" for number in (7, 70)),
    },
    "hub-h1": {f"{ROOT}/h/h1/up", f"{ROOT}/h/h1/backlog"},
    "hub-h2": {f"{ROOT}/h/h2/up", f"{ROOT}/h/h2/backlog"},
    "device-7": {f"{ROOT}/d/7/alarm", f"{ROOT}/d/7/telemetry"},
    "device-70": {f"{ROOT}/d/70/alarm", f"{ROOT}/d/70/telemetry"},
}
MAY_READ = {
    "gateway": {
        *(f"{ROOT}/h/{hub}/{lane}" for hub in ("h1", "h2") for lane in ("up", "backlog")),
        *(f"{ROOT}/d/{number}/{lane}" for number in (7, 70) for lane in ("alarm", "telemetry")),
    },
    "hub-h1": {f"{ROOT}/h/h1/down", f"{ROOT}/h/h1/receipt"},
    "hub-h2": {f"{ROOT}/h/h2/down", f"{ROOT}/h/h2/receipt"},
    "device-7": {f"{ROOT}/d/7/down"},
    "device-70": {f"{ROOT}/d/70/down"},
}
NOT_AUTHORIZED = 0x87
WAIT_S = 10


class Client:
    """A small blocking MQTT 5 client that keeps what it received and what each publish was answered."""

    def __init__(self, broker, user, password):
        self.received = queue.Queue()
        self._answers = {}
        self._event = threading.Condition()
        self._mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._mqtt.username_pw_set(user, password)
        self._mqtt.tls_set(ca_certs=str(broker.ca_file))
        self._mqtt.on_message = lambda _c, _d, m: self.received.put((m.topic, m.payload))
        self._mqtt.on_publish = lambda _c, _d, mid, code, _p: self._note(("pub", mid), code.value)
        self._mqtt.on_subscribe = lambda _c, _d, mid, codes, _p: self._note(("sub", mid), codes[0].value)
        self._mqtt.on_connect = lambda _c, _d, _f, code, _p: self._note("connect", code.value)
        self.thrown_out = threading.Event()
        self._mqtt.on_disconnect = lambda *_: self.thrown_out.set()
        self._mqtt.connect(broker.host, broker.port)
        self._mqtt.loop_start()
        self.code = self._wait("connect")

    def _note(self, key, code):
        with self._event:
            self._answers[key] = code
            self._event.notify_all()

    def _wait(self, key):
        with self._event:
            assert self._event.wait_for(lambda: key in self._answers, WAIT_S), f"no answer to {key}"
            return self._answers[key]

    def publish(self, topic, payload=b"x"):
        return self._wait(("pub", self._mqtt.publish(topic, payload, qos=1).mid))

    def subscribe(self, topic):
        return self._wait(("sub", self._mqtt.subscribe(topic, qos=1)[1]))

    def until(self, payload):
        """Return the topics received before this payload."""
        topics = set()
        while True:
            topic, content = self.received.get(timeout=WAIT_S)
            if content == payload:
                return topics
            topics.add(topic)

    def close(self):
        self._mqtt.disconnect()
        self._mqtt.loop_stop()


@pytest.fixture
def clients(broker):
    passwords = broker.add(*USERS)
    made = {user: Client(broker, user, passwords[user]) for user in USERS}
    yield made
    for client in made.values():
        client.close()


def test_every_pair_of_user_and_topic_is_allowed_or_refused_as_written(clients):
    for client in clients.values():
        # Mosquitto filters on delivery: whatever a user subscribes to, it receives only what it may read.
        for name in ("#", f"{ROOT}/#", "$SYS/#", f"{ROOT}/h/+/+", f"{ROOT}/d/+/+", "+/+/d/+/down", *TOPICS):
            client.subscribe(name)
    written = {(user, topic): clients[user].publish(topic) for user in USERS for topic in TOPICS}
    wrong = {
        pair: hex(code)
        for pair, code in written.items()
        if (code == NOT_AUTHORIZED) == (pair[1] in MAY_WRITE[pair[0]])
    }
    assert not wrong
    for user in USERS:
        marked = sorted(MAY_READ[user])[0]
        writer = next(name for name in USERS if marked in MAY_WRITE[name])
        clients[writer].publish(marked, f"end of {user}".encode())
    read = {user: clients[user].until(f"end of {user}".encode()) for user in USERS}
    assert read == MAY_READ


@pytest.mark.parametrize(
    ("thief", "writer", "group", "topic"),
    [("hub-h2", "hub-h1", "live", "h/h1/up"), ("device-70", "device-7", "alarm", "d/7/alarm")],
)
def test_who_guesses_at_the_gateways_share_group_takes_nothing_from_it(clients, thief, writer, group, topic):
    whose, _, lane = topic.split("/")
    everybodys = f"{ROOT}/{whose}/+/{lane}"
    clients["gateway"].subscribe(shared(group, everybodys, "the password of the gateway"))
    clients[thief].subscribe(shared(group, everybodys, "a guess"))
    for guess in (group, "gateway", f"gateway-{group}"):
        clients[thief].subscribe(f"$share/{guess}/{everybodys}")
    sent = [f"{n}".encode() for n in range(20)]
    for payload in sent:
        clients[writer].publish(f"{ROOT}/{topic}", payload)
    got = [clients["gateway"].received.get(timeout=WAIT_S)[1] for _ in sent]
    assert got == sent
    assert clients[thief].received.empty()


def test_without_the_right_password_nobody_comes_in(broker):
    broker.add("hub-h1")
    client = Client(broker, "hub-h1", "guessed")
    assert client.code == NOT_AUTHORIZED
    client.close()


def test_a_hub_added_while_the_broker_runs_comes_in_and_one_removed_is_thrown_out(broker):
    password = broker.add("hub-new")["hub-new"]
    client = next(c for c in (Client(broker, "hub-new", password) for _ in range(100)) if c.code == 0)
    broker.files.remove(["hub-new"])
    assert client.thrown_out.wait(WAIT_S)
    client.close()
    again = Client(broker, "hub-new", password)
    assert again.code == NOT_AUTHORIZED
    again.close()


@pytest.mark.parametrize(
    "name", ["hub-", "hub-H1", "hub-a/b", "hub-+", "device-x", "device-01", "root", "gateway\n"]
)
def test_a_name_that_could_reach_beyond_its_own_topics_is_no_user(name):
    with pytest.raises(SocorsError, match="is no user of the broker"):
        rights_of(name)
