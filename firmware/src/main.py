"""Composition: board, store, links, tasks. The same file on every device and in every test."""

import asyncio
import gc

import board
import log
import settings
from app import alarm
from links.ble import BleLink
from sos_wire.seal import Keys
from store import NotProvisioned, Store
from tasks.answers import Answers
from tasks.buttons import Buttons
from tasks.courier import Courier
from tasks.device import Device
from tasks.health import Health
from tasks.motion import Motion
from tasks.signals import PATTERNS, Signals
from tasks.supervisor import WATCHDOG_MS, Supervisor

ROOT = "/socors"
# A device that cannot seal says so at each press and sleeps again.
UNFIT_SLEEP_MS = 3600_000


async def unfit(hardware, why):
    """Show the fault pattern and sleep: without an identity and a fresh boot number nothing can be sealed.

    A flash that took no boot number may take one at the next wake; ending here instead would be a brick.
    """
    log.line("nothing can be sent: %s" % why)
    pulses, on_ms, off_ms, colour = PATTERNS[alarm.FAULTY]
    hardware.light.set(colour)
    for _ in range(pulses):
        hardware.motor.set(True)
        await asyncio.sleep_ms(on_ms)
        hardware.motor.set(False)
        await asyncio.sleep_ms(off_ms)
    hardware.deep_sleep(UNFIT_SLEEP_MS)


def network_of(hardware):
    """Return the network file of a device with a modem, or None."""
    if hardware.modem() is None:
        return None
    import netfile

    network, complaint = netfile.load(ROOT + "/network.json")
    if complaint:
        log.line(complaint)
    return network


def modem_task(hardware, device, network, supervisor, answers):
    """Start what a device with a modem has more; imported here, for a pendant has no room to spare."""
    from drivers.sim7080g import Modem
    from links.lte import LteLink
    from tasks.lte import Lte

    uart, power = hardware.modem()
    modem = Modem(uart, power, network)
    supervisor.run("modem", lambda: modem.run(lambda: supervisor.alive("modem")))
    lte = Lte(
        device, LteLink(modem, device.number, network["sms_to"], device.news), power, supervisor, answers
    )
    supervisor.run("lte", lte.loop)
    supervisor.run("answers", lte.listen)
    return lte


async def main():
    hardware = board.build()
    store = Store(ROOT, hardware.nvs())
    options, complaint = settings.load(ROOT + "/settings.json")
    if complaint:
        log.line(complaint)
    network = network_of(hardware)
    try:
        number, secret = store.identity()
        device = Device(hardware, store, options, Keys(secret), number, network is not None)
    except (NotProvisioned, OSError) as error:
        return await unfit(hardware, error)
    supervisor = Supervisor(hardware.watchdog(WATCHDOG_MS), device.now_ms)
    signals = Signals(hardware.motor, hardware.light, supervisor)
    cause = hardware.wake_cause()
    buttons = Buttons(device, hardware.button, signals, supervisor, cause == board.WOKEN_BY_BUTTON)
    supervisor.run("buttons", buttons.loop)
    supervisor.run("signals", signals.loop)
    link = BleLink(hardware.radio(), options.company, device.wake)
    answers = Answers(device, signals)
    courier = Courier(device, link, signals, supervisor, answers)
    supervisor.run("courier", courier.loop)
    lte = modem_task(hardware, device, network, supervisor, answers) if network else None
    health = Health(device, buttons, courier, link, signals, supervisor, lte)
    if options.falls:
        woken = cause == board.WOKEN_BY_MOTION
        motion = Motion(device, hardware.accelerometer, signals, supervisor, woken, health.doze)
        supervisor.run("motion", motion.loop)
    supervisor.run("health", health.loop)
    gc.collect()
    await supervisor.watch()


asyncio.run(main())
