"""What the destinations get: everything, in order, under one name each, whatever breaks on the way."""

import asyncio
from datetime import timedelta

import psycopg
import pytest
from sos_gateway.dispatch import cli, outbox, retry
from sos_gateway.errors import NotFound
from story import START, add, destination, dispatcher, opened, rows, states
from typer.testing import CliRunner

LIFE = ("raised", "pressed again", "accepted", "closed")


def test_an_endpoint_that_answers_500_for_an_hour_gets_everything_afterwards_in_order(
    database_url, clock, endpoint
):
    async def story():
        async with opened(database_url) as store:
            police = [destination()]
            worker = dispatcher(store, police, clock, endpoint)
            endpoint.status = 500
            told = []
            for minute in range(60):
                new = rows(police, minute, *LIFE, at=clock())
                told += new
                await add(store, new)
                for _ in range(6):
                    await worker.deliver_due()
                    clock.pass_time(seconds=10)
            assert not endpoint.accepted
            endpoint.status = 200
            for _ in range(60):
                if not await worker.deliver_due():
                    clock.pass_time(seconds=10)
            return told, await states(store)

    told, state = asyncio.run(story())
    assert set(state.values()) == {"confirmed"}
    assert sorted(endpoint.accepted) == sorted(row.identifier for row in told)
    for number in range(60):
        mine = [row.identifier for row in told if row.incident_id == number]
        assert [name for name in endpoint.accepted if name in mine] == mine


def test_a_destination_that_answers_again_gets_what_waits_without_waiting_for_its_turn(
    database_url, clock, endpoint
):
    async def story():
        async with opened(database_url) as store:
            police = [destination()]
            worker = dispatcher(store, police, clock, endpoint)
            endpoint.status = 503
            for number in range(5):
                await add(store, rows(police, number, "raised"))
            for _ in range(100):
                await worker.deliver_due()
                clock.pass_time(seconds=60)
            endpoint.status = 200
            await add(store, rows(police, 99, "raised", at=clock()))
            while await worker.deliver_due():
                pass

    asyncio.run(story())
    assert len(endpoint.accepted) == 6


def test_a_new_alarm_does_not_queue_behind_the_repetitions_of_old_ones(database_url, clock, endpoint):
    async def story():
        async with opened(database_url) as store:
            police = [destination()]
            worker = dispatcher(store, police, clock, endpoint)
            endpoint.status = 500
            for number in range(40):
                await add(store, rows(police, number, "raised"))
            while await worker.deliver_due():
                pass
            clock.pass_time(minutes=10)
            new = rows(police, 99, "raised", at=clock())
            await add(store, new)
            endpoint.status = 200
            await worker.deliver_due()
            return new[0].identifier

    assert asyncio.run(story()) in endpoint.accepted


def test_a_crash_between_sent_and_confirmed_sends_again_under_the_same_identifier(
    database_url, clock, endpoint
):
    async def story():
        async with opened(database_url) as store:
            police = [destination()]
            await add(store, rows(police, 1, "raised", "accepted"))
            dying = dispatcher(store, police, clock, endpoint)

            async def crash(row):
                raise psycopg.OperationalError("the process died here")

            dying._confirmed = crash
            await dying.deliver_due()
            living = dispatcher(store, police, clock, endpoint)
            assert await living.deliver_due() == 0, "the claim is still leased"
            clock.now += outbox.LEASE + timedelta(seconds=1)
            while await living.deliver_due():
                pass
            return await states(store)

    state = asyncio.run(story())
    alert, update = state
    assert endpoint.accepted == [alert, alert, update]
    assert endpoint.requests[0].content == endpoint.requests[1].content
    assert set(state.values()) == {"confirmed"}


def test_two_workers_send_every_row_once_and_in_order(database_url, clock, endpoint):
    async def story():
        async with opened(database_url) as store:
            police = [destination()]
            for number in range(20):
                await add(store, rows(police, number, *LIFE))
            workers = [dispatcher(store, police, clock, endpoint) for _ in range(2)]
            while sum(await asyncio.gather(*(worker.deliver_due() for worker in workers))):
                pass
            return await states(store)

    state = asyncio.run(story())
    assert sorted(endpoint.accepted) == sorted(state)
    for number in range(20):
        mine = [name for name in state if name.startswith(f"socors-{number}-")]
        assert [name for name in endpoint.accepted if name in mine] == mine


def test_a_destination_that_hangs_holds_up_no_other(database_url, clock, endpoint):
    released = asyncio.Event()

    async def hang(request):
        if request.url.host == "hangs.example":
            await released.wait()
        return 200

    async def story():
        endpoint.behave = hang
        both = [destination(name="hangs", url="https://hangs.example/"), destination(name="works")]
        async with opened(database_url) as store:
            worker = dispatcher(store, both, clock, endpoint)
            running = asyncio.create_task(worker.run())
            for number in range(30):
                await add(store, rows(both, number, *LIFE))
                worker.notice()
            await endpoint.has_accepted(30 * len(LIFE))
            assert all("-works-" in name for name in endpoint.accepted)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(story())


