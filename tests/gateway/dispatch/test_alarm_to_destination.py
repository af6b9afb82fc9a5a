"""From a sealed event to the police: the right town is told, where it is, and of its end if of its beginning."""

import asyncio
import json
from datetime import timedelta

import pytest
from sos_gateway.app import put_towns
from sos_gateway.dispatch.plan import planner
from sos_gateway.domain.jurisdiction import distance_m, metropolitan
from sos_gateway.incidents import Incidents
from sos_gateway.ingest.accept import Acceptor, Heard, Opened
from sos_gateway.keys.registry import NewWearer, Registry
from sos_gateway.keys.wrapping import Wrapper
from sos_wire import frame, kinds
from story import START, destination, dispatcher, opened, states

CORNELLA, GAVA = "08073", "08089"
IN_GAVA = (413_058_000, 20_013_000)
EVERYONE = [
    destination(name="cornella", towns=[CORNELLA]),
    destination(name="gava", towns=[GAVA]),
    destination(name="centre"),
]


class OpenLetters:
    """A resolver to whom every frame is the body of device 1001 with padding."""

    def open(self, sealed, heard_at):
        return Opened(1001, 0, 0, sealed[6 : 6 + kinds.BODY_BYTES[kinds.FORM_OF_LENGTH[len(sealed)]]])

    def moved(self, number, clock_set_at, recovery_index):
        """Its one device is always where it was."""


class House:
    """Store, services and a wearer of Cornellà with pendant 1001; one hub in Gavà, one of unknown place."""

    def __init__(self, store, clock, endpoint, destinations=EVERYONE):
        self.store, self.clock = store, clock
        rows_for = planner(destinations)
        self.acceptor = Acceptor(
            store=store,
            resolver=OpenLetters(),
            clock=clock,
            town_of=metropolitan().town_of,
            rows_for=rows_for,
            distance_m=distance_m,
        )
        self.incidents = Incidents(store=store, clock=clock, rows_for=rows_for)
        self.worker = dispatcher(store, destinations, clock, endpoint)

    async def prepare(self):
        await put_towns(self.store)
        self.registry = Registry(self.store, Wrapper(bytes(range(32))), self.clock)
        await self.registry.provision(1001, NewWearer("Maria Soler", CORNELLA))
        async with self.store.transaction() as tx:
            place = {"lat_e7": IN_GAVA[0], "lon_e7": IN_GAVA[1], "place": "beach", "town": GAVA}
            await tx.run("put_hub", id="beach", **place)

    async def hear(self, kind, seq, hub="beach", **fields):
        body = frame.encode_short(frame.short(1, seq, kind, **fields))
        sealed = bytes([0x11]) + bytes(5) + body + bytes(8)
        return await self.acceptor.accept(Heard(sealed, hub, self.clock(), -60, "5p001", seq))

    async def deliver(self):
        while await self.worker.deliver_due():
            pass


def tell(database_url, clock, endpoint, story, **more):
    """Run a story in a house; return what each destination was told: [(change, data)]."""

    async def run():
        async with opened(database_url) as store:
            house = House(store, clock, endpoint, **more)
            await house.prepare()
            await story(house)
            return await states(store)

    kept = asyncio.run(run())
    told = {}
    for request in endpoint.requests:
        name = request.headers["webhook-id"].split("-")[2]
        told.setdefault(name, []).append(json.loads(request.content)["data"])
    return told, kept


def test_the_town_of_the_hub_that_heard_it_is_told_and_where(database_url, clock, endpoint):
    async def story(house):
        await house.hear(kinds.SILENT, 1)
        await house.deliver()

    told, _ = tell(database_url, clock, endpoint, story)
    assert sorted(told) == ["centre", "gava"]
    (data,) = told["gava"]
    assert data["town"] == GAVA
    assert data["position"]["latitude"] == IN_GAVA[0] / 1e7
    assert data["position"]["source"] == "hub beach"


def test_a_town_that_was_told_first_hears_the_end_although_the_place_became_known_later(
    database_url, clock, endpoint
):
    async def story(house):
        heard = await house.hear(kinds.SILENT, 1, hub="somewhere")
        await house.deliver()
        clock.pass_time(seconds=1)
        await house.hear(kinds.SILENT, 1, hub="beach")
        clock.pass_time(seconds=1)
        await house.incidents.accept(heard.incident_id, "officer 7")
        clock.pass_time(seconds=1)
        await house.incidents.close(heard.incident_id, "officer 7", "real")
        await house.deliver()

    told, _ = tell(database_url, clock, endpoint, story)
    changes = {name: [data["change"] for data in story] for name, story in told.items()}
    assert changes["cornella"] == ["raised", "located", "accepted", "closed"]
    assert changes["gava"] == ["located", "accepted", "closed"]


def test_an_alarm_withdrawn_in_its_window_is_told_to_nobody(database_url, clock, endpoint):
    async def story(house):
        await house.hear(kinds.SOS, 1, flags=kinds.PENDING)
        clock.pass_time(seconds=2)
        await house.hear(kinds.CANCELLED, 2, ref_boot=1, ref_seq=1)
        clock.pass_time(minutes=1)
        await house.incidents.open_due()
        await house.deliver()

    told, kept = tell(database_url, clock, endpoint, story)
    assert told == {}
    assert set(kept.values()) == {"withdrawn"}


