"""Plays the story, measures the presses, and says in the end what became of every alarm."""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any

import httpx
import typer

from . import audit, beach, modelled
from .desk import Desk
from .endpoint import Endpoint, open_endpoint
from .house import House, open_house
from .stage import (
    HOLD_MS,
    STEP_S,
    Measured,
    Say,
    Stage,
    StepFailed,
    accept,
    close,
    ms_since,
    press_to_close,
    step,
)
from .wearer import Wearers

# A finger that is back sooner than 40 ms never let go, it trembled; nobody clicks so soon after a hold.
LIFT_S = 0.15
HUBS = 3
REST_S = (0.1, 0.5)


@dataclass(frozen=True)
class Size:
    """How many devices of each kind, and how many of their presses are measured."""

    pendants: int
    presses: int
    watches: int
    lte_presses: int


async def play(once: bool, size: Size) -> int:
    """Run the demo; return its exit status."""
    began = time.monotonic()

    def say(text: str) -> None:
        typer.echo(f"{time.monotonic() - began:6.1f} s  {text}")

    typer.echo("Socors, everything on this machine. Nothing here reaches a real police desk.")
    status = 1
    try:
        async with (
            open_endpoint() as endpoint,
            open_house(size.pendants, HUBS, say, endpoint.url, watches=size.watches) as house,
            _stage(house, endpoint, say) as stage,
        ):
            status = await _perform(stage, once, size)
    except* StepFailed as failed:
        # One that did not happen takes others with it: the first says it.
        typer.echo(str(_first(failed)), err=True)
    except* (TimeoutError, RuntimeError, httpx.HTTPError) as failed:
        error = _first(failed)
        typer.echo(f"The story did not begin: {str(error) or type(error).__name__}.", err=True)
    if status:
        typer.echo("What every part has said is in .demo/logs.", err=True)
    return status


def _first(errors: BaseException) -> BaseException:
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    return errors


@contextlib.asynccontextmanager
async def _stage(house: House, endpoint: Endpoint, say: Say) -> AsyncIterator[Stage]:
    wearers, desk = Wearers(house.simulator_url), Desk(house.gateway_url, house.token)
    ready = [asyncio.Event(), asyncio.Event()]
    listeners = [
        asyncio.create_task(wearers.listen(ready[0]), name="wearers"),
        asyncio.create_task(desk.listen(ready[1]), name="desk"),
    ]
    try:
        async with asyncio.timeout(STEP_S):
            for event in ready:
                await event.wait()
        yield Stage(house, wearers, desk, endpoint, say)
    finally:
        for task in listeners:
            task.cancel()
        await asyncio.gather(*listeners, return_exceptions=True)
        await wearers.close()
        await desk.close()


async def _perform(stage: Stage, once: bool, size: Size) -> int:
    house = stage.house
    sha256 = (await stage.wearers.get("/firmware"))["sha256"]
    stage.say(f"every device is simulated, its firmware is the real one (SHA-256 {sha256[:16]}…)")
    await _together(
        _sos(stage, house.devices[1]), _fall(stage, house.devices[0]), beach.trial(stage, house.watches[0])
    )
    await _together(_regret(stage, house.devices[1]), beach.sos(stage, house.watches[0]))
    if not once:
        return await _stay(stage)
    await _measure(stage, house.devices, size.presses, stage.ble)
    # The watches' own measure: one kind after the other, and no hub hears them, or Bluetooth would be first.
    await beach.send_to(stage, "beach", house.watches)
    await _measure(stage, house.watches, size.lte_presses, stage.lte)
    await _police_know(stage)
    reckoning = await audit.reckon(house.store, stage.raised, stage.wearers.count_felt("received"))
    _tell(stage, reckoning)
    result: dict[str, Any] = {
        "chain": stage.ble.chain.as_json(),
        "modelled": modelled.modelled(stage.ble.chain),
        "lte": {"chain": stage.lte.chain.as_json(), "modelled": modelled.modelled_lte(stage.lte.chain)},
        "alarms": reckoning.alarms,
        "incidents": reckoning.incidents,
        "lost": reckoning.lost,
        "duplicated": reckoning.duplicated,
        "told_received_but_not_stored": reckoning.told_received_but_not_stored,
        "firmware_sha256": sha256,
    }
    house.stop()  # so that nothing can follow the last line
    typer.echo(json.dumps(result))
    return 0 if reckoning.clean() else 1


