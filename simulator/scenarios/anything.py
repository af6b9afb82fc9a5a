"""Anything may happen, as the seed draws it: gestures, falls, walks, and every fault there is, in any order."""

from ..story import Finger, Story
from ..world.hub import Hub
from ..world.virtual import VirtualDevice

HUBS = ("kitchen", "stairs", "park")
STEPS = (3, 9)
AWAKE_S = (30, 60)  # shorter than in earnest: more happens in the same time


def play(story: Story) -> None:
    chance = story.chance
    hubs = [story.hub(name) for name in HUBS[: chance.randint(1, 3)]]
    fingers = [_somebody(story, number, hubs) for number in (1, 2)[: 2 if chance.random() < 0.15 else 1]]
    for _ in range(chance.randint(*STEPS) * len(fingers)):
        finger = chance.choice(fingers)
        if finger.device.dead:
            continue
        if chance.random() < 0.6:
            _something_is_done(story, finger.device, finger)
        else:
            _something_breaks(story, finger.device, hubs)
        story.run(chance.choice((0.1, 0.7, 2, 4, 12)) * chance.uniform(0.5, 1.5))


def _somebody(story: Story, number: int, hubs: list[Hub]) -> Finger:
    chance = story.chance
    pendant = story.pendant(
        number,
        awake_s=chance.choice(AWAKE_S),
        silent_hold=int(chance.random() < 0.15),
        falls=int(chance.random() < 0.8),
    )
    for hub in hubs:
        _draw_reception(story, pendant, hub)
    if chance.random() < 0.8:
        story.set_clock(pendant, within_s=20)
    finger = story.finger(pendant)
    finger.bounces = chance.random() < 0.7
    finger.trembles = chance.random() < 0.4
    return finger


def _draw_reception(story: Story, pendant: VirtualDevice, hub: Hub) -> None:
    chance, reception = story.chance, story.reception(pendant, hub)
    reception.loss = chance.choice((0.0, 0.2, 0.5, 0.9))
    reception.doubled = chance.choice((0.0, 0.1))
    reception.late = chance.choice((0.0, 0.0, 0.1))
    reception.torn = chance.choice((0.0, 0.0, 0.1))
    reception.dropped = chance.choice((0.0, 0.0, 0.3))
    reception.rssi = chance.randint(-95, -50)


def _something_is_done(story: Story, pendant: VirtualDevice, finger: Finger) -> None:
    chance = story.chance
    what = chance.choice(
        ("hold", "hold", "silent", "two", "one", "three", "short", "fall", "walk", "officer", "usb")
    )
    if what == "hold":
        finger.hold(chance.uniform(1.5, 3))
    elif what == "short":
        finger.hold(chance.uniform(0.6, 1.4))
    elif what == "silent":
        finger.click(chance.randint(4, 7), press_s=0.13, gap_s=0.15)
    elif what in ("one", "two", "three"):
        finger.click(("one", "two", "three").index(what) + 1, press_s=0.1, gap_s=chance.uniform(0.1, 0.3))
    elif what in ("fall", "walk"):
        pendant.move(what)
    elif what == "usb":
        pendant.hardware.set_input("usb_sense", chance.randint(0, 1))
    elif story.desk.alive:
        for incident in story.desk.open_incidents():
            if incident["state"] == "accepted":
                story.desk.close(incident["id"], chance.choice(("real", "false_accident")))
            else:
                story.desk.accept(incident["id"])


def _something_breaks(story: Story, pendant: VirtualDevice, hubs: list[Hub]) -> None:
    chance, hub = story.chance, story.chance.choice(hubs)
    what = chance.choice(
        (
            "power",
            "cut",
            "cut",
            "rtc",
            "gateway",
            "gateway",
            "hub",
            "line",
            "deaf",
            "air",
            "flash",
            "slow",
            "smash",
        )
    )
    if what == "power":
        pendant.cut_power(back_after_s=chance.uniform(0.5, 8))
    elif what == "cut":
        pendant.wear_flash(cut_after=chance.randrange(0, 900))
    elif what == "rtc":
        pendant.rtc_lost_in_sleep = True
    elif what == "chip":
        pendant.chip_answers = not pendant.chip_answers
    elif what == "drift":
        pendant.drift_percent = chance.uniform(-2, 2)
    elif what == "gateway":
        story.desk.kill() if story.desk.alive else story.desk.start()
    elif what == "hub":
        hub.kill() if hub.alive else hub.start()
    elif what == "line":
        hub.line = not hub.line
    elif what == "deaf":
        story.reception(pendant, hub).deaf = chance.random() < 0.7
    elif what == "air":
        _draw_reception(story, pendant, hub)
    elif what == "flash":
        pendant.wear_flash(fails=chance.random() < 0.7)
    elif what == "slow":
        pendant.wear_flash(slow_ms=chance.choice((0, 5, 60)))
    elif chance.random() < 0.3:
        pendant.destroy()
