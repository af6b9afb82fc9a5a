"""Copies of her own frames, played or texted by somebody else, and a slow broker: her answers come all the same."""

import asyncio
from datetime import timedelta

from sos_wire import kinds


async def carry(desk, clock, **lapse):
    end = clock() + timedelta(**lapse)
    while clock() < end:
        await desk.answers.carry_due()
        clock.pass_time(seconds=0.5)


def texted(desk):
    return [(answer.hub, answer.state) for answer in desk.sent if answer.via == "sms"]


def test_a_copy_texted_to_another_hub_does_not_draw_her_answers_there(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        sos = watch.seal_full(watch.full(kinds.SOS))
        await desk.hear(sos, hub="kitchen", via="sms", rssi=0)
        clock.pass_time(seconds=1)
        await desk.hear(sos, hub="beach", via="sms", rssi=0)  # by somebody else
        await carry(desk, clock, minutes=1)
        await desk.incidents.accept((await desk.incident())["id"], "officer 7")
        await carry(desk, clock, minutes=1)
        assert [state for hub, state in texted(desk) if hub == "kitchen"] == [kinds.RECEIVED, kinds.ACCEPTED]

    run(story)


def test_a_burst_of_hers_played_at_a_hub_does_not_end_the_texts_to_her(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        sos = watch.event(kinds.SOS)
        await desk.hear(watch.seal_full(watch.full(of=sos)), hub="kitchen", via="sms", rssi=0)
        clock.pass_time(seconds=1)
        await desk.hear(watch.seal(sos), hub="beach")  # recorded on the air when she pressed
        await carry(desk, clock, minutes=1)
        await desk.incidents.accept((await desk.incident())["id"], "officer 7")
        await carry(desk, clock, minutes=1)
        assert texted(desk) == [("kitchen", kinds.RECEIVED), ("kitchen", kinds.ACCEPTED)]

    run(story)


def test_an_alarm_does_not_wait_for_a_broker_that_takes_its_time_over_an_answer(run, clock):
    async def story(desk):
        watch = await desk.pendant(2001)
        await desk.publish(2001, "alarm", watch.seal_full(watch.full(kinds.SOS)))
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow(answer):
            begun.set()
            await go_on.wait()

        desk.answers._send = slow
        carrying = asyncio.create_task(desk.answers.carry_due())
        await begun.wait()
        # An officer's word and the device's next alarm both touch the answer that is on its way.
        async with asyncio.timeout(30):
            await desk.incidents.accept((await desk.incident())["id"], "officer 7")
            await desk.publish(2001, "alarm", watch.seal_full(watch.full(kinds.SOS)))
        assert (await desk.incident())["press_count"] == 2
        go_on.set()
        await carrying

    run(story)
