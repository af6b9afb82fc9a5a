"""The fakes of `esp32`, `machine` and `time` have the limits of an ESP32-C3 or S3. Runs in MicroPython."""

import os

import empty_cable as cable
from empty_cable import raises


def nvs():
    import esp32

    folder = "/tmp/socors-nvs-%s" % "".join("%02x" % byte for byte in os.urandom(8))
    os.mkdir(folder)
    esp32.directory = lambda: folder
    return esp32.NVS("socors")


def test_a_key_of_nvs_has_at_most_fifteen_characters():
    store = nvs()
    store.set_blob("k" * 15, b"1")
    assert raises(ValueError, lambda: store.set_blob("k" * 16, b"1"))


def test_a_missing_key_is_an_error_with_the_number_of_the_chip():
    store = nvs()
    assert raises(OSError, lambda: store.get_blob("nothing", bytearray(8)), -0x1102)
    assert raises(OSError, lambda: store.erase_key("nothing"), -0x1102)


def test_a_blob_larger_than_the_buffer_is_an_error_and_not_cut():
    store = nvs()
    store.set_blob("key", bytes(9))
    assert raises(OSError, lambda: store.get_blob("key", bytearray(8)))
    buffer = bytearray(12)
    assert store.get_blob("key", buffer) == 9
    assert len(buffer) == 12


def test_what_is_not_committed_is_not_there_after_a_restart():
    import esp32

    store = nvs()
    store.set_blob("kept", b"1")
    store.commit()
    store.set_blob("lost", b"2")
    again = esp32.NVS("socors")
    assert again.get_blob("kept", bytearray(4)) == 1
    assert raises(OSError, lambda: again.get_blob("lost", bytearray(4)), -0x1102)


def test_only_gpio_0_to_5_wake_from_deep_sleep():
    import esp32
    import machine

    cable.lay()
    esp32.wake_on_gpio([machine.Pin(n) for n in range(6)], esp32.WAKEUP_ALL_LOW)
    assert [(op, list(args)) for op, args in cable.sent] == [("wake_on_gpio", [[0, 1, 2, 3, 4, 5], 0])]
    for pin in (machine.Pin(6), machine.Pin(10), machine.Pin(21)):
        assert raises(ValueError, lambda pin=pin: esp32.wake_on_gpio([pin], esp32.WAKEUP_ALL_LOW))


def test_an_s3_wakes_by_ext0_and_ext1_on_its_rtc_pins_and_not_as_a_c3_does():
    import esp32
    import machine

    cable.lay(chip="esp32s3")
    esp32.wake_on_ext0(machine.Pin(8), esp32.WAKEUP_ALL_LOW)
    esp32.wake_on_ext1((machine.Pin(0), machine.Pin(21)), esp32.WAKEUP_ANY_HIGH)
    esp32.wake_on_ext0(None, esp32.WAKEUP_ALL_LOW)
    assert [(op, list(args)) for op, args in cable.sent] == [
        ("wake_on_ext0", [[8], 0]),
        ("wake_on_ext1", [[0, 21], 1]),
        ("wake_on_ext0", [[], 0]),
    ]
    assert raises(ValueError, lambda: esp32.wake_on_ext0(machine.Pin(22), esp32.WAKEUP_ALL_LOW))
    assert raises(ValueError, lambda: esp32.wake_on_ext1([machine.Pin(41)], esp32.WAKEUP_ALL_LOW))
    assert raises(AttributeError, lambda: esp32.wake_on_gpio([machine.Pin(4)], esp32.WAKEUP_ALL_LOW))


def test_a_c3_has_neither_ext0_nor_ext1():
    import esp32
    import machine

    cable.lay(chip="esp32c3")
    assert raises(AttributeError, lambda: esp32.wake_on_ext0(machine.Pin(4), esp32.WAKEUP_ALL_LOW))
    assert raises(AttributeError, lambda: esp32.wake_on_ext1([machine.Pin(4)], esp32.WAKEUP_ALL_LOW))


def test_rtc_memory_holds_2048_bytes():
    import machine

    cable.lay()
    rtc = machine.RTC()
    assert rtc.memory() == b""
    rtc.memory(b"\x5a" * 2048)
    assert rtc.memory() == b"\x5a" * 2048
    assert raises(ValueError, lambda: rtc.memory(bytes(2049)))
    assert rtc.memory() == b"\x5a" * 2048


def test_a_pin_calls_its_handler_on_the_edges_it_was_asked_for():
    import machine

    cable.lay(pins={"4": 1})
    edges = []
    pin = machine.Pin(4, machine.Pin.IN, machine.Pin.PULL_UP)
    pin.irq(lambda it: edges.append(it.value()), machine.Pin.IRQ_FALLING)
    for level in (0, 0, 1, 0):
        cable.hear("pin", 4, level)
    assert edges == [0, 0]


def test_an_output_tells_the_world_of_changes_only():
    import machine

    cable.lay()
    pin = machine.Pin(10, machine.Pin.OUT)
    for level in (0, 1, 1, 0):
        pin.value(level)
    assert [tuple(args[:2]) for op, args in cable.sent if op == "pin"] == [(10, 1), (10, 0)]


def test_an_address_nobody_answers_on_is_an_error():
    import _port
    import machine

    cable.lay()
    _port.call = lambda op, *args: None
    bus = machine.I2C(0)
    assert raises(OSError, lambda: bus.readfrom_mem(0x6B, 0x0F, 1), 19)
    assert raises(OSError, lambda: bus.writeto_mem(0x6B, 0x10, b"\0"), 19)


def at(ms):
    import _port

    _port.now_us = ms * 1000


def test_ticks_wrap_ten_seconds_after_the_start_and_differences_do_not_notice():
    import time

    cable.lay()
    period = 1 << 30
    start = time.ticks_ms()
    assert start == period - 10_000
    at(9_999)
    before = time.ticks_ms()
    assert before == period - 1
    at(10_000)
    assert time.ticks_ms() == 0
    at(10_500)
    after = time.ticks_ms()
    assert after == 500
    assert time.ticks_diff(after, before) == 501
    assert time.ticks_diff(before, after) == -501
    assert time.ticks_add(before, 501) == after
    assert time.ticks_add(after, -501) == before


def test_a_difference_beyond_half_the_period_looks_negative_as_on_the_chip():
    import time

    assert time.ticks_diff((1 << 29) - 1, 0) == (1 << 29) - 1
    assert time.ticks_diff(1 << 29, 0) == -(1 << 29)


def test_seconds_count_from_the_year_2000_and_from_power_on():
    import time

    cable.lay(power_on_us=0)
    assert time.gmtime(0)[:6] == (2000, 1, 1, 0, 0, 0)
    at(3_600_000)
    assert time.time() == 3600
    cable.lay(now_us=7_000_000, power_on_us=5_000_000)
    at(9_000)
    assert time.time() == 4
