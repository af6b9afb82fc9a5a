"""Everything a maker or a town may tune: unit in the name, range checked on load, then frozen."""

import json
from typing import TYPE_CHECKING

# (name, default, lowest, highest). Why each has its default is said in the line above it.
TABLE = (
    # A loud SOS makes no sound for a wearer whose attacker stands beside her: then the hold is silent, too.
    ("silent_hold", 0, 0, 1),
    # The one 30 ms tick that tells a silent alarm was stored.
    ("silent_tick", 1, 0, 1),
    # A new detector is watched before it is trusted with nights; 0 leaves the button alone.
    ("falls", 1, 0, 1),
    # Decoy episodes a day: make busy times common for whoever listens near the wearer; about 2.6 mAh each.
    ("decoys_per_day", 0, 0, 24),
    # After an alarm the desk can reach the wearer for so long at once (docs/wire.md); about 5 mAh each time.
    ("awake_s", 600, 30, 3600),
    # ... then the device asks so often, and for so long; about 2.4 mAh each time.
    ("ask_every_s", 30, 10, 600),
    ("ask_for_s", 3600, 0, 14400),
    # An alarm nobody has answered by then goes on for ever at this pace: a hub may come near at any time.
    ("repeat_every_s", 120, 30, 900),
    # A device with a modem asks over LTE instead, and that costs 20 s of it each time (0.4 mAh by a guess).
    ("lte_ask_every_s", 120, 30, 3600),
    # After each publication the answer is waited for so long before the modem sleeps; 14 mA of it.
    ("lte_listen_s", 5, 1, 60),
    # 1: the modem sleeps in PSM (3 uA), beside a hub it is off; 0: always off, for a network without PSM.
    ("modem_psm", 1, 0, 1),
    # While it looks for satellites the modem is deaf: for a turn, and 5 to 40 s more until it is back on air, the wearer
    # cannot be answered. Shorter turns often end before the first fix.
    ("gnss_turn_s", 30, 10, 180),
    # Between two turns of an open alarm the desk can reach the wearer for at least so long.
    ("gnss_between_s", 30, 5, 600),
    # After an answer the first turn waits: an officer who accepts within these seconds is felt at once.
    ("after_ack_s", 5, 0, 60),
    # Outside alarms a position for each so many minutes of moving, 0 for none; 1 mAh each by a guess.
    ("position_every_min", 15, 0, 240),
    # How long the burst's answer is waited for; all kinds alike. 100 ms more cost about 0.075 mAh a day.
    ("listen_ms", 1500, 500, 5000),
    # Company identifier of the advertisement; 65535 is the test value.
    ("company", 65535, 0, 65535),
    # Below this the wearer's desk is told, once per charge.
    ("low_battery_percent", 15, 1, 50),
)
# (name, what it may be, the default first).
CHOICES = (
    # Where the device is worn: at the trunk (belt, or a pendant on its cord) or the wrist. A fall is felt otherwise there,
    # and each place has its own tables for the detector.
    ("worn_at", ("trunk", "wrist")),
)


class Settings:
    """One frozen object; settings.NAME for each row of the tables."""

    if TYPE_CHECKING:
        worn_at: str

        def __getattr__(self, name: str) -> int: ...

    def __init__(self, values):
        self.complaints = []
        for name, default, lowest, highest in TABLE:
            value = values.get(name, default)
            if not isinstance(value, int) or not lowest <= value <= highest:
                self.complaints.append(
                    "setting %s must be a whole number from %d to %d" % (name, lowest, highest)
                )
                value = default
            setattr(self, name, value)
        for name, choices in CHOICES:
            value = values.get(name, choices[0])
            if value not in choices:
                self.complaints.append("setting %s must be %s" % (name, " or ".join(choices)))
                value = choices[0]
            setattr(self, name, value)
        known = [row[0] for row in TABLE + CHOICES]
        self.complaints += ["there is no setting %s" % name for name in values if name not in known]


def load(path):
    """Return (settings, complaint): the file's, a wrong one's default, and one sentence on what is wrong, or None.

    One wrong setting leaves the others as they are: who must be silent must not become loud by it.
    """
    try:
        with open(path) as file:
            values = json.load(file)
    except OSError:
        return Settings({}), None
    except ValueError:
        values = None
    if not isinstance(values, dict):
        return Settings({}), "settings are no JSON object: defaults are used"
    made = Settings(values)
    return made, "; ".join(made.complaints) + ": defaults are used" if made.complaints else None
