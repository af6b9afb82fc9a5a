"""What a fall felt like is kept beside it, whatever way it comes; that she is up again is noted, and that is all."""

import pytest
from sos_gateway.keys.registry import Registry
from sos_gateway.keys.wrapping import Wrapper
from sos_wire import evidence, kinds

FELT = bytes((i * 37 + 11) % 256 for i in range(evidence.BYTES))


async def fallen(desk, number=1001):
    """A wearer falls; return her pendant and the fall."""
    pendant = await desk.pendant(number)
    fall = pendant.event(kinds.FALL, flags=kinds.CLOCK_VALID | kinds.PENDING)
    await desk.hear(pendant.seal(fall))
    return pendant, fall


async def kept(desk):
    """Return the pieces that are kept, by the fall and their number."""
    rows = await desk.all("SELECT * FROM evidence ORDER BY device, boot, seq, piece")
    return {(row["device"], row["boot"], row["seq"], row["piece"]): bytes(row["samples"]) for row in rows}


async def history(desk):
    return [row["what"] for row in await desk.all("SELECT what FROM transition ORDER BY id")]


def test_pieces_in_any_order_twice_and_over_several_hubs_are_kept_once_and_are_the_whole(run):
    async def story(desk):
        pendant, fall = await fallen(desk)
        pieces = pendant.pieces(fall, FELT)
        await desk.hear(*pieces[::-1], hub="kitchen", rssi=0)
        await desk.hear(*pieces[3:7], hub="stairs", rssi=0)
        await desk.hear(*pieces, hub="kitchen", rssi=0)
        found = await kept(desk)
        assert list(found) == [(1001, fall.boot, fall.seq, i) for i in range(evidence.PIECES)]
        assert b"".join(found.values()) == FELT
        assert len(await desk.all("SELECT * FROM event")) == 1
        assert (await desk.incident())["press_count"] == 1

    run(story)


def test_the_first_copy_of_a_piece_stays_whatever_comes_under_its_number_later(run):
    async def story(desk):
        pendant, fall = await fallen(desk)
        await desk.hear(*pendant.pieces(fall, FELT)[:2])
        await desk.hear(*pendant.pieces(fall, bytes(evidence.BYTES)))
        found = b"".join((await kept(desk)).values())
        assert found[: 2 * evidence.PIECE_BYTES] == FELT[: 2 * evidence.PIECE_BYTES]
        assert not any(found[2 * evidence.PIECE_BYTES :])

    run(story)


def test_every_piece_is_receipted_so_that_the_hub_can_let_it_go(run):
    async def story(desk):
        pendant, fall = await fallen(desk)
        numbers = await desk.hear(*pendant.pieces(fall, FELT))
        told = {n for ranges in desk.receipts() for low, high in ranges for n in range(low, high + 1)}
        assert set(numbers) <= told

    run(story)


def test_a_device_with_a_modem_publishes_all_pieces_in_one_message(run):
    async def story(desk):
        pendant = await desk.pendant(2001)
        fall = pendant.event(kinds.FALL)
        await desk.publish(2001, "alarm", pendant.seal_full(pendant.full(of=fall)))
        await desk.publish(2001, "telemetry", *pendant.pieces(fall, FELT))
        assert b"".join((await kept(desk)).values()) == FELT

    run(story)


def test_evidence_of_another_device_on_a_devices_topic_is_refused(run):
    async def story(desk):
        pendant, fall = await fallen(desk, 2001)
        await desk.pendant(2002)
        await desk.publish(2002, "telemetry", *pendant.pieces(fall, FELT))
        assert await kept(desk) == {}
        assert (await desk.counters())["refused_foreign"] == evidence.PIECES

    run(story)


@pytest.mark.parametrize("kind", [None, kinds.SOS, kinds.HEARTBEAT])
def test_evidence_of_what_is_no_fall_is_refused_counted_and_raises_nothing(run, kind):
    async def story(desk):
        pendant = await desk.pendant()
        named = pendant.event(kind or kinds.FALL)
        if kind:
            await desk.hear(pendant.seal(named))
        before = len(await desk.all("SELECT * FROM incident"))
        numbers = await desk.hear(*pendant.pieces(named, FELT))
        assert await kept(desk) == {}
        assert (await desk.counters())["refused_evidence"] == evidence.PIECES
        assert len(await desk.all("SELECT * FROM incident")) == before
        rows = await desk.all("SELECT outcome FROM hub_frame WHERE n = ANY (%s)", numbers)
        assert {row["outcome"] for row in rows} == {"refused"}

    run(story)


def test_evidence_that_cannot_be_read_is_no_alarm_and_a_frame_of_its_form_that_is_none_still_is(run):
    async def story(desk):
        pendant, _ = await fallen(desk)
        header = kinds.VERSION << 4 | kinds.FORM_EVIDENCE
        await desk.hear(pendant.seal(body=bytes(4) + bytes([evidence.PIECES]) + bytes(45), header=header))
        assert (await desk.incident())["kind"] == "fall"
        assert (await desk.counters())["refused_evidence"] == 1
        await desk.hear(pendant.seal(body=bytes(10), header=header))  # as short as an alarm: it may be one
        assert (await desk.incident())["kind"] == "unreadable"

    run(story)


