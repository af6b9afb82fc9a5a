"""She falls, nothing is broken, and two clicks within 20 s take the alarm back before it sounds on any desk."""

from ..story import Story


def play(story: Story) -> None:
    story.hub("kitchen")
    pendant = story.pendant()
    story.set_clock(pendant)
    pendant.move("fall")
    assert story.until(story.desk.incidents_now, within_s=20)
    story.run(3)
    story.say("she is well, and says so")
    story.finger(pendant).click(2)
    story.until(lambda: not story.desk.open_incidents(), within_s=20)
    (incident,) = story.desk.incidents_now()
    assert incident["state"] == "cancelled" and incident["opened_at"] is None
    story.run(30)
