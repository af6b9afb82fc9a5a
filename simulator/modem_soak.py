"""The modem's driver against the emulated modem, in random interleavings: no alarm lost, no method later than it says.

One interleaving is one alarm: the driver, in real MicroPython on a virtual clock, is given a payload of 64 bytes and must
get it to the broker, while the emulated modem puts unsolicited lines between its own, loses letters both ways, dawdles,
delivers messages, and, in about one of three, also restarts, hangs, browns out, or loses its session, its data connection,
its network or its SIM at a random moment. Some begin while the modem looks for satellites, sleeps or is off. The
disturbance ends after a random time; then the alarm must arrive. State carries over from one interleaving to the next: a
run is a hundred of them, from a modem fresh from the factory on, and its seed gives the same run again.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, fields
from typing import Any

from .modem_bench import NOW_S, TOPIC, ModemBench

PER_RUN = 100
ALARM_BYTES = 64
PUBLISH_MS = (8_000, 25_000)
DISTURBED_S = (0.2, 40.0)
PAUSES_MS = (0, 0, 50, 300, 5_000)  # before the alarm, for what happens while nobody asks anything
EVENT_SHARE = 0.35
# What the modem was doing before: nothing, in most.
BEFORE = (None,) * 30 + ("gnss", "sleep", "stop", "send_sms")


@dataclass
class Tally:
    """What a run, or all of them, came to."""

    interleavings: int = 0
    alarms: int = 0
    copies: int = 0
    tries: int = 0
    downs: int = 0
    slowest_s: float = 0.0
    errors: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.interleavings += other.interleavings
        self.alarms += other.alarms
        self.copies += other.copies
        self.tries += other.tries
        self.downs += other.downs
        self.slowest_s = max(self.slowest_s, other.slowest_s)
        self.errors += other.errors


class Run:
    """One seed: a modem, the driver's process, and `size` interleavings, or as many as go well."""

    def __init__(self, seed: int, size: int, verbose: bool = False) -> None:
        self.seed, self.size, self.verbose = seed, size, verbose
        self.chance = random.Random(f"modem soak {seed}")
        self.bench = ModemBench(seed)
        self.modem = self.bench.modem
        self.tally = Tally()
        self._epoch = 0  # counts interleavings: what one planned does not happen in the next
        self._lossy = False

    def play(self) -> Tally:
        with self.bench as bench:
            bench.call("set_clock", NOW_S)
            for _ in range(self.size):
                try:
                    self._interleave()
                except RuntimeError as error:
                    self._fail(str(error))
                if self.tally.errors:
                    break
        return self.tally

    def _interleave(self) -> None:
        bench, chance = self.bench, self.chance
        before = chance.choice(BEFORE)
        if before:
            bench.call(before, *{"gnss": (True,), "send_sms": ("+34600000002", "S1")}.get(before, ()))
        payload = chance.randbytes(ALARM_BYTES)
        self._disturb()
        bench.call("pause", chance.choice(PAUSES_MS))
        answer = bench.call("deliver", TOPIC, payload, chance.choice(PUBLISH_MS))
        self._judge(payload, answer.value, answer.took_ms)

    def _judge(self, payload: bytes, tries: int, took_ms: int) -> None:
        tally, bench = self.tally, self.bench
        tally.interleavings += 1
        tally.tries += tries
        tally.slowest_s = max(tally.slowest_s, took_ms / 1000)
        copies = bench.broker.arrived.count((TOPIC, payload, 1, False))
        tally.copies += copies
        if not tries:
            self._fail("an alarm was given up")
        elif not copies:
            self._fail("said to be published, and never arrived")
        else:
            tally.alarms += 1
        for name, took, limit in bench.of("late"):
            self._fail(f"{name} took {took} ms, and may take {limit}")
        if self.modem.unknown and not self._lossy:  # half a command is one that nobody wrote down
            self._fail(f"a command nobody wrote down: {self.modem.unknown}")
        self.modem.unknown.clear()
        bench.broker.arrived.clear()
        bench.said.clear()
        if self.verbose:
            for what, value in bench.told:
                print(f"{tally.interleavings:6d}  {what}: {value}")
        self.tally.downs += len(bench.of("down"))
        bench.told.clear()

    def _fail(self, what: str) -> None:
        self.tally.errors.append(f"run {self.seed}, interleaving {self.tally.interleavings}: {what}")

    def _disturb(self) -> None:
        chance, faults = self.chance, self.modem.faults
        self._calm()
        self._epoch += 1
        epoch = self._epoch
        self.modem.delays.scale = chance.choice((0.0, 0.1, 1.0))
        faults.urc_in_answers = chance.choice((0.0, 0.1, 0.5))
        faults.characters_lost = chance.choice((0.0, 0.0, 0.0005, 0.002, 0.01))
        self._lossy = faults.characters_lost > 0
        disturbed_s = chance.uniform(*DISTURBED_S)
        for _ in range(chance.choice((0, 0, 1, 3))):
            self._later(chance.uniform(0, 0.5), epoch, lambda: self.bench.broker.send(chance.randbytes(24)))
        if chance.random() < EVENT_SHARE:
            event = chance.choice(EVENTS)
            moment_s = chance.choice((0.0, chance.uniform(0, 0.3), chance.uniform(0, disturbed_s)))
            self._later(min(moment_s, disturbed_s), epoch, lambda: event(self))
        self._later(disturbed_s, epoch, self._calm)

    def _later(self, seconds: float, epoch: int, do: Callable[[], object]) -> None:
        self.bench.later(seconds, lambda: do() if epoch == self._epoch else None)

    def _calm(self) -> None:
        """End every disturbance; what is as it should be is left alone, for setting it is an event as well."""
        faults = self.modem.faults
        for one in fields(faults):
            if getattr(faults, one.name) != one.default:
                setattr(faults, one.name, one.default)
        self.bench.broker.silent = False


