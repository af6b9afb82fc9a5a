"""`machine` of the ESP32: pins, I2C, ADC, UART, RTC memory, watchdog, deep sleep, on the far side of the cable."""

import binascii
import sys

import _port

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5
PIN_WAKE = EXT0_WAKE = 2
EXT1_WAKE = 3
TIMER_WAKE = 4


class Pin:
    IN = 1
    OUT = 3
    OPEN_DRAIN = 7
    PULL_UP = 2
    PULL_DOWN = 1
    IRQ_RISING = 1
    IRQ_FALLING = 2

    _levels = {}
    _irqs = {}
    _dozing = False

    def __init__(self, number, mode=-1, pull=-1, value=None, hold=None):
        self.number = number
        if hold is not None:
            _port.post("hold", number, bool(hold))
        if number not in Pin._levels:
            Pin._levels[number] = _port.hello["pins"].get(str(number), 1 if pull == Pin.PULL_UP else 0)
        if value is not None:
            self.value(value)

    def value(self, level=None):
        if level is None:
            return Pin._levels[self.number]
        level = 1 if level else 0
        if Pin._levels.get(self.number) != level:
            Pin._levels[self.number] = level
            _port.post("pin", self.number, level, _port.clock_us())
        return None

    __call__ = value

    def irq(self, handler=None, trigger=3):
        Pin._irqs[self.number] = (handler, trigger, self)


def _edge(number, level):
    before = Pin._levels.get(number)
    Pin._levels[number] = level
    handler, trigger, pin = Pin._irqs.get(number, (None, 0, None))
    if (
        handler
        and not Pin._dozing
        and before != level
        and trigger & (Pin.IRQ_RISING if level else Pin.IRQ_FALLING)
    ):
        handler(pin)


_port.on("pin", _edge)


class I2C:
    def __init__(self, id=0, scl=None, sda=None, freq=400_000):
        pass

    def _read(self, address, register, count):
        answer = _port.call("i2c.read", address, register, count)
        if answer is None:
            raise OSError(19)
        return binascii.unhexlify(answer)

    def readfrom_mem_into(self, address, register, buffer):
        buffer[:] = self._read(address, register, len(buffer))

    def readfrom_mem(self, address, register, count):
        return self._read(address, register, count)

    def writeto_mem(self, address, register, data):
        if not _port.call("i2c.write", address, register, binascii.hexlify(bytes(data)).decode()):
            raise OSError(19)


class ADC:
    def __init__(self, pin, atten=None):
        self._pin = pin.number if isinstance(pin, Pin) else pin

    def read_uv(self):
        return _port.call("adc", self._pin)


def UART(*args, **said):
    """A class on the chip; here its code is loaded by who has a UART, so that it costs a pendant no heap."""
    import _uart

    return _uart.UART(*args, **said)


class RTC:
    """2,048 bytes that survive deep sleep and watchdog, not the loss of power."""

    def memory(self, data=None):
        if data is None:
            return binascii.unhexlify(_port.hello["rtc"])
        if len(data) > 2048:
            raise ValueError("buffer too long")
        text = binascii.hexlify(bytes(data)).decode()
        _port.hello["rtc"] = text
        _port.post("rtc", text)


class WDT:
    def __init__(self, id=0, timeout=5000):
        _port.post("wdt", timeout)

    def feed(self):
        _port.post("wdt.feed")


def reset_cause():
    return _port.hello["reset_cause"]


def wake_reason():
    return _port.hello["wake_reason"]


def wake_pins():
    """The pins that were at their level when they ended the deep sleep."""
    return tuple(_port.hello["wake_pins"])


def deepsleep(ms=-1):
    _port.call("sleep", ms)
    raise SystemExit


def lightsleep(ms=-1):
    """Time passes with nothing running: no edge is felt, and the Bluetooth stack is gone afterwards."""
    radio = sys.modules.get("bluetooth")
    if radio and radio.BLE._one:
        radio.BLE._one.active(False)
    _port.post("light_sleep", True)
    Pin._dozing = True
    _port.wait(ms)
    Pin._dozing = False
    _port.post("light_sleep", False)


def reset():
    _port.call("reset")
    raise SystemExit


def unique_id():
    return b"\x02\x00\x00" + _port.hello["device"].to_bytes(3, "big")


def freq(hz=None):
    return 160_000_000
