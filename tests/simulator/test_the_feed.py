"""The event stream of the simulator: in order, nothing twice, nothing missed that is still kept."""

import asyncio
import json

from simulator import feed


async def take(stream, count: int) -> list[dict]:
    return [await anext(stream) for _ in range(count)]


def values(told: list[dict]) -> list[int]:
    return [json.loads(event["data"])["value"] for event in told]


def test_whoever_comes_first_is_greeted_and_hears_what_happens_from_now_on():
    async def story():
        source = feed.Feed()
        source.add({"value": 1})
        stream = source.follow()
        assert (await anext(stream))["event"] == "hello"
        source.add({"value": 2})
        assert values(await take(stream, 1)) == [2]

    asyncio.run(story())


def test_whoever_comes_back_hears_what_was_missed_once_and_in_order():
    async def story():
        source = feed.Feed()
        stream = source.follow()
        await anext(stream)
        source.add({"value": 1})
        (last,) = await take(stream, 1)
        for value in (2, 3):
            source.add({"value": value})
        again = source.follow(last["id"])
        assert (await anext(again))["event"] == "hello"
        assert values(await take(again, 2)) == [2, 3]

    asyncio.run(story())


def test_a_number_of_another_life_or_of_nobody_begins_anew():
    async def story():
        source = feed.Feed()
        source.add({"value": 1})
        for last in ("00000000-1", "rubbish", "-", f"{source._life}-99"):
            stream = source.follow(last)
            await anext(stream)
            source.add({"value": 2})
            assert values(await take(stream, 1)) == [2]

    asyncio.run(story())


def test_a_follower_so_far_behind_that_events_are_gone_is_greeted_again(monkeypatch):
    monkeypatch.setattr(feed, "MOST_KEPT", 3)

    async def story():
        source = feed.Feed()
        stream = source.follow()
        await anext(stream)
        for value in range(10):
            source.add({"value": value})
        assert (await anext(stream))["event"] == "hello"
        source.add({"value": 10})
        assert values(await take(stream, 1)) == [10]

    asyncio.run(story())
