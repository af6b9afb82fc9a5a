"""The virtual clock's way from a modem to the desk: a broker with a certificate and rights, a line that can be cut."""

from contextlib import contextmanager

import pytest
from sos_wire import frame, kinds, sms, times, topics
from sos_wire.seal import CLOCK_MODE, Keys

from simulator.chips.sim7080g import Broker, Identity
from simulator.chips.sim7080g.line import (
    CLOSED,
    CREDENTIALS,
    EXPIRED,
    REFUSED,
    UNREACHABLE,
    UNTRUSTED,
    WRONG_NAME,
)
from simulator.story import HUB_SIM, opened, secret_of
from simulator.world.broker import HOST, LASTS_S, PORT, network_of
from simulator.world.line_virtual import UNREACHABLE_US, VirtualLine

WATCH = 2


class Modem:
    """What a modem does with its line, and what comes of it; the firmware's own part is tested elsewhere."""

    def __init__(self, story):
        self.story = story
        self.line = VirtualLine(story.world, story.desk.broker, story.world.chance("line"))
        self.line.on_message = lambda topic, payload: self.messages.append((topic, payload))
        self.line.on_lost = lambda: self.losses.append(story.world.now_us)
        self.messages, self.losses = [], []
        self.keys = Keys(secret_of(WATCH))
        self.seq = 0

    def want(self, **changes):
        said = network_of(WATCH)
        values = {
            "host": said["host"],
            "port": said["port"],
            "client_id": said["user"],
            "user": said["user"],
            "password": said["password"],
            "keepalive_s": 60,
            "clean": True,
            "tls": True,
            "ca_pem": said["ca"].encode(),
            "sni": said["host"],
            "now": self.story.desk.unix_s(),
        }
        return Broker(**{**values, **changes})

    def answered(self, ask, within_s=60):
        """Ask the line for something; return what it answers, or fail when it says nothing."""
        said = []
        ask(said.append)
        assert self.story.until(lambda: said, within_s)
        return said[0]

    def connect(self, **changes):
        failure = self.answered(lambda done: self.line.connect(self.want(**changes), done))
        return failure and failure.kind

    def listen(self, number=WATCH):
        return self.answered(lambda done: self.line.subscribe(topics.device(number, "down"), 1, done))

    def publish(self, lane, payload, number=WATCH):
        topic = topics.device(number, lane)
        return self.answered(lambda done: self.line.publish(topic, payload, 1, False, done))

    def sealed(self, kind=kinds.SOS):
        self.seq += 1
        unix_s = int(self.story.desk.unix_s())
        body = frame.encode_full(
            frame.full(1, self.seq, kind, flags=kinds.CLOCK_VALID, unix_s=unix_s, battery=80)
        )
        alias = self.keys.alias(CLOCK_MODE, times.alias_index(unix_s))
        return self.keys.seal_up(alias, kinds.FORM_FULL, body)

    def told(self):
        """The states of the answers that came."""
        opened_ = [self.keys.open_down(payload) for _, payload in self.messages]
        return [frame.decode_down(body).state for body in opened_ if body]


@contextmanager
def scene(seed=1, **said):
    with opened(seed) as story:
        story.desk.register(WATCH, secret_of(WATCH))
        modem = Modem(story)
        if said.get("connected", True):
            assert modem.connect() is None
            assert modem.listen()
        yield story, modem


def test_an_alarm_over_the_line_is_an_incident_and_its_answer_comes_back():
    with scene() as (story, modem):
        assert modem.publish("alarm", modem.sealed())
        assert story.until(story.desk.open_incidents, 5)
        assert story.until(lambda: kinds.RECEIVED in modem.told(), 5)
        assert modem.messages[0][0] == topics.device(WATCH, "down")
        (incident,) = story.desk.open_incidents()
        story.desk.accept(incident["id"])
        assert story.until(lambda: kinds.ACCEPTED in modem.told(), 5)


@pytest.mark.parametrize(
    ("change", "failure"),
    [
        ({"host": "elsewhere.test"}, UNREACHABLE),
        ({"port": 1883}, REFUSED),
        ({"ca_pem": b"-----BEGIN CERTIFICATE-----\nanother\n-----END CERTIFICATE-----\n"}, UNTRUSTED),
        ({"now": 315_964_800.0}, EXPIRED),  # a modem whose clock was never set: 1980
        ({"sni": "elsewhere.test"}, WRONG_NAME),
        ({"password": "guessed"}, CREDENTIALS),
        ({"user": "device-3"}, CREDENTIALS),
        ({"tls": False}, CLOSED),
        ({}, None),
    ],
)
def test_a_connection_fails_for_the_reason_it_should(change, failure):
    with scene(connected=False) as (_, modem):
        assert modem.connect(**change) == failure
        assert modem.line.connected is (failure is None)


def test_a_certificate_of_a_wrong_authority_or_past_its_time_is_seen_by_a_probe_too():
    with scene(connected=False) as (story, modem):
        broker = story.desk.broker

        def probed():
            failure = modem.answered(lambda done: modem.line.probe(modem.want(), done))
            return failure and failure.kind

        assert probed() is None
        broker.authority = "-----BEGIN CERTIFICATE-----\nsomebody\n-----END CERTIFICATE-----\n"
        assert probed() == UNTRUSTED
        story.calm()
        assert probed() is None
        broker.valid_until_s = story.desk.unix_s() - 1
        assert probed() == EXPIRED
        assert not modem.line.connected


