"""TCP sockets (CA commands), as far as one asks by them why a broker cannot be reached; no data goes through."""

from typing import TYPE_CHECKING

from .area import Area
from .grammar import BAD_PARAMETER, NOT_ALLOWED, READ, SET, Asked, Refused, at
from .line import EXPIRED, REFUSED, UNREACHABLE, WRONG_NAME, Broker, Failure

if TYPE_CHECKING:
    from .modem import Answer

SOCKETS = 12
SOURCE = "MAN, AT+CAOPEN and its results; AN-TCP 1.03; the same list in TinyGSM's SIM7080 client"
SUCCESS, REMOTE_REFUSES = 0, 23
# The manual has 21 for this; the modem was seen to say 1, after PSM, with an address (TinyGSM #829).
NETWORK_NOT_ACTIVE = 1
TIME_EXPIRED, NAME_DIFFERS, CONNECT_FAILED = 24, 25, 27
RESULTS = {
    UNREACHABLE: CONNECT_FAILED,
    REFUSED: REMOTE_REFUSES,
    EXPIRED: TIME_EXPIRED,
    WRONG_NAME: NAME_DIFFERS,
}


class Sockets(Area):
    """CAOPEN tells more than SMCONN why something failed: 24 and 25 speak of the certificate."""

    def reset(self) -> None:
        self._open: set[int] = set()
        self._ssl: dict[int, dict[str, str]] = {}
        self._cid = 0
        self._attempt = 0

    def way_lost(self) -> None:
        for cid in sorted(self._open):
            self.modem.urc(f"+CASTATE: {cid},0")
        self._open.clear()
        self._attempt += 1

    @at("+CACID", "read set", "MAN, AT+CACID; users' reports: TinyGSM, Waveshare's examples")
    def cacid(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(f"+CACID: {self._cid}")
        else:
            self._cid = asked.number(0, 0, SOCKETS)
            answer.ok()

    @at("+CASSLCFG", "read set", "MAN, AT+CASSLCFG; names in either case, quoted or not (TinyGSM)")
    def casslcfg(self, asked: Asked, answer: "Answer") -> None:
        if asked.form != SET:
            answer.ok()
            return
        cid, what = asked.number(0, 0, SOCKETS), asked.word(1, 20).upper()
        if what == "SSL":
            value = str(asked.number(2, 0, 1))
        elif what in ("CRINDEX", "PROTOCOL"):
            value = str(asked.number(2, 0, 5))
        elif what in ("CACERT", "CERT"):
            value = asked.word(2, 50)
            self.modem.tls.authority(value if what == "CACERT" else "")
        elif what in ("TIMEOUT", "SNI", "PSKTABLE"):
            value = asked.word(2, 253)
        else:
            raise Refused(BAD_PARAMETER)
        self._ssl.setdefault(cid, {})[what] = value
        answer.ok()

    @at("+CAOPEN", "read set", SOURCE)
    def caopen(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(*(f"+CAOPEN: {cid},0" for cid in sorted(self._open)))
            return
        cid = asked.number(0, 0, SOCKETS)
        asked.number(1, 0, 3)
        if asked.word(2).upper() not in ("TCP", "UDP"):
            raise Refused(BAD_PARAMETER)
        host, port = asked.word(3, 64), asked.number(4, 1, 65535)
        asked.number(5, 0, 1, 0)
        if cid in self._open:
            raise Refused(NOT_ALLOWED)
        if not self.modem.packet.active:
            answer.ok(f"+CAOPEN: {cid},{NETWORK_NOT_ACTIVE}")
            return
        self._attempt += 1
        attempt = self._attempt

        def done(failure: Failure | None) -> None:
            self.modem.power.busy(False)
            if attempt != self._attempt:
                answer.error(NOT_ALLOWED)
                return
            if failure is None:
                self._open.add(cid)
            result = RESULTS.get(failure.kind, CONNECT_FAILED) if failure else SUCCESS
            answer.ok(f"+CAOPEN: {cid},{result}")

        self.modem.mqtt.reach(self._wanted(cid, host, port), self.modem.line.probe, done)

    def _wanted(self, cid: int, host: str, port: int) -> Broker:
        asked = self._ssl.get(cid, {})
        if asked.get("SSL") != "1":
            return Broker(host, port)
        context = self.modem.tls.contexts[int(asked.get("CRINDEX", "0"))]
        return Broker(
            host,
            port,
            tls=True,
            ca_pem=self.modem.tls.authority(asked.get("CACERT", "")),
            sni=context.sni,
            now=self.modem.clock.unix_s(),
            check_time=not context.ignore_clock,
        )

    @at("+CACLOSE", "set", "MAN, AT+CACLOSE")
    def caclose(self, asked: Asked, answer: "Answer") -> None:
        cid = asked.number(0, 0, SOCKETS)
        if cid not in self._open:
            raise Refused(NOT_ALLOWED)
        self._open.discard(cid)
        answer.ok()

    @at("+CASTATE", "read", "MAN, AT+CASTATE; users' reports: LilyGO #179")
    def castate(self, asked: Asked, answer: "Answer") -> None:
        answer.ok(*(f"+CASTATE: {cid},1" for cid in sorted(self._open)))
