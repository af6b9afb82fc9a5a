"""The only hub in reach loses its line, hears an alarm, and is killed; started again it delivers what it spooled."""

from ..story import Story


def play(story: Story) -> None:
    kitchen = story.hub("kitchen")
    pendant = story.pendant()
    story.set_clock(pendant)
    kitchen.line = False
    story.finger(pendant).hold()
    story.run(5)
    assert kitchen.spool
    kitchen.kill()
    story.run(20)
    kitchen.line = True
    kitchen.start()
    assert story.until(story.desk.open_incidents, within_s=60)
