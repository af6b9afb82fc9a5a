"""She presses where nothing is heard, feels *unreachable* after 20 s, walks out, and the alarm arrives, marked late."""

from ..story import Story


def play(story: Story) -> None:
    stairs = story.hub("stairs")
    pendant = story.pendant()
    story.set_clock(pendant)
    story.say("she goes down into the basement")
    story.reception(pendant, stairs).deaf = True
    story.finger(pendant).hold()
    story.run(95)
    assert not story.desk.incidents_now()
    story.say("she comes up the stairs")
    story.reception(pendant, stairs).deaf = False
    story.reception(pendant, stairs).loss = 0.5
    seen = len(story.desk.store.rows("event"))
    assert story.until(lambda: len(story.desk.store.rows("event")) > seen, within_s=60)
    # Whatever of her is heard first, the alarm does not wait for the end of its pause.
    assert story.until(story.desk.open_incidents, within_s=4)
    assert story.desk.open_incidents()[0]["late"]
