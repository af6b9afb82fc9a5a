"""Registered, but no data: the SOS goes by text message to the hub at home, and so do the answers."""

from sos_wire import kinds

from ..story import HUB_SIM, Story


def play(story: Story) -> None:
    kitchen = story.hub("kitchen", sim=HUB_SIM)
    watch = story.watch()
    story.set_clock(watch, within_s=120)
    story.say("she leaves the house, and the network gives no data connection")
    story.reception(watch, kitchen).deaf = True
    story.modem(watch).faults.pdp_dropped = True
    story.finger(watch).hold()
    assert story.until(story.desk.open_incidents, within_s=90), "no text message brought it"
    (incident,) = story.desk.open_incidents()
    story.run(5)
    story.desk.accept(incident["id"])
    assert story.until(lambda: told(story, kinds.ACCEPTED), within_s=180), "no text message told her"
    assert story.until(lambda: story.stored(kinds.FELT, kinds.ACCEPTED), within_s=180)
    assert len(story.stored(kinds.SOS)) == 1
    heard = {row["via"] for row in story.desk.store.rows("sighting")}
    assert "sms" in heard
    story.desk.close(incident["id"])
    story.run(60)


def told(story: Story, state: int) -> bool:
    return any(e.what == "told" and e.value[2] == state for e in story.world.history)
