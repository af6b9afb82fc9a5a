"""The gateway is killed the moment it has stored the alarm, before its answer leaves; it answers when it is back."""

from sos_wire import kinds

from ..story import Story


def play(story: Story) -> None:
    story.hub("kitchen")
    pendant = story.pendant()
    story.set_clock(pendant)

    def stored() -> bool:
        return any(row["kind"] == kinds.SOS for row in story.desk.store.rows("event"))

    def kill_when_stored() -> None:
        if stored() and story.desk.alive:
            story.desk.kill()
        elif story.desk.alive:
            story.world.after(50, kill_when_stored)

    kill_when_stored()
    story.finger(pendant).hold()
    assert story.until(stored)
    story.run(40)
    (alarm,) = [row for row in story.desk.store.rows("event") if row["kind"] == kinds.SOS]
    number = [alarm["boot"], alarm["seq"]]
    assert not any(e.what == "told" and e.value[:2] == number for e in story.world.history)
    story.desk.start()
    story.run(60)
