"""Alarms and their copies, cancels and late reports, on a real database."""

import asyncio
import random
from datetime import timedelta

import pytest
from desk import START
from sos_wire import frame, kinds

PENDING = {"flags": kinds.CLOCK_VALID | kinds.PENDING}


def cancel(pendant, event):
    return pendant.alarm(kinds.CANCELLED, ref_boot=event.boot, ref_seq=event.seq)


def test_fifty_copies_at_once_over_three_hubs_are_one_incident(run):
    async def story(desk):
        pendant = await desk.pendant()
        sealed = pendant.alarm()
        hubs = ("kitchen", "stairs", "beach")
        numbers = await asyncio.gather(*(desk.hear(sealed, hub=hubs[n % 3]) for n in range(50)))
        incident = await desk.incident()
        assert incident["press_count"] == 1
        assert len(await desk.all("SELECT * FROM event")) == 1
        receipted = {n for ranges in desk.receipts() for low, high in ranges for n in range(low, high + 1)}
        assert receipted == {n for (n,) in numbers}

    run(story)


def test_alarms_of_one_wearer_at_once_join_one_incident_of_the_gravest_kind(run):
    async def story(desk):
        pendant = await desk.pendant()
        alarms = [pendant.alarm(kind) for kind in (kinds.SOS, kinds.FALL, kinds.SILENT, kinds.SOS)]
        random.Random(1).shuffle(alarms)
        await asyncio.gather(*(desk.hear(sealed) for sealed in alarms))
        incident = await desk.incident()
        assert (incident["press_count"], incident["kind"], incident["silent"]) == (4, "silent", True)

    run(story)


def test_alarms_of_many_wearers_at_once_are_an_incident_each(run):
    async def story(desk):
        pendants = [await desk.pendant(1001 + n) for n in range(12)]
        await asyncio.gather(*(desk.hear(p.alarm(), p.alarm()) for p in pendants))
        rows = await desk.all("SELECT device, press_count FROM incident ORDER BY device")
        assert [(row["device"], row["press_count"]) for row in rows] == [(1001 + n, 2) for n in range(12)]

    run(story)


