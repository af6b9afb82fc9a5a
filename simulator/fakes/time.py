"""`time` as the ESP32 has it: ticks wrap after 12.4 days and begin ten seconds short of it; seconds count from 2000."""

import _port
import utime

_PERIOD = 1 << 30
_FIRST = _PERIOD - 10_000
_start_ms = utime.ticks_ms()
_start_us = 0


def _since_start_us():
    if _port.virtual:
        return _port.now_us - _port.hello["now_us"]
    return utime.ticks_diff(utime.ticks_ms(), _start_ms) * 1000


def ticks_ms():
    return (_FIRST + _since_start_us() // 1000) % _PERIOD


def ticks_us():
    if _port.virtual:
        return (_FIRST + _since_start_us()) % _PERIOD
    return utime.ticks_us() % _PERIOD


def ticks_cpu():
    return ticks_us()


def ticks_add(ticks, delta):
    return (ticks + delta) % _PERIOD


def ticks_diff(end, start):
    return (end - start + _PERIOD // 2) % _PERIOD - _PERIOD // 2


def time():
    """Seconds of the RTC: it runs through deep sleep and starts at 2000-01-01 when power comes."""
    if _port.virtual:
        return (_port.now_us - _port.hello["power_on_us"]) // 1_000_000
    return int(utime.ticks_us() // 1_000_000) - _port.hello["power_on_us"] // 1_000_000


def time_ns():
    return time() * 1_000_000_000


def sleep_ms(ms):
    _port.wait(max(0, ms))


def sleep_us(us):
    _port.wait((us + 999) // 1000)


def sleep(seconds):
    _port.wait(int(seconds * 1000))


def gmtime(seconds=None):
    """The calendar of seconds since 2000."""
    return utime.gmtime((time() if seconds is None else seconds) + 946_684_800)


localtime = gmtime
