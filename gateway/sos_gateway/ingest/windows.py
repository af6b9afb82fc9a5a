"""Which aliases a device may be using: how far its clock may be off, which recovery counters come next."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sos_wire import kinds

# Periods kept behind the present one: so long a hub may be cut off and its frames are still found at once.
PAST_EPOCHS = 4
# Recovery counters looked at beyond the last one used, and one more for every step it was not heard.
RECOVERY_AHEAD = 8
RECOVERY_MOST = 128
# A clock may drift by 2 %; one not set for more than 30 days is the slow path's.
DRIFT_PER_CENT = 2
STALEST = timedelta(days=30)


def clock_window(clock_set_at: datetime | None, at: datetime) -> int:
    """Return how many alias periods a clock may be off, at least one; one that is not set cannot be off."""
    if clock_set_at is None:
        return 1
    unset = min(max(at - clock_set_at, timedelta()), STALEST)
    return 1 + int(unset.total_seconds() * DRIFT_PER_CENT / 100) // kinds.ALIAS_PERIOD_S


def clock_windows(clock_set: Any, now_s: int) -> Any:
    """The same for an array of Unix seconds (0: not set)."""
    unset = np.clip(now_s - clock_set.astype(np.int64), 0, int(STALEST.total_seconds()))
    windows = 1 + unset * DRIFT_PER_CENT // 100 // kinds.ALIAS_PERIOD_S
    return np.where(clock_set == 0, 1, windows)


def recovery_range(newest: int, last_heard_at: datetime | None, at: datetime) -> range:
    """Return the recovery counters a device may be using."""
    unheard = at - last_heard_at if last_heard_at else timedelta()
    steps = int(max(unheard.total_seconds(), 0)) // kinds.RECOVERY_STEP_S
    return range(newest, newest + min(RECOVERY_AHEAD + steps, RECOVERY_MOST) + 1)


def recovery_counts(heard: Any, now_s: int) -> Any:
    """Return how many recovery counters each device of an array may be using (heard: Unix seconds, 0: never)."""
    unheard = np.where(heard == 0, 0, np.maximum(now_s - heard.astype(np.int64), 0))
    return np.minimum(RECOVERY_AHEAD + unheard // kinds.RECOVERY_STEP_S, RECOVERY_MOST) + 1