def test_one_of_two_alarms_withdrawn_cancels_nothing_outside(database_url, clock, endpoint):
    async def story(house):
        await house.hear(kinds.SOS, 1, flags=kinds.PENDING)
        await house.hear(kinds.SOS, 2, flags=kinds.PENDING)
        await house.hear(kinds.CANCELLED, 3, ref_boot=1, ref_seq=1)
        clock.pass_time(minutes=1)
        await house.incidents.open_due()
        await house.deliver()

    told, _ = tell(database_url, clock, endpoint, story)
    changes = [data["change"] for data in told["centre"]]
    assert changes[0] == "raised"
    assert not {"withdrawn by the wearer", "cancelled"} & set(changes)


def test_an_alarm_whose_cancel_was_here_first_is_told_to_nobody(database_url, clock, endpoint):
    async def story(house):
        await house.hear(kinds.CANCELLED, 2, ref_boot=1, ref_seq=1)
        await house.hear(kinds.SOS, 1, flags=kinds.PENDING)
        clock.pass_time(minutes=1)
        await house.incidents.open_due()
        await house.deliver()

    assert tell(database_url, clock, endpoint, story) == ({}, {})


def test_what_is_learnt_of_an_alarm_after_its_cancel_is_told_to_nobody(database_url, clock, endpoint):
    async def story(house):
        await house.hear(kinds.SOS, 1, hub="somewhere", flags=kinds.PENDING)
        await house.hear(kinds.CANCELLED, 2, ref_boot=1, ref_seq=1)
        clock.pass_time(seconds=1)
        await house.hear(kinds.SOS, 1, hub="beach", flags=kinds.PENDING)
        await house.deliver()

    told, kept = tell(database_url, clock, endpoint, story)
    assert told == {}
    assert set(kept.values()) == {"withdrawn"}


def test_a_cancel_that_meets_a_message_already_sent_is_sent_too(database_url, clock, endpoint):
    async def story(house):
        await house.hear(kinds.SOS, 1, flags=kinds.PENDING)
        # The window is over and the message leaves; the timer has not been looked at yet when the cancel comes.
        clock.pass_time(seconds=30)
        await house.deliver()
        await house.hear(kinds.CANCELLED, 2, ref_boot=1, ref_seq=1)
        await house.deliver()

    told, _ = tell(database_url, clock, endpoint, story)
    assert [data["change"] for data in told["gava"]] == ["raised", "withdrawn by the wearer"]


def test_an_officer_who_accepts_a_pending_alarm_lets_its_messages_go_at_once(database_url, clock, endpoint):
    async def story(house):
        heard = await house.hear(kinds.FALL, 1, flags=kinds.PENDING)
        await house.deliver()
        assert not endpoint.requests
        clock.pass_time(seconds=1)
        await house.incidents.accept(heard.incident_id, "officer 7")
        await house.deliver()

    told, _ = tell(database_url, clock, endpoint, story)
    assert [data["change"] for data in told["gava"]] == ["raised", "accepted"]


def test_an_officers_cancel_reaches_who_was_told_and_nobody_else(database_url, clock, endpoint):
    async def story(house):
        heard = await house.hear(kinds.SILENT, 1)

        async def gava_is_away(request):
            return 500 if "-gava-" in request.headers["webhook-id"] else 200

        endpoint.behave = gava_is_away
        await house.deliver()
        clock.pass_time(seconds=1)
        await house.incidents.cancel(heard.incident_id, "officer 7", "exercise")
        del endpoint.behave
        clock.pass_time(hours=1)
        await house.deliver()

    told, kept = tell(database_url, clock, endpoint, story)
    assert [data["change"] for data in told["centre"]] == ["raised", "cancelled"]
    assert [data["change"] for data in told["gava"]] == ["raised", "raised", "cancelled"]
    assert set(kept.values()) == {"confirmed"}


@pytest.mark.parametrize("kind", [kinds.SILENT, kinds.DURESS])
def test_a_pending_alarm_that_turns_grave_leaves_at_once(database_url, clock, endpoint, kind):
    async def story(house):
        await house.hear(kinds.SOS, 1, flags=kinds.PENDING)
        clock.now = START + timedelta(seconds=1)
        reference = {"ref_boot": 1, "ref_seq": 1} if kind == kinds.DURESS else {}
        await house.hear(kind, 2, **reference)
        await house.deliver()

    told, _ = tell(database_url, clock, endpoint, story)
    assert [data["change"] for data in told["gava"]] == ["raised", "pressed again"]
    assert told["gava"][-1]["wearer"] is None


def test_a_cancel_of_the_devices_former_life_does_not_withdraw_an_alarm_of_its_new_one(
    database_url, clock, endpoint
):
    async def story(house):
        await house.hear(kinds.SOS, 1, flags=kinds.PENDING)
        await house.hear(kinds.CANCELLED, 2, ref_boot=1, ref_seq=1)
        await house.registry.provision_again(1001, force=True)
        clock.pass_time(minutes=5)
        await house.hear(kinds.SOS, 1, flags=kinds.PENDING)
        clock.pass_time(minutes=5)
        await house.incidents.open_due()
        await house.deliver()

    told, _ = tell(database_url, clock, endpoint, story)
    assert [data["change"] for data in told["gava"]] == ["raised"]


def test_a_pending_alarm_of_the_devices_former_life_still_opens(database_url, clock, endpoint):
    async def story(house):
        await house.hear(kinds.FALL, 1, flags=kinds.PENDING)
        await house.registry.provision_again(1001, force=True)
        clock.pass_time(minutes=5)
        await house.incidents.open_due()
        async with house.store.transaction() as tx:
            assert (await tx.current_incident(1)).state == "open"

    tell(database_url, clock, endpoint, story)
