"""Satellites in the SIM7080G, which shares its receiver with LTE: one or the other (U; no document says so).

Sources as in sim7080g.py: AN-GNSS; MAN, CGNSPWR, CGNSINF, CGNSCOLD, CGNSWARM, CGNSHOT, HTTPTOFS, CGNSCPY, CGNSXTRA.
"""

import asyncio

import log
from sos_wire import kinds

from drivers import sim7080g_lines as lines

_STARTS = {"hot": "AT+CGNSHOT", "warm": "AT+CGNSWARM", "cold": "AT+CGNSCOLD"}
# CGNSCPY takes the file from here and no other place, capital included (AN-GNSS; U: LilyGo-Modem-Series #384).
_FILE = "/customer/Xtra3.bin"
# A file that lasts less than this is fetched anew: a day indoors must not use up the whole of its 72 hours.
_RENEW_H = 24
# The modem's own limit for the download, and its tries, so that it has given up when we have (MAN, HTTPTOFS).
_LOAD_S = 40
_POLL_MS = 250


class Gnss:
    def __init__(self, modem):
        self._modem = modem
        self.loaded = ""  # the last +HTTPTOFS line

    async def switch(self, on, start, until):
        """Radio off, receiver on, or the reverse; half way is no state: a failure ends with the radio's turn."""
        if not on:
            await self._off(until)
            return
        self._antenna(True)
        await self._modem.switch_radio(False, until)
        if await self._modem.ask("AT+CGNSPWR=1", until) is None:
            await self._off(until)
            raise self._modem.refuse(kinds.FAULT_GNSS, "its satellite receiver does not switch on")
        if self._modem.network.get("assist_url"):
            await self._use(until)  # no document says that a boot keeps it
        await self._modem.ask(_STARTS[start], until)
        self._modem.state = "GNSS"

    async def _off(self, until):
        await self._modem.ask("AT+CGNSPWR=0", until)
        await self._modem.switch_radio(True, until)
        self._modem.state = "READY"
        self._antenna(False)

    def _antenna(self, on):
        try:
            self._modem.power.antenna(on)
        except OSError:
            raise self._modem.refuse(kinds.FAULT_GNSS, "the antenna's rail cannot be switched")

    async def fix(self, until):
        """Poll: CGNSURC is not in this modem (MAN, history of V1.01)."""
        if self._modem.state != "GNSS":
            return None
        line = await self._modem.value("AT+CGNSINF", "+CGNSINF:", until)
        if line is None:
            raise self._modem.refuse(kinds.FAULT_GNSS, "its satellite receiver says nothing")
        return lines.fix(line)

    # Assistance: orbits for three days from a server, with which a cold start needs 18 to 30 s less (U: botletics #100).

    async def assist(self, give_way, until):
        """Have a file of assistance that lasts; return whether there is one now. `give_way()`: somebody wants the modem.

        The modem fetches and keeps the file, and knows its age. Whatever goes wrong, starts are as they were before.
        """
        if not self._modem.network.get("assist_url") or self._modem.state not in ("ATTACHED", "CONNECTED"):
            return False
        if await self._lasts_h(until) >= _RENEW_H:
            return True
        if not await self._load(give_way, until) or give_way():
            return False
        # With the receiver on, as Zephyr's driver does it: off, it has been seen to refuse the file (U).
        await self._modem.ask("AT+CGNSPWR=1", until)
        line = await self._modem.value("AT+CGNSCPY", "+CGNSCPY:", until)
        good = line == "+CGNSCPY: 0" and await self._use(until)
        await self._modem.ask("AT+CGNSPWR=0", until)
        log.line("modem: assistance for satellites " + ("is new" if good else "is not accepted"))
        return good

    async def _use(self, until):
        """Refused without a file, with one too old, and while the modem's clock is wrong (AN-GNSS)."""
        return await self._modem.ask("AT+CGNSXTRA=1", until) is not None

    async def _lasts_h(self, until):
        """Return for how many hours the file is good: "+CGNSXTRA: age,lasts,since" (U: Zephyr's driver); -1 for none."""
        line = await self._modem.value("AT+CGNSXTRA", "+CGNSXTRA:", until)
        found = lines.fields(line) if line is not None else []
        if len(found) < 2 or not found[0].isdigit():
            return -1  # a negative age is a file from the future
        return lines.whole(found[1]) - int(found[0])

    async def _load(self, give_way, until):
        """Download: OK at once, and when it has ended "+HTTPTOFS: status,length"."""
        self.loaded = ""
        text = 'AT+HTTPTOFS="%s","%s",%d,1' % (self._modem.network["assist_url"], _FILE, _LOAD_S)
        if await self._modem.ask(text, until, once=True) is None:
            log.line("modem: it does not fetch the assistance for satellites")
            return False
        until = until.part(_LOAD_S * 1000)
        while not self.loaded:
            if give_way() or until.left() <= _POLL_MS:
                break
            await asyncio.sleep_ms(_POLL_MS)
        if not self.loaded.startswith("+HTTPTOFS: 200,"):
            log.line("modem: no assistance for satellites (%s)" % (self.loaded or "it is not waited for"))
            return False
        return True
