"""A woman at home holds her pendant's button; an officer accepts and closes; she feels each step."""

from ..story import Story


def play(story: Story) -> None:
    kitchen, stairs = story.hub("kitchen"), story.hub("stairs")
    pendant = story.pendant()
    for hub in (kitchen, stairs):
        story.reception(pendant, hub).loss = 0.3
    story.set_clock(pendant)
    story.say("she holds the button")
    story.finger(pendant).hold()
    assert story.until(story.desk.open_incidents)
    (incident,) = story.desk.open_incidents()
    story.run(8)
    story.desk.accept(incident["id"])
    story.run(20)
    story.desk.close(incident["id"])
    story.run(60)
