"""Somebody stands beside her: five quick clicks call for help, and the pendant shows nothing but one short tick."""

from ..story import Story


def play(story: Story) -> None:
    kitchen = story.hub("kitchen")
    pendant = story.pendant()
    story.reception(pendant, kitchen).loss = 0.5
    story.set_clock(pendant)
    story.finger(pendant).click(5)
    assert story.until(story.desk.open_incidents, within_s=30)
    (incident,) = story.desk.open_incidents()
    assert incident["silent"]
    story.run(15)
    story.desk.accept(incident["id"])
    story.run(15)
    story.desk.close(incident["id"])
    story.run(30)
