"""The battery's contact breaks in the middle of the journal's write, again and again; what was accepted arrives."""

from ..story import Story


def play(story: Story) -> None:
    story.hub("kitchen")
    pendant = story.pendant()
    story.set_clock(pendant)
    finger = story.finger(pendant)
    for _ in range(4):
        pendant.wear_flash(cut_after=story.chance.randrange(0, 600))
        finger.hold()
        story.run(story.chance.uniform(0.5, 20))
