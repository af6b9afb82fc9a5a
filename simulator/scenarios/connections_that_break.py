"""Half of all exchanges over a connection end it, before or after they arrive; every state is felt in the end."""

from ..story import Story


def play(story: Story) -> None:
    pendant_hubs = [story.hub(name) for name in ("kitchen", "stairs")]
    pendant = story.pendant()
    for hub in pendant_hubs:
        reception = story.reception(pendant, hub)
        reception.loss, reception.dropped, reception.doubled = 0.3, 0.5, 0.2
    story.set_clock(pendant)
    story.finger(pendant).hold()
    assert story.until(story.desk.open_incidents, within_s=60)
    story.run(30)
    (incident,) = story.desk.open_incidents()
    story.desk.accept(incident["id"])
    story.run(40)
    story.desk.close(incident["id"])
    story.run(60)
