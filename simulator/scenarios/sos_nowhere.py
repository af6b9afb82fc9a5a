"""No hub, no network at all: the wearer is told so within 20 s; when there is coverage again the SOS arrives, once."""

from sos_wire import kinds

from ..story import Story


def play(story: Story) -> None:
    watch = story.watch(awake_s=120)
    story.set_clock(watch, within_s=120)
    faults = story.modem(watch).faults
    faults.no_network = True
    story.finger(watch).hold()
    story.run(21)
    assert any(e.what == "log" and e.value == "unreachable" for e in story.world.history)
    assert not story.desk.incidents_now()
    story.run(story.chance.choice((30, 300, 1800)))
    story.say("there is coverage again")
    faults.no_network = False
    assert story.until(story.desk.open_incidents, within_s=900), "it never arrived"
    assert len(story.stored(kinds.SOS)) == 1
