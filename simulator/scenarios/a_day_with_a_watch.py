"""A day out with a watch: runs, heartbeats, an SOS on the beach and two hours without coverage, and no hub all day."""

from functools import partial

from sos_wire import kinds

from ..story import Story

HOUR_S = 3600
DAY_S = 24 * HOUR_S
# Half an hour apart, each long enough for at least one position.
RUNS_AT_S = tuple(7 * HOUR_S + n * HOUR_S // 2 for n in range(30))
SOS_AT_S = 15 * HOUR_S + 600
NO_COVERAGE_S = (17 * HOUR_S + 300, 19 * HOUR_S + 300)
POSITION_EVERY_MIN = 1
BEACH = (41.2649, 1.9866)


def play(story: Story) -> None:
    watch = story.watch(position_every_min=POSITION_EVERY_MIN)
    world, sky = story.world, story.skies[watch.number]
    for n, at_s in enumerate(RUNS_AT_S):
        sky.go(at_s * 1_000_000, BEACH[0] + 0.0004 * (n % 7), BEACH[1] + 0.002 * n)
        world.at(at_s * 1_000_000, partial(watch.move, "run"))
    for at_s, gone in zip(NO_COVERAGE_S, (True, False), strict=True):
        world.at(at_s * 1_000_000, partial(_coverage, story, gone))
    story.run(SOS_AT_S - world.now_us / 1e6)
    _sos(story)
    story.run(DAY_S - world.now_us / 1e6)


def _coverage(story: Story, gone: bool) -> None:
    story.say("no coverage from here on" if gone else "coverage again")
    for watch in story.pendants.values():
        if watch.hardware.modem:
            watch.hardware.modem.faults.no_network = gone


def _sos(story: Story) -> None:
    """Pressed, accepted by an officer, closed a few minutes later."""
    (watch,) = story.pendants.values()
    story.finger(watch).hold()
    assert story.until(story.desk.open_incidents, within_s=120)
    (incident,) = story.desk.open_incidents()
    story.run(10)
    story.desk.accept(incident["id"])
    assert story.until(lambda: story.stored(kinds.FELT, kinds.ACCEPTED), within_s=180)
    story.run(240)
    story.desk.close(incident["id"])
    assert story.until(lambda: story.stored(kinds.FELT, kinds.CLOSED), within_s=180)
