"""Commands of the module itself: echo, error forms, speed, identity, supply."""

from typing import TYPE_CHECKING

from .area import Area
from .grammar import BAD_PARAMETER, NO_SIM, RADIO_OFF, READ, RUN, TEST, Asked, Refused, at

if TYPE_CHECKING:
    from .modem import Answer

SPEEDS = (0, 300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
FIRMWARE = "1951B16SIM7080"
WARN_MV, OFF_MV, OVER_MV = 3200, 3000, 4300


class General(Area):
    """Echo, CMEE, IPR, who are you, how full is the battery."""

    def reset(self) -> None:
        if not hasattr(self, "supply_mv"):
            self.supply_mv, self.percent, self.charging = 3810, 62, 0

    @at("E", "run set", "MAN, V.25ter: ATE")
    def e(self, asked: Asked, answer: "Answer") -> None:
        self.modem.echo = bool(asked.number(0, 0, 1, 0))
        answer.ok()

    @at("V", "run set", "MAN, V.25ter: ATV")
    @at("Q", "run set", "MAN, V.25ter: ATQ")
    @at("Z", "run set", "MAN, V.25ter: ATZ")
    @at("&F", "run set", "MAN, V.25ter: AT&F")
    @at("H", "run set", "MAN, V.25ter: ATH")
    def taken(self, asked: Asked, answer: "Answer") -> None:
        # ATV0 and ATQ1 would change the answers' form, which no driver of ours asks for.
        if asked.name in ("V", "Q") and asked.number(0, 0, 1, 0) != (asked.name == "V"):
            raise Refused()
        answer.ok()

    @at("&W", "run set", "users' reports: no AT&W on this module (chips A2)")
    def no_profile(self, asked: Asked, answer: "Answer") -> None:
        answer.error()

    @at("I", "run set", "MAN, V.25ter: ATI")
    def i(self, asked: Asked, answer: "Answer") -> None:
        answer.ok(f"SIM7080 R1951.{FIRMWARE[4:7]}")

    @at("+CMEE", "read test set", "MAN, AT+CMEE: NO_SAVE")
    def cmee(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(f"+CMEE: {self.modem.errors}")
        elif asked.form == TEST:
            answer.ok("+CMEE: (0-2)")
        else:
            self.modem.errors = asked.number(0, 0, 2)
            answer.ok()

    @at("+IPR", "read test set", "MAN, V.25ter: AT+IPR: AUTO_SAVE; 0 is auto-detection")
    def ipr(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(f"+IPR: {self.modem.flash.get('ipr', 0)}")
        elif asked.form == TEST:
            answer.ok("+IPR: (0,300,600,1200,2400,4800,9600,19200,38400,57600,115200,230400,460800,921600)")
        else:
            speed = asked.number(0, 0, 921600)
            if speed not in SPEEDS:
                raise Refused(BAD_PARAMETER)
            answer.ok()  # still at the old speed
            self.modem.flash["ipr"] = speed

    @at("+IFC", "read set", "MAN, V.25ter: AT+IFC")
    def ifc(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok("+IFC: 0,0")
        else:
            asked.number(0, 0, 2)
            answer.ok()

    @at("+CGMM", "run", "MAN, 27.007: AT+CGMM")
    @at("+GMM", "run", "MAN, V.25ter: AT+GMM")
    def gmm(self, asked: Asked, answer: "Answer") -> None:
        answer.ok("SIMCOM_SIM7080G")

    @at("+CGMI", "run", "MAN, 27.007: AT+CGMI")
    @at("+GMI", "run", "MAN, V.25ter: AT+GMI")
    def gmi(self, asked: Asked, answer: "Answer") -> None:
        answer.ok("SIMCOM INCORPORATED")

    @at("+CGMR", "run", "MAN, 27.007: AT+CGMR; form from LilyGO #179")
    @at("+GMR", "run", "MAN, V.25ter: AT+GMR")
    def gmr(self, asked: Asked, answer: "Answer") -> None:
        answer.ok(f"Revision:{FIRMWARE}")

    @at("+CGSN", "run test", "MAN, 27.007: AT+CGSN")
    @at("+GSN", "run", "MAN, V.25ter: AT+GSN")
    def gsn(self, asked: Asked, answer: "Answer") -> None:
        answer.ok(*([self.modem.identity.imei] if asked.form == RUN else []))

    @at("+CIMI", "run", "MAN, 27.007: AT+CIMI")
    def cimi(self, asked: Asked, answer: "Answer") -> None:
        self._needs_sim()
        answer.ok(self.modem.identity.imsi)

    @at("+CCID", "run", "MAN, of SIMCom: AT+CCID: no prefix")
    def ccid(self, asked: Asked, answer: "Answer") -> None:
        self._needs_sim()
        answer.ok(self.modem.identity.iccid)

    @at("+CNUM", "run", "MAN, 27.007: AT+CNUM")
    def cnum(self, asked: Asked, answer: "Answer") -> None:
        self._needs_sim()
        answer.ok(f'+CNUM: "","{self.modem.identity.number}",145')

    def _needs_sim(self) -> None:
        if self.modem.faults.no_sim:
            raise Refused(NO_SIM)
        if self.modem.radio.level == 0:
            raise Refused(RADIO_OFF)
        self.modem.radio.needs_sim()

    @at("+CBC", "run", "MAN, of SIMCom: AT+CBC: charging, percent, mV")
    def cbc(self, asked: Asked, answer: "Answer") -> None:
        answer.ok(f"+CBC: {self.charging},{self.percent},{self.supply_mv}")

    @at("+CBATCHK", "read set", "MAN, of SIMCom: AT+CBATCHK: AUTO_SAVE")
    def cbatchk(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(f"+CBATCHK: {self.modem.flash.get('cbatchk', 0)}")
        else:
            self.modem.flash["cbatchk"] = asked.number(0, 0, 1)
            answer.ok()

    def supply(self, mv: int) -> None:
        """The supply changes; with CBATCHK=1 the modem says so, in the spelling it has."""
        before, self.supply_mv = self.supply_mv, mv
        if not self.modem.flash.get("cbatchk", 0) or not self.modem.awake:
            return
        if mv < OFF_MV:
            self.modem.urc("UNDER-VOLTAGE POWER DOWN")
            self.modem.power.stop()
        elif mv < WARN_MV <= before:
            self.modem.urc("UNDER-VOLTAGE WARNNING")
        elif mv > OVER_MV >= before:
            self.modem.urc("OVER-VOLTAGE WARNNING")
