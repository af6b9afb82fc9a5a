"""The pendant: ESP32-C3 (XIAO or module), LSM6DSOX, button, motor, three-colour LED. Pins as in hardware/pins.csv."""

import bluetooth
import esp32
import machine
from drivers.battery import Battery
from drivers.button import Button
from drivers.light import Light
from drivers.lsm6dsox import Accelerometer
from drivers.motor import Motor

BATTERY = 2
ACCELEROMETER_INT1 = 3
BUTTON = 4
USB_SENSE = 5
I2C_SDA = 6
I2C_SCL = 7
LIGHT_BLUE = 8
MOTOR = 10
LIGHT_GREEN = 20
LIGHT_RED = 21

WOKEN_BY_POWER = 0
WOKEN_BY_BUTTON = 1
WOKEN_BY_MOTION = 2
WOKEN_BY_TIMER = 3
WOKEN_BY_WATCHDOG = 4

LOOK_AGAIN_MS = 10
# Shorter than a press.
NAP_MS = 40

_WAKE_TIMER = 4  # machine.wake_reason() gives the IDF's number; 7, a pin, has no name in MicroPython


class Board:
    def __init__(self):
        self._button_pin = machine.Pin(BUTTON, machine.Pin.IN, machine.Pin.PULL_UP)
        self._motion_pin = machine.Pin(ACCELEROMETER_INT1, machine.Pin.IN, machine.Pin.PULL_UP)
        self._cause = self._read_cause()
        self.button = Button(self._button_pin)
        self.motor = Motor(machine.Pin(MOTOR, machine.Pin.OUT))
        lights = (LIGHT_RED, LIGHT_GREEN, LIGHT_BLUE)
        self.light = Light(*[machine.Pin(n, machine.Pin.OUT, value=1) for n in lights])
        i2c = machine.I2C(0, scl=machine.Pin(I2C_SCL), sda=machine.Pin(I2C_SDA), freq=400_000)
        self.accelerometer = Accelerometer(i2c, self._motion_pin)
        self.battery = Battery(machine.ADC(BATTERY), machine.Pin(USB_SENSE, machine.Pin.IN))

    def _read_cause(self):
        """What woke us, as the chip has noted it: the button may have been let go during the boot."""
        reset = machine.reset_cause()
        if reset == machine.WDT_RESET:
            return WOKEN_BY_WATCHDOG
        if reset != machine.DEEPSLEEP_RESET:
            return WOKEN_BY_POWER
        if machine.wake_reason() == _WAKE_TIMER:
            return WOKEN_BY_TIMER
        return WOKEN_BY_BUTTON if BUTTON in machine.wake_pins() else WOKEN_BY_MOTION

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
        """A pendant has none."""
        return None

    def watchdog(self, timeout_ms):
        return machine.WDT(timeout=timeout_ms)

    def was_woken(self):
        """Whether this start is the end of a deep sleep."""
        return machine.reset_cause() == machine.DEEPSLEEP_RESET

    def deep_sleep(self, ms, stuck=False):
        """Sleep; button, accelerometer or time wake. Does not return: the next thing is main from its top.

        A line that never rises would wake the device at once, for ever: a stuck button, a broken accelerometer's, or
        that of one which was not armed and drives its line as it likes. A line that is low because something has
        happened this very moment is another matter: the device looks again at once.
        """
        pins = [] if stuck else [self._button_pin]
        if self.accelerometer.armed:
            moved = self._motion_pin.value() == 0
            if not moved or self._motion_line_rises():
                pins.append(self._motion_pin)
                ms = min(ms, LOOK_AGAIN_MS) if moved else ms
        esp32.wake_on_gpio(tuple(pins), esp32.WAKEUP_ALL_LOW)
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