async def _together(*scenes: Awaitable[None]) -> None:
    async with asyncio.TaskGroup() as group:
        for scene in scenes:
            group.create_task(scene)  # type: ignore[arg-type]


# The story.


async def _sos(stage: Stage, device: int) -> None:
    """A hold of one second, from deep sleep if the pendant sleeps; received, accepted, closed."""
    say = stage.say
    say(f"pendant {device}: the wearer holds the button for a second …")
    await press_to_close(stage, device, stage.ble.slept, say)


async def _fall(stage: Stage, device: int) -> None:
    """A fall in a kitchen in Cornellà, not cancelled: pending, open by itself, accepted, closed."""
    say, wearers, desk = stage.say, stage.wearers, stage.desk
    since = time.monotonic_ns()
    recorded = "recorded-fall" in await wearers.get("/motions")
    how = "recorded" if recorded else "made-up"
    say(f"pendant {device}: somebody falls in a kitchen in Cornellà ({how} motion) …")
    with step(f"the fall of pendant {device} is on the desk as pending"):
        await wearers.post(f"/devices/{device}/motion", {"name": "recorded-fall" if recorded else "fall"})
        stage.raised[device] += 1
        pending = await desk.wait_incident(device, since, ("pending",), STEP_S)
    say(
        f"pendant {device}: the fall is on the desk, greyed and silent: two clicks within 20 s would cancel it"
    )
    with step(f"the wearer of pendant {device}, who fell, feels *received*"):
        await wearers.wait_felt(device, "received", since, STEP_S)
    say(f"pendant {device}: the wearer feels *received*: the alarm is stored and can no longer be lost")
    with step(f"the fall of pendant {device}, which nobody cancels, opens by itself"):
        opened = await desk.wait_incident(device, pending.t_ns, ("open",), 40)
    say(
        f"pendant {device}: nobody cancelled; it opens by itself {ms_since(pending.t_ns, opened.t_ns) / 1000:.1f} s later"
    )
    await accept(stage, device, opened.incident["id"], say)
    await close(stage, device, opened.incident["id"], say)


async def _regret(stage: Stage, device: int) -> None:
    """An SOS by accident, cancelled within three seconds: nothing is left for an officer to do."""
    say, wearers, desk = stage.say, stage.wearers, stage.desk
    since = time.monotonic_ns()
    with step(f"the press of pendant {device} by accident is on the desk"):
        await wearers.post(f"/devices/{device}/press", {"ms": HOLD_MS})
        stage.raised[device] += 1
        await desk.wait_incident(device, since, ("pending",), STEP_S)
        await wearers.wait_let_go(device, STEP_S)
    await asyncio.sleep(LIFT_S)
    with step(f"two clicks on pendant {device} cancel it, and its wearer feels *cancelled*"):
        await wearers.post(f"/devices/{device}/clicks", {"count": 2})
        await desk.wait_incident(device, since, ("cancelled",), STEP_S)
        await wearers.wait_felt(device, "cancelled", since, STEP_S)
    say(f"pendant {device}: pressed by accident, cancelled with two clicks; the desk shows it as cancelled")


# The measurement.


