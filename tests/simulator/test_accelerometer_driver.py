"""The real driver in real MicroPython on the emulated chip: what it sets, what it reads, and what it says of a fault."""

import pytest
from cable import Bench

from simulator.world.body import gravity

BEGIN = """
import json, time
from machine import I2C, Pin
from drivers.lsm6dsox import Accelerometer, NotAnswering
pin = Pin(3, Pin.IN, Pin.PULL_UP)
chip = Accelerometer(I2C(0), pin)
samples = []
def take(x, y, z):
    samples.append((x, y, z))
"""


@pytest.fixture
def bench():
    return Bench()


def started(bench):
    bench.run(BEGIN + "chip.start()\nprint(json.dumps(chip.armed))")
    return bench


def writes_of(bench, script):
    """The registers a script writes, in order."""
    chip, seen = bench.hardware.accelerometer, []
    real = chip.write

    def write(register, data, now_us):
        seen.extend((register + i, value) for i, value in enumerate(data))
        real(register, data, now_us)

    chip.write = write
    bench.run(BEGIN + script)
    return seen


def test_start_resets_first_and_sets_the_line_before_it_lets_interrupts_out(bench):
    order = [register for register, _ in writes_of(bench, "chip.start()\nprint(1)")]
    assert order[0] == 0x12
    assert order.index(0x12, 1) < order.index(0x58) < order.index(0x5E)
    line = [value for register, value in writes_of(bench, "chip.start()\nprint(1)") if register == 0x12][1]
    assert line & 0x30 == 0x30  # active low, open drain
    assert line & 0x44 == 0x44  # block update, auto-increment


def test_it_runs_in_ultra_low_power_at_52_hz_and_8_g(bench):
    started(bench)
    chip = bench.hardware.accelerometer
    assert chip.power_mode() == "ultra_low_power"
    assert chip.registers[0x10] == 0x3C
    assert "accelerometer_ultra_low_power" in bench.hardware.meter.loads


def test_the_line_is_high_when_armed_and_low_from_a_blow_until_the_sources_are_read(bench):
    started(bench)
    assert bench.hardware.levels[3] == 1
    bench.hardware.body.play_trace([gravity(5)] * 20 + [(0, 5000, 0)] * 2 + [gravity(5)] * 20, bench.us)
    bench.advance(1000)
    assert bench.hardware.levels[3] == 0
    assert bench.run(BEGIN + "print(json.dumps([chip.configured(), chip.sources(), pin.value()]))") == [
        True,
        2,
        1,
    ]
    assert bench.hardware.levels[3] == 1


def test_a_falling_line_sets_the_flag_the_motion_task_waits_for(bench):
    started(bench)
    bench.hardware.body.play_trace([gravity(5)] * 20 + [(0, 5000, 0)] * 2 + [gravity(5)] * 20, bench.us)
    flag = "time.sleep_ms(1000)\nprint(json.dumps(bool(chip.moved.ioctl(3, 1))))"
    assert bench.run(BEGIN + "before = chip.moved.ioctl(3, 1)\n" + flag) is True


def test_free_fall_shorter_than_its_six_samples_wakes_nobody_and_longer_does(bench):
    for samples, source in ((4, 0), (9, 1)):
        started(bench)
        bench.hardware.body.play_trace(
            [gravity(5)] * 10 + [(100, 100, 100)] * samples + [gravity(5)] * 20, bench.us
        )
        bench.advance(800)
        assert bench.run(BEGIN + "print(json.dumps(chip.sources()))") & 1 == source


def test_after_deep_sleep_the_chip_is_left_as_it_was_and_gives_the_seconds_before_the_wake(bench):
    started(bench)
    bench.advance(20_000)
    fall = [(i, 0, 900) for i in range(250)]  # five seconds that can be told apart
    bench.hardware.body.play_trace(fall, bench.us)
    bench.advance(5000)
    bench.advance(300)  # the boot
    samples = bench.run(BEGIN + "assert chip.configured()\nchip.read_fifo(take)\nprint(json.dumps(samples))")
    assert len(samples) > 8 * 50
    before = [sample for sample in samples if abs(sample[2] - 60) < 5]
    falling = samples[len(before) :][:250]
    assert len(before) > 3 * 50  # hanging still, as it was
    assert all(abs(x - 87) < 5 for x, _, _ in before)
    seen = [x for x, _, _ in falling]
    assert seen == sorted(seen)
    assert seen[0] <= 2
    assert seen[-1] >= 245


def test_52_samples_become_50(bench):
    started(bench)
    bench.run(BEGIN + "chip.read_fifo(take)\nprint(len(samples))")
    bench.us += 8 * 1_000_000
    waiting = bench.hardware.accelerometer.read(0x3A, 1, bench.us)[0] + 256
    taken = bench.run(BEGIN + "print(chip.read_fifo(take))")
    assert taken == waiting - waiting // 26


