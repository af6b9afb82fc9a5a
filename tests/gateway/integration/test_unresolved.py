"""Frames nobody could resolve: kept, tried again, searched for, let go in the end; never an incident by themselves."""

import os

import pytest
from sos_gateway.ingest import unresolved
from sos_gateway.ingest.aliases import KnownDevice
from sos_gateway.ingest.builder_process import BuilderProcess
from sos_gateway.ingest.unresolved import Unresolved
from sos_wire import frame, kinds, times
from sos_wire.seal import CLOCK_MODE, RECOVERY_MODE


def background(desk, large=False):
    return Unresolved(
        store=desk.store,
        resolver=desk.resolver,
        acceptor=desk.acceptor,
        clock=desk.clock,
        searched_elsewhere=lambda: large,
    )


def under(pendant, mode, index, kind=kinds.SOS):
    body = frame.encode_short(pendant.event(kind))
    return pendant.keys.seal_up(pendant.keys.alias(mode, index), kinds.FORM_SHORT, body)


async def kept(desk):
    return await desk.all("SELECT * FROM unresolved ORDER BY id")


async def search_to_the_end(work, condition):
    while await work.search():
        await work.retry()
        if await condition():
            return


@pytest.fixture(autouse=True)
def no_rests(monkeypatch):
    """Rests are for other work's sake; here there is none."""
    monkeypatch.setattr(unresolved, "REST_PER_WORK", 0)
    monkeypatch.setattr(unresolved, "PAGE_REST_S", 0)


def test_noise_is_kept_and_is_no_incident(run):
    async def story(desk):
        await desk.pendant()
        await desk.hear(b"\x11" + os.urandom(23))
        assert await background(desk).retry() == 0
        assert len(await kept(desk)) == 1
        assert await desk.all("SELECT * FROM incident") == []

    run(story)


def test_a_device_that_becomes_known_later_has_its_alarm_taken_as_a_late_one(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        desk.resolver.drop(pendant.number)
        sealed = pendant.alarm()
        await desk.hear(sealed)
        assert desk.receipts() == [[[1, 1]]]
        clock.pass_time(hours=2)
        desk.resolver.put(KnownDevice(pendant.number, pendant.keys, clock(), clock()))
        assert await background(desk).retry() == 1
        assert await kept(desk) == []
        incident = await desk.incident()
        assert (incident["state"], incident["kind"]) == ("open", "sos")
        assert incident["occurred_at"] < incident["received_at"]
        await desk.hear(sealed)
        assert (await desk.incident())["press_count"] == 1

    run(story)


@pytest.mark.parametrize(("mode", "away"), [(CLOCK_MODE, 5), (CLOCK_MODE, -9), (RECOVERY_MODE, 30)])
def test_a_search_that_widens_finds_a_clock_far_off_and_a_counter_far_ahead(run, clock, mode, away):
    async def story(desk):
        pendant = await desk.pendant()
        await desk.pendant(1002)
        now = times.alias_index(int(clock().timestamp()))
        await desk.hear(under(pendant, mode, now + away if mode == CLOCK_MODE else away))
        await desk.hear(b"\x11" + os.urandom(23))
        assert await desk.all("SELECT * FROM incident") == []
        work = background(desk)

        async def found():
            return bool(await desk.all("SELECT 1 FROM incident"))

        await search_to_the_end(work, found)
        assert (await desk.incident())["device"] == pendant.number
        assert len(await kept(desk)) == 1

    run(story)


def test_an_alarm_without_a_clock_after_days_away_from_every_hub_is_known_although_the_gateway_ran_on(
    run, clock
):
    async def story(desk):
        pendant = await desk.pendant()
        await desk.hear(under(pendant, RECOVERY_MODE, 1, kinds.HEARTBEAT))
        clock.pass_time(days=4)
        await desk.hear(under(pendant, RECOVERY_MODE, 1 + 4 * 4))
        assert (await desk.incident())["kind"] == "sos"

    run(story)


def test_a_search_leaves_out_no_counter_between_what_was_expected_and_what_it_begins_with(run, clock):
    async def story(desk):
        pendant = await desk.pendant()
        await desk.hear(under(pendant, RECOVERY_MODE, 1, kinds.HEARTBEAT))
        sealed = under(pendant, RECOVERY_MODE, 1 + 4 * 4)
        await desk.hear(sealed)  # more restarts than anybody expects
        clock.pass_time(days=4)

        async def found():
            return bool(await desk.all("SELECT 1 FROM incident"))

        await search_to_the_end(background(desk), found)
        assert (await desk.incident())["device"] == pendant.number

    run(story)


def test_new_noise_does_not_hold_up_the_search_for_the_old():
    search = unresolved.Search(lambda _: None)
    old = [unresolved.Lost(1, bytes(5), 100, 40)]
    noise = [unresolved.Lost(n, bytes(5), 100, 0) for n in range(2, 9)]
    steps = [search.next_round([*old, *noise])[0] for _ in range(4)]
    assert steps == [0, 40, 0, 40]
    assert search.next_round([unresolved.Lost(1, bytes(5), 100, unresolved.STEPS)])[1] == []


def test_the_oldest_go_at_the_bound_and_after_thirty_days_and_are_counted(run, clock, monkeypatch):
    monkeypatch.setattr(unresolved, "KEPT_MOST", 5)

    async def story(desk):
        for _ in range(4):
            await desk.hear(b"\x11" + os.urandom(23))
        clock.pass_time(days=29)
        newer = [b"\x11" + os.urandom(23) for _ in range(3)]
        await desk.hear(*newer)
        work = background(desk)
        assert await work.trim() == 2
        assert len(await kept(desk)) == 5
        clock.pass_time(days=2)
        assert await work.trim() == 2
        assert {bytes(row["frame"]) for row in await kept(desk)} == set(newer)
        assert (await desk.counters())["unresolved_let_go"] == 4

    run(story)


def test_a_builder_searches_for_a_large_fleet_and_puts_what_it_finds_into_its_table(
    run, clock, database_url, tmp_path, monkeypatch
):
    import psycopg
    from sos_gateway.ingest import alias_table
    from sos_gateway.ingest.alias_builder import Builder
    from sos_gateway.keys.wrapping import Wrapper

    monkeypatch.setattr("time.time", lambda: clock().timestamp())
    wrapper = Wrapper(bytes(range(32)))  # as the desk provisions

    def table():
        mapped = alias_table.load(tmp_path, "test")
        return desk_resolver.prepared(mapped)

    desk_resolver = None

    async def story(desk):
        nonlocal desk_resolver
        pendants = [await desk.pendant(2000 + n) for n in range(5)]
        desk_resolver = desk.resolver = type(desk.resolver)(wrapper.unwrap)
        desk.acceptor._resolver = desk.resolver
        period = times.alias_index(int(clock().timestamp()))
        builder = BuilderProcess(database_url, Builder(tmp_path, wrapper, "test"))
        with psycopg.connect(database_url, autocommit=True) as connection:
            assert builder.build_if_due(connection)
            assert not builder.build_if_due(connection)
            desk.resolver.use(table())
            await desk.hear(under(pendants[3], CLOCK_MODE, period + 4))
            work = background(desk, large=True)
            for _ in range(5):
                assert await work.retry() == 0
                found = builder.search(connection)
            assert found == 1
            desk.resolver.use(table())
            assert await work.retry() == 1
        assert (await desk.incident())["device"] == 2003

    run(story)
