"""The real driver in real MicroPython on the emulated chip: what it sets, what it reads, and what it says of a fault."""

import random
from fractions import Fraction
from math import floor

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
def read():
    while chip.read_fifo(take):
        pass
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


def sources_after(bench, trace):
    """What the chip has seen in a motion that begins and ends hanging still; the motion's own jumps aside."""
    started(bench)
    bench.run(BEGIN + "chip.sources()\nprint(1)")
    bench.hardware.body.play_trace([gravity(5)] * 10 + trace + [gravity(5)] * 20, bench.us)
    bench.advance(1000)
    return bench.run(BEGIN + "print(json.dumps(chip.sources()))")


@pytest.mark.parametrize("step_mg, wakes", [(240, False), (260, True)])
@pytest.mark.parametrize("axis", range(3))
def test_a_quarter_of_a_g_between_two_samples_wakes_on_any_axis_and_less_does_not(
    bench, axis, step_mg, wakes
):
    moved = list(gravity(5))
    moved[axis] += step_mg
    assert sources_after(bench, [tuple(moved)] * 20) == (2 if wakes else 0)


def test_a_chip_that_compares_the_whole_difference_wakes_no_later(bench):
    bench.hardware.accelerometer._slope_divisor = 1
    x, y, z = gravity(5)
    assert sources_after(bench, [(x, y + 260, z)] * 20) == 2


def test_free_fall_of_three_samples_wakes_nobody_and_of_five_does(bench):
    x, y, z = gravity(5)
    # Down and up in steps that the slope does not feel: what counts is how long all axes are below 500 mg.
    steps = [(x, y - 200, z), (x, y - 400, z)]
    for samples, source in ((3, 0), (5, 1)):
        low = [(100, 450, -100)] * samples
        assert sources_after(bench, steps + low + steps[::-1]) == source


def test_the_start_itself_wakes_nobody_though_gravity_is_the_first_slope(bench):
    started(bench)
    bench.advance(500)
    assert bench.hardware.levels[3] == 1
    assert bench.run(BEGIN + "print(json.dumps(chip.sources()))") == 0


def test_after_deep_sleep_the_chip_is_left_as_it_was_and_gives_the_seconds_before_the_wake(bench):
    started(bench)
    bench.advance(20_000)
    fall = [(i, 0, 900) for i in range(250)]  # five seconds that can be told apart
    bench.hardware.body.play_trace(fall, bench.us)
    bench.advance(5000)
    bench.advance(300)  # the boot
    samples = bench.run(BEGIN + "assert chip.configured()\nread()\nprint(json.dumps(samples))")
    assert len(samples) > 8 * 50
    before = [sample for sample in samples if abs(sample[2] - 60) < 5]
    falling = samples[len(before) + 1 :][:247]  # what lies between the two is of both
    assert len(before) > 3 * 50  # hanging still, as it was
    assert all(abs(x - 87) < 5 for x, _, _ in before)
    seen = [x for x, _, _ in falling]
    assert seen == sorted(seen)
    assert seen[0] <= 2
    assert seen[-1] >= 245


def words_of(chip, counts):
    """Put samples of x into the chip's FIFO as the accelerometer does, in counts."""
    chip._fifo.clear()
    for x in counts:
        chip._fifo.append(b"\x10" + b"".join(v.to_bytes(2, "little", signed=True) for v in (x, -1 - x, 0)))


def interpolated(counts):
    """What a 50 Hz chip would have given, from samples at 52 Hz: exact, then rounded to milli-g."""
    out = []
    for k in range(len(counts)):
        at = Fraction(26 * k, 25)
        first = floor(at)
        share = at - first
        if first + (share > 0) >= len(counts):
            return out
        value = counts[first] + (share * (counts[first + 1] - counts[first]) if share else 0)
        out.append(floor(value * Fraction(61, 250) + Fraction(1, 2)))
    return out


def test_52_samples_become_50_by_exact_interpolation_whatever_they_are(bench):
    started(bench)
    chance = random.Random(4)
    counts = [chance.choice((-32768, 32767, chance.randint(-32768, 32767))) for _ in range(480)]
    words_of(bench.hardware.accelerometer, counts)
    samples = bench.run(BEGIN + "read()\nprint(json.dumps(samples))")
    expected = interpolated(counts)
    assert len(samples) >= len(expected) >= 461
    assert [x for x, _, _ in samples][: len(expected)] == expected
    assert [y for _, y, _ in samples][: len(expected)] == interpolated([-1 - x for x in counts])


