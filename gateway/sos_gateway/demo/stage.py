"""What every scene of the demo needs: the parts, named steps, a press from finger to *closed* with its delays."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx

from .desk import Desk, Sighting
from .endpoint import Endpoint
from .figures import Latencies
from .house import FIRST_WATCH, House
from .wearer import Wearers

# A hold is complete after a second; nobody lets go on the millisecond.
HOLD_MS = 1500
# Long for a step that takes a tenth of a second, short for somebody who waits for the demo's word.
STEP_S = 25.0

Say = Callable[[str], None]


@dataclass
class Measured:
    """The delays of one kind of device."""

    chain: Latencies = field(default_factory=Latencies)  # awake: what the figures are about
    slept: Latencies = field(default_factory=Latencies)  # the first press of each device, out of deep sleep


@dataclass
class Stage:
    """Everything a scene needs."""

    house: House
    wearers: Wearers
    desk: Desk
    endpoint: Endpoint
    say: Say
    raised: Counter[int] = field(default_factory=Counter)
    ble: Measured = field(default_factory=Measured)
    lte: Measured = field(default_factory=Measured)


def ms_since(t_ns: int, until_ns: int) -> float:
    return (until_ns - t_ns) / 1e6


class StepFailed(Exception):
    """A step of the story did not happen; the text says which, and what was seen instead."""


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Name what happens inside, for whoever is told that it did not."""
    try:
        yield
    except (TimeoutError, RuntimeError, httpx.HTTPError) as error:
        reason = str(error) or type(error).__name__
        raise StepFailed(f"This step did not happen: {what} ({reason}).") from error


def named(device: int) -> str:
    return f"{'watch' if device >= FIRST_WATCH else 'pendant'} {device}"


@dataclass
class Press:
    """One press that arrived: what the desk saw of it, and the delays from the complete gesture on."""

    seen: Sighting
    to_desk_ms: float
    to_felt_ms: float


async def press(stage: Stage, device: int, say: Say | None = None) -> Press:
    """Hold the button until an alarm is made of it, and wait for the desk and for *received*."""
    wearers, who = stage.wearers, named(device)
    since = time.monotonic_ns()
    with step(f"the press of {who} is on the desk"):
        await wearers.post(f"/devices/{device}/press", {"ms": HOLD_MS})
        stage.raised[device] += 1
        seen = await stage.desk.wait_incident(device, since, ("pending", "open"), STEP_S)
    # The gesture is complete one second after the finger went down.
    complete_ns = wearers.button_down_ns[device] + 1_000_000_000
    with step(f"the wearer of {who} feels *received*"):
        felt = await wearers.wait_felt(device, "received", since, STEP_S)
    made = Press(seen, ms_since(complete_ns, seen.t_ns), ms_since(complete_ns, felt.t_ns))
    if say:
        finger = ms_since(wearers.button_down_ns[device], seen.t_ns)
        say(
            f"{who}: on the police desk {made.to_desk_ms:.0f} ms after the hold ({finger:.0f} ms after finger-down)"
        )
        say(f"{who}: the wearer feels *received* {made.to_felt_ms:.0f} ms after the hold")
    return made


async def press_to_close(stage: Stage, device: int, into: Latencies, say: Say | None = None) -> None:
    """One press, its incident accepted and closed; every delay is noted."""
    made = await press(stage, device, say)
    into.press_to_desk_ms.append(made.to_desk_ms)
    into.press_to_received_ms.append(made.to_felt_ms)
    into.accept_to_felt_ms.append(await accept(stage, device, made.seen.incident["id"], say))
    await close(stage, device, made.seen.incident["id"], say)


async def accept(stage: Stage, device: int, incident_id: int, say: Say | None = None) -> float:
    """An officer accepts; return the milliseconds from the officer's key to the wrist."""
    clicked = time.monotonic_ns()
    with step(f"an officer accepts, and the wearer of {named(device)} feels *accepted*"):
        await stage.desk.accept(incident_id)
        felt = await stage.wearers.wait_felt(device, "accepted", clicked, STEP_S)
    delay = ms_since(clicked, felt.t_ns)
    if say:
        say(f"{named(device)}: an officer accepts; the wearer feels *accepted* {delay:.0f} ms later")
    return delay


async def close(stage: Stage, device: int, incident_id: int, say: Say | None = None) -> None:
    """The officer closes, and the wearer feels it."""
    closing = time.monotonic_ns()
    with step(f"the officer closes, and the wearer of {named(device)} feels *closed*"):
        await stage.desk.close_incident(incident_id, "real")
        await stage.wearers.wait_felt(device, "closed", closing, STEP_S)
    if say:
        say(f"{named(device)}: the officer closes the incident; the wearer feels *closed*")
