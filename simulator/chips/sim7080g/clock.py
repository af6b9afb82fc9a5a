"""The modem's clock: from 1980 until somebody sets it, by the network at attach or by the host."""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from .area import Area
from .grammar import BAD_PARAMETER, READ, Asked, Refused, at

if TYPE_CHECKING:
    from .modem import Answer

UNSYNCHRONISED = datetime(1980, 1, 6, tzinfo=UTC).timestamp()
_TIME = re.compile(r"(\d\d)/(\d\d)/(\d\d),(\d\d):(\d\d):(\d\d)([+-]\d\d)?", re.ASCII)


def written(unix_s: float, quarters: int) -> str:
    """yy/MM/dd,hh:mm:ss±zz: local time, the zone in quarters of an hour."""
    local = datetime.fromtimestamp(int(unix_s), UTC) + timedelta(minutes=15 * quarters)
    return f"{local:%y/%m/%d,%H:%M:%S}{quarters:+03d}"


class Clock(Area):
    """CCLK and CLTS. The clock stops with the power."""

    def reset(self) -> None:
        self._set_us = self.modem.now_us()
        self._base = UNSYNCHRONISED
        self.quarters = 0
        self._network_time = bool(self.modem.flash.get("clts", 0))  # takes effect at the boot

    def unix_s(self) -> float:
        return self._base + (self.modem.now_us() - self._set_us) / 1e6

    def set(self, unix_s: float, quarters: int) -> None:
        self._base, self._set_us, self.quarters = unix_s, self.modem.now_us(), quarters

    def attached(self) -> None:
        """The network tells the time at attach, if it was asked to and does."""
        if not self._network_time or self.modem.faults.no_network_time:
            return
        cell = self.modem.cell
        self.set(self.modem.unix_s(), cell.zone_quarters)
        utc = datetime.fromtimestamp(int(self.unix_s()), UTC)
        name = cell.operator
        self.modem.urc("DST: 0")
        # The opening quote is missing on the real thing (four logs, chips A9).
        self.modem.urc(f'*PSUTTZ: {utc:%y/%m/%d,%H:%M:%S}","{self.quarters:+03d}",0')
        self.modem.urc(f'*PSNWID: "{cell.mcc}","{cell.mnc}","{name}",0,"{name}",0')

    @at("+CCLK", "read set", "MAN, 27.007: AT+CCLK")
    def cclk(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(f'+CCLK: "{written(self.unix_s(), self.quarters)}"')
            return
        text = asked.word(0) if len(asked.arguments) < 2 else ",".join(asked.arguments)
        found = _TIME.fullmatch(text.strip('"'))
        if not found:
            raise Refused(BAD_PARAMETER)
        year, month, day, hour, minute, second = map(int, found.groups()[:6])
        quarters = int(found[7] or 0)
        try:
            local = datetime(
                (1900 if year >= 80 else 2000) + year, month, day, hour, minute, second, tzinfo=UTC
            )
        except ValueError:
            raise Refused(BAD_PARAMETER) from None
        if abs(quarters) > 96:
            raise Refused(BAD_PARAMETER)
        self.set((local - timedelta(minutes=15 * quarters)).timestamp(), quarters)
        answer.ok()

    @at("+CLTS", "read set", "MAN, of SIMCom: AT+CLTS: AUTO_SAVE_REBOOT")
    def clts(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(f"+CLTS: {self.modem.flash.get('clts', 0)}")
        else:
            self.modem.flash["clts"] = asked.number(0, 0, 1)
            answer.ok()