def test_a_change_of_one_bit_on_the_way_keeps_a_piece_out(run):
    async def story(desk):
        pendant, fall = await fallen(desk)
        spoilt = bytearray(pendant.pieces(fall, FELT)[4])
        spoilt[20] ^= 1
        await desk.hear(spoilt)
        assert await kept(desk) == {}

    run(story)


def test_evidence_changes_no_incident_answers_nobody_and_tells_no_destination(run):
    async def story(desk):
        pendant, fall = await fallen(desk)
        before, told, sent = await desk.incident(), await desk.told(), len(desk.sent)
        await desk.hear(*pendant.pieces(fall, FELT))
        assert await desk.incident() == before
        assert (await desk.told(), len(desk.sent)) == (told, sent)
        assert await history(desk) == ["raised"]

    run(story)


def test_a_new_secret_sets_evidence_aside_with_its_fall(run, clock):
    async def story(desk):
        pendant, fall = await fallen(desk)
        await desk.hear(*pendant.pieces(fall, FELT))
        registry = Registry(desk.store, Wrapper(bytes(range(32))), clock)
        await registry.provision_again(1001, force=True)
        (row,) = await desk.all("SELECT boot FROM event WHERE kind = %s", kinds.FALL)
        assert {boot for _, boot, _, _ in await kept(desk)} == {row["boot"]}
        assert row["boot"] < 0

    run(story)


# Up again.


def risen(pendant, fall):
    return pendant.event(kinds.RISEN, ref_boot=fall.boot, ref_seq=fall.seq)


def test_that_she_is_up_again_is_a_line_of_the_falls_history_and_withdraws_nothing(run, clock):
    async def story(desk):
        pendant, fall = await fallen(desk)
        up = risen(pendant, fall)
        await desk.hear(pendant.seal(up))
        incident = await desk.incident()
        assert (incident["state"], incident["says_false_alarm"], incident["press_count"]) == (
            "pending",
            False,
            1,
        )
        clock.pass_time(seconds=26)
        await desk.incidents.open_due()
        assert (await desk.incident())["state"] == "open"
        assert await history(desk) == ["raised", "risen", "opened"]
        (row,) = await desk.all("SELECT incident_id FROM event WHERE kind = %s", kinds.RISEN)
        assert row["incident_id"] == incident["id"]

    run(story)


def test_however_often_it_comes_it_is_one_line_and_is_answered_again(run, clock):
    async def story(desk):
        pendant, fall = await fallen(desk)
        sealed = pendant.seal(risen(pendant, fall))
        for hub in ("kitchen", "stairs", "kitchen"):
            await desk.hear(sealed, hub=hub)
            clock.pass_time(seconds=6)  # copies in one moment get one answer
        await desk.hear(pendant.seal(risen(pendant, fall)))  # once is what a device says it
        assert (await history(desk)).count("risen") == 1
        answers = [pendant.opened(answer.frame) for answer in desk.sent]
        assert [a.state for a in answers if a.ref_seq == fall.seq + 1] == [kinds.RECEIVED] * 3
        assert await desk.all("SELECT * FROM down WHERE ref_seq > %s", fall.seq) == []

    run(story)


def test_it_may_overtake_its_fall(run):
    async def story(desk):
        pendant = await desk.pendant()
        fall = pendant.event(kinds.FALL, flags=kinds.CLOCK_VALID | kinds.PENDING)
        await desk.hear(pendant.seal(risen(pendant, fall)))
        assert await desk.all("SELECT * FROM incident") == []
        await desk.hear(pendant.seal(fall))
        assert (await desk.incident())["state"] == "pending"
        assert await history(desk) == ["raised", "risen"]

    run(story)


def test_a_fall_taken_back_after_getting_up_is_withdrawn_by_its_cancel_alone(run):
    async def story(desk):
        pendant, fall = await fallen(desk)
        await desk.hear(pendant.seal(risen(pendant, fall)))
        assert (await desk.incident())["state"] == "pending"
        cancel = pendant.event(kinds.CANCELLED, ref_boot=fall.boot, ref_seq=fall.seq)
        await desk.hear(pendant.seal(cancel))
        assert (await desk.incident())["state"] == "cancelled"

    run(story)


def test_getting_up_names_falls_alone(run):
    async def story(desk):
        pendant = await desk.pendant()
        sos = pendant.event(kinds.SOS)
        await desk.hear(pendant.seal(sos))
        await desk.hear(pendant.seal(risen(pendant, sos)))
        assert await history(desk) == ["raised"]

    run(story)


def test_after_the_incident_is_closed_it_is_stored_and_changes_nothing(run, clock):
    async def story(desk):
        pendant, fall = await fallen(desk)
        incident = await desk.incident()
        await desk.incidents.accept(incident["id"], "officer 7")
        await desk.incidents.close(incident["id"], "officer 7", "real")
        clock.pass_time(minutes=1)
        await desk.hear(pendant.seal(risen(pendant, fall)))
        after = await desk.incident()
        assert (after["state"], after["disposition"]) == ("closed", "real")
        assert (await history(desk))[-1] == "risen"

    run(story)
