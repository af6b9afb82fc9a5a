"""The UART of the fakes behaves as the chip's: a stream for asyncio, a ring, a FIFO, and a loss when both are full."""

import sys

import _tasks
import empty_cable as cable

sys.modules["_asyncio"] = _tasks  # as _start.py does: the queue of tasks keeps our clock

import asyncio  # noqa: E402


def port(rxbuf=256):
    import machine

    cable.lay(chip="esp32s3")
    return machine.UART(1, 115_200, tx=5, rx=4, rxbuf=rxbuf, timeout=0)


def come(data):
    cable.hear("uart", 1, "".join("%02x" % byte for byte in data))


def test_what_is_written_goes_out_on_the_cable_with_the_ports_number():
    uart = port()
    assert uart.write(b"AT\r\x00\xff") == 5
    assert cable.sent == [("uart.write", (1, "41540d00ff"))]


def test_what_comes_waits_in_order_and_nothing_is_none():
    uart = port()
    assert uart.read() is None
    assert uart.readline() is None
    come(b"\r\nOK")
    come(b"\r\n+CPIN")
    assert uart.any() == 11
    assert uart.readline() == b"\r\n"
    assert uart.readline() == b"OK\r\n"
    buffer = bytearray(3)
    assert uart.readinto(buffer) == 3
    assert bytes(buffer) == b"+CP"
    assert uart.read(1) == b"I"
    assert uart.read() == b"N"
    assert uart.any() == 0


def test_of_another_ports_bytes_and_of_those_before_it_was_open_nothing_is_heard():
    import _uart  # noqa: F401 - as after an earlier use in the same program

    cable.lay(chip="esp32s3")
    come(b"before")
    uart = port()
    cable.hear("uart", 2, "4142")
    assert uart.read() is None


def test_ring_and_fifo_hold_what_nobody_reads_and_an_overrun_takes_the_fifo():
    uart = port(rxbuf=256)
    come(b"a" * 256)
    come(b"b" * 128)
    assert uart.any() == 384
    come(b"c")
    assert uart.any() == 256
    assert uart.lost == 129
    come(b"d")
    assert uart.read() == b"a" * 256 + b"d"


def test_no_ring_is_smaller_than_the_chip_takes():
    uart = port(rxbuf=16)
    come(bytes(129))
    assert (uart.any(), uart.lost) == (129, 0)


def test_asyncio_reads_lines_and_is_not_woken_without_any():
    uart = port()
    heard = []

    async def read():
        reader = asyncio.StreamReader(uart)
        for _ in range(2):
            heard.append(await reader.readline())

    async def run():
        reading = asyncio.create_task(read())
        await asyncio.sleep_ms(5)
        assert not heard
        come(b"RDY\r\n+CF")
        await asyncio.sleep_ms(5)
        assert heard == [b"RDY\r\n"]
        come(b"UN: 1\r\n")
        await reading

    import _port

    def idle(ms):
        _port.now_us += max(1, ms) * 1000

    _port.idle = idle
    asyncio.run(run())
    assert heard == [b"RDY\r\n", b"+CFUN: 1\r\n"]
