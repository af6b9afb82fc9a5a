"""She falls and does not move: after 25 s the incident opens, an officer accepts it, and she feels that."""

from sos_wire import evidence

from ..story import Story


def play(story: Story) -> None:
    for name in ("kitchen", "stairs"):
        story.hub(name)
    pendant = story.pendant()
    story.set_clock(pendant)
    pendant.move("fall")
    assert story.until(lambda: any(i["state"] == "open" for i in story.desk.incidents_now()), within_s=60)
    (incident,) = story.desk.open_incidents()
    assert incident["kind"] == "fall"
    assert [len(felt) for felt in story.felt().values()] == [
        evidence.BYTES
    ]  # as she lies there, before anybody asks
    story.desk.accept(incident["id"])
    told = [pendant.name, "told", 2]
    assert story.until(
        lambda: any([e.who, e.what] == told[:2] and e.value[2] == 2 for e in story.world.history), within_s=20
    )
    story.desk.close(incident["id"])
    story.run(40)
