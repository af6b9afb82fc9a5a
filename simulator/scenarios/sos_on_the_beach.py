"""An SOS on the beach, no hub anywhere: it goes out over LTE, an officer accepts, and the place follows."""

from sos_wire import kinds

from ..story import Story


def play(story: Story) -> None:
    watch = story.watch()
    story.skies[watch.number].go(60_000_000, 41.2649, 1.9866)
    story.skies[watch.number].go(400_000_000, 41.2660, 1.9900)
    story.set_clock(watch, within_s=120)
    finger = story.finger(watch)
    finger.hold()
    assert story.until(story.desk.open_incidents, within_s=60)
    (incident,) = story.desk.open_incidents()
    story.run(2)
    story.desk.accept(incident["id"])
    assert story.until(lambda: story.stored(kinds.FELT, kinds.ACCEPTED), within_s=120), (
        "the wearer never felt it"
    )
    assert story.until(lambda: story.stored(kinds.POSITION), within_s=180), "no position followed"
    story.run(60)
    story.desk.close(incident["id"])
    assert story.until(lambda: story.stored(kinds.FELT, kinds.CLOSED), within_s=180)
    assert story.until(lambda: watch.asleep, within_s=120)
