"""What stands around a watch's modem in either world: a clock for it, the line to a broker, the sky, the SMS centre."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


class Scheduler(Protocol):
    """Time, as the modem sees it; both worlds have one."""

    def now_us(self) -> int: ...
    def after(self, us: int, do: Callable[[], object]) -> object: ...


class Modem(Protocol):
    """What hardware does to the chip; it keeps its power state and saved settings by itself."""

    def receive(self, data: bytes) -> None: ...
    def rail(self, on: bool) -> None: ...
    def antenna(self, on: bool) -> None: ...
    def pwrkey(self, low: bool) -> None: ...
    def dtr(self, high: bool) -> None: ...


@dataclass
class Cellular:
    """One watch's surroundings; `sky` and `phones` may be shared with others."""

    scheduler: Scheduler
    line: Any
    sky: Any
    phones: Any

    def modem(self, number: int, send: Callable[[bytes], None], tell: Callable[[str, bool], None]) -> Modem:
        """Fit a modem into the device of that number."""
        from ..chips.sim7080g import Identity, Sim7080g

        return Sim7080g(
            scheduler=self.scheduler,
            send=send,
            line=self.line,
            sky=self.sky,
            phones=self.phones,
            identity=Identity.of(number),
            tell=tell,
        )
