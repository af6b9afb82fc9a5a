"""What stands around a watch's modem in either world: a clock for it, the line to a broker, the sky, the SMS centre."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..chips.sim7080g import Identity, MqttLine, Sim7080g
from ..chips.sim7080g.line import Scheduler
from .phones import SmsCentre
from .sky import Sky


@dataclass
class Cellular:
    """One watch's surroundings; the SMS centre is all devices' and hubs' one."""

    scheduler: Scheduler
    line: MqttLine
    sky: Sky
    phones: SmsCentre
    chance: random.Random = field(default_factory=random.Random)
    unix_s: Callable[[], float] = time.time  # the time the network tells

    def modem(
        self, number: int, send: Callable[[bytes], None], tell: Callable[[str, bool], None]
    ) -> Sim7080g:
        """Fit a modem into the device of that number."""
        return Sim7080g(
            scheduler=self.scheduler,
            send=send,
            line=self.line,
            sky=self.sky,
            phones=self.phones,
            identity=Identity.of(number),
            tell=tell,
            chance=self.chance,
            unix_s=self.unix_s,
        )
