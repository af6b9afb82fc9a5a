"""Health: heartbeats and decoys, the battery, and the decision to sleep."""

import asyncio
import os

import log
from app import identity as numbers
from app import reporting, ways
from sos_wire import kinds

LOOK_EVERY_MS = 250
# The battery is slower.
BATTERY_EVERY_MS = 10_000
# Without anything to do the device is asleep so soon.
LINGER_MS = 400
LONGEST_SLEEP_S = 2 * reporting.QUARTER_S
# A stuck button cannot wake the device: whether it has come free is seen so often.
STUCK_LOOK_S = 60


class Health:
    def __init__(self, device, buttons, courier, link, signals, supervisor, lte=None):
        self._device = device
        self._buttons = buttons
        self._courier = courier
        self._link = link
        self._signals = signals
        self._supervisor = supervisor
        self._lte = lte
        self._quiet_since = 0  # but for motion

    def _draw(self, below):
        raw = os.urandom(2)
        return (raw[0] << 8 | raw[1]) % below

    def _may_ask(self):
        """A modem is not woken to ask by every step she takes: only at its pace."""
        if self._lte is None:
            return True
        outside, now_s = self._device.identity.outside, self._device.running_s()
        if now_s - outside.asked_at_s < self._device.settings.lte_ask_every_s - 1:
            return False
        outside.asked_at_s = now_s
        return True

    async def loop(self):
        if self._device.asks() and self._may_ask():
            self._beat()  # woken to ask: whatever the gateway has for us comes with the answer
        quiet_since = battery_at = self._quiet_since = self._device.now_ms()
        while True:
            self._supervisor.alive("health")
            self._beat_if_due()
            self._decoy_if_due()
            if self._device.now_ms() >= battery_at:
                battery_at = self._device.now_ms() + BATTERY_EVERY_MS
                self._tell_low_battery()
            await asyncio.sleep_ms(LOOK_EVERY_MS)
            now = self._device.now_ms()
            if self._is_busy(now):
                self._quiet_since = quiet_since = now
                self._link.ready()
            elif now < self._device.moving_until_ms:
                quiet_since = now
            elif now - quiet_since >= LINGER_MS:
                if self._device.would_lose():
                    quiet_since = (
                        now  # awake until it is answered, whatever the battery says: deep sleep forgets
                    )
                else:
                    self._sleep()

    def _is_busy(self, now):
        """Whether anything but motion keeps the device awake."""
        if now < self._device.awake_until_ms:
            return True
        if (
            self._courier.on_air
            or self._buttons.recognizer.busy()
            or self._signals.busy()
            or self._link.connection is not None
            or (self._lte is not None and self._lte.busy())
        ):
            return True
        alarms = self._device.alarms
        if alarms.countdown(now):
            return True
        return any(e.sent == 0 or e.next_ms <= now for e in alarms.to_send(ways.BLE))

    def doze(self, ms):
        """Sleep lightly for so long if only motion keeps the device awake; return whether it did.

        The radio is off meanwhile, for Bluetooth does not survive. Attached to USB there is no need, and a serial line.
        """
        now = self._device.now_ms()
        if self._is_busy(now) or now - self._quiet_since < LINGER_MS or self._device.board.battery.usb():
            return False
        self._link.close()
        self._device.board.light_sleep(ms)
        return True

    def _quarter_s(self):
        """The clock the quarters are counted on: Unix where it is known, else the running one."""
        return self._device.unix_s() or self._device.running_s()

    def _beat_if_due(self):
        """Send the heartbeat at its instant: drawn before, whatever else has woken the device meanwhile."""
        if self._device.running_s() >= self._device.identity.beat_at:
            self._beat()

    def _beat(self):
        identity = self._device.identity
        now_s = self._quarter_s()
        identity.quarter = now_s // reporting.QUARTER_S
        self._device.raise_event(kinds.HEARTBEAT)
        instant = reporting.heartbeat_instant(now_s, identity.quarter, self._draw(reporting.QUARTER_S))
        identity.beat_at = self._device.running_s() + min(max(1, instant - now_s), LONGEST_SLEEP_S)
        self._device.save_identity()

    def _decoy_if_due(self):
        """Be as busy for a while as after an alarm: whoever listens all day near the wearer learns less from it."""
        device, identity = self._device, self._device.identity
        per_day, now_s = device.settings.decoys_per_day, device.running_s()
        if not per_day or now_s < identity.decoy_at:
            return
        if identity.decoy_at:
            device.raise_event(kinds.DECOY)
            # From a minute to as long as an alarm keeps the device awake.
            busy_ms = (60 + self._draw(max(1, device.settings.awake_s - 60))) * 1000
            device.awake_until_ms = max(device.awake_until_ms, device.now_ms() + busy_ms)
        identity.decoy_at = reporting.decoy_instant(now_s, per_day, 1 + self._draw(65_535))
        device.save_identity()

    def _tell_low_battery(self):
        """Once for each charge."""
        device, battery = self._device, self._device.board.battery
        if battery.usb():
            device.note(numbers.LOW_BATTERY_TOLD, False)
            return
        told = device.identity.notes & numbers.LOW_BATTERY_TOLD
        if not told and battery.percent() < device.settings.low_battery_percent:
            device.note(numbers.LOW_BATTERY_TOLD, True)
            device.raise_event(kinds.LOW_BATTERY)

    def _sleep(self):
        """Deep sleep until the next heartbeat, decoy, question or repeat. Button and accelerometer wake, too."""
        device, identity = self._device, self._device.identity
        seconds = identity.beat_at - device.running_s()
        if device.settings.decoys_per_day:
            seconds = min(seconds, identity.decoy_at - device.running_s())
        if device.asks():
            settings = device.settings
            seconds = min(seconds, settings.lte_ask_every_s if self._lte else settings.ask_every_s)
        elif any(e.is_kept() or e.ways & ways.BLE for e in device.alarms.to_send()):
            seconds = min(seconds, device.settings.repeat_every_s)
        stuck = self._buttons.recognizer.stuck()
        if stuck:
            seconds = min(seconds, STUCK_LOOK_S)
        device.save_identity()
        device.store.starts_well()
        log.line("sleep %d s" % max(1, seconds))
        self._link.close()
        device.board.deep_sleep(max(1, seconds) * 1000, stuck)
