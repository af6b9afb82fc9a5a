"""Which ways an answer takes in its next turn, and when the turn after that is: pure."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from .models import BLE, LTE, SMS, Down, Number, Sighting

# A hub that has not carried the answer in this time is passed over for the next best.
NEXT_HUB_AFTER = timedelta(milliseconds=300)
# After all hubs have tried: the device may be asleep, and what it says next makes its answers fall due at once.
SLOWEST = timedelta(seconds=30)
# A device that was given its answer says `felt` within this time, or it is given again.
FELT_WITHIN = timedelta(seconds=2)
# Over the device's own topic: so often, with these pauses, and then no more until it is heard. A modem that looks for
# satellites is deaf for a minute; what the broker keeps for it meanwhile must stay a handful.
LTE_PAUSES_S = (2, 4, 8, 16, 32, 64)
# A text message costs money and minutes: each state goes once, and once more for each message that asks again
# later than this after it. Earlier ones crossed with it on their way, or are the network's own doubles.
SMS_AGAIN_AFTER = timedelta(seconds=30)
# One the hub could not send (no network, no stick, its limits) is asked for again after so long.
SMS_FAILED_AFTER = timedelta(seconds=60)


class Way(NamedTuple):
    """How an answer travels: by which way, and by which hub (None: to the device's own topic)."""

    via: str
    hub: str | None


class Turn(NamedTuple):
    """The answer's row after this turn, and the ways it is sent on now."""

    row: Down
    ways: tuple[Way, ...]


def next_turn(row: Down, hubs: list[str], last_heard: list[Sighting], now: datetime) -> Turn:
    """Return the turn of a row that is due; `hubs` hear the device on the air, the best first.

    `last_heard` is the newest sighting of the device by each way and hub.
    """
    known = {seen.via for seen in last_heard}
    ways: list[Way] = []
    left = [hub for hub in hubs if hub not in row.tried]
    if left:
        ways.append(Way(BLE, left[0]))
        row = replace(row, tried=(*row.tried, left[0]), next_at=now + NEXT_HUB_AFTER)
    else:
        row = replace(row, tried=(), next_at=now + _rest(row, bool(hubs), known))
    if LTE in known:
        due_at = _next_over_lte(row, now)
        if due_at is not None and due_at <= now:
            ways.append(Way(LTE, None))
            row = replace(row, lte_at=now, lte_tries=row.lte_tries + 1)
            due_at = _next_over_lte(row, now)
        if due_at is not None:
            row = replace(row, next_at=min(row.next_at, due_at))
    if _goes_by_sms(row, last_heard, now):
        # By all that had a text of hers: whoever texts a copy of her frame to another hub must not draw the answer there.
        ways += [Way(SMS, seen.hub) for seen in last_heard if seen.via == SMS]
        row = replace(row, sms_state=row.state, sms_at=now)
    return Turn(row, tuple(ways))


def _rest(row: Down, hubs: bool, known: set[str]) -> timedelta:
    if not hubs and (LTE in known or SMS in known):
        return SLOWEST  # no hub will be asked before one hears it, and then it falls due
    return min(timedelta(milliseconds=200) * 2 ** min(row.attempts // 4, 8), SLOWEST)


def _next_over_lte(row: Down, now: datetime) -> datetime | None:
    """Return when it may be published again; None: not before the device is heard."""
    if row.lte_at is None:
        return now
    if row.lte_tries >= len(LTE_PAUSES_S):
        return None
    return row.lte_at + timedelta(seconds=LTE_PAUSES_S[row.lte_tries])


def _goes_by_sms(row: Down, last_heard: list[Sighting], now: datetime) -> bool:
    """Whether the device spoke by text message last, and has not been sent this state since it asked."""
    texts = [seen for seen in last_heard if seen.via == SMS]
    if not texts:
        return False
    asked_at = max(seen.heard_at for seen in texts)
    if any(_is_back(seen, asked_at, max(text.number for text in texts)) for seen in last_heard):
        return False
    if row.sms_at is None:
        return True
    if row.sms_state < 0:  # none has gone: the last one failed
        return now >= row.sms_at + SMS_FAILED_AFTER
    if row.state > row.sms_state:
        return True
    return asked_at > row.sms_at + SMS_AGAIN_AFTER


def _is_back(seen: Sighting, asked_at: datetime, asked: Number) -> bool:
    """Whether another way has heard the device since it texted.

    Anybody can play on the air what he has recorded there: only an event that is newer than what she texted proves it.
    """
    return seen.via != SMS and seen.heard_at > asked_at and (seen.via == LTE or seen.number > asked)
