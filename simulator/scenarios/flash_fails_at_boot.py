"""A new battery, and the flash takes no boot number: the pendant says so at each press, and works when it does."""

from ..story import Story


def play(story: Story) -> None:
    story.hub("kitchen")
    pendant = story.pendant()
    story.set_clock(pendant)
    pendant.cut_power(back_after_s=None)
    pendant.wear_flash(fails=True)
    pendant.power_on()
    assert story.until(lambda: pendant.asleep, within_s=10)
    assert any(e.what == "log" and e.value.startswith("nothing can be sent") for e in story.world.history)
    story.say("the flash takes writing again")
    pendant.wear_flash()
    story.finger(pendant).hold()
    assert story.until(story.desk.open_incidents, within_s=30)
