"""What a maker asks of a board on its serial line: `import selftest; selftest.run()`.

Stop the firmware first (Ctrl-C) and reset the board afterwards. Nothing is sent and nothing written.
"""

import time

import log
from app import worn

RATE_HZ = 50
REST_SAMPLES = 300
TRIGGER_PERCENT, WHOLE_PERCENT = 2, 20  # of the processor: what the detector may take


def made_up(index):
    """Return sample `index` of somebody who hangs still, drops, hits the floor and lies: integers, no dice."""
    at = index - REST_SAMPLES
    swing = index * 37 % 31 - 15
    if at < 0:
        return 60 + swing, 990, 40 - swing
    if at < 18:
        return 40, 250 - 8 * at, 60
    if at < 21:
        return 2500 - 700 * (at - 18), 3900 - 1500 * (at - 18), -900
    return 985, 120 + swing, -50 - swing


def timed(detector, first, count, ticks_us=time.ticks_us):
    """Feed samples; return (microseconds of all, of the dearest)."""
    total = most = 0
    for index in range(first, first + count):
        x, y, z = made_up(index)
        began = ticks_us()
        detector.feed(x, y, z)
        took = time.ticks_diff(ticks_us(), began)
        total += took
        most = max(most, took)
    return total, most


def detector(worn_at, ticks_us=time.ticks_us):
    """Return two lines: what a sample costs while nothing happens, and the seconds in which a fall is judged."""
    made = worn.detector(worn_at)
    rest_us, _ = timed(made, 0, REST_SAMPLES, ticks_us)
    seconds = 4  # from the drop to the verdict
    whole_us, most_us = timed(made, REST_SAMPLES, seconds * RATE_HZ, ticks_us)
    return (
        "%s, nothing happens: %d us a sample, %d.%02d %% of the processor (at most %d)"
        % ((worn_at, rest_us // REST_SAMPLES) + _percent(rest_us, REST_SAMPLES) + (TRIGGER_PERCENT,)),
        "%s, a fall is judged: %d us a sample, %d us the dearest, %d.%02d %% of the processor (at most %d)"
        % (
            (worn_at, whole_us // (seconds * RATE_HZ), most_us)
            + _percent(whole_us, seconds * RATE_HZ)
            + (WHOLE_PERCENT,)
        ),
    )


def _percent(us, samples):
    """Return (whole, hundredths) of a processor that takes so long for samples at 50 Hz."""
    hundredths = us * RATE_HZ // (samples * 100)
    return hundredths // 100, hundredths % 100


def run():
    """Say whether the accelerometer passes its own test, and what the detector costs here."""
    import board

    chip = board.build().accelerometer
    if chip.present():
        log.line("accelerometer: %s" % ("passes" if chip.self_test() else "FAILS its self-test"))
        chip.start()
    else:
        log.line("accelerometer: DOES NOT ANSWER")
    for worn_at in ("trunk", "wrist"):
        for line in detector(worn_at):
            log.line(line)
