"""Somebody else's broker answers: the modem refuses it, the SOS goes by text message, and the fault is told."""

from sos_wire import kinds

from ..story import HUB_SIM, Story
from ..world.broker import CA


def play(story: Story) -> None:
    kitchen = story.hub("kitchen", sim=HUB_SIM)
    watch = story.watch()
    story.set_clock(watch, within_s=120)
    story.reception(watch, kitchen).deaf = True
    story.desk.broker.authority = CA.replace("virtual", "another")
    story.finger(watch).hold()
    assert story.until(story.desk.open_incidents, within_s=120), "no text message brought it"
    assert story.until(lambda: certificate_is_told(story), within_s=300), "nobody learnt why"
    assert not story.lines[watch.number].connected
    (incident,) = story.desk.open_incidents()
    story.desk.accept(incident["id"])
    story.run(60)
    story.desk.broker.authority = CA


def certificate_is_told(story: Story) -> bool:
    return any((row["faults"] or 0) & kinds.FAULT_CERTIFICATE for row in story.desk.store.rows("event"))
