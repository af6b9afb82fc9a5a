"""Satellites in the SIM7080G, which shares its receiver with LTE: one or the other (U; no document says so).

Sources as in sim7080g.py: AN-GNSS; MAN, CGNSPWR, CGNSINF, CGNSCOLD, CGNSWARM, CGNSHOT.
"""

from sos_wire import kinds

from drivers import sim7080g_lines as lines

_STARTS = {"hot": "AT+CGNSHOT", "warm": "AT+CGNSWARM", "cold": "AT+CGNSCOLD"}


class Gnss:
    def __init__(self, modem):
        self._modem = modem

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
