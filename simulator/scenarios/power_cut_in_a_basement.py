"""Nobody hears her alarm, the battery's contact breaks for a moment, and she is told all the same that it is not through."""

from ..story import Story


def play(story: Story) -> None:
    kitchen = story.hub("kitchen")
    pendant = story.pendant()
    story.set_clock(pendant)
    story.reception(pendant, kitchen).deaf = True
    story.finger(pendant).hold()
    story.run(5)
    pendant.cut_power(back_after_s=2)
    story.run(90)
    story.say("somebody opens the door")
    story.reception(pendant, kitchen).deaf = False
    seen = len(story.desk.store.rows("event"))
    assert story.until(lambda: len(story.desk.store.rows("event")) > seen, within_s=60)
    assert story.until(story.desk.open_incidents, within_s=4)
