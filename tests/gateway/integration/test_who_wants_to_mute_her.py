"""Copies of her own frames, played or texted by somebody else, and a slow broker: her answers come all the same."""

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
