"""Power: rail, PWRKEY, boot with its lines in order, sleeping, restarting; and which state the meter counts."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .area import Area
from .grammar import BAD_PARAMETER, READ, TEST, Asked, Refused, at

if TYPE_CHECKING:
    from .modem import Answer, Sim7080g

UNPOWERED, OFF, BOOTING, ON, STOPPING, PSM = "unpowered", "off", "booting", "on", "stopping", "psm"
# The host times the key, so these do not scale (SIM7080G Hardware Design V1.03).
KEY_ON_US, KEY_OFF_US, KEY_RESET_US = 1_000_000, 1_200_000, 15_000_000
LOADS = (
    "modem_off",
    "modem_psm",
    "modem_sleep",
    "modem_idle",
    "modem_search",
    "modem_transmit",
    "modem_gnss",
)


class Power(Area):
    """The modem's power states. Restarts count in the modem's epoch."""

    def __init__(self, modem: "Sim7080g") -> None:
        self.state = UNPOWERED
        self.load = "modem_off"
        self._key_low = False
        self._presses = 0
        self._dtr_high = False
        self._off_since_us = -(1 << 40)
        super().__init__(modem)
        modem.tell(self.load, True)

    def reset(self) -> None:
        self.sleeping = False
        self._waking = False
        self._woken = False
        self._busy = 0
        self._psm_urc = False

    # Pins.

    def rail(self, on: bool) -> None:
        """The supply is switched. Without it everything not in flash is gone, a hang too."""
        if on == (self.state != UNPOWERED):
            return
        self._halt(OFF if on else UNPOWERED)
        self._off_since_us = -(1 << 40)  # the pause is what a power-down needs, not a supply that comes
        self.modem.gnss.forget()
        if not on and self.modem.faults.dark:
            self.modem.faults.dark = False

    def pwrkey(self, low: bool) -> None:
        """The key is pulled low or let go. It is a toggle: on a modem that runs it means off."""
        if low == self._key_low:
            return
        self._key_low = low
        self._presses += 1
        faults = self.modem.faults
        if not low or self.state == UNPOWERED or faults.dark or faults.pwrkey_ignored:
            return
        if self.state in (OFF, PSM):
            self._hold(KEY_ON_US, self.start)
        elif self.state == ON:
            self._hold(KEY_OFF_US, lambda: self.stop("NORMAL POWER DOWN"))
            self._hold(KEY_RESET_US, self._forced_reset)

    def _hold(self, us: int, do: Callable[[], None]) -> None:
        press = self._presses
        # Not tied to an epoch: the key is held on while the modem stops.
        self.modem.scheduler.after(us, lambda: do() if press == self._presses and self._key_low else None)

    def _forced_reset(self) -> None:
        if self.state != UNPOWERED:
            self.restart()

    def dtr(self, high: bool) -> None:
        self._dtr_high = high
        if not high and self.sleeping:
            self._waking = True
            self.modem.soon("wake", self._wake)
        elif high:
            self.rest()

    def _wake(self) -> None:
        if self._waking:
            self.sleeping = self._waking = False
            self._woken = True
            self.count()

    def rest(self) -> None:
        """Fall asleep if nothing speaks against it: CSCLK, DTR, an open session, a running receiver."""
        if self._may_sleep():
            self.modem.soon("fall_asleep", self._sleep)

    def _may_sleep(self) -> bool:
        modem = self.modem
        wanted = modem.flash.get("csclk", 0) == 1 and self._dtr_high
        return (
            self.state == ON
            and wanted
            and not (self._busy or modem.busy or modem.mqtt.open or modem.gnss.running)
        )

    def _sleep(self) -> None:
        if self._may_sleep() and not self.sleeping:
            self.sleeping = True
            self.count()

    # What the UART may do.

    def hears(self) -> bool:
        return self.state == ON and not self.sleeping and not self.modem.faults.dark

    def speaks(self) -> bool:
        return self.state == ON and not self.modem.faults.dark

    def swallows_prompt(self) -> bool:
        lost = self._woken and self.modem.faults.no_prompt_after_wake
        self._woken = False
        return lost

    # Start and end.

    def start(self) -> None:
        """Switch on, or come out of PSM."""
        gap = self.modem.delays.us("between_off_and_on")
        if self.state not in (OFF, PSM) or self.modem.now_us() - self._off_since_us < gap:
            return
        self._boot()

    def restart(self) -> None:
        """Boot again without having been off: CREBOOT, CFUN=6, a crash."""
        if self.state != UNPOWERED and not self.modem.faults.dark:
            self._lose()
            self._boot()

    def _boot(self) -> None:
        self.state = BOOTING
        self.modem.reset()
        self.count()
        self.modem.soon("uart_ready", self._ready)

    def _ready(self) -> None:
        modem = self.modem
        self.state = ON
        self.count()
        if modem.flash.get("ipr", 0):  # with auto-detection these two are not printed
            modem.urc("RDY")
            modem.urc(f"+CFUN: {modem.radio.level}")
        modem.soon("sim_ready", self._sim_ready)

    def _sim_ready(self) -> None:
        modem = self.modem
        modem.radio.sim_ready()
        if modem.faults.boot_storm > 0:
            modem.faults.boot_storm -= 1
            modem.soon("sms_ready", self.restart)
        else:
            modem.soon("sms_ready", lambda: modem.urc("SMS Ready"))

    def stop(self, line: str = "") -> None:
        """Switch off in order."""
        if self.state != ON:
            return
        if line:
            self.modem.urc(line)
        self.state = STOPPING
        self.modem.radio.leave()
        self.modem.soon("power_down", lambda: self._halt(OFF))

    def _lose(self) -> None:
        """Whatever was open is gone without a word to the network."""
        self.modem.line.drop()

    def _halt(self, state: str) -> None:
        self._lose()
        self.state = state
        self._off_since_us = self.modem.now_us()
        self.modem.reset()
        self.count()

    def enter_psm(self, wake_after_s: int | None) -> None:
        """Power saving: UART and all are off until T3412 or the key; then it is a boot."""
        if self.state == ON:
            if self._psm_urc:
                self.modem.urc('+CPSMSTATUS: "ENTER PSM"')
            self.modem.after(50_000, lambda: self._psm(wake_after_s))  # the line is still printed

    def _psm(self, wake_after_s: int | None) -> None:
        self._halt(PSM)
        if wake_after_s is not None:
            self.modem.after(wake_after_s * 1_000_000, self._boot)

    # The meter.

    def busy(self, on: bool) -> bool:
        """The transmitter starts or ends. Return False if the supply gave way under it."""
        self._busy = max(0, self._busy + (1 if on else -1))
        if on and self.modem.faults.brown_out:
            if self.modem.flash.get("cbatchk", 0):
                self.modem.urc("UNDER-VOLTAGE WARNNING")
            self.modem.after(0, self.restart)
            return False
        self.count()
        if not on:
            self.rest()
        return True

    def count(self) -> None:
        """Tell the meter if another state has begun."""
        modem = self.modem
        if self.state in (UNPOWERED, OFF):
            load = "modem_off"
        elif self.state == PSM:
            load = "modem_psm"
        elif self.state == BOOTING:
            load = "modem_search"
        elif self.sleeping:
            load = "modem_sleep"
        elif self._busy:
            load = "modem_transmit"
        elif modem.gnss.running:
            load = "modem_gnss"
        else:
            load = "modem_search" if modem.radio.searching else "modem_idle"
        if load != self.load:
            modem.tell(self.load, False)
            self.load = load
            modem.tell(load, True)

    def fault_changed(self, name: str) -> None:
        if name == "dark" and self.modem.faults.dark:
            self.modem.hush()

    # Commands.

    @at("+CPOWD", "set", "MAN, of SIMCom: AT+CPOWD: 1 says NORMAL POWER DOWN and no OK, 0 is silent")
    def cpowd(self, asked: Asked, answer: "Answer") -> None:
        orderly = asked.number(0, 0, 1)
        if orderly:
            answer.final("NORMAL POWER DOWN")
        else:
            answer.silent()
        self.stop()

    @at("+CREBOOT", "run", "MAN, of SIMCom: AT+CREBOOT: OK, then a boot")
    def creboot(self, asked: Asked, answer: "Answer") -> None:
        answer.ok()
        self.modem.after(100_000, self.restart)

    @at("+CSCLK", "read set", "MAN, of SIMCom: AT+CSCLK: AUTO_SAVE")
    def csclk(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(f"+CSCLK: {self.modem.flash.get('csclk', 0)}")
        else:
            self.modem.flash["csclk"] = asked.number(0, 0, 2)
            answer.ok()
            self.rest()

    @at("+CPSMSTATUS", "read set", "MAN, of SIMCom: AT+CPSMSTATUS; set again after a boot")
    def cpsmstatus(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(f"+CPSMSTATUS: {int(self._psm_urc)}")
        else:
            self._psm_urc = bool(asked.number(0, 0, 1))
            answer.ok()

    @at("+CPSMS", "read test set", "MAN, 27.007: AT+CPSMS: AUTO_SAVE")
    def cpsms(self, asked: Asked, answer: "Answer") -> None:
        mode, t3412, t3324 = self.modem.flash.get("cpsms", (0, "01100000", "00000000"))
        if asked.form == READ:
            answer.ok(f'+CPSMS: {mode},,,"{t3412}","{t3324}"')
            return
        if asked.form == TEST:
            answer.ok('+CPSMS: (0-2),,,("00000000"-"11111111"),("00000000"-"11111111")')
            return
        mode = asked.number(0, 0, 2)
        t3412, t3324 = asked.word(3, 8, t3412) or t3412, asked.word(4, 8, t3324) or t3324
        if any(len(bits) != 8 or set(bits) - {"0", "1"} for bits in (t3412, t3324)):
            raise Refused(BAD_PARAMETER)
        self.modem.flash["cpsms"] = (mode, t3412, t3324)
        answer.ok()
        self.modem.radio.plan_psm()
