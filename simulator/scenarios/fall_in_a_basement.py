"""She falls where nothing is heard, and the pendant goes to sleep: found there, her alarm and what it felt like arrive."""

from sos_wire import evidence

from ..story import Story


def play(story: Story) -> None:
    stairs = story.hub("stairs")
    pendant = story.pendant(awake_s=60)
    story.set_clock(pendant)
    story.say("she goes down into the basement")
    story.reception(pendant, stairs).deaf = True
    pendant.move("fall")
    story.run(60)
    assert any(e.what == "log" and e.value == "unreachable" for e in story.world.history)
    assert not story.desk.incidents_now()
    assert story.until(lambda: pendant.asleep, within_s=120)
    story.run(story.chance.choice((10, 600, 3000)))
    story.say("somebody props the door open")
    story.reception(pendant, stairs).deaf = False
    assert story.until(story.desk.open_incidents, within_s=300)
    (incident,) = story.desk.open_incidents()
    assert incident["kind"] == "fall" and incident["late"]
    assert story.until(
        lambda: [len(felt) for felt in story.felt().values()] == [evidence.BYTES], within_s=300
    )
    story.desk.accept(incident["id"])
    story.run(40)
    story.desk.close(incident["id"])
    story.run(40)
