"""An event's own time: the latest instant its `when` can stand for, never later than receipt (docs/wire.md)."""

from datetime import UTC, datetime, timedelta

from sos_wire import times

CLOCK_ERROR_S = 2  # of a clock that has just been set
DRIFT_PER_CENT = 2  # of the time since it was set; the ESP32's own RC clock in deep sleep
LONGEST_UNSET = timedelta(days=366)  # an error of a week: a clock that may be wrong by more tells nothing


def clock_error(since_set: timedelta | None) -> timedelta:
    """Return how far a device's clock may be off; since_set None: never set by us, so only the base error is known."""
    drift = (since_set or timedelta()) * DRIFT_PER_CENT / 100
    return timedelta(seconds=CLOCK_ERROR_S) + max(drift, timedelta())


def as_if_set_at(unix_s: int, received_at: datetime) -> datetime | None:
    """Return when a clock must have been set to be as far behind now as an event made at its `unix_s` allows.

    The event was made at or before its receipt, so the clock stood at `unix_s` or later then, and was behind by the
    difference at most: `clock_error` of the time returned is that difference, or 2 s if it is less. A frame that was
    held back, or an old one, only makes the difference larger, so it proves less and never too much. A clock that
    runs ahead is no harm here: an own time is never later than receipt. None: so old that it proves nothing.
    """
    behind = received_at - datetime.fromtimestamp(unix_s, UTC)
    unset = max(behind - timedelta(seconds=CLOCK_ERROR_S), timedelta()) * 100 / DRIFT_PER_CENT
    return received_at - unset if unset <= LONGEST_UNSET else None


def from_short(when: int, received_at: datetime, error: timedelta) -> tuple[datetime, bool]:
    """Return (own time, known) of a short form's 24-bit `when`."""
    unix_s = times.resolve_when(when, int(received_at.timestamp()))
    if unix_s is None:
        return received_at, False
    return _latest(unix_s + times.WHEN_UNIT_S, received_at, error), True


def from_full(
    unix_s: int, age_s: int | None, received_at: datetime, error: timedelta
) -> tuple[datetime, bool]:
    """Return (own time, known) of a full form: its second, else its age, else receipt."""
    if unix_s:
        return _latest(unix_s + 1, received_at, error), True
    if age_s is not None:
        return received_at - timedelta(seconds=age_s), True
    return received_at, False


def _latest(unix_s: int, received_at: datetime, error: timedelta) -> datetime:
    return min(datetime.fromtimestamp(unix_s, UTC) + error, received_at)
