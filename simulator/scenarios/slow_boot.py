"""Out of sleep without a clock, and each write of the new boot number takes 60 ms: a hold is an alarm all the same."""

from ..story import Story


def play(story: Story) -> None:
    story.hub("kitchen")
    pendant = story.pendant()
    story.set_clock(pendant)
    pendant.hardware.rtc = ""
    pendant.wear_flash(slow_ms=60)
    story.finger(pendant).hold()
    assert story.until(story.desk.open_incidents, within_s=30)
