"""Each write takes 60 ms: the record gets whole, the wearer does not wait for it, and the event says so."""

from sos_wire import kinds

from ..story import Story


def play(story: Story) -> None:
    story.hub("kitchen")
    pendant = story.pendant()
    story.set_clock(pendant)
    pendant.wear_flash(slow_ms=60)
    story.finger(pendant).hold()
    assert story.until(story.desk.open_incidents, within_s=20)
    (alarm,) = [row for row in story.desk.store.rows("event") if row["kind"] == kinds.SOS]
    assert alarm["flags"] & kinds.NOT_JOURNALLED
    story.run(20)
