"""The flash takes no more writing and nobody hears her for an hour: the alarm that lives in RAM alone is not slept away."""

from ..story import Story


def play(story: Story) -> None:
    stairs = story.hub("stairs")
    pendant = story.pendant(awake_s=60)
    story.set_clock(pendant)
    pendant.wear_flash(fails=True)
    story.reception(pendant, stairs).deaf = True
    story.finger(pendant).hold()
    story.run(3600)
    assert not story.desk.incidents_now()
    story.say("she comes up the stairs")
    story.reception(pendant, stairs).deaf = False
    assert story.until(story.desk.open_incidents, within_s=120)
