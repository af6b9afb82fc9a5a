"""Radio and SIM: CFUN, registration, which cell, PSM timers as the network grants them."""

from typing import TYPE_CHECKING

from .area import Area
from .grammar import (
    BAD_PARAMETER,
    NEEDS_PIN,
    NEEDS_PUK,
    NO_SERVICE,
    NO_SIM,
    NOT_ALLOWED,
    RADIO_OFF,
    READ,
    RUN,
    TEST,
    WRONG_PIN,
    Asked,
    Refused,
    at,
)
from .subscription import LTE_M

if TYPE_CHECKING:
    from .modem import Answer, Sim7080g

LEVELS = (0, 1, 4, 5, 6, 7)
PIN_TRIES, PUK_TRIES = 3, 10
IDLE, HOME, SEARCHING, DENIED, ROAMING = 0, 1, 2, 3, 5
# 3GPP TS 24.008 10.5.7.3 and 10.5.7.4a; the manual has the same (chips A10). None: switched off.
T3324_S = {0b000: 2, 0b001: 60, 0b010: 360}
T3412_S = {0b000: 600, 0b001: 3600, 0b010: 36000, 0b011: 2, 0b100: 30, 0b101: 60, 0b110: 1152000}


def timer_s(bits: str, units: dict[int, int]) -> int | None:
    unit = units.get(int(bits[:3], 2))
    return None if unit is None else unit * int(bits[3:], 2)


