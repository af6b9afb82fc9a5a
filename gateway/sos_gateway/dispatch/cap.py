"""CAP 1.2 messages: built, checked against the schema and against what the schema cannot see, then sent."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import Any

from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
EXPIRES_AFTER = timedelta(hours=24)
_MESSAGE_TYPE = {"alert": "Alert", "update": "Update", "cancel": "Cancel"}
_HEADLINE = {
    "sos": "Person asks for help (SOS)",
    "silent": "Person asks for help silently",
    "duress": "Person under duress",
    "fall": "Person has fallen",
    "unreadable": "Alarm that cannot be read",
}
_RADIUS_UNKNOWN_M = 100


class CapError(ValueError):
    """The message would not be valid CAP; it must not leave."""


@lru_cache(maxsize=1)
def _schema() -> etree.XMLSchema:
    with (files("sos_gateway") / "data" / "CAP-v1.2.xsd").open("rb") as file:
        return etree.XMLSchema(etree.parse(file))


def _time(at: datetime) -> str:
    """CAP 1.2, 3.2.1: no Z; the zone as an offset."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S") + "-00:00"


def _add(parent: etree._Element, name: str, text: Any) -> etree._Element:
    child = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    if text is not None:
        child.text = str(text)
    return child


def build(row: dict[str, Any], sender: str, earlier: list[tuple[str, datetime]], now: datetime) -> bytes:
    """Return one CAP message. `earlier` are (identifier, sent) of the messages of this incident before it.

    What was to be an update is the alert where the destination has confirmed nothing before it; it expires a day
    after it leaves, not after it was raised: an alarm that waited for a dead endpoint must not arrive expired.
    """
    data = row["payload"]
    sent: datetime = row["created_at"]
    kind = row["kind"]
    if kind == "cancel" and not earlier:
        raise CapError("there is no message that it could cancel")
    if kind == "update" and not earlier:
        kind = "alert"
    alert = etree.Element(f"{{{NAMESPACE}}}alert", nsmap={None: NAMESPACE})
    _add(alert, "identifier", row["identifier"])
    _add(alert, "sender", sender)
    _add(alert, "sent", _time(sent))
    _add(alert, "status", "Actual" if data["kind"] != "test" else "Test")
    _add(alert, "msgType", _MESSAGE_TYPE[kind])
    _add(alert, "scope", "Private")
    _add(alert, "addresses", row["destination"])
    if kind != "alert":
        _add(alert, "references", " ".join(f"{sender},{name},{_time(at)}" for name, at in earlier))
    _add(alert, "incidents", data["incident"])
    _info(alert, data, max(sent, now) + EXPIRES_AFTER)
    content = etree.tostring(alert, xml_declaration=True, encoding="UTF-8")
    check(content, earlier, sender)
    return content


def _info(alert: etree._Element, data: dict[str, Any], expires: datetime) -> None:
    info = _add(alert, "info", None)
    _add(info, "language", "en")
    _add(info, "category", "Rescue" if data["kind"] == "fall" else "Safety")
    _add(info, "event", data["kind"])
    _add(info, "responseType", "Assess")
    _add(info, "urgency", "Immediate")
    _add(info, "severity", "Severe")
    _add(info, "certainty", "Unknown" if data["wearer_says_false_alarm"] else "Likely")
    _add(info, "expires", _time(expires))
    _add(info, "headline", _HEADLINE.get(data["kind"], f"Alarm: {data['kind']}"))
    late = " It reached us late." if data["late"] else ""
    _add(info, "description", f"Occurred {data['occurred_at']}, received {data['received_at']}.{late}")
    for name in ("state", "press_count", "town"):
        parameter = _add(info, "parameter", None)
        _add(parameter, "valueName", name)
        _add(parameter, "value", data[name])
    area = _add(info, "area", None)
    position = data["position"]
    if position is None:
        cell = f"; mobile network cell {data['cell']}" if data.get("cell") else ""
        _add(area, "areaDesc", f"position unknown; municipality {data['town']}{cell}")
        return
    disputed = " (disputed)" if position["disputed"] else ""
    at = f", at {position['at']}" if position["at"] else ", at an unknown time"
    _add(area, "areaDesc", f"last known position{disputed}, source {position['source']}{at}")
    radius_km = (position["radius_m"] or _RADIUS_UNKNOWN_M) / 1000
    _add(area, "circle", f"{position['latitude']:.7f},{position['longitude']:.7f} {radius_km:g}")


def check(content: bytes, earlier: list[tuple[str, datetime]], sender: str) -> None:
    """Raise CapError unless the message is valid, its references resolve and it expires after it is sent."""
    document = etree.fromstring(content)
    schema = _schema()
    if not schema.validate(document):
        raise CapError(str(schema.error_log.last_error))

    def text(path: str) -> str | None:
        return document.findtext(path.replace("cap:", f"{{{NAMESPACE}}}"))

    sent, expires = text("cap:sent"), text("cap:info/cap:expires")
    if not sent or not expires or datetime.fromisoformat(expires) <= datetime.fromisoformat(sent):
        raise CapError("the message expires before it is sent")
    identifier = text("cap:identifier") or ""
    if any(sign in identifier for sign in " ,<&"):
        raise CapError("an identifier has no blank, comma, < or &")
    known = {f"{sender},{name},{_time(at)}" for name, at in earlier}
    if set((text("cap:references") or "").split()) - known:
        raise CapError("a reference names a message that was never sent")
    if identifier in {name for name, _ in earlier}:
        raise CapError("the identifier was used before")
