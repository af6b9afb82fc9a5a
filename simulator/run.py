"""`socors sim`: plays one scenario, or many with drawn seeds, on the virtual clock, and checks the promise afterwards."""

import argparse
import importlib
import os
import pkgutil
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from multiprocessing import get_context
from typing import Any

from sos_wire import kinds

from . import invariants, scenarios
from .invariants import History
from .story import Story, opened
from .world.virtual import Entry

SOAKED = "anything"
# How long everything has to arrive once all faults are over: some repeats at their slowest pace.
CALM_S = 300
LAST_S = 25
# Numbers are the IDF's: a pin of a C3, button and accelerometer of an S3.
BOOTS = {
    "power": "boots: power",
    "watchdog": "boots: watchdog",
    2: "wakes: button",
    3: "wakes: motion",
    4: "wakes: time",
    7: "wakes: pin",
}
# What a hub has heard so lately may still wait for its receipt.
UNDER_WAY_US = 10_000_000


@dataclass
class Result:
    """What came of one run."""

    name: str
    seed: int
    breaches: list[str]
    history: History
    transcript: list[str] = field(default_factory=list)

    def line(self) -> str:
        alarms = sum(row["kind"] in kinds.ALARMS for row in self.history.events)
        said = (
            f"{alarms} alarms and {len(self.history.incidents)} incidents stored, "
            f"{self.history.end_us / 1e6:.1f} s of virtual time"
        )
        if not self.breaches:
            return f"{self.name} seed {self.seed}: all {len(invariants.ALL)} invariants hold; {said}"
        return f"{self.name} seed {self.seed}: FAILED, {len(self.breaches)} breaches; {said}"


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(scenarios.__path__))


def scenario(name: str) -> Any:
    return importlib.import_module(f"{scenarios.__name__}.{name}")


def history_of(story: Story, calm: bool) -> History:
    """Return everything there is to check of a story that has ended."""
    desk, world = story.desk, story.world
    for device in world.devices.values():
        device.end_process()  # nobody writes while the journal is read
    return History(
        entries=world.history,
        events=desk.store.rows("event"),
        incidents=[
            {**row, **{name: _us(desk, row[name]) for name in ("received_at", "closed_at")}}
            for row in desk.incidents_now()
        ],
        evidence=desk.store.rows("evidence"),
        journals={number: story.journal(device) for number, device in story.pendants.items()},
        spooled=sum(
            world.now_us - kept.heard_us > UNDER_WAY_US
            for hub in desk.hubs.values()
            for kept in hub.spool.values()
        ),
        calm=calm,
        us_of=desk.time_us,
        end_us=world.now_us,
    )


def _us(desk: Any, at: Any) -> int | None:
    return None if at is None else desk.time_us(at)


