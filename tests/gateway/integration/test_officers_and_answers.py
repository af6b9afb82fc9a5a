"""Officers, timers, answers on their way back, and a database that dies in the middle."""

import asyncio
import hashlib
from datetime import timedelta

import psycopg
import pytest
from desk import START, Clock, Desk, Pendant
from sos_gateway.domain.models import Transition
from sos_gateway.errors import Conflict, NotFound
from sos_gateway.ingest.aliases import KnownDevice
from sos_gateway.keys.registry import Registry
from sos_gateway.keys.wrapping import Wrapper
from sos_gateway.store.postgres import PostgresStore, chain
from sos_wire import frame, kinds

PENDING = {"flags": kinds.CLOCK_VALID | kinds.PENDING}


def test_of_two_officers_who_accept_at_once_one_gets_it_and_the_other_hears_who(run):
    async def story(desk):
        pendant = await desk.pendant()
        await desk.hear(pendant.alarm())
        number = (await desk.incident())["id"]
        results = await asyncio.gather(
            *(desk.incidents.accept(number, f"officer {n}") for n in range(8)), return_exceptions=True
        )
        winners = [r for r in results if not isinstance(r, BaseException)]
        losers = [r for r in results if isinstance(r, Conflict)]
        assert (len(winners), len(losers)) == (1, 7)
        assert all(str(loser).startswith(winners[0].accepted_by) for loser in losers)

    run(story)