def test_it_reads_the_level_first_and_whole_words_only(bench):
    started(bench)
    bench.us += 2_000_000
    chip, reads = bench.hardware.accelerometer, []
    real = chip.read

    def read(register, count, now_us):
        reads.append((register, count))
        return real(register, count, now_us)

    chip.read = read
    bench.run(BEGIN + "print(chip.read_fifo(take))")
    assert reads[0] == (0x3A, 2)
    data = [count for register, count in reads if register == 0x78]
    assert data
    assert all(count % 7 == 0 for count in data)


def test_words_of_other_sensors_and_of_an_empty_fifo_are_left_out(bench):
    started(bench)
    chip = bench.hardware.accelerometer
    chip._fifo.clear()
    for tag in (0x10, 0x08, 0x00, 0x20, 0x12):  # accelerometer, gyroscope, empty, timestamp, accelerometer
        chip._fifo.append(bytes((tag, 0, 1, 0, 2, 0, 3)))
    samples = bench.run(BEGIN + "chip.read_fifo(take)\nprint(json.dumps(samples))")
    assert samples[:2] == [[62, 124, 187], [62, 124, 187]]
    assert len(samples) == 2


def test_gravity_comes_out_as_a_thousand_and_down_as_minus_a_thousand(bench):
    started(bench)
    for value in (1000, -1000, 7900, -7900):
        bench.hardware.body.play_trace([(value, -value, 0)] * 60, bench.us)
        bench.advance(1000)
        x, y, _ = bench.run(BEGIN + "chip.read_fifo(take)\nprint(json.dumps(samples[-5]))")
        assert abs(x - value) <= 2
        assert abs(y + value) <= 2


def test_a_chip_that_is_not_there_is_said_to_be_so(bench):
    bench.hardware.handle = lambda op, args, real=bench.hardware.handle: (
        None if op.startswith("i2c.") else real(op, args)
    )
    said = bench.run(
        BEGIN
        + "try:\n    chip.start()\n    print(0)\n"
        + "except NotAnswering as error:\n    print(json.dumps([str(error), chip.armed]))"
    )
    assert said == ["the accelerometer does not answer", False]


def test_a_chip_of_another_kind_is_not_taken_for_ours(bench):
    bench.hardware.accelerometer.registers[0x0F] = 0x6A
    assert bench.run(BEGIN + "print(json.dumps([chip.present(), chip.configured()]))") == [False, False]


def test_a_chip_that_lost_its_settings_is_noticed_and_armed_again(bench):
    started(bench)
    bench.hardware.accelerometer.write(0x12, b"\x01", bench.us)
    script = "a = chip.configured()\nchip.start()\nprint(json.dumps([a, chip.configured()]))"
    assert bench.run(BEGIN + script) == [False, True]


def test_the_self_test_holds_on_a_good_chip_and_not_on_one_that_is_stuck(bench):
    started(bench)
    again = "ok = chip.self_test()\nchip.start()\nprint(json.dumps([ok, chip.configured()]))"
    assert bench.run(BEGIN + again) == [True, True]
    chip = bench.hardware.accelerometer
    real = chip.write
    chip.write = lambda register, data, now_us: real(register, b"\0" if register == 0x14 else data, now_us)
    assert bench.run(BEGIN + "print(json.dumps(chip.self_test()))") is False


SLEEP = """
import board
hardware = board.build()
print("[]")
"""


def asleep(bench, before="hardware.accelerometer.configured()\n"):
    """Let the board go to sleep for a quarter of an hour; return (milliseconds, pins that wake)."""
    bench.run(SLEEP + before + "hardware.deep_sleep(900_000)")
    return bench.slept_ms, bench.hardware.wake_pins


def test_armed_both_button_and_accelerometer_wake_and_not_armed_the_button_alone(bench):
    assert asleep(bench) == (900_000, [4])
    started(bench)
    assert asleep(bench) == (900_000, [4, 3])


def test_a_blow_at_the_moment_of_going_to_sleep_is_looked_at_at_once_and_still_wakes(bench):
    started(bench)
    bench.hardware.body.play_trace([gravity(5)] * 20 + [(0, 5000, 0)] * 2 + [gravity(5)] * 20, bench.us)
    bench.advance(1000)
    assert bench.hardware.levels[3] == 0
    assert asleep(bench) == (10, [4, 3])
    assert bench.hardware.levels[3] == 1


def test_a_line_that_stays_low_does_not_keep_the_device_awake(bench):
    started(bench)
    bench.hardware.levels[3] = 0  # a solder bridge: the chip knows nothing of it
    assert asleep(bench) == (900_000, [4])


def test_a_stuck_button_does_not_wake(bench):
    started(bench)
    bench.run(SLEEP + "hardware.accelerometer.configured()\nhardware.deep_sleep(1000, True)")
    assert bench.hardware.wake_pins == [3]
