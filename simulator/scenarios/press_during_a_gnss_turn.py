"""The modem looks for satellites and is deaf: a second press ends that at once and goes out before any position."""

from sos_wire import kinds

from ..story import Story


def play(story: Story) -> None:
    watch = story.watch()
    story.set_clock(watch, within_s=120)
    finger = story.finger(watch)
    finger.hold()
    assert story.until(story.desk.open_incidents, within_s=60)
    assert story.until(lambda: story.modem(watch).gnss.running, within_s=60), "no turn began"
    story.run(story.chance.uniform(1, 20))
    assert story.modem(watch).gnss.running
    pressed_us = story.world.now_us
    finger.click(4)
    assert story.until(lambda: not story.modem(watch).gnss.running, within_s=5), "the turn went on"
    assert story.until(lambda: story.stored(kinds.SILENT), within_s=90)
    waited_s = (story.world.now_us - pressed_us) / 1e6
    story.say(f"the second press was stored {waited_s:.1f} s after it")
    assert len(story.desk.incidents_now()) == 1
    (incident,) = story.desk.open_incidents()
    story.desk.accept(incident["id"])
    story.run(20)
    story.desk.close(incident["id"])
    story.run(90)
