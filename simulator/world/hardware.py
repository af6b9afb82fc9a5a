"""A device's silicon as its firmware reaches it over the cable: pins, buses, modem, RTC memory, watchdog, energy."""

from collections.abc import Callable
from typing import Any, Protocol

from ..chips import axp2101
from ..chips.lsm6dsox import Lsm6dsox
from ..chips.sim7080g import Sim7080g
from . import battery, pins
from .battery import Battery, Meter
from .body import Body
from .cellular import Cellular

POWER_ON, WATCHDOG, DEEP_SLEEP = 1, 3, 4
WOKEN_BY_EXT0, WOKEN_BY_EXT1, WOKEN_BY_TIMER, WOKEN_BY_PIN = 2, 3, 4, 7
PROCESSORS = {"pendant": "esp32c3", "watch": "esp32s3"}
ACCELEROMETER, FIFO_OUTPUT, FIFO_WORD = 0x6A, 0x78, 7
MODEM_UART = 1
LIGHTS = ("light_red", "light_green", "light_blue")  # common anode: low lights them
# Advertising faster than this is a burst, slower the window after it.
BURST_BELOW_US = 50_000


class Radio(Protocol):
    """What the air offers one device; the answers come back as the device's `ble.…` events."""

    def active(self, device: int, on: bool) -> None: ...
    def address(self, device: int, mode: int) -> None: ...
    def advertise(self, device: int, interval_us: int, data: bytes, connectable: bool) -> None: ...
    def silence(self, device: int) -> None: ...
    def services(self, device: int, services: list) -> None: ...
    def value(self, device: int, handle: int, value: bytes) -> None: ...
    def notify(self, device: int, connection: int, handle: int, value: bytes) -> None: ...
    def disconnect(self, device: int, connection: int) -> None: ...


