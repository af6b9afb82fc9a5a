"""Satellites (CGNS commands): the receiver is the radio's, so a fix comes only while the radio is silent."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .area import Area
from .grammar import BAD_PARAMETER, NOT_ALLOWED, READ, TEST, Asked, Refused, at

if TYPE_CHECKING:
    from .line import Fix
    from .modem import Answer, Sim7080g

# How strictly LTE keeps the receiver. No document of SIMCom says; users' reports do (chips A8).
STRICT, WHEN_IDLE, SHARED = "strict", "when idle", "shared"
IDLE_US = 20_000_000
EPHEMERIS_US = 2 * 3600 * 1_000_000  # so long a fix leaves a hot start behind (general knowledge)
ALMANAC_US = 7 * 24 * 3600 * 1_000_000
NO_FIX = "+CGNSINF: 1,,,0.000000,0.000000,-18.000,,,1,,0.1,0.1,0.1,,,,9999000.0,6144.0"


class Gnss(Area):
    """The receiver: how far its start is, and what it prints."""

    sharing = STRICT

    def __init__(self, modem: "Sim7080g") -> None:
        self.antenna = False  # its rail is off until the board switches it on
        self._fixed_us: int | None = None
        super().__init__(modem)

    def reset(self) -> None:
        self.running = False
        self._needed_us = 0
        self._gained_us = 0
        self._looked_us = 0
        self._heard = False
        self._busy_us = self.modem.now_us()

    def forget(self) -> None:
        """The supply was gone, and with it what the receiver knew of the satellites."""
        self._fixed_us = None

    def _begin(self, kind: str) -> None:
        """A start takes so much time of clear reception; a hot one needs fresh memories."""
        now = self.modem.now_us()
        age = None if self._fixed_us is None else now - self._fixed_us
        if kind == "hot" and (age is None or age > EPHEMERIS_US):
            kind = "warm"
        if kind == "warm" and (age is None or age > ALMANAC_US):
            kind = "cold"
        self._needed_us = self.modem.delays.us("gnss_" + kind)
        self._gained_us, self._looked_us = 0, now
        self._heard = False

    def _free(self) -> bool:
        modem = self.modem
        if self.sharing == SHARED or modem.radio.off:
            return True
        return self.sharing == WHEN_IDLE and not modem.packet.active and not modem.radio.searching

    def note(self) -> None:
        """What stands between receiver and sky is about to change: count what was gained until now."""
        if self.running:
            self._look()

    def _look(self) -> "Fix | None":
        """What the receiver has now. Time without reception brings the start no further."""
        now = self.modem.now_us()
        passed, self._looked_us = now - self._looked_us, now
        seen = None
        if self.antenna and self._free() and not self.modem.faults.never_a_fix:
            seen = self.modem.sky.fix_at(now)
        if seen is None:
            return None
        # Between two looks the sky is taken to have been as it is now.
        self._gained_us += passed
        if self._gained_us < self._needed_us:
            return None
        self._fixed_us = now
        return seen

    @at("+CGNSPWR", "read test set", "MAN, AT+CGNSPWR: NO_SAVE; AN-GNSS 1.02")
    def cgnspwr(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(f"+CGNSPWR: {int(self.running)}")
        elif asked.form == TEST:
            answer.ok("+CGNSPWR: (0,1)")
        else:
            on = bool(asked.number(0, 0, 1))
            if on and not self.running:
                self._begin("hot")
            self.running = on
            answer.ok()
            self.modem.power.count()
            self.modem.power.rest()

    @at("+CGNSCOLD", "run", "MAN, AT+CGNSCOLD; AN-GNSS 1.02")
    @at("+CGNSWARM", "run", "MAN, AT+CGNSWARM; AN-GNSS 1.02")
    @at("+CGNSHOT", "run", "MAN, AT+CGNSHOT; AN-GNSS 1.02")
    def start(self, asked: Asked, answer: "Answer") -> None:
        if not self.running:
            raise Refused(NOT_ALLOWED)
        self._begin(asked.name[5:].lower())
        answer.ok()
        if self.modem.flash.get("cgnsxtra", 0):
            self.modem.urc("+CGNSXTRA: 1")  # no assistance file on board

    @at("+CGNSINF", "run", "MAN, AT+CGNSINF: 18 fields; AN-GNSS 1.02")
    def cgnsinf(self, asked: Asked, answer: "Answer") -> None:
        if not self.running:
            answer.ok("+CGNSINF: 0,,,,,,,,,,,,,,,,,")
            return
        fix = self._look()
        answer.ok(self._fixed(fix) if fix else NO_FIX)

    def _fixed(self, fix: "Fix") -> str:
        utc = datetime.fromtimestamp(self.modem.unix_s(), UTC)
        when = f"{utc:%Y%m%d%H%M%S}.{utc.microsecond // 1000:03d}"
        return (
            f"+CGNSINF: 1,1,{when},{fix.latitude:.6f},{fix.longitude:.6f},{fix.altitude_m:.3f},{fix.speed_kmh:.2f},"
            f"{fix.course:.1f},0,,{fix.hdop:.1f},{fix.hdop * 1.2:.1f},{fix.hdop * 0.7:.1f},,{fix.satellites},,"
            f"{fix.radius_m:.1f},{fix.radius_m * 1.5:.1f}"
        )

    @at("+CGNSMOD", "read test set", "MAN, AT+CGNSMOD: AUTO_SAVE_REBOOT, one system beside GPS")
    def cgnsmod(self, asked: Asked, answer: "Answer") -> None:
        kept = self.modem.flash.get("cgnsmod", (1, 1, 0, 0, 0))
        if asked.form == READ:
            answer.ok(f"+CGNSMOD: {','.join(map(str, kept))}")
        elif asked.form == TEST:
            answer.ok("+CGNSMOD: (1),(0-1),(0-1),(0-1),(0-1)")
        else:
            wanted = (asked.number(0, 1, 1), *(asked.number(i, 0, 1) for i in range(1, 5)))
            if sum(wanted[1:]) > 1:
                raise Refused(BAD_PARAMETER)
            self.modem.flash["cgnsmod"] = wanted
            answer.ok()

    @at("+CGNSXTRA", "read set", "MAN, AT+CGNSXTRA; AN-GNSS 1.02: a valid file is needed")
    def cgnsxtra(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(f"+CGNSXTRA: {self.modem.flash.get('cgnsxtra', 0)}")
        elif asked.number(0, 0, 1):
            raise Refused(NOT_ALLOWED)  # no file was ever copied
        else:
            self.modem.flash["cgnsxtra"] = 0
            answer.ok()

    @at("+CGNSCPY", "run", "MAN, AT+CGNSCPY: 1 is no file; AN-GNSS 1.02")
    def cgnscpy(self, asked: Asked, answer: "Answer") -> None:
        answer.ok("+CGNSCPY: 1")
