"""The accelerometer at its registers: FIFO words, tags and order, sources latched and pulsed, the line, the self-test."""

from itertools import pairwise

import pytest

from simulator.chips.lsm6dsox import FREE_FALL_MG, SELF_TEST_MG, Lsm6dsox

PERIOD_US = int(1_000_000 / 52)
FIFO_CTRL1, FIFO_CTRL2, FIFO_CTRL3, FIFO_CTRL4 = 0x07, 0x08, 0x09, 0x0A
CTRL1_XL, CTRL3_C, CTRL5_C, CTRL6_C = 0x10, 0x12, 0x14, 0x15
ALL_INT_SRC, WAKE_UP_SRC, OUT, STATUS1, DATA = 0x1A, 0x1B, 0x28, 0x3A, 0x78
TAP_CFG0, TAP_CFG2, WAKE_UP_THS, WAKE_UP_DUR, FREE_FALL, MD1_CFG, I3C = (
    0x56,
    0x58,
    0x5B,
    0x5C,
    0x5D,
    0x5E,
    0x62,
)
REST = (0, 0, 1000)


class Bench:
    """A chip on a bench with a script of samples by their number, and a record of its line."""

    def __init__(self, **chip):
        self.now_us = 0
        self.first_us = PERIOD_US
        self.script = {}
        self.line = []
        self.chip = Lsm6dsox(self.at, self.line.append, **chip)

    def at(self, t_us):
        return self.script.get((t_us - self.first_us) // PERIOD_US, REST)

    def write(self, register, *values):
        self.chip.write(register, bytes(values), self.now_us)

    def read(self, register, count=1):
        return self.chip.read(register, count, self.now_us)

    def run(self, samples=1):
        self.now_us += samples * PERIOD_US
        self.chip.advance(self.now_us)

    def begin(self, full_scale=0x0C):
        """52 Hz; samples count from here."""
        self.first_us = self.now_us + PERIOD_US
        self.write(CTRL1_XL, 0x30 | full_scale)

    def waiting(self):
        low, high = self.read(STATUS1, 2)
        return low | (high & 3) << 8

    def words(self, count):
        raw = self.read(DATA, 7 * count)
        return [raw[i : i + 7] for i in range(0, len(raw), 7)]


def numbered(bench, count):
    """Samples that can be told apart: x is the number, 4 counts of it."""
    bench.script = {i: (i, 0, 1000) for i in range(count)}


def x_of(word):
    return round(int.from_bytes(word[1:3], "little", signed=True) * 0.244)


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def filling(bench):
    """Accelerometer at 52 Hz into a continuous FIFO."""
    numbered(bench, 5000)
    bench.write(FIFO_CTRL3, 0x03)
    bench.write(FIFO_CTRL4, 0x06)
    bench.begin()
    return bench


def armed(bench, threshold=0x0A, free_fall=0x33, latched=0x41, routed=0x30, pins=0x34):
    bench.write(CTRL3_C, pins)
    bench.write(TAP_CFG0, latched)
    bench.write(WAKE_UP_THS, threshold)
    bench.write(FREE_FALL, free_fall)
    bench.write(TAP_CFG2, 0x80)
    bench.write(MD1_CFG, routed)
    bench.begin()
    return bench


def test_it_says_who_it_is_and_a_reset_clears_itself_and_every_setting(bench):
    assert bench.read(0x0F) == b"\x6c"
    bench.write(WAKE_UP_THS, 0x3F)
    bench.write(CTRL3_C, 0x01)
    assert bench.read(CTRL3_C) == b"\x04"
    assert bench.read(WAKE_UP_THS) == b"\0"


def test_a_burst_goes_on_to_the_next_register_and_stays_if_told_to(bench):
    bench.write(WAKE_UP_THS, 1, 2, 3)
    assert bench.read(WAKE_UP_THS, 3) == b"\x01\x02\x03"
    bench.write(CTRL3_C, 0x00)
    assert bench.read(WAKE_UP_THS, 3) == b"\x01\x01\x01"


def test_identity_and_outputs_cannot_be_written(bench):
    bench.write(0x0F, 0x55)
    bench.write(OUT, 0x55)
    assert bench.read(0x0F) == b"\x6c"
    assert bench.read(OUT) == b"\0"


@pytest.mark.parametrize(
    "code, full_scale_mg, mg",
    [(0x00, 2000, 0.061), (0x08, 4000, 0.122), (0x0C, 8000, 0.244), (0x04, 16000, 0.488)],
)
def test_each_full_scale_has_its_own_step_and_clips_at_its_end(bench, code, full_scale_mg, mg):
    bench.script = {0: (1000, -20_000, 20_000)}
    bench.begin(code)
    bench.run()
    x, y, z = (int.from_bytes(bench.read(OUT + 2 * i, 2), "little", signed=True) for i in range(3))
    assert abs(x * mg - 1000) < mg
    assert y == -z or y == -z - 1
    assert abs(z * mg - full_scale_mg) < full_scale_mg / 100


def test_the_fifo_keeps_order_and_a_read_of_many_words_goes_round_the_address(filling):
    filling.run(20)
    assert filling.waiting() == 20
    assert [x_of(word) for word in filling.words(20)] == list(range(20))
    assert filling.waiting() == 0


def test_a_tag_names_the_accelerometer_counts_its_slots_and_has_even_parity(filling):
    filling.run(9)
    tags = [word[0] for word in filling.words(9)]
    assert {tag >> 3 for tag in tags} == {0x02}
    assert all(tag.bit_count() % 2 == 0 for tag in tags)
    counts = [tag >> 1 & 3 for tag in tags]
    assert [(b - a) % 4 for a, b in pairwise(counts)] == [1] * 8


def test_an_empty_fifo_gives_old_data_under_tag_zero(filling):
    filling.run(1)
    (word,) = filling.words(1)
    (stale,) = filling.words(1)
    assert stale[0] == 0
    assert stale[1:] == word[1:]


@pytest.mark.parametrize("depth", [512, 416])
def test_a_full_fifo_forgets_the_oldest_and_says_so_once(depth):
    bench = Bench(fifo_words=depth)
    numbered(bench, 5000)
    bench.write(FIFO_CTRL3, 0x03)
    bench.write(FIFO_CTRL4, 0x06)
    bench.begin()
    bench.run(depth)
    assert not bench.read(STATUS1 + 1)[0] & 0x48
    bench.run(3)
    assert bench.waiting() == depth
    bench.run(1)
    assert bench.read(STATUS1 + 1)[0] & 0x28 == 0x28
    assert not bench.read(STATUS1 + 1)[0] & 0x08  # the latch is open again
    assert x_of(bench.words(1)[0]) == 4


def test_a_night_without_reading_leaves_the_newest_samples(filling):
    filling.script = {}
    filling.run(52 * 3600)
    filling.script = {52 * 3600: (77, 0, 1000)}
    filling.run(1)
    assert filling.waiting() == 512
    assert x_of(filling.words(512)[-1]) == 77


def test_the_watermark_is_told_from_its_word_on(filling):
    filling.write(FIFO_CTRL1, 8)
    filling.run(7)
    assert not filling.read(STATUS1 + 1)[0] & 0x80
    filling.run(1)
    assert filling.read(STATUS1 + 1)[0] & 0x80


def test_stop_on_watermark_makes_the_fifo_so_deep(filling):
    filling.write(FIFO_CTRL1, 8)
    filling.write(FIFO_CTRL2, 0x80)
    filling.run(30)
    assert filling.waiting() == 8
    assert [x_of(word) for word in filling.words(8)] == list(range(22, 30))


def test_fifo_mode_stops_when_full_and_bypass_empties():
    bench = Bench(fifo_words=10)
    numbered(bench, 100)
    bench.write(FIFO_CTRL3, 0x03)
    bench.write(FIFO_CTRL4, 0x01)
    bench.begin()
    bench.run(25)
    assert bench.waiting() == 10
    assert x_of(bench.words(1)[0]) == 0
    bench.write(FIFO_CTRL4, 0x00)
    assert bench.waiting() == 0


def test_a_slower_batch_rate_keeps_every_second_sample(filling):
    filling.write(FIFO_CTRL3, 0x02)  # 26 Hz
    filling.run(20)
    assert filling.waiting() == 10


def test_nothing_comes_out_of_the_pin_before_interrupts_are_enabled(bench):
    armed(bench)
    bench.write(TAP_CFG2, 0x00)
    bench.script = {3: (0, 0, 8000)}
    bench.run(6)
    assert bench.read(ALL_INT_SRC) == b"\0"
    assert bench.line[-1] == 1


def test_sources_without_the_enable_bit_are_a_setting_and_the_line_stays_quiet():
    bench = armed(Bench(sources_without_enable=True))
    bench.write(I3C, 0x01)
    bench.write(TAP_CFG2, 0x00)
    bench.script = {3: (0, 0, 8000)}
    before = len(bench.line)
    bench.run(6)
    assert bench.read(ALL_INT_SRC)[0] & 0x02
    assert bench.line[before:] == []


def test_a_latched_wake_holds_the_line_low_until_its_source_is_read(bench):
    armed(bench)
    bench.script = {3: (0, 0, 5000)}
    assert bench.line[-1] == 1
    bench.run(10)
    assert bench.line[-1] == 0
    assert bench.read(ALL_INT_SRC) == b"\x02"
    assert bench.line[-1] == 1
    assert bench.read(ALL_INT_SRC) == b"\0"


def test_without_clear_on_read_the_latch_opens_with_the_next_sample(bench):
    armed(bench, latched=0x01)
    bench.script = {3: (0, 0, 5000)}
    bench.run(10)
    bench.read(ALL_INT_SRC)
    assert bench.line[-1] == 0
    bench.run(1)
    assert bench.line[-1] == 1


def test_a_pulsed_wake_lets_the_line_go_by_itself(bench):
    armed(bench, latched=0x00)
    bench.script = {3: (0, 0, 5000)}
    before = len(bench.line)
    bench.run(10)
    assert bench.line[before:] == [0, 1]


def test_an_active_high_line_rises_with_its_source(bench):
    armed(bench, pins=0x04)
    assert bench.line[-1] == 0
    bench.script = {3: (0, 0, 5000)}
    bench.run(10)
    assert bench.line[-1] == 1


def test_with_nothing_routed_the_chip_pulls_its_line_down_unless_told_not_to(bench):
    assert bench.line[-1] == 0
    bench.write(I3C, 0x01)
    assert bench.line[-1] == 1


def test_the_wake_source_names_the_axis_and_free_fall(bench):
    armed(bench)
    bench.script = {3: (4000, 0, 1000)}
    bench.run(4)
    assert bench.read(WAKE_UP_SRC) == bytes((0x08 | 0x04,))
    bench.script = {i: (0, 0, 0) for i in range(10, 30)}
    bench.run(20)
    assert bench.read(WAKE_UP_SRC)[0] & 0x20


@pytest.mark.parametrize("halved, steps", [(True, 10), (False, 20)])
@pytest.mark.parametrize("step_mg, wakes", [(2500, False), (2501, True)])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_wake_threshold_is_of_half_the_difference_of_two_samples_or_of_all_of_it(
    halved, steps, step_mg, wakes, sign
):
    """In steps of an eighth of a g at 8 g; what is exactly at the threshold does not wake."""
    bench = armed(Bench(slope_halved=halved), threshold=steps, free_fall=0x00)
    bench.script = {i: (0, 0, 1000 + sign * step_mg) for i in range(3, 100)}
    bench.run(10)
    assert bool(bench.read(ALL_INT_SRC)[0] & 0x02) is wakes


def test_a_slow_change_has_no_slope_however_far_it_goes(bench):
    armed(bench, threshold=0x01, free_fall=0x00)
    bench.run(2)
    bench.read(ALL_INT_SRC)
    bench.script = {i: (100 * i, 0, 1000) for i in range(70)}
    bench.run(60)
    assert bench.read(ALL_INT_SRC) == b"\0"


def test_the_first_slope_after_the_accelerometer_is_switched_on_is_gravity_itself(bench):
    for _ in range(2):
        armed(bench, threshold=0x01, free_fall=0x00)
        bench.run(1)
        assert bench.read(ALL_INT_SRC) == b"\x02"
        bench.run(10)
        assert bench.read(ALL_INT_SRC) == b"\0"
        bench.write(CTRL1_XL, 0x00)


def test_a_finer_wake_step_is_a_quarter(bench):
    armed(bench, free_fall=0x00)
    bench.write(WAKE_UP_DUR, 0x10)
    bench.script = {i: (0, 0, 1700) for i in range(3, 100)}  # 700 mg, above 2 * 10 * 31.25
    bench.run(10)
    assert bench.read(ALL_INT_SRC)[0] & 0x02


def test_a_wake_duration_wants_as_many_samples_more(bench):
    armed(bench, free_fall=0x00)
    bench.write(WAKE_UP_DUR, 0x20)  # two in a row
    bench.script = {i: (0, 0, 5000) for i in range(3, 100)}
    bench.run(10)
    assert bench.read(ALL_INT_SRC) == b"\0"
    bench.script = {10: (0, 0, 5000), 11: (0, 0, -5000)}
    bench.run(3)
    assert bench.read(ALL_INT_SRC)[0] & 0x02


@pytest.mark.parametrize("code, limit_mg", list(enumerate(FREE_FALL_MG)))
@pytest.mark.parametrize("over", [-5, 5])
def test_free_fall_wants_all_three_axes_below_its_threshold(bench, code, limit_mg, over):
    armed(bench, threshold=0x00, free_fall=6 << 3 | code)
    value = limit_mg + over
    bench.script = {i: (20, -value, 20) for i in range(1000)}
    bench.run(20)
    assert bool(bench.read(ALL_INT_SRC)[0] & 0x01) is (over < 0)


@pytest.mark.parametrize("samples, found", [(5, False), (6, True)])
def test_free_fall_wants_its_number_of_samples(bench, samples, found):
    armed(bench, threshold=0x00)
    bench.script = {3 + i: (0, 0, 0) for i in range(samples)}
    bench.run(30)
    assert bool(bench.read(ALL_INT_SRC)[0] & 0x01) is found


def test_one_burst_reads_all_sources_and_the_fifo_status_with_rounding(bench):
    numbered(bench, 0)
    bench.write(FIFO_CTRL3, 0x03)
    bench.write(FIFO_CTRL4, 0x06)
    armed(bench)
    bench.script = {3: (0, 0, 5000)}
    bench.run(9)
    bench.write(CTRL5_C, 0x10)
    burst = bench.read(ALL_INT_SRC, 12)
    assert burst[0] == 0x02
    assert burst[1] & 0x09 == 0x09  # the same event in the second register of the burst
    assert burst[10] == 9


def test_ultra_low_power_is_only_switched_while_the_accelerometer_is_off(bench):
    bench.begin()
    bench.write(CTRL5_C, 0x80)
    assert bench.chip.power_mode() == "high_performance"
    bench.write(CTRL1_XL, 0x00)
    bench.write(CTRL5_C, 0x80)
    bench.begin()
    assert bench.chip.power_mode() == "ultra_low_power"
    bench.write(CTRL5_C, 0x00)
    assert bench.chip.power_mode() == "ultra_low_power"


def test_low_power_has_its_bit_and_off_is_off(bench):
    assert bench.chip.power_mode() == "off"
    bench.write(CTRL6_C, 0x10)
    bench.begin()
    assert bench.chip.power_mode() == "low_power"


@pytest.mark.parametrize("bits, sign", [(1, 1), (2, -1)])
def test_the_self_test_pushes_every_axis(bench, bits, sign):
    bench.begin(0x08)
    bench.run(2)
    rest = bench.read(OUT, 6)
    bench.write(CTRL5_C, bits)
    bench.run(2)
    pushed = bench.read(OUT, 6)
    for axis in range(3):
        a, b = (int.from_bytes(raw[2 * axis : 2 * axis + 2], "little", signed=True) for raw in (rest, pushed))
        assert abs((b - a) * 0.122 - sign * SELF_TEST_MG) < 1