def test_an_officer_takes_a_pending_alarm_at_once_and_a_later_cancel_only_speaks(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        fall = pendant.event(kinds.FALL, **PENDING)
        await desk.hear(pendant.seal(fall))
        await desk.incidents.accept((await desk.incident())["id"], "officer 7")
        await desk.hear(pendant.alarm(kinds.CANCELLED, ref_boot=fall.boot, ref_seq=fall.seq))
        clock.pass_time(minutes=1)
        await desk.incidents.open_due()
        incident = await desk.incident()
        assert (incident["state"], incident["says_false_alarm"]) == ("accepted", True)

    run(story)


def test_what_the_life_cycle_has_no_arrow_for_is_refused(run):
    async def story(desk):
        pendant = await desk.pendant()
        await desk.hear(pendant.alarm())
        number = (await desk.incident())["id"]
        with pytest.raises(Conflict):
            await desk.incidents.close(number, "officer 7", "real")
        with pytest.raises(NotFound):
            await desk.incidents.accept(number + 1, "officer 7")
        await desk.incidents.accept(number, "officer 7")
        with pytest.raises(Conflict, match="is no disposition"):
            await desk.incidents.close(number, "officer 7", "boring")
        await desk.incidents.close(number, "officer 7", "no_contact")
        for late in (desk.incidents.accept(number, "x"), desk.incidents.cancel(number, "x", "")):
            with pytest.raises(Conflict):
                await late

    run(story)


def test_a_timer_missed_while_the_gateway_was_down_opens_on_its_return(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        await desk.hear(pendant.alarm(**PENDING))
        clock.pass_time(hours=3)
        await asyncio.gather(*(desk.incidents.open_due() for _ in range(4)))
        assert (await desk.incident())["state"] == "open"
        assert await desk.all("SELECT * FROM timer") == []

    run(story)


def test_the_history_is_a_chain_that_shows_every_change_and_cannot_be_changed(run):
    async def story(desk):
        pendant = await desk.pendant()
        await desk.hear(pendant.alarm(), pendant.alarm())
        number = (await desk.incident())["id"]
        await desk.incidents.accept(number, "officer 7")
        await desk.incidents.close(number, "officer 7", "real")
        async with desk.store.transaction() as tx:
            await tx.connection.execute("UPDATE transition SET who = 'nobody'")
            await tx.connection.execute("DELETE FROM transition")
        rows = await desk.all("SELECT * FROM transition ORDER BY id")
        assert [row["what"] for row in rows] == ["raised", "pressed again", "accepted", "closed"]
        previous = None
        for row in rows:
            names = ("incident_id", "what", "from_state", "to_state", "who", "at", "note")
            assert row["hash"] == chain(previous, Transition(**{name: row[name] for name in names}))
            previous = row["hash"]
        assert len({row["hash"] for row in rows}) == len(rows)
        assert len(previous) == hashlib.sha256().digest_size

    run(story)


def test_an_answer_goes_to_the_hub_that_hears_best_then_to_the_next_until_it_is_felt(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        sos = pendant.event(kinds.SOS)
        sealed = pendant.seal(sos)
        for hub, rssi in (("stairs", -80), ("kitchen", -50), ("beach", -90)):
            await desk.hear(sealed, hub=hub, rssi=rssi)
        carried = []
        for _ in range(4):
            await desk.answers.carry_due()
            carried += [answer.hub for answer in desk.sent]
            desk.sent.clear()
            clock.pass_time(milliseconds=301)
        assert carried[:3] == ["kitchen", "stairs", "beach"]
        felt = pendant.event(kinds.FELT, flags=kinds.RECEIVED, ref_boot=sos.boot, ref_seq=sos.seq)
        await desk.hear(pendant.seal(felt))
        desk.sent.clear()
        for _ in range(20):
            clock.pass_time(seconds=10)
            await desk.answers.carry_due()
        assert desk.sent == []

    run(story)


def test_an_answer_can_be_read_by_its_device_alone_and_rises_with_the_incident(run, clock):
    async def story(desk):
        pendant, other = await desk.pendant(1001), await desk.pendant(1002)
        sos = pendant.event(kinds.SOS)
        await desk.hear(pendant.seal(sos))
        number = (await desk.incident())["id"]
        states = []
        for step in (None, desk.incidents.accept(number, "o"), desk.incidents.close(number, "o", "real")):
            if step:
                await step
            clock.pass_time(seconds=40)
            desk.sent.clear()
            await desk.hear(pendant.alarm(kinds.HEARTBEAT))
            desk.sent = [a for a in desk.sent if a.id]
            while not desk.sent:
                await desk.answers.carry_due()
                clock.pass_time(milliseconds=301)
            answer = desk.sent[0]
            assert other.keys.open_down(answer.frame) is None
            states.append(frame.decode_down(pendant.keys.open_down(answer.frame)).state)
        assert states == [kinds.RECEIVED, kinds.ACCEPTED, kinds.CLOSED]

    run(story)


def test_a_duress_alarm_is_answered_with_received_and_never_with_more(run):
    async def story(desk):
        pendant = await desk.pendant()
        duress = pendant.event(kinds.DURESS, ref_boot=1, ref_seq=99)
        await desk.hear(pendant.seal(duress))
        number = (await desk.incident())["id"]
        await desk.incidents.accept(number, "officer 7")
        await desk.incidents.close(number, "officer 7", "real")
        assert (await desk.down(duress))["state"] == kinds.RECEIVED

    run(story)


def test_an_answer_nobody_felt_ends_after_a_day(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        await desk.hear(pendant.alarm())
        clock.pass_time(hours=24, seconds=1)
        desk.sent.clear()
        assert (await desk.answers.carry_due())[0] == 0

    run(story)


def test_a_hub_that_does_not_hear_a_pendant_cannot_hold_its_answer_back_by_saying_it_was_carried(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        sos = pendant.event(kinds.SOS)
        await desk.hear(pendant.seal(sos))
        due = (await desk.down(sos))["next_at"]
        for hub, moved in (("beach", False), ("kitchen", True)):
            await desk.answers.hub_reported((await desk.down(sos))["id"], hub, True)
            assert ((await desk.down(sos))["next_at"] > due) == moved

    run(story)


def test_a_pendant_that_comes_back_after_more_than_a_day_still_learns_that_its_alarm_is_stored(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        sos = pendant.event(kinds.SOS)
        await desk.hear(pendant.seal(sos))
        clock.pass_time(hours=25)
        await desk.hear(pendant.seal(sos))
        (answer,) = desk.sent
        assert frame.decode_down(pendant.keys.open_down(answer.frame)).state == kinds.RECEIVED

    run(story)


def test_who_sends_an_alarm_again_has_its_answer_at_once_however_long_the_answer_was_to_rest(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        sos = pendant.event(kinds.SOS)
        await desk.hear(pendant.seal(sos))
        for _ in range(40):
            await desk.answers.carry_due()
            clock.pass_time(seconds=30)
        await desk.answers.carry_due()
        assert (await desk.down(sos))["next_at"] > clock() + timedelta(seconds=20)
        desk.sent.clear()
        await desk.hear(pendant.seal(sos))
        await desk.answers.carry_due()
        assert len(desk.sent) == 1

    run(story)


def test_an_incident_of_before_a_new_secret_is_accepted_and_nobody_is_answered_under_its_old_numbers(
    run, clock
):
    async def story(desk):
        pendant = await desk.pendant()
        await desk.hear(pendant.alarm())
        number = (await desk.incident())["id"]
        registry = Registry(desk.store, Wrapper(bytes(range(32))), clock)
        renewed = Pendant(pendant.number, await registry.provision_again(pendant.number, force=True), clock)
        desk.resolver.put(KnownDevice(renewed.number, renewed.keys, clock(), clock()))
        await desk.hear(renewed.alarm(kinds.HEARTBEAT))
        await desk.incidents.accept(number, "officer 7")
        assert (await desk.answers.carry_due())[0] == 0

    run(story)


def test_what_was_receipted_is_there_after_the_database_was_killed_in_the_middle(postgres, database_url):
    clock = Clock()

    async def story():
        store = PostgresStore(database_url)
        await store.open()
        desk = Desk(store, clock)
        await desk.prepare()
        pendant = await desk.pendant()
        sealed = [pendant.alarm() for _ in range(60)]

        async def hear_all():
            for frames in sealed:
                await desk.hear(frames)

        hearing = asyncio.create_task(hear_all())
        async with asyncio.timeout(20):
            while len(desk.receipts()) < 10:
                await asyncio.sleep(0)
        await asyncio.to_thread(postgres.kill)
        with pytest.raises((psycopg.OperationalError, psycopg.InterfaceError)):
            await hearing
        await asyncio.to_thread(postgres.start)
        receipted = {n for ranges in desk.receipts() for low, high in ranges for n in range(low, high + 1)}
        await store.close()
        store = PostgresStore(database_url)
        await store.open()
        desk.store = store
        stored = {row["n"] for row in await desk.all("SELECT n FROM hub_frame WHERE outcome = 'committed'")}
        events = {row["seq"] for row in await desk.all("SELECT seq FROM event")}
        presses = (await desk.incident())["press_count"]
        await store.close()
        assert receipted <= stored
        # Whole or not at all: the event, its place in the incident and the record of its frame go together.
        assert len(stored) == len(events) == presses
        assert len(receipted) >= 10

    asyncio.run(story())


def test_an_event_of_the_future_is_taken_as_of_now(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        ahead = int((START + timedelta(hours=1)).timestamp()) // 2 % (1 << 24)
        await desk.hear(pendant.alarm(when=ahead))
        incident = await desk.incident()
        assert incident["occurred_at"] == incident["received_at"] == START

    run(story)
