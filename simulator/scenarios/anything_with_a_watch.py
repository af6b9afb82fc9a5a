"""Anything may happen to a watch, as the seed draws it: gestures, dead spots, a modem that fails in every way, and cuts."""

from ..story import HUB_SIM, Finger, Story
from ..world.virtual import VirtualDevice

STEPS = (3, 8)
AWAKE_S = (30, 90)
FAULTS = (
    ("no_sim", True),
    ("no_network", True),
    ("denied", True),
    ("lose_registration_in_publish", True),
    ("pdp_dropped", True),
    ("connect_hangs_s", 60.0),
    ("publish_fails_after_idle_s", 3.0),
    ("urc_in_answers", 0.3),
    ("characters_lost", 0.002),
    ("reboots", 0.03),
    ("boot_storm", 2),
    ("brown_out", True),
    ("wrong_certificate", True),
    ("expired_certificate", True),
    ("sms_full", True),
    ("sms_absent", True),
    ("dark", True),
    ("never_a_fix", True),
)


def play(story: Story) -> None:
    chance = story.chance
    hub = story.hub("kitchen", sim=HUB_SIM)
    watch = story.watch(awake_s=chance.choice(AWAKE_S), modem_psm=chance.randint(0, 1))
    story.reception(watch, hub).deaf = chance.random() < 0.7
    if chance.random() < 0.8:
        story.set_clock(watch, within_s=180)
    finger = story.finger(watch)
    for _ in range(chance.randint(*STEPS)):
        if watch.dead:
            return
        if chance.random() < 0.5:
            _something_is_done(story, watch, finger)
        else:
            _something_breaks(story, watch)
        story.run(chance.choice((0.5, 4, 12, 30, 90)) * chance.uniform(0.5, 1.5))


def _something_is_done(story: Story, watch: VirtualDevice, finger: Finger) -> None:
    chance = story.chance
    what = chance.choice(("hold", "hold", "silent", "two", "fall", "walk", "officer", "officer"))
    if what == "hold":
        finger.hold(chance.uniform(1.5, 3))
    elif what == "silent":
        finger.click(chance.randint(4, 6), press_s=0.13, gap_s=0.15)
    elif what == "two":
        finger.click(2, press_s=0.1, gap_s=0.2)
    elif what in ("fall", "walk"):
        watch.move(what)
    elif story.desk.alive:
        for incident in story.desk.open_incidents():
            if incident["state"] == "accepted":
                story.desk.close(incident["id"], chance.choice(("real", "false_accident")))
            else:
                story.desk.accept(incident["id"])


def _something_breaks(story: Story, watch: VirtualDevice) -> None:
    chance = story.chance
    what = chance.choice(
        ("modem",) * 6 + ("mended", "line", "broker", "deaf", "power", "cut", "rtc", "gateway", "sky")
    )
    faults = story.modem(watch).faults
    if what == "modem":
        name, value = chance.choice(FAULTS)
        setattr(faults, name, value)
        story.say(f"the modem: {name}")
    elif what == "mended":
        faults.clear()
    elif what == "line":
        story.lines[watch.number].cut = not story.lines[watch.number].cut
    elif what == "broker":
        story.desk.broker.up = not story.desk.broker.up
    elif what == "deaf":
        for reception in story.ether.receptions.values():
            reception.deaf = not reception.deaf
    elif what == "power":
        watch.cut_power(back_after_s=chance.uniform(0.5, 8))
    elif what == "cut":
        watch.wear_flash(cut_after=chance.randrange(0, 900))
    elif what == "rtc":
        watch.rtc_lost_in_sleep = True
    elif what == "gateway":
        story.desk.kill() if story.desk.alive else story.desk.start()
    else:
        story.skies[watch.number].indoors = not story.skies[watch.number].indoors