def _set(**faults: Any) -> Callable[[Run], None]:
    def do(run: Run) -> None:
        for name, value in faults.items():
            setattr(run.modem.faults, name, value)

    return do


def _silent(run: Run) -> None:
    run.bench.broker.silent = True


def _text(run: Run) -> None:
    run.modem.sms.arrive("+34600000002", run.chance.choice(("S1", "OK\r\nERROR", "RDY", "+SMSTATE: 0")))


# What else may happen, each as likely as the others.
EVENTS: tuple[Callable[[Run], None], ...] = (
    lambda run: run.modem.power.restart(),
    lambda run: run.bench.broker.on_lost(),
    _silent,
    _text,
    _set(no_network=True),
    _set(denied=True),
    _set(lose_registration_in_publish=True),
    _set(pdp_dropped=True),
    _set(connect_hangs_s=60.0),
    _set(publish_fails_after_idle_s=0.001),
    _set(reboots=0.05),
    _set(boot_storm=2),
    _set(brown_out=True),
    _set(dark=True),
    _set(pwrkey_ignored=True),
    _set(no_sim=True),
    _set(sms_full=True),
)


def play(seed: int, size: int, verbose: bool = False) -> Tally:
    """Return what one run came to."""
    return Run(seed, size, verbose).play()


def soak(count: int, first_seed: int, processes: int, tell: Callable[[str], object]) -> Tally:
    """Play so many interleavings, in runs of PER_RUN, side by side; tell how it goes."""
    total, began = Tally(), time.monotonic()
    runs = range(-(-count // PER_RUN))
    seeds = [first_seed + number for number in runs]
    sizes = [min(PER_RUN, count - number * PER_RUN) for number in runs]
    told = 0.0
    with ProcessPoolExecutor(processes) as pool:
        for tally in pool.map(play, seeds, sizes):
            total.add(tally)
            if time.monotonic() - told > 10:
                told = time.monotonic()
                tell(f"{total.interleavings} of {count} interleavings, {told - began:.0f} s")
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("count", type=int, nargs="?", default=1000, help="how many interleavings")
    parser.add_argument(
        "--seed", type=int, default=1, help="of the first run; the next hundred have the next seed"
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--verbose", action="store_true", help="one run, in this process, with the driver's log"
    )
    asked = parser.parse_args()
    began = time.monotonic()
    if asked.verbose:
        total = play(asked.seed, min(asked.count, PER_RUN), verbose=True)
    else:
        total = soak(asked.count, asked.seed, asked.processes, lambda text: print(text, flush=True))
    for error in total.errors:
        print("FAILED", error)
    print(
        f"{total.interleavings} interleavings in {time.monotonic() - began:.0f} s: {total.alarms} alarms arrived, "
        f"{total.copies} copies of them, {total.tries} tries, the slowest {total.slowest_s:.0f} s; "
        f"{total.downs} answers heard; {len(total.errors)} failures"
    )
    return 1 if total.errors else 0


if __name__ == "__main__":
    sys.exit(main())
