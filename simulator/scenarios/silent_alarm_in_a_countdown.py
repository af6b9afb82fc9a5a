"""She is pushed and falls; while the pendant counts down she calls silently: it falls still at once, and stays so."""

from ..story import Story


def play(story: Story) -> None:
    story.hub("kitchen")
    pendant = story.pendant()
    story.set_clock(pendant)
    pendant.move("fall")
    assert story.until(story.desk.incidents_now, within_s=20)
    story.run(4)
    story.say("he stands over her")
    story.finger(pendant).click(4)
    assert story.until(lambda: any(i["silent"] for i in story.desk.open_incidents()), within_s=20)
    (incident,) = story.desk.open_incidents()
    assert incident["kind"] == "silent" and incident["press_count"] == 2
    story.run(5)
    story.desk.accept(incident["id"])
    story.say("and pushes her again")
    pendant.move("fall")
    story.run(40)
    story.desk.close(incident["id"])
    story.run(30)
