"""Devices with a modem of their own: what they publish, how they are answered, and what a modem is spared."""

import asyncio
from datetime import timedelta

from sos_gateway.ingest.aliases import KnownDevice
from sos_gateway.ingest.lanes import Message
from sos_gateway.ingest.unresolved import Unresolved
from sos_gateway.ingest.waiting import Waiting
from sos_wire import kinds

PENDING = {"flags": kinds.CLOCK_VALID | kinds.PENDING}
BEACH = {"lat_e7": 412_650_000, "lon_e7": 19_760_000, "radius_m": 15, "fix_age_s": 20}


async def carry(desk, clock, **lapse):
    """Let the answers do all they would do in this time."""
    end = clock() + timedelta(**lapse)
    while clock() < end:
        await desk.answers.carry_due()
        clock.pass_time(seconds=0.5)


def test_an_alarm_over_lte_is_one_incident_and_is_answered_on_its_own_topic(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        sos = watch.full(kinds.SOS, **BEACH)
        await desk.publish(2001, "alarm", watch.seal_full(sos))
        incident = await desk.incident()
        assert (incident["kind"], incident["state"], incident["heard_by"]) == ("sos", "open", None)
        assert (incident["lat_e7"], incident["radius_m"], incident["position_source"]) == (
            412_650_000,
            15,
            "device",
        )
        await desk.answers.carry_due()
        (answer,) = desk.sent
        assert (answer.hub, answer.device, len(answer.frame)) == (None, 2001, 24)
        told = watch.opened(answer.frame)
        assert (told.ref_boot, told.ref_seq, told.state) == (sos.boot, sos.seq, kinds.RECEIVED)
        assert desk.published == []  # nobody's spool: no receipt

    run(story)


def test_one_event_over_radio_lte_and_sms_is_one_incident_counted_once(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        sos = watch.event(kinds.SOS)
        full = watch.seal_full(watch.full(of=sos, press_count=1))
        await desk.hear(watch.seal(sos), hub="stairs")
        await desk.publish(2001, "alarm", full)
        await desk.publish(2001, "alarm", full)
        await desk.hear(full, hub="beach", via="sms", rssi=0)
        incident = await desk.incident()
        assert (incident["press_count"], incident["disputed"]) == (1, False)
        assert incident["position_source"] == "hub stairs"
        assert len(await desk.all("SELECT * FROM event")) == 1
        ways = await desk.all("SELECT via, hub FROM sighting ORDER BY via")
        assert [(row["via"], row["hub"]) for row in ways] == [
            ("ble", "stairs"),
            ("lte", ""),
            ("sms", "beach"),
        ]

    run(story)


def test_who_was_heard_by_a_hub_and_over_lte_is_answered_by_both_at_once(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        sos = watch.event(kinds.SOS)
        await desk.hear(watch.seal(sos))
        await desk.publish(2001, "alarm", watch.seal_full(watch.full(of=sos)))
        await desk.answers.carry_due()
        assert {answer.hub for answer in desk.sent} == {"kitchen", None}

    run(story)


def test_a_pending_alarm_over_lte_is_taken_back_over_lte(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        sos = watch.full(kinds.SOS, **PENDING)
        await desk.publish(2001, "alarm", watch.seal_full(sos))
        cancel = watch.full(kinds.CANCELLED, ref_boot=sos.boot, ref_seq=sos.seq)
        await desk.publish(2001, "alarm", watch.seal_full(cancel))
        clock.pass_time(minutes=1)
        await desk.incidents.open_due()
        assert (await desk.incident())["state"] == "cancelled"
        assert (await desk.down(sos))["state"] == kinds.WITHDRAWN
        await desk.answers.carry_due()
        told = [watch.opened(answer.frame) for answer in desk.to_device()]
        assert (sos.seq, kinds.WITHDRAWN) in [(said.ref_seq, said.state) for said in told]

    run(story)


def test_another_devices_frame_is_refused_and_counted(run, clock):
    async def story(desk):
        one, other = await desk.pendant(2001), await desk.pendant(2002)
        await desk.publish(2001, "alarm", other.seal_full(other.full()))
        await desk.publish(2001, "telemetry", other.seal_full(other.full(kinds.HEARTBEAT)))
        assert await desk.all("SELECT * FROM incident") == []
        assert await desk.all("SELECT * FROM event") == []
        assert (await desk.counters())["refused_foreign"] == 2
        await desk.publish(2002, "alarm", other.seal_full(other.full()))
        assert (await desk.incident())["device"] == 2002
        assert one.number == 2001

    run(story)


def test_what_has_the_wrong_length_is_refused_with_its_reason(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        beat = watch.seal_full(watch.full(kinds.HEARTBEAT))
        for lane, payload in (
            ("alarm", watch.alarm()),  # a short form
            ("alarm", beat + beat),
            ("alarm", b""),
            ("telemetry", beat[:-1]),
            ("telemetry", beat * 17),
            ("telemetry", b""),
        ):
            await desk.publish(2001, lane, payload)
        for topic in ("d/02001/alarm", "d/x/alarm", "d/2001/down", "d/99999999999/alarm", "d/2001/h"):
            await desk.ingest.take(Message(f"socors/v1/{topic}", beat))
        assert desk.ingest.refused == {"alarm_length": 3, "telemetry_length": 3, "unknown_topic": 5}
        assert await desk.all("SELECT * FROM event") == []

    run(story)


def test_an_alarm_nobody_can_open_is_a_fault_of_its_device_and_no_incident(run, clock):
    async def story(desk):
        await desk.pendant(2001)
        await desk.publish(2001, "alarm", b"\x12" + bytes(63))
        await desk.publish(2001, "alarm", b"rubbish")
        await desk.publish(77, "alarm", b"\x12" + bytes(62) + b"x")  # of no device we have
        assert await desk.all("SELECT * FROM incident") == []
        faults = await desk.all("SELECT device, fault FROM device_fault")
        assert [tuple(row.values()) for row in faults] == [(2001, "unopened")]
        counted = await desk.counters()
        assert (counted["refused_unopened"], counted["unresolved"]) == (1, 1)
        (kept,) = await desk.all("SELECT via, publisher FROM unresolved")
        assert (kept["via"], kept["publisher"]) == ("lte", 77)

    run(story)


def test_telemetry_nobody_can_open_is_refused_and_not_kept(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        beat = watch.seal_full(watch.full(kinds.HEARTBEAT))
        await desk.publish(2001, "telemetry", bytes(64), beat)
        assert (await desk.counters())["refused_unopened"] == 1
        assert await desk.all("SELECT * FROM unresolved") == []
        assert len(await desk.all("SELECT * FROM event")) == 1
        assert await desk.all("SELECT * FROM device_fault") == []

    run(story)


def test_an_authentic_alarm_nobody_can_read_is_an_unreadable_alarm(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        await desk.publish(2001, "alarm", watch.seal(body=b"\x00\x01\x00\x07\xfe" + bytes(45), header=0x12))
        incident = await desk.incident()
        assert (incident["kind"], incident["state"]) == ("unreadable", "open")

    run(story)


def test_a_device_whose_clock_is_off_by_days_is_heard_at_once_when_it_says_who_it_is(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        sos = watch.full(kinds.SOS)
        clock.pass_time(days=9)
        behind = watch.seal_full(sos)
        clock.pass_time(days=-9)
        await desk.publish(2001, "alarm", behind)
        assert (await desk.incident())["kind"] == "sos"

    run(story)


def test_a_device_that_is_revoked_raises_nothing_over_lte(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        desk.resolver.drop(2001)
        await desk.publish(2001, "alarm", watch.seal_full(watch.full()))
        assert await desk.all("SELECT * FROM incident") == []

    run(story)


def test_telemetry_of_a_device_coalesces_in_a_full_lane_and_its_alarms_never(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        lane = Waiting(20, desk.ingest)
        for n in range(20):
            kind = kinds.SOS if n % 10 == 9 else kinds.HEARTBEAT
            payload = watch.seal_full(watch.full(kind))
            topic = f"socors/v1/d/2001/{'alarm' if kind == kinds.SOS else 'telemetry'}"
            await lane.take_in(Message(topic, payload))
        lane.coalesce()
        while not lane.empty():
            await desk.ingest.take(lane.get_nowait())
        assert (await desk.incident())["press_count"] == 2
        beats = await desk.all("SELECT seq FROM event WHERE kind = %s", kinds.HEARTBEAT)
        assert [row["seq"] for row in beats] == [19]
        assert (await desk.counters())["coalesced"] == 17

    run(story)


def test_rubbish_under_a_stolen_log_in_does_not_fill_the_lane_of_everybodys_alarms(run, clock):
    async def story(desk):
        await desk.pendant(2001)
        watch = await desk.pendant(2002)
        lane = Waiting(40, desk.ingest)
        for n in range(200):
            async with asyncio.timeout(30):
                await lane.take_in(
                    Message("socors/v1/d/2001/alarm", b"\x12" + bytes([n]) * (63 if n % 2 else 20))
                )
        async with asyncio.timeout(30):
            await lane.take_in(Message("socors/v1/d/2002/alarm", watch.seal_full(watch.full())))
        while not lane.empty():
            await desk.ingest.take(lane.get_nowait())
        assert (await desk.incident())["device"] == 2002
        assert [tuple(row.values()) for row in await desk.all("SELECT device, fault FROM device_fault")] == [
            (2001, "unopened")
        ]

    run(story)


# Answers.


def test_a_heartbeat_and_a_position_over_lte_are_answered_once_each(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        events = [watch.full(kinds.HEARTBEAT), watch.full(kinds.POSITION, **BEACH)]
        await desk.publish(2001, "telemetry", *(watch.seal_full(event) for event in events))
        await carry(desk, clock, minutes=3)
        told = [watch.opened(answer.frame) for answer in desk.to_device()]
        assert sorted((said.ref_seq, said.state) for said in told) == [
            (event.seq, kinds.RECEIVED) for event in events
        ]
        assert await desk.all("SELECT * FROM down") == []

    run(story)


def test_a_modem_that_is_deaf_for_a_minute_or_a_day_finds_a_handful_of_answers(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        sos = watch.full(kinds.SOS)
        await desk.publish(2001, "alarm", watch.seal_full(sos))
        await carry(desk, clock, seconds=60)
        in_a_minute = len(desk.to_device())
        await carry(desk, clock, hours=2)
        assert (in_a_minute, len(desk.to_device())) == (4, 6)
        clock.pass_time(hours=20)
        await carry(desk, clock, minutes=10)
        assert len(desk.to_device()) == 6

    run(story)


def test_a_new_state_goes_out_over_lte_at_once_however_lately_the_last_one_did(run, clock):
    """The pauses are for repeating what was said; an officer who accepts has something new to say."""

    async def story(desk):
        watch = await desk.pendant(2001)
        await desk.publish(2001, "alarm", watch.seal_full(watch.full(kinds.SOS)))
        await desk.answers.carry_due()
        clock.pass_time(seconds=0.1)
        before = len(desk.to_device())
        await desk.incidents.accept((await desk.incident())["id"], "officer 7")
        await desk.answers.carry_due()
        told = [watch.opened(answer.frame).state for answer in desk.to_device()[before:]]
        assert told == [kinds.ACCEPTED]

    run(story)


def test_whatever_a_device_says_makes_its_answers_fall_due(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        sos = watch.full(kinds.SOS)
        await desk.publish(2001, "alarm", watch.seal_full(sos))
        await carry(desk, clock, hours=1)
        await desk.incidents.accept((await desk.incident())["id"], "officer 7")
        await carry(desk, clock, hours=1)
        before = len(desk.to_device())
        await desk.publish(2001, "telemetry", watch.seal_full(watch.full(kinds.HEARTBEAT)))
        await desk.answers.carry_due()
        told = [watch.opened(answer.frame) for answer in desk.to_device()[before:]]
        assert {(said.ref_seq, said.state) for said in told} == {
            (sos.seq, kinds.ACCEPTED),
            (sos.seq + 1, kinds.RECEIVED),
        }
        felt = watch.full(kinds.FELT, flags=kinds.ACCEPTED, ref_boot=sos.boot, ref_seq=sos.seq)
        await desk.publish(2001, "telemetry", watch.seal_full(felt))
        before = len(desk.to_device())
        await carry(desk, clock, hours=1)
        assert len(desk.to_device()) == before

    run(story)


def test_a_turns_positions_in_one_message_bring_one_repetition_of_a_waiting_answer(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        sos = watch.full(kinds.SOS)
        await desk.publish(2001, "alarm", watch.seal_full(sos))
        await carry(desk, clock, minutes=5)
        before = len(desk.to_device())
        for _ in range(16):
            await desk.publish(2001, "telemetry", watch.seal_full(watch.full(kinds.POSITION, **BEACH)))
            await desk.answers.carry_due()
        told = [watch.opened(answer.frame) for answer in desk.to_device()[before:]]
        assert [said.ref_seq for said in told].count(sos.seq) == 1

    run(story)


def test_a_copy_over_lte_is_answered_though_the_row_has_rested(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        sos = watch.full(kinds.SOS)
        await desk.publish(2001, "alarm", watch.seal_full(sos))
        await carry(desk, clock, hours=1)
        before = len(desk.to_device())
        await desk.publish(2001, "alarm", watch.seal_full(sos))
        await desk.answers.carry_due()
        assert len(desk.to_device()) == before + 1

    run(story)


# Text messages.


def test_a_text_message_is_answered_by_its_hub_with_each_state_once(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        sos = watch.full(kinds.SOS)
        await desk.hear(watch.seal_full(sos), hub="beach", via="sms", rssi=0)
        incident = await desk.incident()
        assert (incident["lat_e7"], incident["position_source"]) == (None, "unknown")
        await carry(desk, clock, hours=1)
        await desk.incidents.accept(incident["id"], "officer 7")
        await carry(desk, clock, hours=1)
        await desk.incidents.close(incident["id"], "officer 7", "real")
        await carry(desk, clock, hours=1)
        orders = [(answer.hub, answer.via, answer.state) for answer in desk.sent]
        assert orders == [("beach", "sms", state) for state in (kinds.RECEIVED, kinds.ACCEPTED, kinds.CLOSED)]
        assert all(answer.until - clock() < timedelta() and answer.id for answer in desk.sent)

    run(story)


def test_a_text_message_that_asks_again_after_its_answer_is_answered_again(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        sos = watch.seal_full(watch.full(kinds.SOS))
        await desk.hear(sos, via="sms", rssi=0)
        await carry(desk, clock, seconds=5)
        await desk.hear(sos, via="sms", rssi=0)  # doubled by the network
        await carry(desk, clock, seconds=115)
        assert len(desk.sent) == 1
        await desk.hear(sos, via="sms", rssi=0)
        await carry(desk, clock, hours=1)
        assert len(desk.sent) == 2

    run(story)


def test_a_text_the_hub_could_not_send_is_sent_another_time(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        sos = watch.full(kinds.SOS)
        await desk.hear(watch.seal_full(sos), hub="beach", via="sms", rssi=0)
        await desk.answers.carry_due()
        failed = {"id": desk.sent[0].id, "ok": False, "why": "no network", "via": "sms"}
        report = {"v": 1, "spool": "0badcafe", "sent": 0, "written": [failed]}
        await desk.say({**report, "hub": "stairs"}, "stairs")  # which has had no text of hers
        await carry(desk, clock, minutes=3)
        assert len(desk.sent) == 1
        await desk.say({**report, "hub": "beach"}, "beach")
        await carry(desk, clock, minutes=3)
        assert [(a.hub, a.via, a.state) for a in desk.sent] == [("beach", "sms", kinds.RECEIVED)] * 2

    run(story)


def test_an_alarm_of_a_device_that_becomes_known_later_is_taken_then_and_anothers_never(run, clock):
    async def story(desk):
        watch, other = await desk.pendant(2001), await desk.pendant(2002)
        desk.resolver.drop(2001)
        await desk.publish(2001, "alarm", watch.seal_full(watch.full()))
        desk.resolver.drop(2002)
        await desk.publish(2001, "alarm", other.seal_full(other.full()))
        for device in (watch, other):
            desk.resolver.put(KnownDevice(device.number, device.keys, clock(), clock()))
        unresolved = Unresolved(
            store=desk.store,
            resolver=desk.resolver,
            acceptor=desk.acceptor,
            clock=clock,
            searched_elsewhere=lambda: False,
        )
        assert await unresolved.retry() == 1
        assert (await desk.incident())["device"] == 2001
        assert (await desk.counters())["refused_foreign"] == 1

    run(story)


def test_a_heartbeat_by_text_message_is_not_answered(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        await desk.hear(watch.seal_full(watch.full(kinds.HEARTBEAT)), via="sms", rssi=0)
        await carry(desk, clock, hours=1)
        assert desk.sent == []

    run(story)


def test_who_is_back_on_the_air_is_not_answered_by_text_any_more(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        sos = watch.full(kinds.SOS)
        await desk.hear(watch.seal_full(sos), via="sms", rssi=0)
        await desk.answers.carry_due()
        clock.pass_time(minutes=1)
        await desk.publish(2001, "telemetry", watch.seal_full(watch.full(kinds.HEARTBEAT)))
        await desk.incidents.accept((await desk.incident())["id"], "officer 7")
        await carry(desk, clock, minutes=1)
        assert [answer.via for answer in desk.sent].count("sms") == 1
        assert kinds.ACCEPTED in {watch.opened(answer.frame).state for answer in desk.to_device()}

    run(story)


def test_an_alarm_heard_on_the_air_far_from_the_hub_that_got_it_as_text_is_not_disputed(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        sos = watch.event(kinds.SOS)
        await desk.hear(watch.seal_full(watch.full(of=sos)), hub="beach", via="sms", rssi=0)
        await desk.hear(watch.seal(sos), hub="kitchen")
        incident = await desk.incident()
        assert (incident["position_source"], incident["disputed"]) == ("hub kitchen", False)

    run(story)