class Radio(Area):
    """Whether the modem is on the air, and what it sees there."""

    def __init__(self, modem: "Sim7080g") -> None:
        self._pin_left, self._puk_left = PIN_TRIES, PUK_TRIES
        super().__init__(modem)

    def reset(self) -> None:
        self.level = self.modem.flash.get("cfun", 1)
        self.status = IDLE
        self.searching = False
        self._in_vain = False  # the search has found nothing so far
        self._ready = False  # the SIM has been read
        self._unlocked = False
        self._reports = {"+CEREG": 0, "+CGREG": 0, "+CREG": 0}
        self._search = 0
        self._psm_plan = 0
        self._manual_off = False

    @property
    def on_air(self) -> bool:
        return self.status in (HOME, ROAMING)

    @property
    def off(self) -> bool:
        return self.level in (0, 4, 7)

    # SIM.

    def _locked(self) -> bool:
        return bool(self.modem.identity.pin) and not self._unlocked

    def sim_state(self) -> str:
        if self.modem.faults.no_sim:
            return "NOT INSERTED"
        if self.level == 0 or not self._ready:
            return "NOT READY"
        if self._locked():
            return "SIM PIN" if self._pin_left else "SIM PUK"
        return "READY"

    def sim_ready(self) -> None:
        if self.level == 0:
            return
        self._ready = True
        self.modem.urc(f"+CPIN: {self.sim_state()}")
        self.look()

    def needs_sim(self) -> None:
        """Refuse what needs a SIM that is there and open."""
        if self.modem.faults.no_sim:
            raise Refused(NO_SIM)
        if self._locked():
            raise Refused(NEEDS_PIN if self._pin_left else NEEDS_PUK)

    def needs_air(self) -> None:
        """Refuse what needs the network."""
        self.needs_sim()
        if self.level in (0, 4):
            raise Refused(RADIO_OFF)
        if not self.on_air:
            raise Refused(NO_SERVICE)

    # Registration.

    def look(self) -> None:
        """Search for a network if there is reason to."""
        usable = self._ready and self.sim_state() == "READY" and self.level == 1 and not self._manual_off
        if not usable or self.on_air or self.searching:
            return
        self.searching = True
        self._search += 1
        search = self._search
        self._becomes(SEARCHING)
        self.modem.soon("search", lambda: self._found() if search == self._search else None)
        self.modem.power.count()

    def _found(self) -> None:
        faults = self.modem.faults
        self._in_vain = faults.no_network
        if self._in_vain:
            return  # goes on searching until there is one: fault_changed
        self.searching = False
        if faults.denied:
            self._becomes(DENIED)
            self.modem.power.count()
        else:
            self._becomes(ROAMING if self.modem.cell.roaming else HOME)
            self.modem.power.count()
            self.modem.clock.attached()
            self.modem.packet.attached()
            self.plan_psm()

    def _becomes(self, status: int) -> None:
        if status == self.status:
            return
        self.status = status
        for name, reports in self._reports.items():
            if reports:
                self.modem.urc(f"{name}: {self._status(reports)}")

    def leave(self) -> None:
        """Off the air, in order or not."""
        self.searching = self._in_vain = False
        self._search += 1
        self.modem.packet.lost()
        self._becomes(IDLE)
        self.modem.power.count()

    def lost(self) -> None:
        """The network is gone: whatever hangs on it falls, and the search begins."""
        if self.on_air:
            self.leave()
            self.look()

    def fault_changed(self, name: str) -> None:
        faults = self.modem.faults
        if not self.modem.awake:
            return
        if name in ("no_network", "denied"):
            if getattr(faults, name):
                self.modem.soon("lose_network", lambda: self.lost() if getattr(faults, name) else None)
            elif self.status == DENIED or self._in_vain:
                self.searching = self._in_vain = False
                self.look()
        elif name == "no_sim":
            self.leave()
            if faults.no_sim or self._ready:
                self.modem.urc(f"+CPIN: {self.sim_state()}")
            self.look()

    # CFUN.

    @at(
        "+CFUN",
        "read test set",
        "MAN, 27.007: AT+CFUN: level saved except 0; 7 is left by 6 or a reboot only",
    )
    def cfun(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(f"+CFUN: {self.level}")
            return
        if asked.form == TEST:
            answer.ok("+CFUN: (0,1,4,5,6,7),(0,1)")
            return
        level, again = asked.number(0, 0, 7), asked.number(1, 0, 1, 0)
        if level not in LEVELS:
            raise Refused(BAD_PARAMETER)
        if level == 6 or again:
            if level != 6:
                self._save(level)
            answer.ok()
            self.modem.after(100_000, self.modem.power.restart)
        elif self.level == 7 and level != 7:
            raise Refused(NOT_ALLOWED)
        else:
            self._change(level, answer)

    def _save(self, level: int) -> None:
        if level in (1, 4, 5):
            self.modem.flash["cfun"] = level

    def _change(self, level: int, answer: "Answer") -> None:
        self.modem.gnss.note()
        before, self.level = self.level, level
        self._save(level)
        if level == 0 and before != 0:
            self._ready = False
            self.leave()
            answer.say("+CPIN: NOT READY")
        elif level != 1:
            self.leave()
        answer.ok()
        if level != 0 and before == 0:
            self.modem.soon("sim_ready", self.sim_ready)
        elif level == 1:
            self.look()
        self.modem.power.count()

    # What the host asks.

    @at("+CPIN", "read test set", "MAN, 27.007: AT+CPIN")
    def cpin(self, asked: Asked, answer: "Answer") -> None:
        if self.modem.faults.no_sim:
            raise Refused(NO_SIM)
        if asked.form == READ:
            answer.ok(f"+CPIN: {self.sim_state()}")
            return
        if asked.form == TEST:
            answer.ok()
            return
        self._enter_pin(asked, answer)

    def _enter_pin(self, asked: Asked, answer: "Answer") -> None:
        state, identity = self.sim_state(), self.modem.identity
        given = asked.word(0, 8)
        if state == "SIM PUK":
            if given != identity.puk:
                self._puk_left = max(0, self._puk_left - 1)
                raise Refused(WRONG_PIN)
            identity.pin = asked.word(1, 8)
        elif state != "SIM PIN":
            raise Refused(NOT_ALLOWED)
        elif given != identity.pin:
            self._pin_left -= 1
            raise Refused(WRONG_PIN if self._pin_left else NEEDS_PUK)
        self._pin_left, self._unlocked = PIN_TRIES, True
        answer.ok()
        self.modem.urc("+CPIN: READY")
        self.look()

    @at("+SPIC", "run", "MAN, of SIMCom: AT+SPIC: tries left for PIN, PUK, PIN2, PUK2")
    def spic(self, asked: Asked, answer: "Answer") -> None:
        if self.modem.faults.no_sim:
            raise Refused(NO_SIM)
        answer.ok(f"+SPIC: {self._pin_left},{self._puk_left},3,10")

    @at("+CSQ", "run test", "MAN, 27.007: AT+CSQ")
    def csq(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == TEST:
            answer.ok("+CSQ: (0-31,99),(0-7,99)")
        else:
            answer.ok(f"+CSQ: {self.modem.cell.csq if self.on_air else 99},99")

    def _status(self, reports: int, numbered: bool = False, where: bool = True) -> str:
        """The part after the name: [n,]stat[,"tac",["rac",]"ci",AcT[,,,"T3324","T3412"]]."""
        parts = ([str(reports)] if numbered else []) + [str(self.status)]
        if reports in (2, 4) and self.on_air and where:
            cell = self.modem.cell
            parts += [f'"{cell.tac:04X}"'] + (['"00"'] if reports == 4 else [])
            parts += [f'"{cell.cell_id:08X}"', str(cell.act)]
            granted = self._granted()
            if reports == 4 and granted:
                parts += ["", "", f'"{granted[1]}"', f'"{granted[0]}"']
        return ",".join(parts)

    @at("+CEREG", "read test set", "MAN, 27.007: AT+CEREG: n 0, 1, 2, 4")
    @at("+CGREG", "read test set", "MAN, packet domain: AT+CGREG")
    @at("+CREG", "read test set", "MAN, 27.007: AT+CREG")
    def cereg(self, asked: Asked, answer: "Answer") -> None:
        name = asked.name
        if asked.form == READ:
            shown = self._status(self._reports[name], numbered=True)
            if name == "+CREG" and self.modem.cell.act != LTE_M:
                shown = f"{self._reports[name]},0"  # NB-IoT alone: users' reports, two threads
            answer.ok(f"{name}: {shown}")
        elif asked.form == TEST:
            answer.ok(f"{name}: (0-2,4)")
        else:
            reports = asked.number(0, 0, 4)
            if reports == 3:
                raise Refused(BAD_PARAMETER)
            self._reports[name] = reports
            answer.ok()

    @at("+COPS", "read test set", "MAN, 27.007: AT+COPS")
    def cops(self, asked: Asked, answer: "Answer") -> None:
        cell = self.modem.cell
        mode = 2 if self._manual_off else 0
        if asked.form == READ:
            answer.ok(f'+COPS: {mode},0,"{cell.operator}",{cell.act}' if self.on_air else f"+COPS: {mode}")
            return
        self.needs_sim()
        if self.off:
            raise Refused(RADIO_OFF)
        if asked.form == TEST:
            seen = f'(2,"{cell.operator}","{cell.operator}","{cell.mcc}{cell.mnc}",{cell.act}),'
            answer.ok(f"+COPS: {'' if self.modem.faults.no_network else seen},(0,1,2,3,4),(0,1,2)")
            return
        wanted = asked.number(0, 0, 4)
        if wanted == 2:
            self._manual_off = True
            self.leave()
        elif wanted in (0, 1, 4):
            self._manual_off = False
            self.look()
        answer.ok()

    @at("+CPSI", "read", "MAN, of SIMCom: AT+CPSI")
    def cpsi(self, asked: Asked, answer: "Answer") -> None:
        cell = self.modem.cell
        if not self.on_air:
            answer.ok(f"+CPSI: NO SERVICE,{'Offline' if self.off else 'Online'}")
            return
        kind, bandwidth = ("LTE CAT-M1", 3) if cell.act == LTE_M else ("LTE NB-IOT", 0)
        dbm = 2 * cell.csq - 113
        answer.ok(
            f"+CPSI: {kind},Online,{cell.mcc}-{cell.mnc},0x{cell.tac:04X},{cell.cell_id},{cell.cell_id % 504},"
            f"EUTRAN-BAND{cell.band},{cell.earfcn},{bandwidth},{bandwidth},-11,{dbm - 25},{dbm},12"
        )

    @at("+CNMP", "read test set", "MAN, of SIMCom: AT+CNMP: AUTO_SAVE")
    def cnmp(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            kept = 2 if self.modem.faults.settings_ignored else self.modem.flash.get("cnmp", 2)
            answer.ok(f"+CNMP: {kept}")
        elif asked.form == TEST:
            answer.ok("+CNMP: ((2-Automatic),(13-GSM Only),(38-LTE Only),(51-GSM And LTE Only))")
        elif (mode := asked.number(0, 2, 51)) in (2, 13, 38, 51):
            self.modem.flash["cnmp"] = mode
            answer.ok()
        else:
            raise Refused(BAD_PARAMETER)

    @at("+CMNB", "read test set", "MAN, of SIMCom: AT+CMNB: AUTO_SAVE")
    def cmnb(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(f"+CMNB: {self.modem.flash.get('cmnb', 3)}")
        elif asked.form == TEST:
            answer.ok("+CMNB: (1-3)")
        else:
            self.modem.flash["cmnb"] = asked.number(0, 1, 3)
            answer.ok()

    # PSM and eDRX.

    def _granted(self) -> tuple[str, str] | None:
        mode, t3412, t3324 = self.modem.flash.get("cpsms", (0, "", ""))
        return (t3412, t3324) if mode == 1 and self.modem.cell.psm else None

    def plan_psm(self) -> None:
        """Count T3324 from now on; data that goes meanwhile starts it anew."""
        self._psm_plan += 1
        plan, granted = self._psm_plan, self._granted()
        active_s = timer_s(granted[1], T3324_S) if granted else None
        if not granted or active_s is None or not self.on_air or not self.modem.awake:
            return
        self.modem.after(
            max(1, active_s) * 1_000_000,
            lambda: self._enter_psm(granted[0]) if plan == self._psm_plan else None,
        )

    def _enter_psm(self, t3412: str) -> None:
        modem = self.modem
        if not self.on_air or modem.mqtt.open or modem.gnss.running or modem.busy or self._granted() is None:
            self.plan_psm()
            return
        modem.power.enter_psm(timer_s(t3412, T3412_S))

    @at("+CPSMRDP", "run", "MAN, 27.007: AT+CPSMRDP")
    def cpsmrdp(self, asked: Asked, answer: "Answer") -> None:
        mode, t3412, t3324 = self.modem.flash.get("cpsms", (0, "01100000", "00000000"))
        granted = self._granted() if self.on_air else None
        shown = f'"{granted[1]}",,"{granted[0]}"' if granted else '"",,""'
        answer.ok(f'+CPSMRDP: {mode},"{t3324}",,"{t3412}",{shown}')

    @at("+CEDRXS", "read test set", "MAN, 27.007: AT+CEDRXS: AUTO_SAVE")
    def cedrxs(self, asked: Asked, answer: "Answer") -> None:
        mode, act, cycle = self.modem.flash.get("cedrxs", (0, 4, "0010"))
        if asked.form == READ:
            answer.ok(f'+CEDRXS: {act},"{cycle}"')
        elif asked.form == TEST:
            answer.ok('+CEDRXS: (0-3),(4-5),("0000"-"1111")')
        else:
            mode, act, cycle = asked.number(0, 0, 3), asked.number(1, 4, 5, act), asked.word(2, 4, cycle)
            if len(cycle) != 4 or set(cycle) - {"0", "1"}:
                raise Refused(BAD_PARAMETER)
            self.modem.flash["cedrxs"] = (mode, act, cycle)
            answer.ok()

    @at("+CEDRXRDP", "run", "MAN, 27.007: AT+CEDRXRDP")
    def cedrxrdp(self, asked: Asked, answer: "Answer") -> None:
        assert asked.form == RUN
        mode, act, cycle = self.modem.flash.get("cedrxs", (0, 4, "0010"))
        given = f'+CEDRXRDP: {act},"{cycle}","{cycle}","0011"' if mode and self.on_air else "+CEDRXRDP: 0"
        answer.ok(given)
