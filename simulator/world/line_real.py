"""The modem's MQTT line on the real network: MQTT 3.1.1 over TCP and TLS 1.2 by paho, verified as the modem would."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import paho.mqtt.client as paho
from cryptography import x509
from paho.mqtt.enums import CallbackAPIVersion

from ..chips.sim7080g import line
from ..chips.sim7080g.line import Broker, Done, Failure

# A modem gives up after a while (users' reports: 30 to 75 s); on loopback this is never reached.
CONNECT_S = 30.0
# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which the ssl module does not name: the modem's clock decides, not the host's.
NO_CHECK_TIME = 0x200000
X509_EXPIRED, X509_NOT_YET, X509_WRONG_HOST, X509_WRONG_ADDRESS = 10, 9, 62, 64


class ClockSaysNo(ssl.SSLCertVerificationError):
    """By the modem's clock a certificate of the chain is not valid."""


def context(want: Broker) -> ssl.SSLContext:
    """Return a client's context that verifies against the modem's authority, name and clock; TLS 1.2, as the modem."""

    class Socket(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake(block)
            if want.ca_pem and want.check_time:
                own = self.getpeercert(binary_form=True)
                authorities = x509.load_pem_x509_certificates(want.ca_pem)
                for certificate in [*([x509.load_der_x509_certificate(own)] if own else []), *authorities]:
                    _check_time(certificate, want.now)

    class Context(ssl.SSLContext):
        def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
            kwargs["server_hostname"] = want.sni or want.host
            return super().wrap_socket(*args, **kwargs)

    made = Context(ssl.PROTOCOL_TLS_CLIENT)
    made.sslsocket_class = Socket
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
    if want.ca_pem is None:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    else:
        made.load_verify_locations(cadata=want.ca_pem.decode("ascii", "replace"))
    return made


def _check_time(certificate: x509.Certificate, now: float) -> None:
    at = datetime.fromtimestamp(now, UTC)
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise ClockSaysNo(1, "a certificate is not valid at the time the modem's clock shows")


def failure_of(error: Exception) -> Failure:
    """Return what an error of sockets or TLS is to the modem."""
    if isinstance(error, ClockSaysNo):
        kind = line.EXPIRED
    elif isinstance(error, ssl.SSLCertVerificationError):
        code = getattr(error, "verify_code", 0)
        named = {X509_EXPIRED: line.EXPIRED, X509_NOT_YET: line.EXPIRED}
        named |= dict.fromkeys((X509_WRONG_HOST, X509_WRONG_ADDRESS), line.WRONG_NAME)
        kind = named.get(code, line.UNTRUSTED)
    elif isinstance(error, ssl.SSLError):
        kind = line.HANDSHAKE
    elif isinstance(error, ConnectionRefusedError):
        kind = line.REFUSED
    elif isinstance(error, ConnectionError):
        kind = line.CLOSED
    else:
        kind = line.UNREACHABLE
    return Failure(kind, f"{type(error).__name__}: {error}")


class _Session:
    """One paho client from its start to its end; its thread only reports, everything is decided in the loop."""

    def __init__(self, owner: "PahoLine", want: Broker) -> None:
        self._owner = owner
        self._want = want
        self.open = False
        self.pending: dict[int, Callable[[bool], None]] = {}
        self._answer = threading.Event()
        self._failure: Failure | None = Failure(line.UNREACHABLE, "the broker did not answer")
        self.client = self._client(want)

    def _client(self, want: Broker) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            want.client_id,
            # A broker must refuse a nameless client that wants its session kept (MQTT 3.1.1, 3.1.3.1).
            clean_session=want.clean or not want.client_id,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_S
        if want.user:
            client.username_pw_set(want.user, want.password)
        if want.will:
            client.will_set(want.will.topic, want.will.payload, want.will.qos, want.will.retain)
        if want.tls:
            client.tls_set_context(context(want))
            if want.ca_pem is None:
                client.tls_insecure_set(True)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        client.on_publish = lambda _c, _u, mid, _code, _p: self._done(mid, True)
        client.on_subscribe = lambda _c, _u, mid, codes, _p: self._done(mid, not codes[0].is_failure)
        client.on_unsubscribe = lambda _c, _u, mid, _codes, _p: self._done(mid, True)
        return client

    def connect(self) -> Failure | None:
        """Connect and wait for the broker's answer. Runs in a thread of its own."""
        try:
            self.client.connect(self._want.host, self._want.port, self._want.keepalive_s)
        except (OSError, ValueError) as error:  # UnicodeError, a host that is none, is a ValueError
            return failure_of(error)
        self.client.loop_start()
        if not self._answer.wait(CONNECT_S):
            self.cut()
        return self._failure

    def cut(self) -> None:
        """Close the socket without a word of MQTT. The broker sees it at once, where a radio's silence takes a while."""
        raw = self.client.socket()
        if isinstance(raw, socket.socket):
            with contextlib.suppress(OSError):
                # Not SSLSocket's own, which takes the TLS away under paho's thread.
                socket.socket.shutdown(raw, socket.SHUT_RDWR)

    # From paho's thread.

    def _connected(self, _client: Any, _userdata: Any, _flags: Any, code: Any, _properties: Any) -> None:
        self._failure = Failure(line.CREDENTIALS, str(code)) if code.is_failure else None
        self._answer.set()

    def _disconnected(self, _client: Any, _userdata: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if not self._answer.is_set():
            self._failure = Failure(line.CLOSED, "the broker closed the connection before it answered")
            self._answer.set()
        self._owner.call(lambda: self._owner.ended(self))

    def _message(self, _client: Any, _userdata: Any, message: paho.MQTTMessage) -> None:
        topic, payload = message.topic, bytes(message.payload)
        self._owner.call(lambda: self._owner.heard(self, topic, payload))

    def _done(self, mid: int, went_well: bool) -> None:
        self._owner.call(lambda: self.settle(mid, went_well))

    # In the loop.

    def settle(self, mid: int, went_well: bool) -> None:
        done = self.pending.pop(mid, None)
        if done and self.open:
            done(went_well)


class PahoLine:
    """A real connection to a real broker. Callbacks are made in the loop it was made in."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop or asyncio.get_running_loop()
        self._session: _Session | None = None
        self.on_message: Callable[[str, bytes], None] = lambda topic, payload: None
        self.on_lost: Callable[[], None] = lambda: None

    def call(self, do: Callable[[], object]) -> None:
        """Do something in the loop's thread, unless that is over."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(do)

    def _in_thread(self, work: Callable[[], object]) -> None:
        threading.Thread(target=work, daemon=True).start()

    def connect(self, want: Broker, done: Done) -> None:
        self.drop()
        try:
            session = self._session = _Session(self, want)
        except (ValueError, OSError) as error:  # an authority that is no certificate, a topic that is none
            failure = failure_of(error)
            self._loop.call_soon(lambda: done(failure))
            return

        def work() -> None:
            failure = session.connect()
            self.call(lambda: self._connected(session, failure, done))

        self._in_thread(work)

    def _connected(self, session: _Session, failure: Failure | None, done: Done) -> None:
        if session is not self._session:
            session.cut()  # nobody wants it any more
            return
        session.open = failure is None
        if failure:
            self._session = None
        done(failure)

    def probe(self, want: Broker, done: Done) -> None:
        def work() -> None:
            failure = None
            try:
                with socket.create_connection((want.host, want.port), timeout=CONNECT_S) as raw:
                    if want.tls:
                        context(want).wrap_socket(raw).close()
            except (OSError, ValueError) as error:
                failure = failure_of(error)
            self.call(lambda: done(failure))

        self._in_thread(work)

    def publish(
        self, topic: str, payload: bytes, qos: int, retain: bool, done: Callable[[bool], None]
    ) -> None:
        def go(client: paho.Client) -> tuple[int, int | None]:
            sent = client.publish(topic, payload, qos, retain)
            return sent.rc, sent.mid

        self._go(go, done)

    def subscribe(self, topic: str, qos: int, done: Callable[[bool], None]) -> None:
        self._go(lambda client: client.subscribe(topic, qos), done)

    def unsubscribe(self, topic: str, done: Callable[[bool], None]) -> None:
        self._go(lambda client: client.unsubscribe(topic), done)

    def _go(self, go: Callable[[paho.Client], tuple[int, int | None]], done: Callable[[bool], None]) -> None:
        session = self._session
        mid: int | None = None
        if session and session.open:
            # A topic that is none is a ValueError.
            with contextlib.suppress(ValueError):
                code, mid = go(session.client)
                mid = mid if code == paho.MQTT_ERR_SUCCESS else None
        if session is None or mid is None:
            self._loop.call_soon(lambda: done(False))
        else:
            session.pending[mid] = done

    def heard(self, session: _Session, topic: str, payload: bytes) -> None:
        if session is self._session:
            self.on_message(topic, payload)

    def ended(self, session: _Session) -> None:
        """The connection is gone; only an open one is news."""
        if session is self._session and session.open:
            self._session = None
            session.open = False
            self.on_lost()

    def disconnect(self) -> None:
        session, self._session = self._session, None
        if session:
            session.open = False
            session.client.disconnect()

    def drop(self) -> None:
        session, self._session = self._session, None
        if session:
            session.open = False
            session.cut()
