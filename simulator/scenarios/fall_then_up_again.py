"""She falls, gets up and walks: the desk reads that, and still somebody asks how she is, for she took nothing back."""

from sos_wire import kinds

from ..story import Story


def play(story: Story) -> None:
    story.hub("kitchen")
    pendant = story.pendant()
    story.set_clock(pendant)
    story.run(pendant.move("fall"))
    assert story.until(story.desk.incidents_now, within_s=20)
    story.run(story.chance.uniform(0, 30))
    story.say("she gets up")
    story.run(pendant.move("get-up"))
    pendant.move("walk")
    assert story.until(lambda: story.stored(kinds.RISEN), within_s=30)
    assert story.until(lambda: story.desk.incidents_now()[0]["state"] == "open", within_s=60)
    (incident,) = story.desk.open_incidents()
    assert not incident["says_false_alarm"]
    assert "risen" in [row["what"] for row in story.desk.store.rows("transition")]
    story.desk.accept(incident["id"])
    story.run(5)
    story.desk.close(incident["id"], "false_accident")
    story.run(40)