def _settle(story: Story) -> None:
    """All faults are over: let what waits arrive, and then a little more happen."""
    story.calm()

    def arrived() -> bool:
        stored = {(r["device"], r["boot"], r["seq"]) for r in story.desk.store.rows("event")}
        so_far = History(story.world.history)
        waiting = [
            alarm
            for number, device in story.pendants.items()
            if not device.dead
            for alarm in invariants.alarms(so_far, number)
            if alarm.number not in stored
        ]
        return not waiting and not any(hub.spool for hub in story.desk.hubs.values())

    for _ in range(CALM_S // 5):
        if arrived():
            break
        story.run(5)
    story.run(LAST_S)


def play(name: str, seed: int, show: Callable[[str], None] | None = None) -> Result:
    """Play one scenario and check every invariant."""
    transcript: list[str] = []
    module = scenario(name)
    with opened(seed) as story:

        def hear(entry: Entry) -> None:
            text = readable(entry)
            if text:
                line = f"{entry.t_us / 1e6:12.3f}  {entry.who:<12} {text}"
                transcript.append(line)
                if show:
                    show(line)

        story.world.listeners.append(hear)
        module.play(story)
        calm = bool(story.desk.hubs) and getattr(module, "CALM", True)
        if calm:
            _settle(story)
        history = history_of(story, calm)
    return Result(name, seed, invariants.check(history), history, transcript)


def readable(entry: Entry) -> str:
    """Return an entry as a reader wants it, or nothing for what is only of use to the invariants."""
    what, value = entry.what, entry.value
    if entry.who == "story":
        return f"-- {what}"
    if what == "stored":
        is_record = len(value) == 9 and value[0] == "j"
        return f"journal record {int(value[1:5], 16)}/{int(value[5:], 16)} is whole" if is_record else ""
    if what in ("kept", "gesture made", "heap"):
        return ""
    if what == "motor":
        return "vibrates" if value else "is still"
    if what.startswith("light_"):
        return f"{what[6:]} light {'on' if value else 'off'}"
    if what == "button":
        return "button down" if value else "button up"
    if what == "told":
        return f"is told {kinds.STATE_NAMES[value[2]]} of {value[0]}/{value[1]}"
    if what == "stored event":
        return f"stores {kinds.NAMES[value[3]] or 'unreadable'} {value[1]}/{value[2]} of device {value[0]}"
    if what == "boot":
        return BOOTS[value]
    if what == "sleep":
        return "sleeps"
    return f"{what} {value}" if value is not None else what


# The command.


@contextmanager
def _timed() -> Iterator[None]:
    """Say on standard error how long it took here; the transcript itself is the same everywhere."""
    began = time.monotonic()
    yield
    print(f"took {time.monotonic() - began:.1f} s on this machine", file=sys.stderr)


def _one(name: str, seed: int) -> int:
    print(f"scenario {name}, seed {seed}")
    with _timed():
        result = play(name, seed, print)
    for breach in result.breaches:
        print(f"BREACH {breach}")
    print(result.line())
    return 1 if result.breaches else 0


def verdict(name: str, seed: int) -> tuple[int, str, list[str]]:
    """Return (seed, result line, breaches) of one run; what another process can hand over."""
    try:
        result = play(name, seed)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this seed's, and the others are played
        return seed, f"{name} seed {seed}: FAILED, the run fell", [f"{type(error).__name__}: {error}"]
    return seed, result.line(), result.breaches


def transcript(name: str, seed: int) -> str:
    """Return the whole transcript of a run, its result with it."""
    result = play(name, seed)
    return "\n".join([*result.transcript, *result.breaches, result.line()])


@contextmanager
def side_by_side() -> Iterator[ProcessPoolExecutor]:
    """A process for each core: runs know nothing of one another."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        yield pool


def _soak(name: str, count: int, first: int) -> int:
    failed = []
    with _timed(), side_by_side() as pool:
        for seed, line, breaches in pool.map(verdict, repeat(name), range(first, first + count)):
            if breaches:
                failed.append(seed)
                print("\n  BREACH ".join([line, *breaches]))
                print(f"  again: socors sim {name} --seed {seed}", flush=True)
    # A zero is a bound: three over the number of runs, at 95 %.
    print(f"{name}: {len(failed)} of {count} seeds failed, from {first} on" + _bound(failed, count))
    return 1 if failed else 0


def _bound(failed: list[int], count: int) -> str:
    return f" (fewer than {3 / count:.4f} of all, 95 %)" if not failed else f": {failed}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="socors sim", description=__doc__)
    parser.add_argument("scenario", nargs="?", help="its name (see --list)")
    parser.add_argument(
        "--seed", type=int, help="everything drawn in the run; without it one is drawn and printed"
    )
    parser.add_argument("--list", action="store_true", help="print the scenarios and what they are about")
    parser.add_argument(
        "--soak", type=int, metavar="N", help=f"play N seeds of a scenario ({SOAKED} if none is named)"
    )
    options = parser.parse_args(arguments)
    if options.list:
        longest = max(map(len, names()))
        for name in names():
            print(f"{name:{longest}} {(scenario(name).__doc__ or '').strip().splitlines()[0]}")
        return 0
    seed = random.SystemRandom().randrange(1, 1_000_000) if options.seed is None else options.seed
    if options.scenario and options.scenario not in names():
        parser.error(f"there is no scenario {options.scenario}: `socors sim --list` shows those there are")
    if options.soak:
        return _soak(options.scenario or SOAKED, options.soak, seed)
    if not options.scenario:
        parser.error("name a scenario, or ask for --list")
    return _one(options.scenario, seed)


if __name__ == "__main__":
    signal.signal(
        signal.SIGPIPE, signal.SIG_DFL
    )  # a reader that has seen enough ends the run, without a word
    sys.exit(main())
