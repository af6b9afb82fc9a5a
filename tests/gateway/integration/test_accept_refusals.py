"""Bytes nobody should have sent: refused or kept, counted, never an incident, never an error."""

import json
import random

import pytest
from desk import CORNELLA
from sos_wire import frame, kinds

HEARTBEAT = {"v": 1, "hub": "kitchen", "spool": "0badcafe", "sent": 1, "frames": []}


async def nothing_happened(desk):
    return await desk.all("SELECT * FROM incident") == [] and await desk.all("SELECT * FROM event") == []


def test_forged_and_altered_frames_are_kept_for_a_second_look_and_make_no_incident(run):
    async def story(desk):
        pendant = await desk.pendant()
        sealed, draw = pendant.alarm(), random.Random(7)
        forged = [draw.randbytes(size) for size in (24, 64) for _ in range(50)]
        for place in range(1, len(sealed)):
            altered = bytearray(sealed)
            altered[place] ^= 1 << draw.randrange(8)
            forged.append(bytes(altered))
        await desk.hear(*forged)
        assert await nothing_happened(desk)
        assert (await desk.counters())["unresolved"] == len(forged)
        assert desk.receipts() == [[[1, len(forged)]]]

    run(story)


def test_truncated_and_over_long_frames_are_refused_and_counted(run):
    async def story(desk):
        pendant = await desk.pendant()
        sealed = pendant.alarm()
        wrong = [sealed[:size] for size in range(1, 24)] + [sealed + bytes(n) for n in range(1, 170, 13)]
        wrong = [f for f in wrong if len(f) not in kinds.FORM_OF_LENGTH]
        await desk.hear(*wrong)
        assert await nothing_happened(desk)
        assert (await desk.counters())["refused_length"] == len(wrong)
        assert desk.receipts() == [[[1, len(wrong)]]]

    run(story)


@pytest.mark.parametrize("odd", [b"", bytes(512)])
def test_an_alarm_in_one_message_with_what_no_frame_can_be_is_taken_all_the_same(run, odd):
    async def story(desk):
        pendant = await desk.pendant()
        await desk.hear(odd, pendant.alarm())
        assert (await desk.incident())["kind"] == "sos"
        assert desk.receipts() == [[[1, 2]]]

    run(story)


def test_a_replay_changes_nothing(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        sealed = pendant.alarm()
        await desk.hear(sealed)
        number = (await desk.incident())["id"]
        await desk.incidents.accept(number, "officer 7")
        await desk.incidents.close(number, "officer 7", "real")
        before = await desk.incident()
        for _ in range(20):
            clock.pass_time(seconds=30)
            await desk.hear(sealed)
        assert await desk.incident() == before

    run(story)


@pytest.mark.parametrize(
    ("what", "make"),
    [
        (
            "an unknown kind",
            lambda p: p.seal(body=frame.encode_short(p.event(kinds.SOS))[:4] + bytes([99]) + bytes(5)),
        ),
        ("an unknown version", lambda p: p.seal(p.event(kinds.HEARTBEAT), header=0x71)),
        (
            "flags that do not exist",
            lambda p: p.seal(body=frame.encode_short(p.event(kinds.SOS))[:5] + b"\xff" + bytes(4)),
        ),
    ],
)
def test_an_authentic_frame_nobody_can_read_is_an_unreadable_alarm_with_its_bytes(run, what, make):
    async def story(desk):
        pendant = await desk.pendant()
        sealed = make(pendant)
        await desk.hear(sealed, sealed)
        incident = await desk.incident()
        assert (incident["kind"], incident["state"], incident["press_count"]) == ("unreadable", "open", 1), (
            what
        )
        assert bytes.fromhex(incident["raw"]) == pendant.keys.open_up(sealed)

    run(story)


def test_a_revoked_device_is_heard_no_more(run):
    async def story(desk):
        pendant = await desk.pendant()
        desk.resolver.drop(pendant.number)
        await desk.hear(pendant.alarm())
        assert await nothing_happened(desk)

    run(story)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x00\xff not JSON",
        b"[]",
        b"{}",
        b'{"v": 2}',
        json.dumps({**HEARTBEAT, "hub": "another"}).encode(),
        json.dumps({**HEARTBEAT, "spool": "../../etc"}).encode(),
        json.dumps({**HEARTBEAT, "sent": 2**63}).encode(),
        json.dumps({**HEARTBEAT, "sent": -1}).encode(),
        json.dumps({**HEARTBEAT, "frames": [{"n": -1, "t": 1, "rssi": 0, "frame": "00"}]}).encode(),
        json.dumps({**HEARTBEAT, "frames": [{"n": 1, "t": 1, "rssi": 999, "frame": "00"}]}).encode(),
        json.dumps({**HEARTBEAT, "frames": [{"n": 1, "t": 1, "rssi": 0, "frame": "0"}]}).encode(),
        json.dumps({**HEARTBEAT, "frames": [{"n": 1, "t": 1, "rssi": 0, "frame": "zz"}]}).encode(),
        json.dumps({**HEARTBEAT, "frames": [None] * 501}).encode(),
        b'{"v":1,"hub":"kitchen","spool":"0badcafe","sent":1,"status":' + b"[" * 5000,
    ],
)
def test_a_message_that_is_not_as_agreed_is_refused_and_counted(run, message):
    async def story(desk):
        await desk.say(message)
        assert sum(desk.ingest.refused.values()) == 1
        assert await nothing_happened(desk)

    run(story)


@pytest.mark.parametrize(
    "status", ['{"name": "\\u0000"}', '{"name": "\\ud800"}', '{"load": NaN}', '{"n": 1e400}']
)
def test_a_status_the_database_cannot_hold_neither_ends_the_gateway_nor_comes_back(run, status):
    import asyncio

    from sos_gateway.ingest.lanes import Message, work

    async def story(desk):
        pendant = await desk.pendant()
        queue = asyncio.Queue()
        raw = json.dumps(HEARTBEAT)[:-1] + f', "status": {status}' + "}"
        sealed = {"n": 1, "t": 1, "rssi": -60, "frame": pendant.alarm().hex()}
        for payload in (raw, json.dumps({**HEARTBEAT, "frames": [sealed]})):
            queue.put_nowait(Message("socors/v1/h/kitchen/up", payload.encode()))
        worker = asyncio.create_task(work(queue, desk.ingest, 0.01))
        async with asyncio.timeout(10):
            await queue.join()
        worker.cancel()
        assert (await desk.incident())["town"] == CORNELLA

    run(story)