def test_an_endpoint_that_takes_the_message_and_never_answers_is_left_and_tried_again(
    database_url, clock, endpoint
):
    async def story():
        async def swallow(reader, writer):
            await reader.read(-1)
            writer.close()

        server = await asyncio.start_server(swallow, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        police = [destination(url=f"http://127.0.0.1:{port}/", timeout_s=0.2)]
        async with opened(database_url) as store, server:
            worker = outbox.Dispatcher(store=store, destinations=police, clock=clock, sender="s@x")
            await add(store, rows(police, 1, "raised"))
            assert await worker.deliver_due() == 1
            async with store.transaction() as tx:
                cursor = await tx.connection.execute("SELECT state, last_error FROM outbox")
                return await cursor.fetchone()

    assert asyncio.run(story()) == {"state": "waiting", "last_error": "did not answer within 0.2 s"}


def test_a_pending_alarm_leaves_only_when_it_opens_and_not_at_all_when_it_is_withdrawn(
    database_url, clock, endpoint
):
    async def story():
        async with opened(database_url) as store:
            police = [destination()]
            worker = dispatcher(store, police, clock, endpoint)
            opens = START + timedelta(seconds=25)
            for number in (1, 2):
                await add(store, rows(police, number, "raised", state="pending", pending_until=opens))
            assert await worker.deliver_due() == 0
            async with store.transaction() as tx:
                await tx.withdraw_outbox(1)
                await tx.add_outbox(rows(police, 1, "withdrawn by the wearer", state="cancelled"))
            clock.pass_time(seconds=25)
            while await worker.deliver_due():
                pass
            return await states(store)

    state = asyncio.run(story())
    assert [name for name, what in state.items() if what == "confirmed"] == endpoint.accepted
    assert [name.split("-")[1] for name in endpoint.accepted] == ["2"]
    assert sorted(state.values()) == ["confirmed", "withdrawn"]


def test_a_cancel_follows_an_alert_that_has_left(database_url, clock, endpoint):
    async def story():
        async with opened(database_url) as store:
            police = [destination()]
            worker = dispatcher(store, police, clock, endpoint)
            await add(store, rows(police, 1, "raised"))
            await worker.deliver_due()
            async with store.transaction() as tx:
                await tx.withdraw_outbox(1)
                await tx.add_outbox(rows(police, 1, "cancelled", state="cancelled"))
            await worker.deliver_due()

    asyncio.run(story())
    assert [name.split("-")[3] for name in endpoint.accepted] == ["raised", "cancelled"]


def test_what_is_given_up_is_shown_does_not_block_the_rest_and_can_be_sent_again(
    database_url, clock, endpoint, monkeypatch
):
    monkeypatch.setattr(retry, "MOST_ATTEMPTS", 3)

    async def story():
        async with opened(database_url) as store:
            police = [destination()]
            worker = dispatcher(store, police, clock, endpoint)
            endpoint.status = 410
            await add(store, rows(police, 1, "raised"))
            for _ in range(5):
                await worker.deliver_due()
                clock.pass_time(minutes=5)
            dead = await outbox.dead_letters(store)
            assert [(row["attempts"], row["last_error"]) for row in dead] == [(3, "answered 410")]
            endpoint.status = 200
            await add(store, rows(police, 1, "accepted"))
            await worker.deliver_due()
            assert len(endpoint.accepted) == 1
            assert await outbox.replay(store, dead[0]["id"], clock())
            assert not await outbox.replay(store, dead[0]["id"], clock())
            await worker.deliver_due()
            assert await outbox.dead_letters(store) == []

    asyncio.run(story())
    assert len(endpoint.accepted) == 2


def test_a_row_that_cannot_be_written_out_goes_to_the_dead_letters_and_stops_nobody(
    database_url, clock, endpoint
):
    async def story():
        async with opened(database_url) as store:
            centre = [destination(kind="cap")]
            broken, whole = rows(centre, 1, "raised")[0], rows(centre, 2, "raised")[0]
            del broken.payload["kind"]
            await add(store, [broken, whole])
            await dispatcher(store, centre, clock, endpoint).deliver_due()
            return await states(store)

    assert list(asyncio.run(story()).values()) == ["dead", "confirmed"]


def test_the_worker_lives_on_when_the_database_goes_and_comes_back(postgres, database_url, clock, endpoint):
    async def story():
        police = [destination()]
        async with opened(database_url) as store:
            worker = dispatcher(store, police, clock, endpoint)
            running = asyncio.create_task(worker.run())
            await asyncio.to_thread(postgres.kill)
            worker.notice()
            await asyncio.sleep(0)
            await asyncio.to_thread(postgres.start)
            async with asyncio.timeout(30):
                while True:
                    try:
                        await add(store, rows(police, 1, "raised"))
                        break
                    except psycopg.OperationalError:
                        assert not running.done()
            await endpoint.has_accepted(1)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(story())


@pytest.mark.parametrize("attempts", [1, 2, 3, 10, 1000, retry.MOST_ATTEMPTS - 1])
def test_the_wait_grows_and_has_a_ceiling(attempts):
    wait = retry.delay(attempts)
    assert retry.FIRST <= wait <= retry.SLOWEST
    assert retry.delay(attempts + 1) is None or retry.delay(attempts + 1) >= wait


def test_the_command_shows_what_waits_and_what_was_given_up_and_sends_it_again(database_url, monkeypatch):
    async def prepare():
        async with opened(database_url) as store:
            await add(
                store, rows([destination()], 1, "raised") + rows([destination(name="centre")], 1, "raised")
            )
            async with store.transaction() as tx:
                await tx.connection.execute(
                    "UPDATE outbox SET state = 'dead', attempts = 7, last_error = 'answered 410' "
                    "WHERE destination = 'centre'"
                )

    def run(*arguments):
        return CliRunner().invoke(cli.outbox, arguments, catch_exceptions=False).stdout.strip()

    asyncio.run(prepare())
    monkeypatch.setenv("SOCORS_DATABASE_URL", database_url)
    assert run("state").splitlines()[0].startswith("centre: 1 dead, the oldest of ")
    number, name, *said = run("dead").split()
    assert name.startswith("socors-1-centre-raised-")
    assert " ".join(said) == "after 7 attempts: answered 410"
    assert run("replay", number) == f"Message {number} waits again."
    assert run("dead") == ""
    with pytest.raises(NotFound):
        run("replay", number)