class Hardware:
    """State that outlives the firmware's process. `tell(what, value, at_us)` hears of every visible change."""

    def __init__(
        self,
        number: int,
        radio: Radio,
        now_us: Callable[[], int],
        tell: Callable[..., None],
        board: str = "pendant",
        cellular: Cellular | None = None,
    ) -> None:
        self.number = number
        self.radio = radio
        self.now_us = now_us
        self.tell = tell
        self.board = board
        self.pins = pins.of(board)
        self._names = {gpio: signal for signal, gpio in self.pins.items()}
        self.levels: dict[int, int] = {
            self.pins["button"]: 1,
            self.pins["accelerometer_int1"]: 1,
            **{self.pins[signal]: 0 for signal in ("usb_sense",) if signal in self.pins},
            **{self.pins[light]: 1 for light in LIGHTS},  # dark: nobody pulls the cathodes down
        }
        self.power_on_us = now_us()
        self.rtc = ""
        self.reset_cause, self.wake_reason = POWER_ON, 0
        self.wake_pins: list[int] = []  # of an ESP32-C3; the S3 has two kinds instead
        self.wake_ext0: tuple[list[int], int] = ([], 0)
        self.wake_ext1: tuple[list[int], int] = ([], 0)
        self.woken_by: list[int] = []
        self.watchdog_us = 0
        self.watchdog_fed_us = 0
        self.send: Callable[..., None] | None = None  # to the running firmware
        self.body = Body(seed=number)
        self.accelerometer = Lsm6dsox(self.body.at, self._motion_line)
        self.battery = Battery(capacity_mah=battery.CAPACITIES_MAH[board])
        self.meter = Meter(now_us, self.battery, battery.REFERENCE[board])
        self._accelerometer_mode()
        self.modem: Sim7080g | None = None
        self.heard: Callable[[bytes], None] = lambda data: None  # what the modem has said to the processor
        self.pmu: axp2101.Axp2101 | None = None
        if board == "watch":
            self.pmu = axp2101.Axp2101(self._cell, self._rail)
            self.modem = cellular.modem(number, self._modem_says, self.meter.switch) if cellular else None
        self._held: set[int] = set()  # pins whose level outlasts deep sleep, if holding is on
        self._holding = False

    # Energy: how long the device was in which state.

    def enter(self, state: str) -> None:
        """The processor enters a state; asleep it drives no pin, so lights and motor go out."""
        if state == "sleep":
            for load in ("motor", *LIGHTS):
                self.meter.switch(load, False)
            self.levels |= {self.pins["motor"]: 0, **{self.pins[light]: 1 for light in LIGHTS}}
            self._let_go_of_the_modem(self._held if self._holding else set())
        elif state == "boot_from_deep_sleep" and self.state != "sleep":
            self._let_go_of_the_modem(set())  # a reset makes inputs of all pins
        self.meter.enter(state)

    def _let_go_of_the_modem(self, kept: set[int]) -> None:
        """The processor drives the modem's lines no longer, but for those that are held."""
        for signal in ("modem_pwrkey", "modem_dtr"):
            gpio = self.pins.get(signal)
            held = gpio in kept
            if gpio is not None and self.levels.get(gpio) and not held:
                self._do_pin(gpio, 0, self.now_us())

    @property
    def state(self) -> str:
        return self.meter.state

    @property
    def state_us(self) -> dict[str, int]:
        """Microseconds in each state of power_budget.csv until now."""
        self.meter.settle()
        return self.meter.us

    def _accelerometer_mode(self) -> None:
        mode = "accelerometer_" + self.accelerometer.power_mode()
        for other in [load for load in self.meter.loads if load.startswith("accelerometer_")]:
            self.meter.switch(other, other == mode)
        self.meter.switch(mode, True)

    def hear(self, name: str, *args: Any) -> None:
        """The air has something for the firmware."""
        if name == "ble.connected":
            self.enter("connected")
        elif name == "ble.disconnected" and self.state == "connected":
            self.enter("awake")  # connecting has ended the advertising
        if self.send:
            self.send(name, *args)

    # Towards the firmware.

    def hello(self) -> dict[str, Any]:
        return {
            "device": self.number,
            "chip": PROCESSORS[self.board],
            "pins": {str(n): level for n, level in self.levels.items()},
            "rtc": self.rtc,
            "reset_cause": self.reset_cause,
            "wake_reason": self.wake_reason,
            "wake_pins": self.woken_by if self.wake_reason not in (0, WOKEN_BY_TIMER) else [],
            "now_us": self.now_us(),
            "power_on_us": self.power_on_us,
        }

    def set_input(self, signal: str, level: int) -> None:
        """The world moves a pin: the button goes down, USB is attached."""
        if signal == "usb_sense" and self.pmu:
            self._attach_usb(self.pmu, bool(level))
            return
        gpio = self.pins[signal]
        if self.levels.get(gpio) == level:
            return
        self.levels[gpio] = level
        if signal == "button":
            self.tell("button", 1 - level)
        elif signal == "usb_sense":
            self.tell("usb", level)
            self.meter.settle()
            self.meter.charging = bool(level)
        if self.send:
            self.send("pin", gpio, level)

    def _motion_line(self, level: int) -> None:
        self.set_input("accelerometer_int1", level)

    def _attach_usb(self, pmu: axp2101.Axp2101, attached: bool) -> None:
        """A watch feels USB at its power management, not at a pin."""
        if pmu.vbus != attached:
            pmu.vbus = attached
            self.tell("usb", int(attached))
            self._charge_as_told(pmu)

    def _charge_as_told(self, pmu: axp2101.Axp2101) -> None:
        self.meter.settle()
        self.meter.charging, self.meter.charge_ma = pmu.charging, pmu.charge_ma

    def wakes_now(self) -> int:
        """Return the reason of the wake if a pin that wakes is at its level, else 0; which pins is kept for the start."""
        for reason, gpios, level in (
            (WOKEN_BY_EXT0, *self.wake_ext0),
            (WOKEN_BY_EXT1, *self.wake_ext1),
            (WOKEN_BY_PIN, self.wake_pins, 0),
        ):
            self.woken_by = [gpio for gpio in gpios if self.levels.get(gpio) == level]
            if self.woken_by:
                return reason
        return 0

    def set_charge(self, percent: float) -> None:
        self.meter.settle()
        self.battery.left_mah = self.battery.usable_mah * percent / 100

    def pins_by_signal(self) -> dict[str, int]:
        """Return {signal: level}; a light's level says whether it is lit."""
        lit = {signal: 1 - self.levels.get(self.pins[signal], 1) for signal in LIGHTS}
        usb = {"usb_sense": int(self.pmu.vbus)} if self.pmu else {}
        return {signal: self.levels.get(gpio, 0) for signal, gpio in self.pins.items()} | lit | usb

    def lose_power(self) -> None:
        """The battery is out: RTC memory and the running clock are gone, the motor's pull-down stops it."""
        self.rtc = ""
        motor = self.pins.get("motor")
        if motor is not None and self.levels.get(motor):
            self._do_pin(motor, 0, self.now_us())
        self.power_on_us = self.now_us()
        self.reset_cause, self.wake_reason = POWER_ON, 0
        self.accelerometer = Lsm6dsox(self.body.at, self._motion_line)
        self._accelerometer_mode()
        self._held, self._holding = set(), False
        if self.pmu:
            self._let_go_of_the_modem(set())
            self.pmu.lose_power()  # and with it the modem's rail

    # The modem and what feeds it.

    def _cell(self) -> tuple[int, int]:
        """What the power management measures: millivolts, and the gauge's per cent."""
        self.meter.settle()
        return round(battery.millivolts(self.battery.share)), round(100 * self.battery.share)

    def _rail(self, rail: str, on: bool) -> None:
        self.tell("rail " + rail, int(on))
        if self.modem and rail == "dc3":
            self.modem.rail(on)
        elif self.modem and rail == "bldo2":
            self.modem.antenna(on)

    def _shifter_is_on(self) -> bool:
        """Whether processor and modem hear one another at all."""
        return self.pmu is not None and self.pmu.on("bldo1")

    def _modem_says(self, data: bytes) -> None:
        """Bytes to the processor; asleep or booting it hears none of them."""
        if self.send and self._shifter_is_on():
            self.heard(data)
            self.send("uart", MODEM_UART, data.hex())

    def _do_uart_write(self, uart: int, text: str) -> None:
        if uart == MODEM_UART and self.modem and self._shifter_is_on():
            self.modem.general.supply(self._cell()[0])
            self.modem.receive(bytes.fromhex(text))

    # What the firmware asks.

    def handle(self, op: str, args: list) -> Any:
        """Carry out one operation of the cable; the value answers a call."""
        if op.startswith("ble."):
            return self._ble(op[4:], args)
        return getattr(self, "_do_" + op.replace(".", "_"))(*args)

    def _ble(self, op: str, args: list) -> None:
        radio, n = self.radio, self.number
        if op == "advertise":
            self.enter("radio_burst" if args[0] < BURST_BELOW_US else "radio_window")
            radio.advertise(n, args[0], bytes.fromhex(args[1]), args[2])
        elif op == "value":
            radio.value(n, args[0], bytes.fromhex(args[1]))
        elif op == "notify":
            radio.notify(n, args[0], args[1], bytes.fromhex(args[2]))
        elif op == "silence":
            self.enter("awake")
            radio.silence(n)
        else:
            getattr(radio, op)(n, *args)

    def _do_hello(self, number: int) -> dict[str, Any]:
        self.enter("awake")  # the boot is over
        return self.hello()

    def _do_pin(self, gpio: int, level: int, at_us: int) -> None:
        self.levels[gpio] = level
        signal = self._names.get(gpio, f"gpio{gpio}")
        on = 1 - level if signal in LIGHTS else level
        if signal == "motor" or signal in LIGHTS:
            self.meter.switch(signal, bool(on))
        elif self.modem and signal == "modem_pwrkey":
            self.modem.pwrkey(bool(level))  # over a transistor: high pulls the key's line low
        elif self.modem and signal == "modem_dtr":
            self.modem.dtr(bool(level))
        self.tell(signal, on, at_us)

    def _do_hold(self, gpio: int, on: bool) -> None:
        (self._held.add if on else self._held.discard)(gpio)

    def _do_deep_sleep_hold(self, on: bool) -> None:
        self._holding = on

    def _do_rtc(self, text: str) -> None:
        self.rtc = text

    def _do_adc(self, gpio: int) -> int:
        self.meter.settle()
        return self.battery.divided_uv()

    def _do_i2c_read(self, address: int, register: int, count: int) -> str | None:
        if address == ACCELEROMETER:
            if register == FIFO_OUTPUT:
                self.meter.once("fall_detector", count // FIFO_WORD)  # what is read is judged
            return self.accelerometer.read(register, count, self.now_us()).hex()
        if address == axp2101.ADDRESS and self.pmu:
            return self.pmu.read(register, count).hex()
        return None

    def _do_i2c_write(self, address: int, register: int, text: str) -> bool:
        if address == ACCELEROMETER:
            self.accelerometer.write(register, bytes.fromhex(text), self.now_us())
            self._accelerometer_mode()
        elif address == axp2101.ADDRESS and self.pmu:
            self.pmu.write(register, bytes.fromhex(text))
            self._charge_as_told(self.pmu)
        else:
            return False
        return True

    def _do_light_sleep(self, on: bool) -> None:
        self.enter("light_sleep" if on else "awake")

    def _do_flash(self, what: str) -> None:
        self.meter.once("flash_erase" if what == "erase" else "flash_write")

    def _do_wdt(self, timeout_ms: int) -> None:
        self.watchdog_us, self.watchdog_fed_us = timeout_ms * 1000, self.now_us()

    def _do_wdt_feed(self) -> None:
        self.watchdog_fed_us = self.now_us()

    def watchdog_bites(self) -> bool:
        return bool(self.watchdog_us) and self.now_us() - self.watchdog_fed_us > self.watchdog_us

    def _do_wake_on_gpio(self, gpios: list[int], level: int) -> None:
        self.wake_pins = gpios if level == 0 else []

    def _do_wake_on_ext0(self, gpios: list[int], level: int) -> None:
        self.wake_ext0 = (gpios, level)

    def _do_wake_on_ext1(self, gpios: list[int], level: int) -> None:
        self.wake_ext1 = (gpios, level)
