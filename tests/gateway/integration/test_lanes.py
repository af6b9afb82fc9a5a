"""What waits in a lane: alarms overtake, telemetry gives way to newer telemetry of its kind, alarms never go."""

import asyncio
import json
import os

from sos_gateway.ingest.lanes import Message
from sos_gateway.ingest.waiting import Waiting
from sos_wire import evidence, frame, kinds

HUB = "kitchen"
_spool_number = iter(range(1, 10**6))


def message(desk, *frames):
    """A hub's message with these frames, and the numbers they have in its spool."""
    now = round(desk.clock().timestamp() * 1000)
    listed = [{"n": next(_spool_number), "t": now, "rssi": -60, "frame": bytes(f).hex()} for f in frames]
    said = {"v": 1, "hub": HUB, "spool": "0badcafe", "sent": now, "frames": listed}
    return Message(f"socors/v1/h/{HUB}/up", json.dumps(said).encode()), [f["n"] for f in listed]


async def store_all(desk, lane):
    while not lane.empty():
        await desk.ingest.take(lane.get_nowait())


def receipted(desk):
    return {n for ranges in desk.receipts() for low, high in ranges for n in range(low, high + 1)}


def test_at_the_bound_telemetry_is_the_newest_of_each_device_and_kind_and_all_is_receipted(run):
    async def story(desk):
        pendants = [await desk.pendant(1001 + n) for n in range(3)]
        lane, numbers = Waiting(60, desk.ingest), []
        for n in range(200):
            kind = (kinds.HEARTBEAT, kinds.LOW_BATTERY)[n % 2]
            waits, its = message(desk, pendants[n % 3].alarm(kind))
            numbers += its
            async with asyncio.timeout(5):
                await lane.take_in(waits)
        lane.coalesce()
        assert lane.qsize() <= 7  # six events, and one message that names what went
        await store_all(desk, lane)
        stored = await desk.all("SELECT device, kind, seq FROM event")
        newest = {}
        for n in range(200):
            newest[1001 + n % 3, (kinds.HEARTBEAT, kinds.LOW_BATTERY)[n % 2]] = n // 3 + 1
        assert {(row["device"], row["kind"]): row["seq"] for row in stored} == newest
        assert len(stored) == 6
        assert receipted(desk) == set(numbers)
        rows = await desk.all("SELECT outcome, count(*) AS n FROM hub_frame GROUP BY outcome")
        assert {row["outcome"]: row["n"] for row in rows} == {"coalesced": 194, "committed": 6}
        assert (await desk.counters())["coalesced"] == 194

    run(story)


def test_alarms_and_what_nobody_can_open_are_never_shed(run):
    async def story(desk):
        pendant = await desk.pendant()
        lane, noise, alarms = Waiting(40, desk.ingest), [], []
        for n in range(39):
            frame = (pendant.alarm(kinds.SOS), b"\x11" + os.urandom(23), pendant.alarm(kinds.HEARTBEAT))[
                n % 3
            ]
            (alarms, noise, [])[n % 3].append(frame)
            await lane.take_in(message(desk, frame)[0])
        lane.coalesce()
        await store_all(desk, lane)
        assert (await desk.incident())["press_count"] == len(alarms) == 13
        assert len(await desk.all("SELECT * FROM unresolved")) == len(noise) == 13
        assert len(await desk.all("SELECT * FROM event WHERE kind = %s", kinds.HEARTBEAT)) < 13

    run(story)


