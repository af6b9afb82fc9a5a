"""The task that carries over LTE, with a modem that does what no modem should: in MicroPython, on a virtual clock."""

import io
import sys

import _port
import _tasks
import empty_cable as cable

sys.modules["_asyncio"] = (
    _tasks  # before asyncio is loaded, which the built-in one makes wait by the host's clock
)

import asyncio  # noqa: E402

from drivers import sim7080g  # noqa: E402
from sos_wire import kinds  # noqa: E402


class Battery:
    def percent(self):
        return 80

    def millivolts(self):
        return 4000

    def usb(self):
        return False


class Board:
    battery = Battery()

    def read_rtc(self):
        return b""

    def write_rtc(self, raw):
        pass

    def was_woken(self):
        return False

    def wake_cause(self):
        return 0


class Store:
    """Flash that takes everything."""

    fails = False
    boot = 1

    def events(self):
        return []

    def count_start(self):
        return 0

    def next_boot(self):
        return self.boot

    def recovery(self):
        return 0

    def set_recovery(self, index):
        pass

    last_seq = recovery
    set_last_seq = set_recovery

    def save(self, event):
        return True

    erase = save


class Modem:
    """On the network and able to text; everything else raises what is in `raises`, or succeeds."""

    def __init__(self):
        self.state = sim7080g.REGISTERED
        self.raises = None
        self.asked = []
        self.texts = []
        self.between = None

    @property
    def connected(self):
        return self.state == sim7080g.CONNECTED

    def set_clock(self, unix_s):
        pass

    async def _do(self, name):
        self.asked.append((_port.now_us // 1000, name))
        await asyncio.sleep_ms(10)
        if self.raises:
            raise self.raises

    async def start(self):
        await self._do("start")

    async def attach(self, limit):
        await self._do("attach")

    async def recover(self, rung):
        await self._do("recover %d" % rung)
        return rung + 1

    async def gnss(self, on, start="hot"):
        await self._do("gnss")

    async def fix(self):
        await self._do("fix")

    stop = sleep = start

    async def sms_works(self):
        await asyncio.sleep_ms(10)
        if self.between:
            self.between()
        return True

    async def send_sms(self, number, text):
        await self._do("text")
        self.texts.append(text)


class Supervisor:
    def alive(self, name, within_ms=0):
        pass


class Answers:
    heard_ms = -1

    def __init__(self):
        self.bearers = []


class Power:
    stays_on = False


def idle(ms):
    _port.now_us += max(ms, 1) * 1000


def made(boot=1):
    """Return (device, modem, the task's object) with the clock at zero."""
    from links.lte import LteLink
    from settings import Settings
    from sos_wire.seal import Keys
    from tasks.device import Device
    from tasks.lte import Lte

    cable.lay()
    _port.idle = idle
    store = Store()
    store.boot = boot
    device = Device(Board(), store, Settings({}), Keys(bytes(32)), 2, True)
    modem = Modem()
    link = LteLink(modem, 2, "+34600", device.news)
    return device, modem, Lte(device, link, Power(), Supervisor(), Answers())


def play(lte, seconds):
    async def main():
        try:
            await asyncio.wait_for_ms(lte.loop(), seconds * 1000)
        except asyncio.TimeoutError:
            pass  # it goes on for ever

    asyncio.run(main())


def test_what_nobody_has_thought_of_fails_like_a_modem_climbs_the_ladder_and_makes_pauses():
    device, modem, lte = made()
    modem.raises = ValueError("no such line")
    device.raise_event(kinds.SOS)
    play(lte, 3600)
    assert device.identity.outside.faults
    assert any(name.startswith("recover") for _, name in modem.asked)
    assert len(modem.asked) < 400


def test_an_answer_between_the_decision_to_text_and_the_text_sends_no_other_one():
    device, modem, lte = made()
    modem.state = sim7080g.REGISTERED
    event = device.raise_event(kinds.SOS)
    device.identity.outside.try_at_s = 1 << 40  # nothing but texts
    event.over_lte().known = True

    def answered():
        event.state = kinds.RECEIVED

    modem.between = answered
    play(lte, 60)
    assert modem.texts == []
    assert device.identity.outside.text_fault_at_s == -1


def test_a_fault_that_no_text_can_tell_leaves_nothing_behind_and_asks_at_its_pace():
    device, modem, lte = made()
    outside = device.identity.outside
    outside.try_at_s = 1 << 40
    outside.fault(kinds.FAULT_CERTIFICATE, device.running_s())
    modem.raises = sim7080g.ModemError(kinds.FAULT_SMS, "refused")
    device.awake_until_ms = 1 << 40
    play(lte, 1800)
    tried = [name for _, name in modem.asked if name == "text"]
    assert 10 < len(tried) < 40
    assert device.alarms.events == []


def test_a_device_in_its_last_boot_keeps_its_numbers_and_texts_no_fault():
    device, modem, lte = made(boot=65_535)
    outside = device.identity.outside
    outside.try_at_s = 1 << 40
    outside.fault(kinds.FAULT_CERTIFICATE, device.running_s())
    play(lte, 600)
    assert modem.texts == []


def test_only_a_modem_that_was_put_to_sleep_keeps_its_supply_through_deep_sleep():
    device, modem, lte = made()
    lte._power.stays_on = True  # as it slept a while ago
    modem.state = sim7080g.OFF
    modem.raises = sim7080g.ModemError(kinds.FAULT_MODEM, "it stays dark")
    device.raise_event(kinds.SOS)
    play(lte, 600)
    assert lte._power.stays_on is False


class Wrist:
    """Signals and one more way out, which note what they are asked for."""

    def __init__(self):
        self.played = []
        self.offered = []

    def play(self, signal):
        self.played.append(signal)

    def offer(self, felt):
        self.offered.append(felt)

    def approve(self, news):
        pass

    answered = hurry = approve


def test_an_answer_that_comes_over_two_ways_is_felt_once_and_one_confirmation_of_it_waits():
    from app import alarm
    from sos_wire import frame
    from tasks.answers import Answers as Told

    device, _, _ = made()
    wrist = Wrist()
    answers = Told(device, wrist)
    answers.bearers.append(wrist)
    sos = device.raise_event(kinds.SOS)

    def told(state):
        down = frame.Down(sos.boot, sos.seq, state, 0, 1_790_000_000)
        answers.take(device.keys.seal_down(bytes(5), kinds.FORM_SHORT, frame.encode_down(down)), wrist)

    for state in (kinds.RECEIVED, kinds.RECEIVED, kinds.ACCEPTED, kinds.RECEIVED, kinds.ACCEPTED):
        told(state)
    assert wrist.played == [alarm.RECEIVED, alarm.ACCEPTED]
    waiting = [event for event in device.alarms.events if event.kind == kinds.FELT]
    assert [event.flags for event in waiting] == [kinds.ACCEPTED]


class Deaf(io.IOBase):
    """A serial line whose reading fails, again and again."""

    def write(self, data):
        return len(data)

    def ioctl(self, request, flags):
        return flags & 5 if request == 3 else -22

    def readinto(self, buffer):
        raise OSError(5)


def test_a_reader_that_dies_and_is_started_again_leaves_no_earlier_life_behind():
    cable.lay()
    _port.idle = idle
    modem = sim7080g.Modem(Deaf(), Power(), {"user": "device-2"})
    lives, signs = [], []

    async def main():
        for life in range(20):
            lives.append(life)
            try:
                await modem.run(lambda life=life: signs.append(life))
            except OSError:
                pass  # as the supervisor takes it
            await asyncio.sleep_ms(200)
        del signs[:]
        await asyncio.sleep_ms(30_000)

    asyncio.run(main())
    assert len(lives) == 20
    assert set(signs) <= {lives[-1]}  # the last one, which nobody has started again here
