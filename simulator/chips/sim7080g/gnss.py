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
XTRA_PATH, XTRA_BYTES, XTRA_LASTS_S = "/customer/Xtra3.bin", 34335, 72 * 3600
XTRA_GOOD, XTRA_ABSENT, XTRA_STALE = 0, 1, 2
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
        if kind != "hot" and self.modem.flash.get("cgnsxtra", 0) and self._assistance() == XTRA_GOOD:
            kind = "assisted"
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
            self.modem.urc(f"+CGNSXTRA: {self._assistance()}")

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

    # Assistance: a file from the vendor's server, copied to where the receiver looks, then switched on.

    def _assistance(self) -> int:
        """0: the file is good for now, by the modem's clock; 1: there is none; 2: it is too old, or the clock is wrong."""
        made = self.modem.flash.get("xtra_copied")
        if made is None:
            return XTRA_ABSENT
        age_s = self.modem.clock.unix_s() - made
        return XTRA_GOOD if -3600 <= age_s <= XTRA_LASTS_S else XTRA_STALE

    @at(
        "+HTTPTOFS",
        "set",
        "MAN, AT+HTTPTOFS; AN-GNSS 1.02; form from LilyGo-Modem-Series #384, botletics #279",
    )
    def httptofs(self, asked: Asked, answer: "Answer") -> None:
        url, path = asked.word(0), asked.word(1)
        for index, most in ((2, 65535), (3, 255)):  # time-out, tries
            asked.number(index, 0, most, 0)
        if not self.modem.packet.active or not url.startswith("http"):
            raise Refused(NOT_ALLOWED)
        answer.ok()
        if not self.modem.faults.download_hangs and self.modem.power.busy(True):
            self.modem.soon("download", lambda: self._downloaded(path))

    def _downloaded(self, path: str) -> None:
        self.modem.power.busy(False)
        if not self.modem.packet.active:
            self.modem.urc("+HTTPTOFS: 601,0")  # network error (so two public drivers name it)
            return
        if self.modem.faults.no_file:
            self.modem.urc("+HTTPTOFS: 404,0")
            return
        self.modem.flash.setdefault("downloads", {})[path] = self.modem.unix_s()
        self.modem.urc(f"+HTTPTOFS: 200,{XTRA_BYTES}")

    @at("+CGNSCPY", "run", "MAN, AT+CGNSCPY: 0 copied, 1 no file; AN-GNSS 1.02: /customer/Xtra3.bin")
    def cgnscpy(self, asked: Asked, answer: "Answer") -> None:
        made = self.modem.flash.get("downloads", {}).get(XTRA_PATH)
        if made is not None:
            self.modem.flash["xtra_copied"] = made
        answer.ok(f"+CGNSCPY: {int(made is None)}")

    @at("+CGNSXTRA", "read set", "MAN, AT+CGNSXTRA; AN-GNSS 1.02: without a valid file it is an ERROR")
    def cgnsxtra(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(f"+CGNSXTRA: {self.modem.flash.get('cgnsxtra', 0)}")
            return
        on = asked.number(0, 0, 1)
        if on and self._assistance() != XTRA_GOOD:
            raise Refused(NOT_ALLOWED)
        self.modem.flash["cgnsxtra"] = on
        answer.ok()

    @at(
        "+CGNSXTRA",
        "run",
        "users' reports: Zephyr's sim7080 driver (clock minus injection in hours, for how long it lasts, since when); "
        "LilyGo-Modem-Series #440 (negative: not valid yet)",
    )
    def cgnsxtra_validity(self, asked: Asked, answer: "Answer") -> None:
        if self._assistance() == XTRA_ABSENT:
            raise Refused(NOT_ALLOWED)
        made = self.modem.flash["xtra_copied"]
        hours = int((self.modem.clock.unix_s() - made) // 3600)
        since = datetime.fromtimestamp(made, UTC)
        answer.ok(f"+CGNSXTRA: {hours},{XTRA_LASTS_S // 3600},{since:%Y/%m/%d,%H:%M:%S}")
