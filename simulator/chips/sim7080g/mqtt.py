"""The MQTT client (SM commands): one connection, over whatever line stands behind the modem."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from .area import Area
from .grammar import BAD_PARAMETER, NOT_ALLOWED, READ, TEST, Asked, Refused, at
from .line import EXPIRED, UNTRUSTED, Broker, Failure, Will

if TYPE_CHECKING:
    from .modem import Answer, Sim7080g

OFF, CONNECTING, CONNECTED = "off", "connecting", "connected"
# In the order and with the defaults of SMCONF? (MAN): key, default, quoted, most (of a number) or longest.
SETTINGS = (
    ("CLIENTID", "", True, 128),
    ("URL", "0.0.0.0", True, 246),
    ("KEEPTIME", 60, False, 65535),
    ("USERNAME", "", True, 256),
    ("PASSWORD", "", True, 512),
    ("CLEANSS", 0, False, 1),
    ("QOS", 0, False, 2),
    ("TOPIC", "", True, 128),
    ("MESSAGE", "", True, 1024),
    ("RETAIN", 0, False, 1),
    ("SUBHEX", 0, False, 1),
    ("ASYNCMODE", 0, False, 1),
)
LONGEST_TOPIC, MOST_BYTES = 128, 1024
DEFAULT_PORT = 1883


class Mqtt(Area):
    """SMCONF to SMDISC. `prompt` and `hex_len_counts_digits` are what no document settles."""

    prompt = "\r\n> "
    hex_len_counts_digits = True

    def __init__(self, modem: "Sim7080g") -> None:
        super().__init__(modem)
        modem.line.on_message = self._message
        modem.line.on_lost = self._line_lost

    def reset(self) -> None:
        self.state = OFF
        self._settings: dict[str, str | int] = {key: default for key, default, _, _ in SETTINGS}
        self._port = DEFAULT_PORT
        self._ssl = (0, "", "")
        self._hex = False
        self._used_us = 0
        self._attempt = 0
        self._give_up: Callable[[], object] | None = None  # ends the SMCONN that is running
        self._settle: Callable[[bool], None] | None = None  # ends what the line has not answered yet

    @property
    def open(self) -> bool:
        return self.state == CONNECTED

    # Configuration.

    @at("+SMCONF", "read test set", "MAN, AT+SMCONF; AN-MQTT 1.03")
    def smconf(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok("+SMCONF:", *self._shown(), "")
        elif asked.form == TEST:
            answer.ok(*(f'+SMCONF: "{key}"' for key, *_ in SETTINGS))
        else:
            self._configure(asked)
            answer.ok()

    def _shown(self) -> list[str]:
        lines = []
        for key, _, quoted, _ in SETTINGS:
            value = self._settings[key]
            shown = f'"{value}"' if quoted else str(value)
            lines.append(f"{key}: {shown}" + (f",{self._port}" if key == "URL" else ""))
        return lines

    def _configure(self, asked: Asked) -> None:
        key = asked.word(0, 20).upper()
        row = next((row for row in SETTINGS if row[0] == key), None)
        if row is None:
            raise Refused(NOT_ALLOWED)  # a key for the PDP context was tried: users' reports
        _, _, quoted, most = row
        self._settings[key] = asked.word(1, most) if quoted else asked.number(1, 0, most)
        if key == "URL":
            self._port = asked.number(2, 1, 65535, DEFAULT_PORT)

    @at(
        "+SMSSL",
        "read test set",
        "MAN, AT+SMSSL: 0 plain, 1 to 6 the context less one; AN-MQTT 1.03 section 5.2",
    )
    def smssl(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            index, authority, client = self._ssl
            answer.ok(f'+SMSSL: {index},"{authority}","{client}"')
            return
        if asked.form == TEST:
            answer.ok("+SMSSL: (0-6),20,20")
            return
        index, authority, client = asked.number(0, 0, 6), asked.word(1, 20, ""), asked.word(2, 20, "")
        self.modem.tls.authority(authority)
        if client and client not in self.modem.tls.clients:
            raise Refused(NOT_ALLOWED)
        self._ssl = (index, authority, client)
        answer.ok()

    @at("+SMPUBHEX", "read test set", "MAN, AT+SMPUBHEX")
    def smpubhex(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(f"+SMPUBHEX: {int(self._hex)}")
        elif asked.form == TEST:
            answer.ok("+SMPUBHEX: (0,1)")
        else:
            self._hex = bool(asked.number(0, 0, 1))
            answer.ok()

    def _wanted(self) -> Broker:
        get = self._settings
        index, authority, _ = self._ssl
        context = self.modem.tls.contexts[index - 1] if index else None
        topic = str(get["TOPIC"])
        will = Will(topic, str(get["MESSAGE"]).encode("latin-1"), int(get["QOS"]), bool(get["RETAIN"]))
        return Broker(
            host=str(get["URL"]),
            port=self._port,
            client_id=str(get["CLIENTID"]),
            user=str(get["USERNAME"]),
            password=str(get["PASSWORD"]),
            keepalive_s=int(get["KEEPTIME"]),
            clean=bool(get["CLEANSS"]),
            will=will if topic else None,
            tls=context is not None,
            ca_pem=self.modem.tls.authority(authority) if context else None,
            sni=context.sni if context else "",
            now=self.modem.clock.unix_s(),
            check_time=not (context and context.ignore_clock),
        )

    # Connection.

    @at("+SMCONN", "run", "MAN, AT+SMCONN: ERROR also when connected or without PDP; AN-MQTT 1.03")
    def smconn(self, asked: Asked, answer: "Answer") -> None:
        if self.state != OFF or not self.modem.packet.active or self._settings["URL"] == "0.0.0.0":
            raise Refused(NOT_ALLOWED)
        want = self._wanted()
        self.state = CONNECTING
        self._attempt += 1
        attempt = self._attempt

        def done(failure: Failure | None) -> None:
            if attempt == self._attempt and self.state == CONNECTING:
                self.modem.power.busy(False)
                self.state = OFF if failure else CONNECTED
                self._used_us = self.modem.now_us()
                answer.settle(failure is None)

        self._give_up = lambda: (self.modem.power.busy(False), answer.error(NOT_ALLOWED))
        self.reach(want, self.modem.line.connect, done)

    def reach(
        self,
        want: Broker,
        through: Callable[[Broker, Callable[[Failure | None], None]], None],
        done: Callable[[Failure | None], None],
    ) -> None:
        """Try a connection, with what stands in its way: a hang, a wrong certificate, a supply that gives way."""
        modem, faults = self.modem, self.modem.faults
        if not modem.power.busy(True):
            return
        if faults.connect_hangs_s:
            modem.after(round(faults.connect_hangs_s * 1e6), lambda: done(Failure("unreachable")))
        elif want.tls and want.ca_pem and faults.wrong_certificate:
            modem.soon("connect", lambda: done(Failure(UNTRUSTED)))
        elif want.tls and want.ca_pem and want.check_time and faults.expired_certificate:
            modem.soon("connect", lambda: done(Failure(EXPIRED)))
        else:
            epoch = modem.epoch

            def answered(failure: Failure | None) -> None:
                if epoch == modem.epoch:
                    done(failure)

            modem.soon("connect", lambda: through(replace(want, now=modem.clock.unix_s()), answered))

    @at("+SMSTATE", "read test", "MAN, AT+SMSTATE")
    def smstate(self, asked: Asked, answer: "Answer") -> None:
        answer.ok("+SMSTATE: (0-2)" if asked.form == TEST else f"+SMSTATE: {int(self.open)}")

    @at("+SMDISC", "run", "MAN, AT+SMDISC; operation not allowed when not connected (users' reports)")
    def smdisc(self, asked: Asked, answer: "Answer") -> None:
        if not self.open:
            raise Refused(NOT_ALLOWED)
        self.state = OFF
        self.modem.line.disconnect()
        answer.ok()
        self.modem.power.rest()
        self.modem.radio.plan_psm()

    def way_lost(self) -> None:
        """The data connection under it is gone."""
        if self.state != OFF:
            connected, self.state = self.open, OFF
            self._attempt += 1
            self.modem.line.drop()
            if connected:
                self._say_lost()
            elif self._give_up:
                self._give_up()

    def _line_lost(self) -> None:
        if self.open:
            self.state = OFF
            self._attempt += 1
            self._say_lost()

    def _say_lost(self) -> None:
        """+SMSTATE: 0 comes before the result of what was running."""
        self.modem.urc("+SMSTATE: 0")
        if self._settle:
            self._settle(False)

    # Topics.

    @at("+SMPUB", "set", "MAN, AT+SMPUB: exactly so many bytes after >; AN-MQTT 1.03")
    def smpub(self, asked: Asked, answer: "Answer") -> None:
        from .modem import DataMode

        topic, size = asked.word(0, LONGEST_TOPIC), asked.number(1, 0, MOST_BYTES)
        qos, retain = asked.number(2, 0, 2), bool(asked.number(3, 0, 1))
        if not topic:
            raise Refused(BAD_PARAMETER)
        if not self.open:
            raise Refused(NOT_ALLOWED)

        def take(data: bytes) -> None:
            try:
                payload = bytes.fromhex(data.decode("ascii")) if self._hex else data
            except ValueError:
                answer.error(BAD_PARAMETER)
                return
            self._publish(topic, payload, qos, retain, answer)

        digits = self._hex and not self.hex_len_counts_digits
        mode = DataMode(take, size * (2 if digits else 1))
        self.modem.ask_data(self.prompt, mode, lambda: answer.error(NOT_ALLOWED))

    def _publish(self, topic: str, payload: bytes, qos: int, retain: bool, answer: "Answer") -> None:
        modem, faults = self.modem, self.modem.faults
        idle_us, self._used_us = modem.now_us() - self._used_us, modem.now_us()
        if not self.open:
            answer.error(NOT_ALLOWED)
            return
        if faults.publish_fails_after_idle_s and idle_us >= faults.publish_fails_after_idle_s * 1e6:
            # The way died unnoticed; only now does the modem see it.
            self.state = OFF
            modem.line.drop()
            answer.error(NOT_ALLOWED)
            return
        if not modem.power.busy(True):
            return
        if faults.lose_registration_in_publish:
            faults.lose_registration_in_publish = False
            if modem.chance.random() < 0.5:  # the broker may have it, and its answer is what got lost
                modem.line.publish(topic, payload, qos, retain, lambda _: None)
            modem.power.busy(False)
            modem.radio.lost()  # +SMSTATE: 0 comes before the result
            answer.error(NOT_ALLOWED)
            return
        self._then(answer, lambda done: modem.line.publish(topic, payload, qos, retain, done))

    def _then(self, answer: "Answer", go: Callable[[Callable[[bool], None]], None]) -> None:
        """Send something on the line; the result is its result, or ERROR if the line is lost first."""
        modem, attempt, epoch = self.modem, self._attempt, self.modem.epoch

        def done(went_well: bool) -> None:
            if epoch == modem.epoch and self._settle is done:
                self._settle = None
                modem.power.busy(False)
                answer.settle(went_well and attempt == self._attempt and self.open)

        self._settle = done

        modem.soon("publish", lambda: go(done) if self.open and attempt == self._attempt else done(False))

    @at("+SMSUB", "set", "MAN, AT+SMSUB; AN-MQTT 1.03")
    def smsub(self, asked: Asked, answer: "Answer") -> None:
        topic, qos = asked.word(0, LONGEST_TOPIC), asked.number(1, 0, 2)
        if not topic:
            raise Refused(BAD_PARAMETER)
        if not self.open:
            raise Refused(NOT_ALLOWED)
        self._used_us = self.modem.now_us()
        if self.modem.power.busy(True):
            self._then(answer, lambda done: self.modem.line.subscribe(topic, qos, done))

    @at("+SMUNSUB", "set", "MAN, AT+SMUNSUB; AN-MQTT 1.03")
    def smunsub(self, asked: Asked, answer: "Answer") -> None:
        topic = asked.word(0, LONGEST_TOPIC)
        if not self.open:
            raise Refused(NOT_ALLOWED)
        if self.modem.power.busy(True):
            self._then(answer, lambda done: self.modem.line.unsubscribe(topic, done))

    def _message(self, topic: str, payload: bytes) -> None:
        self.modem.soon("deliver", lambda: self._deliver(topic, payload))

    def _deliver(self, topic: str, payload: bytes) -> None:
        if self.open:
            shown = payload.hex().upper() if self._settings["SUBHEX"] else payload.decode("latin-1")
            self.modem.urc(f'+SMSUB: "{topic}","{shown}"')
