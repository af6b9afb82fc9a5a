"""CAP 1.2 messages: valid by the schema and in what the schema cannot see, and saying no more than they must."""

from dataclasses import asdict
from datetime import timedelta
from importlib.resources import files

import pytest
import xmlschema
from lxml import etree
from sos_gateway.dispatch import cap
from story import START, WEARER, destination, rows

SENDER = "socors@police.example"
NS = {"c": cap.NAMESPACE}
CENTRE = [destination(name="centre", kind="cap")]
PLACED = {
    "lat_e7": 413_550_000,
    "lon_e7": 20_700_000,
    "radius_m": 30,
    "position_source": "device",
    "position_at": START,
}
# A second implementation of XML Schema, so that a slip of the first is seen.
SCHEMA = xmlschema.XMLSchema(str(files("sos_gateway") / "data" / "CAP-v1.2.xsd"))


def message(row, earlier=(), now=START):
    content = cap.build(asdict(row), SENDER, list(earlier), now)
    SCHEMA.validate(etree.ElementTree(etree.fromstring(content)))
    return etree.fromstring(content)


def text(document, path):
    return document.findtext(path, namespaces=NS)


def test_the_life_of_an_incident_is_an_alert_its_updates_and_a_cancel_that_refer_to_one_another():
    story = rows(CENTRE, 7, "raised", "pressed again", "accepted", "cancelled", **PLACED)
    earlier, types = [], []
    for row in story:
        document = message(row, earlier)
        types.append(text(document, "c:msgType"))
        references = (text(document, "c:references") or "").split()
        assert references == [f"{SENDER},{name},{cap._time(at)}" for name, at in earlier]
        assert text(document, "c:identifier") == row.identifier
        earlier.append((row.identifier, row.created_at))
    assert types == ["Alert", "Update", "Update", "Cancel"]
    assert len({name for name, _ in earlier}) == len(earlier)


def test_an_update_whose_alert_never_arrived_is_the_alert():
    row = rows(CENTRE, 7, "accepted")[0]
    document = message(row)
    assert text(document, "c:msgType") == "Alert"
    assert text(document, "c:references") is None


def test_a_cancel_of_what_was_never_told_does_not_leave():
    with pytest.raises(cap.CapError, match="no message that it could cancel"):
        message(rows(CENTRE, 7, "cancelled")[0])


def test_the_place_is_a_circle_in_kilometres_and_an_unknown_place_is_said_to_be_unknown():
    placed = message(rows(CENTRE, 7, "raised", **PLACED)[0])
    assert text(placed, "c:info/c:area/c:circle") == "41.3550000,2.0700000 0.03"
    unknown = message(rows(CENTRE, 7, "raised")[0])
    assert unknown.find("c:info/c:area/c:circle", NS) is None
    assert "position unknown; municipality 08073" in text(unknown, "c:info/c:area/c:areaDesc")


def test_a_cell_is_named_where_there_is_no_place_and_makes_no_circle():
    unknown = message(rows(CENTRE, 7, "raised", cell="214-7-1234-56789")[0])
    assert unknown.find("c:info/c:area/c:circle", NS) is None
    assert "mobile network cell 214-7-1234-56789" in text(unknown, "c:info/c:area/c:areaDesc")


def test_a_place_is_told_with_its_own_time():
    at = START - timedelta(minutes=7)
    placed = message(rows(CENTRE, 7, "moved", **{**PLACED, "position_at": at})[0])
    assert f"at {at.isoformat(timespec='milliseconds')}" in text(placed, "c:info/c:area/c:areaDesc")


def test_a_disputed_place_says_so():
    disputed = message(rows(CENTRE, 7, "raised", disputed=True, **PLACED)[0])
    assert "disputed" in text(disputed, "c:info/c:area/c:areaDesc")


def test_a_message_that_waited_for_days_does_not_arrive_expired():
    row = rows(CENTRE, 7, "raised")[0]
    document = message(row, now=START + timedelta(days=9))
    assert text(document, "c:sent") == cap._time(row.created_at)
    assert text(document, "c:info/c:expires") == cap._time(START + timedelta(days=10))


def test_a_late_alarm_carries_both_times():
    occurred = START - timedelta(hours=3)
    document = message(rows(CENTRE, 7, "raised", late=True, occurred_at=occurred)[0])
    description = text(document, "c:info/c:description")
    assert "09:00:00" in description
    assert "12:00:00" in description
    assert "late" in description


@pytest.mark.parametrize("kind", ["sos", "silent", "duress", "fall", "unreadable", "wandering"])
def test_no_message_names_the_wearer(kind):
    document = message(rows(CENTRE, 7, "raised", kind=kind, silent=kind in ("silent", "duress"))[0])
    assert WEARER.name.split()[0].encode() not in etree.tostring(document)


def test_times_carry_a_numeric_zone_and_no_z():
    document = message(rows(CENTRE, 7, "raised")[0])
    for path in ("c:sent", "c:info/c:expires"):
        assert text(document, path).endswith("-00:00")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda xml: xml.replace(b">Alert<", b">Alarm<"), "msgType"),
        (lambda xml: xml.replace(b"<event>sos</event>", b""), "event"),
        (lambda xml: xml.replace(b"2026-11-25T12", b"2026-11-23T12"), "expires before it is sent"),
        (
            lambda xml: xml.replace(b"<identifier>socors-7", b"<identifier>socors 7"),
            "an identifier has no blank",
        ),
        (
            lambda xml: xml.replace(
                b"<incidents>",
                b"<references>a@b,never-sent,2026-11-24T11:00:00-00:00</references><incidents>",
            ),
            "names a message that was never sent",
        ),
    ],
)
def test_a_message_that_is_wrong_does_not_leave(change, complaint):
    whole = cap.build(asdict(rows(CENTRE, 7, "raised")[0]), SENDER, [], START)
    broken = change(whole)
    assert broken != whole
    with pytest.raises(cap.CapError, match=complaint):
        cap.check(broken, [], SENDER)


def test_an_identifier_used_before_does_not_leave():
    row = rows(CENTRE, 7, "accepted")[0]
    with pytest.raises(cap.CapError, match="used before"):
        message(row, [(row.identifier, row.created_at)])
