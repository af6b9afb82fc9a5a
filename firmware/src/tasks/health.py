"""Health: heartbeats and decoys, the battery, and the decision to sleep."""

import asyncio
import os

import log
from app import reporting
from sos_wire import kinds

LOOK_EVERY_MS = 250
# Without anything to do the device is asleep so soon.
LINGER_MS = 400
LONGEST_SLEEP_S = 900


class Health:
    def __init__(self, device, buttons, courier, link, signals, supervisor):
        self._device = device
        self._buttons = buttons
        self._courier = courier
        self._link = link
        self._signals = signals
        self._supervisor = supervisor

    def _draw(self, below):
        raw = os.urandom(2)
        return (raw[0] << 8 | raw[1]) % below

    async def loop(self):
        self._heartbeat_if_due()
        self._tell_low_battery()
        quiet_since = self._device.now_ms()
        while True:
            self._supervisor.alive("health")
            await asyncio.sleep_ms(LOOK_EVERY_MS)
            now = self._device.now_ms()
            if self._is_busy(now):
                quiet_since = now
            elif now - quiet_since >= LINGER_MS:
                self._sleep()

    def _is_busy(self, now):
        device = self._device
        if now < device.awake_until_ms or now < device.moving_until_ms:
            return True
        if (
            self._courier.on_air
            or self._buttons.recognizer.busy()
            or self._signals.busy()
            or self._link.connection is not None
        ):
            return True
        if device.alarms.countdown(now):
            return True
        return any(e.sent == 0 or e.next_ms <= now for e in device.alarms.to_send())

    def _quarter_s(self):
        """The clock the quarters are counted on: Unix where it is known, else the running one."""
        return self._device.unix_s() or self._device.running_s()

    def _heartbeat_if_due(self):
        """Send the quarter's heartbeat when the timer has woken the device for it, or after any other start."""
        device, now_s = self._device, self._quarter_s()
        if now_s // reporting.QUARTER_S > device.identity.quarter or device.alarms.expects_answers():
            device.identity.quarter = now_s // reporting.QUARTER_S
            device.raise_event(kinds.HEARTBEAT)

    def _tell_low_battery(self):
        device, battery = self._device, self._device.board.battery
        low = battery.percent() < device.settings.low_battery_percent
        if low and not battery.usb() and not device.low_battery_told:
            device.low_battery_told = True
            device.raise_event(kinds.LOW_BATTERY)

    def _sleep(self):
        """Deep sleep until the next heartbeat, question or repeat. Button and accelerometer wake, too."""
        device = self._device
        seconds = self._until_heartbeat()
        if device.alarms.expects_answers() or device.alarms.to_send():
            seconds = min(seconds, device.settings.ask_every_s)
        device.save_identity()
        log.line("sleep %d s" % seconds)
        self._link.close()
        device.board.deep_sleep(max(1, seconds) * 1000)

    def _until_heartbeat(self):
        now_s = self._quarter_s()
        instant = reporting.heartbeat_instant(
            now_s, self._device.identity.quarter, self._draw(reporting.QUARTER_S)
        )
        return min(max(1, instant - now_s), 2 * LONGEST_SLEEP_S)