def test_the_phase_is_kept_from_one_reading_of_the_fifo_to_the_next(bench):
    """In one reading, or in readings of every size: the same samples."""
    started(bench)
    counts = [(37 * i) % 4001 - 2000 for i in range(260)]
    chip = bench.hardware.accelerometer
    words_of(chip, counts)
    waiting = list(chip._fifo)
    whole = bench.run(BEGIN + "read()\nprint(json.dumps(samples))")
    chip._fifo.clear()
    real, sizes = chip.read, iter([1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 29])

    def read(register, count, now_us):
        if register == 0x3A and not chip._fifo:
            for _ in range(next(sizes, 0)):
                chip._fifo.append(waiting.pop(0))
        return real(register, count, now_us)

    chip.read = read
    parts = bench.run(BEGIN + "for _ in range(11):\n    read()\nprint(json.dumps(samples))")
    assert not waiting
    assert parts == whole
    assert len(whole) == 250


def test_an_hour_of_the_chips_samples_is_an_hour_at_50_hz(bench):
    """A ramp up and down of one count a sample tells where each sample lies: to the end within a milli-g."""
    chip = bench.hardware.accelerometer
    begun = []

    def at(t_us):
        begun.append(t_us)
        n = len(begun) - 1
        up = n % 8192
        return (round(0.244 * (up if up < 4096 else 8192 - up), 3), 0, 1000)

    started(bench)
    chip._fifo.clear()
    chip._sample_at = at
    script = """
count = worst = 0
def take(x, y, z):
    global count, worst
    at = 26 * count % (8192 * 25)
    ramp = at if at < 4096 * 25 else 8192 * 25 - at
    error = x * 6250 - ramp * 61
    worst = max(worst, -error, error)
    count += 1
for _ in range(450):
    time.sleep_ms(8000)
    read()
print(json.dumps([count, worst / 6250]))
"""
    count, worst_mg = bench.run(BEGIN + script)
    assert abs(count - len(begun) * 25 / 26) <= 1
    assert abs(count - 3600 * 50) <= 10  # the chip's clock in the simulator runs in whole microseconds
    assert worst_mg <= 1


def test_a_sample_takes_no_memory(bench):
    """A word from the FIFO's buffer to the caller, with the heap locked: what asks for memory raises."""
    started(bench)
    script = """
import micropython
last = bytearray(8)
def take(x, y, z):
    last[0] = x & 255
chip._words[:] = bytes(range(224))
micropython.heap_lock()
for start in range(1, 224, 7):
    chip._pass_on(start, take)
micropython.heap_unlock()
print(json.dumps(last[0]))
"""
    assert isinstance(bench.run(BEGIN + script), int)


def test_it_reads_the_level_first_and_whole_words_only(bench):
    started(bench)
    bench.us += 2_000_000
    chip, reads = bench.hardware.accelerometer, []
    real = chip.read

    def read(register, count, now_us):
        reads.append((register, count))
        return real(register, count, now_us)

    chip.read = read
    bench.run(BEGIN + "read()\nprint(1)")
    assert reads[0] == (0x3A, 2)
    data = [count for register, count in reads if register == 0x78]
    assert data
    assert all(count % 7 == 0 for count in data)


def test_words_of_other_sensors_and_of_an_empty_fifo_are_left_out(bench):
    started(bench)
    chip = bench.hardware.accelerometer
    chip._fifo.clear()
    # Accelerometer, gyroscope, empty, timestamp, accelerometer, accelerometer: 50 Hz has one sample less of three.
    for tag, high in ((0x10, 1), (0x08, 9), (0x00, 9), (0x20, 9), (0x12, 1), (0x14, 1)):
        chip._fifo.append(bytes((tag, 0, high, 0, 2 * high, 0, 3 * high)))
    samples = bench.run(BEGIN + "read()\nprint(json.dumps(samples))")
    assert samples == [[62, 125, 187], [62, 125, 187]]


def test_gravity_comes_out_as_a_thousand_and_down_as_minus_a_thousand(bench):
    started(bench)
    for value in (1000, -1000, 7900, -7900):
        bench.hardware.body.play_trace([(value, -value, 0)] * 60, bench.us)
        bench.advance(1000)
        x, y, _ = bench.run(BEGIN + "read()\nprint(json.dumps(samples[-5]))")
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
