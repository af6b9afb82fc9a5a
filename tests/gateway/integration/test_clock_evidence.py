"""When a device's clock counts as set: on the evidence of its own sealed times, and never longer than it has one."""

from datetime import timedelta

from desk import START
from sos_gateway.domain import own_time
from sos_gateway.ingest.aliases import KnownDevice
from sos_wire import frame, kinds, times
from sos_wire.seal import CLOCK_MODE, RECOVERY_MODE


async def unheard(desk):
    """A pendant of which nothing is known but its secret."""
    pendant = await desk.pendant()
    desk.resolver.put(KnownDevice(pendant.number, pendant.keys))
    return pendant


async def clock_set_at(desk):
    (row,) = await desk.all("SELECT clock_set_at FROM device")
    return row["clock_set_at"]


def without_clock(pendant, kind=kinds.HEARTBEAT, counter=1):
    event = pendant.event(kind, when=kinds.WHEN_UNKNOWN, flags=0)
    alias = pendant.keys.alias(RECOVERY_MODE, counter)
    return pendant.keys.seal_up(alias, kinds.FORM_SHORT, frame.encode_short(event))


def test_a_device_without_a_clock_has_none_set_and_is_answered_under_its_recovery_alias(run):
    async def story(desk):
        pendant = await unheard(desk)
        await desk.hear(without_clock(pendant))
        assert await clock_set_at(desk) is None
        (answer,) = desk.sent
        assert answer.frame[1:6] == pendant.keys.alias(RECOVERY_MODE, 1)

    run(story)


def test_its_next_event_under_a_clock_alias_that_tells_the_time_of_now_proves_its_clock(run, clock):
    async def story(desk):
        pendant = await unheard(desk)
        await desk.hear(without_clock(pendant))
        clock.pass_time(seconds=30)
        await desk.hear(pendant.alarm(kinds.HEARTBEAT))
        assert await clock_set_at(desk) == clock()
        assert desk.resolver.device(pendant.number).clock_set_at == clock()
        period = times.alias_index(int(clock().timestamp()))
        assert desk.sent[-1].frame[1:6] == pendant.keys.alias(CLOCK_MODE, period)

    run(story)


def test_a_press_ten_days_after_the_last_evidence_may_be_later_than_it_says_by_five_hours(run, clock):
    async def story(desk):
        pendant = await unheard(desk)
        await desk.hear(pendant.alarm(kinds.HEARTBEAT))
        clock.pass_time(days=10)
        sealed = pendant.alarm(kinds.SOS)
        clock.pass_time(hours=8)
        await desk.hear(sealed, age=timedelta(hours=8))
        incident = await desk.incident()
        error = timedelta(days=10, hours=8) * 2 / 100 + timedelta(seconds=2)
        latest = START + timedelta(days=10, seconds=2) + error
        assert abs(incident["occurred_at"] - latest) < timedelta(seconds=1)

    run(story)


def test_an_old_event_proves_no_more_than_its_age_allows(run, clock):
    async def story(desk):
        pendant = await unheard(desk)
        sealed = pendant.alarm(kinds.HEARTBEAT)
        clock.pass_time(seconds=62)
        await desk.hear(sealed, age=timedelta(seconds=62))
        # A minute behind is what a clock may be that was set 3,000 s ago.
        assert clock() - await clock_set_at(desk) == timedelta(seconds=3000)
        error = own_time.clock_error(clock() - await clock_set_at(desk))
        assert error == timedelta(seconds=62)

    run(story)


def test_a_clock_that_is_lost_is_no_longer_set_and_a_delayed_event_does_not_set_it(run, clock):
    async def story(desk):
        pendant = await unheard(desk)
        await desk.hear(pendant.alarm(kinds.HEARTBEAT))
        delayed = pendant.alarm(kinds.HEARTBEAT)
        pendant.boot, pendant.seq = 2, 0
        await desk.hear(without_clock(pendant))
        assert await clock_set_at(desk) is None
        assert desk.resolver.device(pendant.number).clock_set_at is None
        await desk.hear(delayed)
        assert await clock_set_at(desk) is None

    run(story)


def test_a_state_felt_and_a_time_without_a_valid_clock_prove_nothing(run):
    async def story(desk):
        pendant = await unheard(desk)
        sos = pendant.event(kinds.SOS, flags=0)
        await desk.hear(pendant.seal(sos))
        await desk.hear(pendant.alarm(kinds.FELT, flags=kinds.RECEIVED, ref_boot=1, ref_seq=sos.seq))
        assert await clock_set_at(desk) is None

    run(story)


def test_a_full_form_proves_a_clock_as_well(run, clock):
    async def story(desk):
        pendant = await unheard(desk)
        full = frame.full(1, 5, kinds.HEARTBEAT, flags=kinds.CLOCK_VALID, unix_s=int(clock().timestamp()) - 1)
        alias = pendant.keys.alias(CLOCK_MODE, times.alias_index(int(clock().timestamp())))
        await desk.hear(pendant.keys.seal_up(alias, kinds.FORM_FULL, frame.encode_full(full)))
        assert await clock_set_at(desk) == clock()

    run(story)


def test_other_gateways_hear_that_a_clock_was_set_or_a_counter_moved(run, clock):
    async def story(desk):
        pendant = await unheard(desk)
        async with desk.store.listen("device") as connection:
            await desk.hear(without_clock(pendant, counter=3))
            await desk.hear(without_clock(pendant, counter=3))
            await desk.hear(pendant.alarm(kinds.HEARTBEAT))
            clock.pass_time(seconds=30)
            await desk.hear(pendant.alarm(kinds.HEARTBEAT))
            heard = [n.payload async for n in connection.notifies(timeout=5, stop_after=2)]
            more = [n async for n in connection.notifies(timeout=0)]
        assert heard == [str(pendant.number)] * 2
        assert more == []

    run(story)
