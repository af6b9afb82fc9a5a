"""The bench watch: LILYGO T-SIM7080G-S3 (ESP32-S3, SIM7080G, AXP2101) with the pendant's parts on its header P1.

Modem and power pins from the board's README; the header's pins are those of the camera, which is not fitted, and not
strapping pins; button and accelerometer are on RTC pins, which wake an S3. Pins as in hardware/pins.csv.
"""

import bluetooth
import esp32
import log
import machine
from drivers.axp2101 import Axp2101
from drivers.button import Button
from drivers.light import Light
from drivers.lsm6dsox import Accelerometer
from drivers.motor import Motor

MODEM_RX = 4
MODEM_TX = 5
PMU_SCL = 7
BUTTON = 8
MOTOR = 11
LIGHT_RED = 12
LIGHT_GREEN = 13
LIGHT_BLUE = 14
PMU_SDA = 15
I2C_SDA = 16
I2C_SCL = 17
ACCELEROMETER_INT1 = 18
MODEM_PWRKEY = 41
MODEM_DTR = 42

WOKEN_BY_POWER = 0
WOKEN_BY_BUTTON = 1
WOKEN_BY_MOTION = 2
WOKEN_BY_TIMER = 3
WOKEN_BY_WATCHDOG = 4

LOOK_AGAIN_MS = 10
# Shorter than a press.
NAP_MS = 40

_MODEM_UART = 1
_MODEM_BAUD = 115_200
# What comes while a sector of flash is erased and a frame sealed (some 150 ms at 11.5 bytes a millisecond).
_MODEM_RXBUF = 2048


class ModemPower:
    """What a driver does to the modem besides talking to it. rail() and antenna() raise OSError where I2C does."""

    def __init__(self, pmu):
        self._pmu = pmu
        self.stays_on = False  # through deep sleep, where its owner wants it kept in PSM or asleep
        # The key hangs on a transistor: a high pin presses it. Low DTR keeps the modem from sleeping.
        self._key = machine.Pin(MODEM_PWRKEY, machine.Pin.OUT, value=0)
        self._dtr = machine.Pin(MODEM_DTR, machine.Pin.OUT, value=0, hold=False)  # pyright: ignore
        self._dtr_level = 0

    def rail(self, on):
        self._pmu.modem(on)

    def antenna(self, on):
        self._pmu.antenna(on)

    def pwrkey(self, low):
        """Press the modem's power key (its line is low then), or let it go."""
        self._key.value(1 if low else 0)

    def dtr(self, high):
        self._dtr_level = 1 if high else 0
        self._dtr.value(self._dtr_level)

    def before_deep_sleep(self):
        """Leave the modem as it stays: off, or on with its DTR held, for the processor drives no pin asleep."""
        esp32.gpio_deep_sleep_hold(self.stays_on)  # pyright: ignore
        if self.stays_on:
            machine.Pin(MODEM_DTR, machine.Pin.OUT, value=self._dtr_level, hold=True)  # pyright: ignore
            return
        try:
            self.antenna(False)
            self.rail(False)
        except OSError:
            log.line("the modem's supply could not be switched off")


class Board:
    def __init__(self):
        self._button_pin = machine.Pin(BUTTON, machine.Pin.IN, machine.Pin.PULL_UP)
        self._motion_pin = machine.Pin(ACCELEROMETER_INT1, machine.Pin.IN, machine.Pin.PULL_UP)
        self._cause = self._read_cause()
        self.button = Button(self._button_pin)
        self.motor = Motor(machine.Pin(MOTOR, machine.Pin.OUT))
        lights = (LIGHT_RED, LIGHT_GREEN, LIGHT_BLUE)
        self.light = Light(*[machine.Pin(n, machine.Pin.OUT, value=1) for n in lights])
        i2c = machine.I2C(1, scl=machine.Pin(I2C_SCL), sda=machine.Pin(I2C_SDA), freq=400_000)
        self.accelerometer = Accelerometer(i2c, self._motion_pin)
        pmu_i2c = machine.I2C(0, scl=machine.Pin(PMU_SCL), sda=machine.Pin(PMU_SDA), freq=400_000)
        self.battery = Axp2101(pmu_i2c)
        try:
            self.battery.start()
        except OSError as error:
            # Button, journal and BLE work without it; the modem's driver finds out by itself.
            log.line("power management: %s" % error)
        self._power = ModemPower(self.battery)
        self._uart = None

    def _read_cause(self):
        """What woke us, as the chip has noted it: the button may have been let go during the boot."""
        reset = machine.reset_cause()
        if reset == machine.WDT_RESET:
            return WOKEN_BY_WATCHDOG
        if reset != machine.DEEPSLEEP_RESET:
            return WOKEN_BY_POWER
        reason = machine.wake_reason()
        if reason == machine.EXT0_WAKE:
            return WOKEN_BY_BUTTON
        return WOKEN_BY_MOTION if reason == machine.EXT1_WAKE else WOKEN_BY_TIMER

    def wake_cause(self):
        return self._cause

    def read_rtc(self):
        return machine.RTC().memory()

    def write_rtc(self, raw):
        machine.RTC().memory(raw)

    def nvs(self):
        return esp32.NVS("socors")

    def radio(self):
        return bluetooth.BLE()

    def modem(self):
        """Return (uart, power) of the modem."""
        if self._uart is None:
            self._uart = machine.UART(
                _MODEM_UART, _MODEM_BAUD, tx=MODEM_TX, rx=MODEM_RX, rxbuf=_MODEM_RXBUF, timeout=0
            )
        return self._uart, self._power

    def watchdog(self, timeout_ms):
        return machine.WDT(timeout=timeout_ms)

    def was_woken(self):
        """Whether this start is the end of a deep sleep."""
        return machine.reset_cause() == machine.DEEPSLEEP_RESET

    def deep_sleep(self, ms, stuck=False):
        """Sleep; button (ext0), accelerometer (ext1) or time wake. Does not return: the next thing is main from its top.

        A line that never rises would wake the device at once, for ever: a stuck button, a broken accelerometer's, or
        that of one which was not armed and drives its line as it likes. A line that is low because something has
        happened this very moment is another matter: the device looks again at once.
        """
        motion = ()
        if self.accelerometer.armed:
            moved = self._motion_pin.value() == 0
            if not moved or self._motion_line_rises():
                motion = (self._motion_pin,)
                ms = min(ms, LOOK_AGAIN_MS) if moved else ms
        esp32.wake_on_ext0(None if stuck else self._button_pin, esp32.WAKEUP_ALL_LOW)
        esp32.wake_on_ext1(motion or None, esp32.WAKEUP_ALL_LOW)
        self._power.before_deep_sleep()
        machine.deepsleep(ms)

    def light_sleep(self, ms):
        """Sleep for so long with memory and pins as they are, or until the button is pressed; the radio must be off.

        In naps that the timer alone ends: a pin that wakes from light sleep is told by its level from then on, and the
        interrupt of a button that is held would leave no time for anything else (ports/esp32, gpio_wakeup_enable).
        """
        while ms > 0 and self._button_pin.value():
            machine.lightsleep(min(ms, NAP_MS))
            ms -= NAP_MS
        self.button.changed.set()  # what its interrupt has missed

    def _motion_line_rises(self):
        """Whether the line is free again once its sources are read."""
        try:
            self.accelerometer.sources()
        except OSError:
            return False
        return self._motion_pin.value() == 1


def build():
    """Return the board with its drivers."""
    return Board()