async def _measure(stage: Stage, devices: list[int], presses: int, into: Measured) -> None:
    """Every device presses again and again; each incident is closed before its device's next press."""
    what = "watches over LTE, no hub in reach" if into is stage.lte else "pendants over Bluetooth"
    stage.say(f"{presses} presses from {len(devices)} {what}, each accepted and closed before the next …")
    left = iter(range(presses))
    done = 0

    async def wearer(device: int) -> None:
        nonlocal done
        draw = random.Random(device)
        await asyncio.sleep(draw.uniform(0, 3))
        await press_to_close(stage, device, into.slept)
        for _ in left:
            await asyncio.sleep(draw.uniform(*REST_S))
            await press_to_close(stage, device, into.chain)
            done += 1
            if done % 50 == 0:
                stage.say(f"  {done} of {presses}")

    await _together(*(wearer(device) for device in devices))


async def _police_know(stage: Stage) -> None:
    """Wait until the police endpoint has been told of every incident that was not cancelled in time."""

    async def missing() -> set[int]:
        async with stage.house.store.transaction() as tx:
            cursor = await tx.connection.execute("SELECT id FROM incident WHERE state <> 'cancelled'")
            return {row["id"] for row in await cursor.fetchall()} - stage.endpoint.alerted

    with step("the police endpoint is told of every incident"):
        until = time.monotonic() + STEP_S
        while left := await missing():
            if time.monotonic() > until:
                raise TimeoutError(f"of {len(left)} incidents nothing has come within {STEP_S:g} s")
            await asyncio.sleep(0.1)


def _rows(stage: Stage, bearer: str, measured: Measured) -> None:
    """The figures of one kind of device."""
    say, chain, slept = stage.say, measured.chain.as_json(), measured.slept.as_json()
    for name, label in (
        ("press_to_desk_ms", "press → desk"),
        ("press_to_received_ms", "press → *received* felt"),
        ("accept_to_felt_ms", "accept → *accepted* felt"),
    ):
        row = chain[name]
        say(
            f"{bearer} {label:26} median {row['median']} ms, 99 % {row['p99']} ms, maximum {row['max']} ms "
            f"(n = {row['n']})"
        )
    desk, felt = slept["press_to_desk_ms"], slept["press_to_received_ms"]
    down = {name: 1000 + (row["median"] or 0) for name, row in (("desk", desk), ("felt", felt))}
    say(
        f"{bearer} first presses, out of deep sleep (n = {desk['n']}): on the desk {down['desk']:.0f} ms, *received* felt "
        f"{down['felt']:.0f} ms after finger-down (medians; the emulated boot is shorter than a real one)"
    )


def _tell(stage: Stage, reckoning: audit.Reckoning) -> None:
    say = stage.say
    _rows(stage, "BLE", stage.ble)
    _rows(stage, "LTE", stage.lte)
    bound = 3 / reckoning.alarms if reckoning.alarms else 1
    say('these are the chain\'s own delays: radio, modem and network come on top (see "modelled" below)')
    say(
        f"{reckoning.alarms} alarms, {reckoning.incidents} incidents, lost {reckoning.lost}, "
        f"duplicated {reckoning.duplicated}, told *received* but not stored {reckoning.told_received_but_not_stored} "
        f"(a zero of {reckoning.alarms} means: below {bound:.1%} with 95 % confidence)"
    )
    say(
        f"the police endpoint was told of {len(stage.endpoint.alerted)} incidents in {len(stage.endpoint.seen)} messages, "
        "each under its own identifier"
    )


async def _stay(stage: Stage) -> int:
    """Stay up for a visitor until interrupted; from now on modems take as long as real ones."""
    house = stage.house
    await stage.wearers.post("/modems", {"scale": 1})
    typer.echo("")
    typer.echo("The demo stays up. Two pages, for any browser on this machine:")
    typer.echo(f"  the police desk  {house.gateway_url}/")
    typer.echo(f"                   log in as officer, password {house.password} (made for this demo only)")
    typer.echo(f"  the devices      {house.simulator_url}/")
    typer.echo(
        "                   press a pendant or a watch, drop it, take its network away, see what its wearer feels"
    )
    typer.echo("Ctrl-C ends the demo and removes what it made; what every part has said stays in .demo/logs.")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        typer.echo("The demo ends.")
    return 0
