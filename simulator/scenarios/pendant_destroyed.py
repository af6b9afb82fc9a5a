"""The attacker smashes the pendant as soon as one hub has heard it, while the gateway is down: the alarm arrives."""

from ..story import Story


def play(story: Story) -> None:
    kitchen, stairs = story.hub("kitchen"), story.hub("stairs")
    pendant = story.pendant()
    story.set_clock(pendant)
    story.reception(pendant, stairs).deaf = True
    story.desk.kill()
    spooled = len(kitchen.spool)
    kept = lambda e: e.what == "log" and e.value == "gesture sos"  # noqa: E731
    story.finger(pendant).hold(1.3)
    assert any(kept(e) for e in story.world.history)
    assert story.until(lambda: len(kitchen.spool) > spooled, within_s=10)
    pendant.destroy()
    story.run(30)
    story.say("the gateway is back")
    story.desk.start()
    assert story.until(lambda: any(i["state"] == "open" for i in story.desk.incidents_now()), within_s=60)
