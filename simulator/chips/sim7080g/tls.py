"""TLS contexts (CSSLCFG): versions, names, clock, and certificates converted from files; all set again after a boot."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .area import Area
from .grammar import BAD_PARAMETER, NOT_ALLOWED, SET, Asked, Refused, at

if TYPE_CHECKING:
    from .modem import Answer

CONTEXTS = 6
CUSTOMER = 3  # the folder certificates are converted from
LONGEST_NAME = 50
TLS_1_2 = 3


@dataclass
class Context:
    """One context as CTXINDEX prints it."""

    version: int = 0
    ciphers: list[int] = field(default_factory=lambda: [0] * 8)
    ignore_clock: int = 0
    protocol: int = 1
    sni: str = ""

    def line(self, index: int) -> str:
        ciphers = ",".join(f"0x{cipher:04X}" for cipher in self.ciphers)
        return f'+CSSLCFG: {index},{self.version},{ciphers},{self.ignore_clock},{self.protocol},"{self.sni}"'


class Tls(Area):
    """Contexts 0 to 5 and the certificates that were converted since the boot."""

    def reset(self) -> None:
        self.contexts = [Context() for _ in range(CONTEXTS)]
        self.authorities: dict[str, bytes] = {}
        self.clients: set[str] = set()

    @at(
        "+CSSLCFG",
        "read test set",
        "MAN, AT+CSSLCFG: NO_SAVE; AN-SSL 1.00; names in either case (TinyGSM, SIM7080)",
    )
    def csslcfg(self, asked: Asked, answer: "Answer") -> None:
        if asked.form != SET:
            answer.ok()
            return
        what = asked.word(0, 20).upper()
        if what == "CONVERT":
            self._convert(asked)
        elif what == "CTXINDEX":
            index = asked.number(1, 0, CONTEXTS - 1)
            answer.say(self.contexts[index].line(index))
        else:
            self._configure(what, self.contexts[asked.number(1, 0, CONTEXTS - 1)], asked)
        answer.ok()

    def _configure(self, what: str, context: Context, asked: Asked) -> None:
        if what == "SSLVERSION":
            context.version = asked.number(2, 0, 5)
        elif what == "IGNORERTCTIME":
            context.ignore_clock = asked.number(2, 0, 1)
        elif what == "PROTOCOL":
            context.protocol = asked.number(2, 1, 2)
        elif what == "SNI":
            context.sni = asked.word(2, 253)
        elif what == "CIPHERSUITE":
            slot = asked.number(2, 0, 7)
            try:
                context.ciphers[slot] = int(asked.word(3, 6), 16) & 0xFFFF
            except ValueError:
                raise Refused(BAD_PARAMETER) from None
        elif what == "MAXFRAGLENDISABLE":
            asked.number(2, 0, 1)
        else:
            raise Refused(BAD_PARAMETER)

    def _convert(self, asked: Asked) -> None:
        kind = asked.number(1, 1, 3)
        names = [asked.word(i, LONGEST_NAME) for i in range(2, 4 if kind == 1 else 3)]
        files = [self.modem.files.stored.get((CUSTOMER, name)) for name in names]
        if not all(files):
            raise Refused(NOT_ALLOWED)
        if kind == 2:
            data = files[0] or b""
            if b"-----BEGIN CERTIFICATE-----" not in data or b"-----END CERTIFICATE-----" not in data:
                raise Refused(NOT_ALLOWED)
            self.authorities[names[0]] = data
        elif kind == 1:
            self.clients.add(names[0])

    def authority(self, name: str) -> bytes | None:
        """Return the authority's certificate; without a name there is none, and nothing is verified (from memory)."""
        if not name:
            return None
        if name not in self.authorities:
            raise Refused(NOT_ALLOWED)
        return self.authorities[name]
