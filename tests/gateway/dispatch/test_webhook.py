"""CloudEvents under a Standard-Webhooks signature, checked as a receiver checks them."""

import asyncio
import base64
import hashlib
import hmac
import json

import pytest
from sos_gateway.dispatch import plan, webhook
from sos_gateway.domain.models import Wearer
from story import SECRET, START, WEARER, add, destination, dispatcher, incident, opened, rows


def verify(headers, content, secret):
    """The receiver's half, written from the Standard Webhooks text."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + content
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(
        version == "v1" and hmac.compare_digest(signature, wanted)
        for version, signature in (part.split(",", 1) for part in headers["webhook-signature"].split())
    )


def test_what_arrives_is_a_cloud_event_whose_signature_the_receiver_can_check(database_url, clock, endpoint):
    async def story():
        async with opened(database_url) as store:
            police = [destination()]
            await add(store, rows(police, 7, "raised"))
            await dispatcher(store, police, clock, endpoint).deliver_due()

    asyncio.run(story())
    (request,) = endpoint.requests
    assert verify(request.headers, request.content, SECRET)
    assert not verify(request.headers, request.content + b" ", SECRET)
    event = json.loads(request.content)
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert event["specversion"] == "1.0"
    assert event["id"] == request.headers["webhook-id"]
    assert event["type"] == "org.socors.incident.alert"
    assert event["time"].endswith("+00:00")
    assert event["data"]["incident"] == 7
    assert event["data"]["wearer"] == {"name": "Maria Soler", "language": "ca"}


def test_the_signature_is_that_of_the_published_example():
    headers = webhook.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        START.fromtimestamp(1614265330, tz=START.tzinfo),
        b'{"test": 2432232314}',
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "application/json",
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("fields", "profile"),
    [
        ({"silent": True}, {}),
        ({"kind": "silent"}, {}),
        ({"kind": "duress"}, {}),
        ({}, {"protected": True}),
    ],
)
def test_a_discreet_alarm_names_nobody(fields, profile):
    wearer = Wearer(
        id=1, name="Maria Soler", home_town="08073", profile=profile, notes="lives with her brother"
    )
    told = json.dumps(plan.content(incident(7, **fields), wearer, "raised"))
    assert "Maria" not in told
    assert "brother" not in told


def test_a_destination_hears_of_its_own_towns_only():
    both = [destination(name="cornella", towns=["08073"]), destination(name="gava", towns=["08089"])]
    assert [row.destination for row in rows(both, 1, "raised")] == ["cornella"]
    assert [row.destination for row in rows(both, 1, "raised", also_towns=("08089",))] == ["cornella", "gava"]


def test_without_destinations_nothing_leaves_the_house():
    assert rows([], 1, "raised", "accepted", "closed") == []


def test_what_only_the_desk_needs_stays_in_the_house():
    assert rows([destination()], 1, "opened", "withdrawn alarm") == []


def test_a_pending_alarm_is_told_as_open_because_it_leaves_only_then():
    until = START.replace(minute=1)
    (row,) = rows([destination()], 1, "raised", state="pending", pending_until=until)
    assert row.not_before == until
    assert row.payload["state"] == "open"


def test_two_presses_in_one_microsecond_have_two_names():
    rows_for = plan.planner([destination()])
    names = {
        rows_for(incident(1, press_count=n), WEARER, "pressed again", START)[0].identifier for n in (2, 3)
    }
    assert len(names) == 2
