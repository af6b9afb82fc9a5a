"""RTC memory is lost in deep sleep: a new boot without a clock is recognised, and its alarm is no old one's copy."""

from ..story import Story


def play(story: Story) -> None:
    story.hub("kitchen")
    pendant = story.pendant()
    story.set_clock(pendant)
    finger = story.finger(pendant)
    finger.hold()
    assert story.until(story.desk.open_incidents)
    (incident,) = story.desk.open_incidents()
    story.run(8)
    story.desk.accept(incident["id"])
    story.run(5)
    story.desk.close(incident["id"])
    assert story.until(lambda: pendant.asleep, within_s=60)
    pendant.rtc_lost_in_sleep = True
    pendant.hardware.rtc = ""
    story.run(5)
    finger.hold()
    assert story.until(story.desk.open_incidents, within_s=30)
    assert len(story.desk.incidents_now()) == 2