def test_a_cancel_in_the_window_cancels_and_the_timer_then_opens_nothing(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        sos = pendant.event(kinds.SOS, **PENDING)
        await desk.hear(pendant.seal(sos))
        assert (await desk.incident())["state"] == "pending"
        clock.pass_time(seconds=2)
        await desk.hear(cancel(pendant, sos))
        clock.pass_time(minutes=1)
        await desk.incidents.open_due()
        assert (await desk.incident())["state"] == "cancelled"
        assert (await desk.down(sos))["state"] == kinds.WITHDRAWN

    run(story)


def test_a_cancel_that_overtakes_its_alarm_is_kept_and_the_alarm_comes_cancelled(run):
    async def story(desk):
        pendant = await desk.pendant()
        sos = pendant.event(kinds.SOS, **PENDING)
        await desk.hear(cancel(pendant, sos))
        await desk.hear(pendant.seal(sos))
        assert (await desk.incident())["state"] == "cancelled"
        assert (await desk.down(sos))["state"] == kinds.WITHDRAWN

    run(story)


def test_a_cancel_withdraws_only_the_event_it_names(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        first, second = (pendant.event(kinds.SOS, **PENDING) for _ in range(2))
        await desk.hear(pendant.seal(first), pendant.seal(second))
        await desk.hear(cancel(pendant, first))
        assert (await desk.incident())["state"] == "pending"
        clock.pass_time(minutes=1)
        await desk.incidents.open_due()
        assert (await desk.incident())["state"] == "open"

    run(story)


@pytest.mark.parametrize("kind", [kinds.SILENT, kinds.DURESS])
def test_a_cancel_that_names_a_silent_alarm_is_kept_and_changes_nothing(run, clock, kind):
    async def story(desk):
        pendant = await desk.pendant()
        reference = {"ref_boot": 1, "ref_seq": 999} if kind == kinds.DURESS else {}
        grave = pendant.event(kind, **reference)
        await desk.hear(pendant.seal(grave))
        before = await desk.incident()
        await desk.hear(cancel(pendant, grave))
        after = await desk.incident()
        assert before["state"] == after["state"] == "open"
        assert not after["says_false_alarm"]

    run(story)


def test_a_cancel_that_comes_too_late_is_shown_and_does_not_close(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        sos = pendant.event(kinds.SOS, **PENDING)
        await desk.hear(pendant.seal(sos))
        clock.pass_time(seconds=30)
        await desk.incidents.open_due()
        await desk.hear(cancel(pendant, sos))
        incident = await desk.incident()
        assert (incident["state"], incident["says_false_alarm"]) == ("open", True)
        # It goes on, so she goes on hearing of it.
        await desk.incidents.accept(incident["id"], "agent.puig")
        assert (await desk.down(sos))["state"] == kinds.ACCEPTED
        await desk.hear(pendant.alarm(kinds.SOS))
        assert not (await desk.incident())["says_false_alarm"]

    run(story)


def test_a_fall_taken_back_in_an_open_sos_says_nothing_against_the_sos(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        sos, fall = pendant.event(kinds.SOS, **PENDING), pendant.event(kinds.FALL, **PENDING)
        await desk.hear(pendant.seal(sos))
        clock.pass_time(seconds=30)
        await desk.incidents.open_due()
        await desk.hear(pendant.seal(fall))
        await desk.hear(cancel(pendant, fall))
        incident = await desk.incident()
        assert (incident["state"], incident["says_false_alarm"]) == ("open", False)
        assert (await desk.down(fall))["state"] == kinds.WITHDRAWN
        assert (await desk.down(sos))["state"] == kinds.RECEIVED

    run(story)


def test_a_pending_alarm_that_arrives_after_its_window_opens_at_once(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        sealed = pendant.alarm(kinds.FALL, **PENDING)
        clock.pass_time(minutes=2)
        await desk.hear(sealed, age=timedelta(minutes=2))
        incident = await desk.incident()
        assert (incident["state"], incident["late"]) == ("open", True)
        assert incident["occurred_at"] < incident["received_at"] - timedelta(seconds=100)

    run(story)


def test_an_alarm_of_the_time_of_a_closed_incident_is_its_late_report_and_a_later_one_is_new(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        first = pendant.event(kinds.SOS)
        await desk.hear(pendant.seal(first))
        clock.pass_time(seconds=30)
        delayed = pendant.event(kinds.SOS)
        clock.pass_time(seconds=60)
        number = (await desk.incident())["id"]
        await desk.incidents.accept(number, "officer 7")
        await desk.incidents.close(number, "officer 7", "real")
        clock.pass_time(minutes=10)
        await desk.hear(pendant.seal(delayed))
        late = await desk.incident()
        assert (late["id"], late["press_count"], late["late"]) == (number, 2, True)
        await desk.hear(pendant.alarm())
        assert len(await desk.all("SELECT * FROM incident")) == 2

    run(story)


def test_a_repeated_alarm_is_answered_with_the_present_state(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        sos = pendant.event(kinds.SOS)
        await desk.hear(pendant.seal(sos))
        number = (await desk.incident())["id"]
        await desk.incidents.accept(number, "officer 7")
        felt = pendant.event(kinds.FELT, flags=kinds.ACCEPTED, ref_boot=sos.boot, ref_seq=sos.seq)
        await desk.hear(pendant.seal(felt))
        assert (await desk.down(sos))["felt_at"] is not None
        clock.pass_time(minutes=20)
        desk.sent.clear()
        await desk.hear(pendant.seal(sos))
        (answer,) = desk.sent
        said = frame.decode_down(pendant.keys.open_down(answer.frame))
        assert (said.ref_boot, said.ref_seq, said.state) == (sos.boot, sos.seq, kinds.ACCEPTED)
        assert (await desk.incident())["press_count"] == 1

    run(story)


def test_a_second_hub_far_away_disputes_the_place_and_both_towns_hear(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        sealed = pendant.alarm()
        await desk.hear(sealed, hub="kitchen")
        await desk.hear(sealed, hub="stairs")
        assert not (await desk.incident())["disputed"]
        clock.pass_time(minutes=9)
        await desk.hear(sealed, hub="beach")
        incident = await desk.incident()
        assert incident["disputed"]
        assert {incident["town"], *incident["also_towns"]} == {"08073", "08056"}

    run(story)


def test_what_is_no_alarm_never_opens_an_incident(run):
    async def story(desk):
        pendant = await desk.pendant()
        quiet = [kind for kind in range(1, len(kinds.NAMES)) if kind not in kinds.ALARMS]
        for kind in quiet:
            reference = {"ref_boot": 1, "ref_seq": 1} if kind in kinds.REFERRING else {}
            if kind == kinds.FELT:
                reference["flags"] = kinds.RECEIVED
            await desk.hear(pendant.alarm(kind, **reference))
        assert await desk.all("SELECT * FROM incident") == []
        assert len(await desk.all("SELECT * FROM event")) == len(quiet)

    run(story)


def test_what_a_wearers_profile_names_opens_one_too(run):
    async def story(desk):
        pendant = await desk.pendant(opens_on=["wandering"])
        await desk.hear(pendant.alarm(kinds.WANDERING), pendant.alarm(kinds.TAMPER))
        assert (await desk.incident())["kind"] == "wandering"

    run(story)


def test_the_clock_of_a_hub_does_not_matter(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        for sent in (0, 86_400_000, 2**52):
            sealed = pendant.alarm().hex()
            listed = [{"n": 1, "t": sent, "rssi": -60, "frame": sealed}]
            await desk.say(
                {"v": 1, "hub": "kitchen", "spool": f"{sent % 2**32:08x}", "sent": sent, "frames": listed}
            )
        incident = await desk.incident()
        assert incident["press_count"] == 3
        assert incident["received_at"] == START

    run(story)


def test_what_opens_an_incident_beyond_the_alarms_is_the_towns_or_the_wearers_to_say(run):
    async def story(desk):
        pendant = await desk.pendant()
        await desk.hear(pendant.alarm(kinds.TAMPER))
        assert not await desk.all("SELECT id FROM incident")
        async with desk.store.transaction() as tx:
            await tx.connection.execute("UPDATE town SET opens_on = '{tamper}'")
        await desk.hear(pendant.alarm(kinds.TAMPER))
        assert (await desk.incident())["kind"] == "tamper"

    run(story)
