"""The life of an incident: which arrows exist, how alarms join it, what a cancel can and cannot do.

pending -> open -> accepted -> on_scene -> closed
pending -> cancelled (every event in it was withdrawn)        any -> cancelled (by an officer)
"""

from dataclasses import replace
from datetime import datetime, timedelta

from sos_wire import kinds

from .models import UNREADABLE, Event, Incident

ARROWS = {
    "pending": ("open", "accepted", "cancelled"),
    "open": ("accepted", "cancelled"),
    "accepted": ("on_scene", "closed", "cancelled"),
    "on_scene": ("closed", "cancelled"),
    "closed": (),
    "cancelled": (),
}
OVER = ("closed", "cancelled")
DISPOSITIONS = ("real", "false_accident", "false_misuse", "test", "no_contact")

# A cancel can be on its way until its window has ended (3 s, 20 s) and this much longer.
PENDING_WINDOW = {kinds.SOS: timedelta(seconds=5), kinds.FALL: timedelta(seconds=25)}
# An alarm whose own time lies in an incident closed less than this ago is a late report of it.
LATE_REPORT_WINDOW = timedelta(hours=24)
# From this delay on an alarm is shown as late, with both times.
LATE_AFTER = timedelta(seconds=60)

# The most serious first. An unreadable alarm might be anything, so it stands with the gravest.
SEVERITY = (
    "duress",
    "silent",
    "unreadable",
    "sos",
    "fall",
    "preventive-expired",
    "tamper",
    "proximity",
    "wandering",
    "removed",
    "no-motion",
)
# Only who is entitled may see these, and the wearer's device shows nothing.
DISCREET = ("silent", "duress")


def kind_name(kind: int) -> str:
    return "unreadable" if kind == UNREADABLE else kinds.NAMES[kind]


def opens(kind: int, opening: frozenset[str] = frozenset()) -> bool:
    """Whether an event of this kind opens an incident; `opening` are the conditional kinds switched on."""
    if kind == UNREADABLE or kind in kinds.ALARMS:
        return True
    return kind in kinds.CONDITIONAL_ALARMS and kinds.NAMES[kind] in opening


def is_alarm(event: Event) -> bool:
    """Whether an event of an incident is one of its alarms: not what takes one back, nor what says where or how she is."""
    return event.kind not in (kinds.CANCELLED, kinds.POSITION, kinds.RISEN)


def more_serious(left: str, right: str) -> str:
    return min(left, right, key=SEVERITY.index)


def may_be_withdrawn(event: Event) -> bool:
    return event.kind in kinds.CANCELLABLE and bool(event.flags & kinds.PENDING)


def opens_at(event: Event) -> datetime:
    """Return the moment an alarm opens its incident: at once, or when its cancel window is surely over."""
    if not may_be_withdrawn(event):
        return event.received_at
    return max(event.received_at, event.occurred_at + PENDING_WINDOW[event.kind])


def covers(incident: Incident, event: Event, now: datetime) -> bool:
    """Whether an alarm that finds no open incident is a late report of this closed one."""
    return (
        incident.state == "closed"
        and incident.closed_at is not None
        and event.time_known
        and now - incident.closed_at < LATE_REPORT_WINDOW
        and incident.occurred_at <= event.occurred_at <= incident.closed_at
    )


def begin(event: Event, wearer_id: int, town: str, now: datetime) -> Incident:
    """Return the incident a first alarm makes: pending while it may be withdrawn, cancelled if it already is."""
    opened = opens_at(event)
    state = "cancelled" if event.cancelled else "pending" if opened > now else "open"
    kind = kind_name(event.kind)
    return Incident(
        wearer_id=wearer_id,
        device=event.device,
        kind=kind,
        state=state,
        town=town,
        pending_until=opened if state == "pending" else None,
        opened_at=now if state == "open" else None,
        late=now - event.occurred_at > LATE_AFTER,
        silent=kind in DISCREET,
        raw=event.body.hex() if event.kind == UNREADABLE else None,
        occurred_at=event.occurred_at,
        received_at=event.received_at,
        updated_at=now,
        heard_by=event.hub,
        press_count=event.presses,
    )


def join(incident: Incident, event: Event, now: datetime) -> Incident:
    """Return the incident with one more alarm in it: press count up, kind the most serious, silence kept."""
    if event.cancelled:
        return replace(incident, press_count=incident.press_count + event.presses, updated_at=now)
    kind = kind_name(event.kind)
    joined = replace(
        incident,
        press_count=incident.press_count + event.presses,
        kind=more_serious(incident.kind, kind),
        silent=incident.silent or kind in DISCREET,
        says_false_alarm=False,  # who presses again takes that back
        raw=incident.raw or (event.body.hex() if event.kind == UNREADABLE else None),
        occurred_at=min(incident.occurred_at, event.occurred_at),
        updated_at=now,
    )
    if incident.state != "pending":
        return joined
    opened = opens_at(event)
    if opened <= now:
        return opened_now(joined, now)
    return replace(joined, pending_until=min(opened, joined.pending_until or opened))


def pressed_more(incident: Incident, stored: Event, event: Event, now: datetime) -> Incident:
    """Return the incident when one of its alarms turns out to stand for more presses than the copy stored said."""
    more = event.presses - stored.presses
    if more <= 0 or incident.state in OVER:
        return incident
    says = incident.says_false_alarm and event.cancelled
    return replace(incident, press_count=incident.press_count + more, says_false_alarm=says, updated_at=now)


def opened_now(incident: Incident, now: datetime) -> Incident:
    return replace(incident, state="open", pending_until=None, opened_at=now, updated_at=now)


def accepted(incident: Incident, who: str, now: datetime) -> Incident:
    """Return the incident accepted by an officer; accepting a pending one opens it in the same step."""
    return replace(
        incident,
        state="accepted",
        pending_until=None,
        opened_at=incident.opened_at or now,
        accepted_at=now,
        accepted_by=who,
        updated_at=now,
    )


def closed(incident: Incident, disposition: str, now: datetime) -> Incident:
    return replace(incident, state="closed", closed_at=now, disposition=disposition, updated_at=now)


def cancelled(incident: Incident, now: datetime) -> Incident:
    return replace(incident, state="cancelled", pending_until=None, closed_at=now, updated_at=now)


def taken_back(incident: Incident, alarms: list[Event], now: datetime) -> tuple[Incident, str]:
    """Return (incident, what happened) after the wearer took one of its alarms back; `alarms` are all of its alarms.

    It ends only when it was pending and nothing else is in it. One that is open goes on: an officer must see to it.
    """
    if not all(event.cancelled for event in alarms):
        return replace(incident, updated_at=now), "one of its alarms withdrawn"
    if incident.state == "pending":
        return cancelled(incident, now), "withdrawn by the wearer"
    return replace(incident, says_false_alarm=True, updated_at=now), "wearer says false alarm"


def is_withdrawn(incident: Incident, event: Event) -> bool:
    """Whether an alarm's own story has ended with its cancel: not where the cancel came too late and only speaks."""
    return event.cancelled and not incident.says_false_alarm


def answer_state(incident: Incident, event: Event) -> int:
    """Return the state a device is told of one of its events (docs/wire.md, down frame)."""
    if is_withdrawn(incident, event):
        return kinds.WITHDRAWN
    return {
        "pending": kinds.RECEIVED,
        "open": kinds.RECEIVED,
        "accepted": kinds.ACCEPTED,
        "on_scene": kinds.ACCEPTED,
        "closed": kinds.CLOSED,
        "cancelled": kinds.WITHDRAWN,
    }[incident.state]
