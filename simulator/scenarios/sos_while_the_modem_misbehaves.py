"""Everything a modem and its network can do wrong, one of them for each seed: the SOS arrives, once, by what is left."""

from sos_wire import kinds

from ..story import HUB_SIM, Story

# What is slow to come over LTE comes as a text message first.
BLE, SMS, LTE = ("ble",), ("sms",), ("lte", "sms")
# (what goes wrong, in chips/sim7080g/faults.py or around it; how the SOS must arrive all the same)
MISBEHAVIOURS = (
    ({"no_sim": True}, BLE),
    ({"no_network": True}, BLE),
    ({"denied": True}, BLE),
    ({"lose_registration_in_publish": True}, LTE),
    ({"pdp_dropped": True}, SMS),
    ({"connect_hangs_s": 60.0}, SMS),
    ({"publish_fails_after_idle_s": 3.0}, LTE),
    ({"urc_in_answers": 0.3}, LTE),
    ({"characters_lost": 0.002}, LTE),
    ({"reboots": 0.03}, LTE),
    ({"boot_storm": 3}, LTE),
    ({"brown_out": True}, BLE),
    ({"wrong_certificate": True}, SMS),
    ({"expired_certificate": True}, SMS),
    ({"pdp_dropped": True, "sms_full": True}, SMS),
    ({"pdp_dropped": True, "sms_absent": True}, BLE),
    ({"dark": True}, LTE),
    ({"line": "cut"}, SMS),
    ({"broker": "down"}, SMS),
)
# From the press, with the modem asleep: the longest step that may stand in the way, and a text message's own time.
WITHIN_S = 240


def play(story: Story) -> None:
    wrong, left = MISBEHAVIOURS[story.world.seed % len(MISBEHAVIOURS)]
    kitchen = story.hub("kitchen", sim=HUB_SIM)
    watch = story.watch()
    reception = story.reception(watch, kitchen)
    reception.deaf = True
    story.set_clock(watch, within_s=180)
    reception.deaf = left != BLE
    story.say(f"from now on: {wrong}")
    begin(story, wrong)
    story.finger(watch).hold()
    assert story.until(lambda: arrived(story, left), within_s=WITHIN_S), f"{wrong}: it did not come by {left}"
    if "publish_fails_after_idle_s" in wrong:
        story.run(4)
        story.finger(watch).click(4)  # on the connection that has died meanwhile
        assert story.until(lambda: story.stored(kinds.SILENT), within_s=WITHIN_S)
    assert len(story.stored(kinds.SOS)) == 1
    assert story.until(lambda: is_told(story), within_s=WITHIN_S), f"{wrong}: she was not told"


def begin(story: Story, wrong: dict) -> None:
    for name, value in wrong.items():
        for device in story.pendants.values():
            if name == "line":
                story.lines[device.number].cut = True
            elif name == "broker":
                story.desk.broker.up = False
            else:
                setattr(story.modem(device).faults, name, value)


def arrived(story: Story, ways: tuple[str, ...]) -> bool:
    """Whether the SOS is stored and has come one of these ways."""
    numbers = [(row["device"], row["boot"], row["seq"]) for row in story.stored(kinds.SOS)]
    seen = story.desk.store.rows("sighting")
    return any((s["device"], s["boot"], s["seq"]) in numbers and s["via"] in ways for s in seen)


def is_told(story: Story) -> bool:
    (sos,) = story.stored(kinds.SOS)
    number = [sos["boot"], sos["seq"], kinds.RECEIVED]
    return any(e.what == "told" and e.value == number for e in story.world.history)
