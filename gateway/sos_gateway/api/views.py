"""How incidents look from outside: one dictionary, the same in lists, details and the event stream."""

from datetime import datetime
from typing import Any

from sos_wire import evidence as wire

from ..accounts.service import Operator
from ..domain.evidence import Evidence, put_together
from ..domain.incident import DISCREET, SEVERITY
from ..store import named_queries

QUERIES = named_queries.load("core")


def _stamp(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def rank(row: dict[str, Any]) -> tuple[int, int, float]:
    """Return the place in the list: what needs somebody first, then the most serious, then the newest."""
    group = {"open": 0, "pending": 1, "accepted": 2, "on_scene": 2}.get(row["state"], 3)
    severity = SEVERITY.index(row["kind"]) if row["kind"] in SEVERITY else len(SEVERITY)
    return group, severity, -row["received_at"].timestamp()


def may_see(operator: Operator, row: dict[str, Any]) -> bool:
    if not operator.may_see(row["town"], row["also_towns"]):
        return False
    discreet = row["silent"] or row["kind"] in DISCREET
    return not discreet or operator.may_see_discreet()


def incident(row: dict[str, Any]) -> dict[str, Any]:
    """Return what a console shows of an incident. Position None means unknown; it is never 0,0, nor a cell's place."""
    position = None
    if row["lat_e7"] is not None and row["lon_e7"] is not None:
        position = {
            "lat": row["lat_e7"] / 1e7,
            "lon": row["lon_e7"] / 1e7,
            "radius_m": row["radius_m"],
            "source": row["position_source"],
            "at": _stamp(row["position_at"]),
        }
    return {
        "id": row["id"],
        "state": row["state"],
        "kind": row["kind"],
        "pending": row["state"] == "pending",
        "pending_until": _stamp(row["pending_until"]),
        "device": row["device"],
        "wearer": row["wearer_name"],
        "town": row["town"],
        "town_name": row["town_name"] or row["town"],
        "also_towns": list(row["also_towns"]),
        "press_count": row["press_count"],
        "late": row["late"],
        "disputed": row["disputed"],
        "silent": row["silent"],
        "says_false_alarm": row["says_false_alarm"],
        "accepted_by": row["accepted_by"],
        "disposition": row["disposition"],
        "raw": row["raw"],
        "occurred_at": _stamp(row["occurred_at"]),
        "received_at": _stamp(row["received_at"]),
        "accepted_at": _stamp(row["accepted_at"]),
        "closed_at": _stamp(row["closed_at"]),
        "position": position,
        "cell": {"name": row["cell"], "at": _stamp(row["cell_at"])} if row["cell"] else None,
        "rank": list(rank(row)),
    }


def point(row: dict[str, Any]) -> dict[str, Any]:
    """Return one point of an incident's track."""
    return {
        "lat": row["lat_e7"] / 1e7,
        "lon": row["lon_e7"] / 1e7,
        "radius_m": row["radius_m"],
        "at": _stamp(row["at"]),
    }


def evidence(rows: list[dict[str, Any]]) -> list[tuple[dict[str, Any], Evidence]]:
    """Return, for each fall of which anything has come, what names it and what it felt like; the newest first."""
    falls: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in rows:
        falls.setdefault((row["boot"], row["seq"]), []).append(row)
    found = []
    for (boot, seq), pieces in falls.items():
        felt = put_together((piece["piece"], piece["samples"]) for piece in pieces)
        at = _stamp(pieces[0]["occurred_at"])
        about = {"boot": boot, "seq": seq, "at": at, "pieces": felt.pieces, "of": wire.PIECES}
        found.append((about, felt))
    return found


def bearer(row: dict[str, Any]) -> dict[str, Any]:
    """Return one way an incident's events came."""
    return {"via": row["via"], "hub": row["hub"] or None, "at": _stamp(row["heard_at"])}


def fault(row: dict[str, Any]) -> dict[str, Any]:
    """Return what a device cannot do, and since when it says so."""
    return {"fault": row["fault"], "since": _stamp(row["since"]), "seen_at": _stamp(row["seen_at"])}


def may_see_device(operator: Operator, row: dict[str, Any]) -> bool:
    """Whether an operator may know of a device: a protected wearer's only who may see silent alarms."""
    if not operator.may_see(row["home_town"], ()):
        return False
    discreet = bool(row["profile"].get("protected") or row["profile"].get("silent"))
    return not discreet or operator.may_see_discreet()


def faulty(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return devices that have faults, with all the faults of each."""
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        about = {"device": row["device"], "wearer": row["wearer_name"], "town_name": row["town_name"]}
        found.setdefault(row["device"], {**about, "faults": []})["faults"].append(fault(row))
    return list(found.values())