def test_tcp_alone_opens_where_tls_is_refused_so_that_a_bad_certificate_is_not_taken_for_no_broker():
    with scene(connected=False) as (story, modem):
        story.desk.broker.authority = "-----BEGIN CERTIFICATE-----\nsomebody\n-----END CERTIFICATE-----\n"
        plain = modem.want(tls=False)
        assert modem.answered(lambda done: modem.line.probe(plain, done)) is None
        story.desk.broker.stop()
        assert modem.answered(lambda done: modem.line.probe(plain, done)).kind == REFUSED


def test_a_broker_that_goes_takes_the_connection_and_its_session_with_it():
    with scene(connected=False) as (story, modem):
        assert modem.connect(clean=False) is None
        assert modem.listen()
        story.desk.broker.stop()
        assert modem.losses
        assert modem.connect(clean=False) == REFUSED
        story.calm()
        assert modem.connect(clean=False) is None
        story.desk.broker.send_down(WATCH, b"x" * 24)
        story.run(1)
        assert modem.messages == []  # nobody has subscribed anew


def test_a_watch_may_write_and_read_its_own_topics_alone():
    with scene() as (story, modem):
        assert modem.listen(number=3) is False
        assert modem.publish("alarm", modem.sealed(), number=3)  # a broker takes it and throws it away
        story.run(5)
        assert not story.desk.store.rows("event")


def test_a_cut_line_takes_nothing_says_so_late_and_the_loss_is_noticed():
    with scene() as (story, modem):
        modem.line.cut = True
        began_us = story.world.now_us
        assert modem.publish("alarm", modem.sealed()) is False
        assert story.world.now_us - began_us >= UNREACHABLE_US
        assert not story.desk.store.rows("event")
        assert story.until(lambda: modem.losses, 120)
        assert modem.connect() == UNREACHABLE
        modem.line.cut = False
        assert modem.connect() is None
        assert modem.publish("alarm", modem.sealed())
        assert story.until(story.desk.open_incidents, 5)


def test_an_acknowledgement_that_is_lost_does_not_undo_the_message():
    with scene() as (story, modem):
        said = []
        modem.line.publish(topics.device(WATCH, "alarm"), modem.sealed(), 1, False, said.append)
        assert story.until(lambda: story.desk.store.rows("event"), 5)
        modem.line.cut = True
        assert story.until(lambda: said, 60)
        assert said == [False]
        assert len(story.desk.store.rows("event")) == 1


def test_a_session_that_is_kept_brings_what_came_meanwhile_and_a_clean_one_does_not():
    for clean, expected in ((False, [topics.device(WATCH, "down")]), (True, [])):
        with scene(connected=False) as (story, modem):
            assert modem.connect(clean=clean) is None
            assert modem.listen()
            modem.line.drop()
            story.desk.broker.send_down(WATCH, b"x" * 24)
            assert modem.connect(clean=clean) is None
            story.run(1)
            assert [topic for topic, _ in modem.messages] == expected


def test_a_second_connection_of_the_same_watch_ends_the_first():
    with scene() as (story, modem):
        other = Modem(story)
        assert other.connect() is None
        assert modem.losses
        assert not modem.line.connected
        assert other.line.connected


def test_what_a_connection_had_asked_for_is_not_answered_to_the_next():
    with scene() as (story, modem):
        said = []
        modem.line.publish(topics.device(WATCH, "alarm"), modem.sealed(), 1, False, said.append)
        modem.line.disconnect()
        assert modem.connect() is None
        story.run(60)
        assert said == []


def test_the_certificate_lasts_as_long_as_the_real_ones():
    with scene(connected=False) as (story, modem):
        assert modem.connect(now=story.desk.unix_s() + LASTS_S + 1) == EXPIRED
        assert (modem.want().host, modem.want().port) == (HOST, PORT)


def test_an_alarm_by_text_message_is_an_incident_and_the_answer_is_a_text():
    with scene(connected=False) as (story, modem):
        story.hub("kitchen", sim=HUB_SIM)
        number, texts = Identity.of(WATCH).number, []
        story.phones.attach(number, lambda sender, text: texts.append((sender, text)))
        story.phones.send(number, HUB_SIM, sms.encode(modem.sealed()), lambda taken: None)
        assert story.until(story.desk.open_incidents, 60)
        assert story.until(lambda: texts, 60)
        sender, text = texts[0]
        assert sender == HUB_SIM
        body = modem.keys.open_down(sms.decode(text))
        assert body is not None
        assert frame.decode_down(body).state == kinds.RECEIVED


def test_a_text_to_a_dead_hub_waits_on_its_sim_and_a_strange_one_is_only_noted():
    with scene(connected=False) as (story, modem):
        hub = story.hub("kitchen", sim=HUB_SIM)
        hub.kill()
        number = Identity.of(WATCH).number
        story.phones.send(number, HUB_SIM, sms.encode(modem.sealed()), lambda taken: None)
        story.phones.send(number, HUB_SIM, "Your plan ends soon", lambda taken: None)
        story.run(60)
        assert not story.desk.incidents_now()
        hub.start()
        assert story.until(story.desk.open_incidents, 60)
        assert story.until(lambda: any(e.what == "strange text" for e in story.world.history), 60)
