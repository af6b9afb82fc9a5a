"""What every area of commands has: the modem it belongs to, a start, and ears for faults."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .modem import Sim7080g


class Area:
    """Some commands and the state behind them."""

    def __init__(self, modem: "Sim7080g") -> None:
        self.modem = modem
        self.reset()

    def reset(self) -> None:
        """Forget what does not survive a restart. Called by every boot, and once when the modem is made."""

    def fault_changed(self, name: str) -> None:
        """A misbehaviour was set or cleared."""
