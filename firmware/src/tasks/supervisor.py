"""Starts every loop, starts it again when it dies, counts, and feeds the watchdog only while all are alive."""

import asyncio
import sys

import log

# Longer than any loop waits without a sign of life, shorter than a person waits for an answer.
WATCHDOG_MS = 30_000
SIGN_OF_LIFE_MS = 20_000
RESTART_PAUSE_MS = 200


class Supervisor:
    """Loops call alive(name) at least every 10 s; `now_ms` is the steady clock."""

    def __init__(self, watchdog, now_ms):
        self._watchdog = watchdog
        self._now_ms = now_ms
        self._seen = {}
        self.restarts = {}
        self._tasks = {}

    def run(self, name, loop):
        """Start an endless coroutine function under a name."""
        self._seen[name] = self._now_ms()
        self.restarts[name] = 0
        self._tasks[name] = asyncio.create_task(self._keep(name, loop))

    def alive(self, name, within_ms=0):
        """Take a sign of life; who begins a step that may last longer says within what time the next one comes."""
        self._seen[name] = self._now_ms() + within_ms

    async def _keep(self, name, loop):
        while True:
            try:
                await loop()
                log.line("%s ended; started again" % name)
            except Exception as error:  # noqa: BLE001 - whatever it is, the button must go on working
                log.line("%s died: %s %s; started again" % (name, type(error).__name__, error))
                if hasattr(sys, "print_exception"):
                    sys.print_exception(error)
            self.restarts[name] += 1
            await asyncio.sleep_ms(RESTART_PAUSE_MS)

    async def watch(self):
        """Feed the watchdog while every loop has lately shown a sign of life."""
        while True:
            now = self._now_ms()
            late = [name for name, seen in self._seen.items() if now - seen > SIGN_OF_LIFE_MS]
            if late:
                log.line("no sign of life: %s" % ", ".join(late))
            else:
                self._watchdog.feed()
            await asyncio.sleep_ms(WATCHDOG_MS // 6)
