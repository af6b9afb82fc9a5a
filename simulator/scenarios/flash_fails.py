"""The flash takes no more writing: the alarm goes out from RAM, flagged, and arrives all the same."""

from sos_wire import kinds

from ..story import Story


def play(story: Story) -> None:
    story.hub("kitchen")
    pendant = story.pendant()
    story.set_clock(pendant)
    pendant.wear_flash(fails=True)
    story.finger(pendant).hold()
    assert story.until(story.desk.open_incidents, within_s=20)
    (alarm,) = [row for row in story.desk.store.rows("event") if row["kind"] == kinds.SOS]
    assert alarm["flags"] & kinds.NOT_JOURNALLED
    story.run(20)