def test_at_the_bound_the_evidence_of_each_devices_newest_fall_stays_whole(run):
    async def story(desk):
        pendants = [await desk.pendant(1001 + n) for n in range(2)]
        lane, newest = Waiting(30, desk.ingest), {}
        await desk.hear(*[pendant.alarm(kinds.FALL, seq=n) for pendant in pendants for n in range(1, 6)])
        for n in range(1, 6):
            for pendant in pendants:
                felt = os.urandom(evidence.BYTES)
                newest[pendant.number] = (n, felt)
                for piece in pendant.pieces(frame.short(1, n, kinds.FALL), felt):
                    async with asyncio.timeout(5):
                        await lane.take_in(message(desk, piece)[0])
        lane.coalesce()
        assert lane.qsize() <= 2 * evidence.PIECES + 1  # and one message that names what went
        await store_all(desk, lane)
        for pendant in pendants:
            n, felt = newest[pendant.number]
            rows = await desk.all(
                "SELECT samples FROM evidence WHERE device = %s AND seq = %s ORDER BY piece",
                pendant.number,
                n,
            )
            assert b"".join(row["samples"] for row in rows) == felt

    run(story)


def test_evidence_is_overtaken_by_every_alarm(run):
    async def story(desk):
        pendant, other = await desk.pendant(), await desk.pendant(1002)
        fall = pendant.event(kinds.FALL)
        await desk.hear(pendant.seal(fall))
        lane = Waiting(100, desk.ingest)
        for piece in pendant.pieces(fall, bytes(evidence.BYTES)) * 3:
            await lane.take_in(message(desk, piece)[0])
        sos = message(desk, other.alarm(kinds.SOS))[0]
        await lane.take_in(sos)
        assert lane.get_nowait().payload == sos.payload

    run(story)


def test_a_lane_full_of_alarms_waits_and_takes_the_next_when_there_is_room(run):
    async def story(desk):
        pendant = await desk.pendant()
        lane = Waiting(20, desk.ingest)
        for _ in range(20):
            await lane.take_in(message(desk, pendant.alarm())[0])
        waiting = asyncio.create_task(lane.take_in(message(desk, pendant.alarm())[0]))
        await asyncio.sleep(0)
        assert not waiting.done()
        await desk.ingest.take(lane.get_nowait())
        await waiting
        await store_all(desk, lane)
        assert (await desk.incident())["press_count"] == 21

    run(story)


def test_an_alarm_overtakes_telemetry_that_waits(run):
    async def story(desk):
        pendant, other = await desk.pendant(), await desk.pendant(1002)
        lane = Waiting(1000, desk.ingest)
        for _ in range(50):
            await lane.take_in(message(desk, pendant.alarm(kinds.HEARTBEAT))[0])
        await lane.take_in(message(desk, other.alarm())[0])
        await desk.ingest.take(lane.get_nowait())
        assert (await desk.incident())["device"] == 1002

    run(story)


def test_an_alarm_that_came_while_the_lane_was_short_is_not_overtaken_by_every_later_one(run):
    async def story(desk):
        first, other = await desk.pendant(), await desk.pendant(1002)
        lane = Waiting(1000, desk.ingest)
        await lane.take_in(message(desk, first.alarm())[0])
        for _ in range(30):
            await lane.take_in(message(desk, other.alarm())[0])
        for _ in range(15):
            await desk.ingest.take(lane.get_nowait())
        assert {row["device"] for row in await desk.all("SELECT device FROM incident")} == {1001, 1002}

    run(story)


def test_of_what_a_hub_packed_together_the_alarm_is_stored_first(run):
    async def story(desk):
        pendant, other = await desk.pendant(), await desk.pendant(1002)
        beats = [pendant.alarm(kinds.HEARTBEAT) for _ in range(5)]
        await desk.ingest.take(message(desk, *beats, other.alarm())[0])
        first = (await desk.all("SELECT device FROM event ORDER BY id LIMIT 1"))[0]
        assert first["device"] == 1002

    run(story)


def test_rubbish_in_a_full_lane_is_refused_in_its_turn(run):
    async def story(desk):
        pendant = await desk.pendant()
        lane = Waiting(30, desk.ingest)
        for n in range(30):
            good = message(desk, pendant.alarm(kinds.HEARTBEAT))[0]
            await lane.take_in(good if n % 2 else Message(good.topic, b"{"))
        lane.coalesce()
        await store_all(desk, lane)
        assert sum(desk.ingest.refused.values()) == 15
        assert len(await desk.all("SELECT * FROM event")) == 1

    run(story)
