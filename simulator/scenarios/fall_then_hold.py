"""She falls, and while the pendant counts down she holds the button: that is an SOS at once, and no cancel of anything."""

from sos_wire import kinds

from ..story import Story


def play(story: Story) -> None:
    story.hub("kitchen")
    pendant = story.pendant()
    story.set_clock(pendant)
    pendant.move("fall")
    assert story.until(story.desk.incidents_now, within_s=20)
    story.run(story.chance.uniform(1, 10))
    story.say("she holds the button")
    story.finger(pendant).hold()
    assert story.until(lambda: any(i["kind"] == "sos" for i in story.desk.open_incidents()), within_s=10)
    (incident,) = story.desk.open_incidents()
    assert incident["press_count"] == 2
    assert story.until(lambda: story.desk.open_incidents()[0]["state"] == "open", within_s=10)
    assert not story.stored(kinds.CANCELLED)
    story.desk.accept(incident["id"])
    story.run(5)
    story.desk.close(incident["id"])
    story.run(40)
