"""Text messages through a real serial port: the hub's program at a stick on a pseudo-terminal, texts from an SMS centre."""

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from air import until
from sos_gateway.hub import sms
from sos_gateway.hub.bluetooth import Order
from sos_gateway.hub.sms import Texts
from sos_gateway.hub.spool import Spool
from sos_wire import kinds
from sos_wire import sms as wire

from simulator.chips.gsm_stick import GsmStick
from simulator.world.phones import LoopScheduler, SmsCentre

HUB, WATCH, OTHER = "+34600000001", "+34600000002", "+34600000003"
LENGTHS = sorted(kinds.FORM_OF_LENGTH)


def now_ms():
    return round(time.time() * 1000)


def a_frame(alias=None, length=LENGTHS[-1]):
    return b"\x12" + (alias or os.urandom(5)) + os.urandom(length - 6)


class Post:
    """A stick, the centre, and the hub's part that reads texts."""

    def __init__(self, folder, **stick):
        self.folder = folder
        self.centre = SmsCentre(LoopScheduler(), random.Random(7))
        self.centre.weather.scale = 0
        self.stick = GsmStick(HUB, self.centre, folder / "stick", **stick)
        self.spool = Spool(folder / "spool.db")
        self.passed, self.reports, self.answers = [], [], []
        self.online = True  # whether what is unspooled gets through
        self.centre.attach(WATCH, lambda sender, text: self.answers.append((sender, text)))

    def open(self, **settings):
        self.texts = Texts(
            port=str(self.stick.path),
            pin=settings.pop("pin", ""),
            per_number=settings.pop("per_number", 20),
            total=settings.pop("total", 200),
            spool=self.spool,
            spool_file=self.folder / "spool.db",
            clock_ms=settings.pop("clock_ms", now_ms),
            heard=self._heard,
            written=lambda *report: self.reports.append(report),
        )
        self.texts.start()
        return self.texts

    def _heard(self, kept):
        self.passed.append(kept)
        return self.online

    def frames(self):
        return [kept.frame for kept in self.passed]

    def text(self, text, sender=WATCH):
        self.centre.send(sender, HUB, text, lambda ok: None)

    def order(self, aliases, state=kinds.RECEIVED, number=1, lasts_ms=300_000):
        order = Order(number, frozenset(aliases), a_frame(length=LENGTHS[0]), now_ms() + lasts_ms, state)
        self.texts.carry(order)
        return order

    async def ready(self):
        await until("the stick is ready", lambda: self.texts.state == sms.READY)


@pytest.fixture
def play(tmp_path, monkeypatch):
    monkeypatch.setattr(sms, "LOOK_AGAIN_S", 0.05)
    monkeypatch.setattr(sms, "CHECK_S", 0.2)
    monkeypatch.setattr(sms, "SWEEP_S", 0.5)

    def played(story, plugged=True, **stick):
        async def whole():
            post = Post(tmp_path, **stick)
            if plugged:
                post.stick.plug()
            try:
                await story(post)
                assert post.stick.unknown == []
            finally:
                post.texts.stop()
                while post.texts._thread.is_alive():
                    await asyncio.sleep(0.01)
                post.stick.unplug()
                post.spool.close()

        asyncio.run(whole())

    return played


def test_a_text_is_spooled_handed_on_and_then_deleted_from_the_sim(play):
    async def story(post):
        post.open()
        await post.ready()
        for length in LENGTHS:
            post.text(wire.encode(frame := a_frame(length=length)))
            await until("it came", lambda frame=frame: frame in post.frames())
        await until("the SIM is empty", lambda: not post.stick.memory)
        waiting = post.spool.waiting(10, now_ms(), 0, lambda n: False)
        assert {(kept.frame, kept.via) for kept in waiting} == {(kept.frame, "sms") for kept in post.passed}

    play(story)


def test_texts_that_lay_on_the_sim_at_the_start_are_read_and_dated_by_the_centre(play):
    async def story(post):
        old, new = a_frame(), a_frame()
        five_hours_ago = datetime.now(UTC) - timedelta(hours=5)
        post.stick.store(WATCH, wire.encode(old), five_hours_ago)
        post.stick.store(WATCH, wire.encode(new))
        post.open()
        await until("both came", lambda: set(post.frames()) == {old, new})
        await until("the SIM is empty", lambda: not post.stick.memory)
        heard = {kept.frame: kept.heard_ms for kept in post.passed}
        assert abs(heard[old] - five_hours_ago.timestamp() * 1000) < 1000
        assert now_ms() - heard[new] < 60_000

    play(story)


GARBAGE = (
    "Your parcel is waiting",
    "",
    "S1",
    "S1" + "A" * 87,
    "S1" + "!" * 86,
    "[[[[[[[[[[",
    "OK",
    "Hello\r\nOK\r\nthere",
    "Hello\r\nOK",
    'Hello\r\n+CMTI: "SM",9\r\nOK\r\n+CMS ERROR: 500\r\n',
    '+CMGR: "REC UNREAD","+34699999999",,"26/11/25,00:00:00+04"\r\nS1x',
    '+CMT: "+34699999999",,"26/11/25,00:00:00+04"\r\nOK\r\n',
    "x\r\n> ",
    "a" * 160,
)


@pytest.mark.parametrize("csdh", [True, False])
@pytest.mark.parametrize("chatter", [0.0, 0.5])
def test_garbage_is_counted_deleted_and_holds_up_no_alarm(play, csdh, chatter, caplog):
    async def story(post):
        post.stick.change(csdh=csdh, chatter=chatter)
        post.open()
        frames = []
        for n, text in enumerate(GARBAGE):
            post.text(text, sender=("VODAFONE", OTHER)[n % 2])
            frames.append(a_frame())
            post.text(wire.encode(frames[-1]))
            await until("the alarm came", lambda: frames[-1] in post.frames())
        await until("the SIM is empty", lambda: not post.stick.memory)
        assert set(post.frames()) == set(frames)
        assert post.texts.counts["foreign"] == len(GARBAGE)
        assert "parcel" not in caplog.text
        assert "34" not in caplog.text

    play(story)


@pytest.mark.parametrize("sender", ['a"b', "x\r\nOK", "", '","'])
def test_a_text_whose_header_cannot_be_read_is_taken_all_the_same_and_does_not_stay_on_the_sim(play, sender):
    async def story(post):
        frame = a_frame()
        post.stick.store(sender, wire.encode(frame))
        post.stick.store(sender, "rubbish")
        post.open()
        await until("the frame came", lambda: frame in post.frames())
        await until("the SIM is empty", lambda: not post.stick.memory)
        post.order([frame[1:6]])
        await post.ready()
        assert post.stick.sent == []

    play(story)


def test_a_full_sim_is_emptied_and_what_waited_at_the_centre_comes(play):
    async def story(post):
        for n in range(5):
            post.stick.store(OTHER, f"advertisement {n}")
        frames = [a_frame() for _ in range(7)]
        for frame in frames:
            post.text(wire.encode(frame))
        await until("the SIM is full", lambda: post.stick.full)
        post.open()
        await until("all came", lambda: set(post.frames()) == set(frames))
        await until("the SIM is empty", lambda: not post.stick.memory)

    play(story, slots=5)


def test_what_the_disk_does_not_take_stays_on_the_sim_until_the_broker_has_it(play, tmp_path):
    async def story(post):
        post.spool.close()
        post.spool = Spool(tmp_path / "no" / "such" / "folder")
        post.online = False
        post.open()
        post.text(wire.encode(frame := a_frame()))
        await until("it was tried twice", lambda: post.frames().count(frame) >= 2)
        assert [stored.text for stored in post.stick.memory.values()] == [wire.encode(frame)]
        post.online = True
        await until("the SIM may forget it", lambda: not post.stick.memory)
        assert {kept.n for kept in post.passed} == {0}

    play(story)


def test_a_text_that_cannot_be_deleted_is_spooled_once_and_deleted_when_it_can(play):
    async def story(post):
        post.stick.change(delete_error=500)
        post.open()
        post.text(wire.encode(a_frame()))
        await until("it came", post.frames)
        tries = len([said for said in post.stick.said if said.startswith("AT+CMGD")])
        await until(
            "it was tried again",
            lambda: len([said for said in post.stick.said if said.startswith("AT+CMGD")]) > tries + 1,
        )
        assert len(post.passed) == 1
        post.stick.change(delete_error=0)
        await until("the SIM is empty", lambda: not post.stick.memory)
        assert len(post.passed) == 1

    play(story)


def test_an_answer_is_texted_to_the_number_its_alias_came_from_each_state_once(play):
    async def story(post):
        post.open()
        recovery, clock = a_frame(), os.urandom(5)
        post.text(wire.encode(recovery))
        await until("it came", post.frames)
        received = post.order([clock, recovery[1:6]])  # the text was under one of the device's aliases
        await until("it is texted", lambda: post.answers == [(HUB, wire.encode(received.frame))])
        await until("it is reported", lambda: post.reports == [(1, True, "")])
        post.order([clock, recovery[1:6]])  # the gateway repeats it until it is felt
        await until("it is reported again", lambda: len(post.reports) == 2)
        accepted = post.order([recovery[1:6]], kinds.ACCEPTED)
        await until("the next state is texted", lambda: len(post.answers) == 2)
        assert post.answers[1] == (HUB, wire.encode(accepted.frame))
        assert all(ok for _, ok, _ in post.reports)

    play(story)


def test_heartbeats_strangers_and_what_is_withdrawn_are_not_texted(play):
    async def story(post):
        post.open()
        await post.ready()
        frame = a_frame()
        post.order([frame[1:6]], number=0)
        post.order([frame[1:6]], kinds.HEARD, number=1)
        post.order([frame[1:6]], kinds.COMMAND, number=2)
        post.order([frame[1:6]], None, number=3)
        post.order([os.urandom(5)], number=4)
        post.order([frame[1:6]], number=5)
        post.order([frame[1:6]], number=5, lasts_ms=-1)
        post.text(wire.encode(frame))
        await until("it came", post.frames)
        last = post.order([frame[1:6]], number=6)
        await until("an alarm's is", lambda: post.reports)
        assert post.answers == [(HUB, wire.encode(last.frame))]
        assert post.reports == [(6, True, "")]

    play(story)


def test_the_number_survives_a_restart_and_is_gone_a_day_after_its_last_use(play, monkeypatch):
    async def story(post):
        post.open()
        post.text(wire.encode(frame := a_frame()))
        await until("it came", lambda: post.frames() and not post.stick.memory)
        post.texts.stop()
        await until("it has ended", lambda: not post.texts._thread.is_alive())
        post.open()
        post.order([frame[1:6]])
        await until("it is texted", lambda: len(post.answers) == 1)
        post.texts.stop()
        await until("it has ended", lambda: not post.texts._thread.is_alive())
        post.open(clock_ms=lambda: now_ms() + 25 * 3_600_000)
        await post.ready()
        await until("nothing of the number is left", lambda: not _on_disk(post.folder, WATCH))

    play(story)


def _on_disk(folder, number):
    return any(number.encode() in file.read_bytes() for file in folder.glob("spool.db*"))


def test_who_texts_an_alias_he_has_read_off_the_air_does_not_take_the_answer_away(play):
    async def story(post):
        post.open()
        post.text(wire.encode(frame := a_frame()))
        await until("it came", post.frames)
        post.text(wire.encode(a_frame(alias=frame[1:6])), sender=OTHER)
        post.text(wire.encode(a_frame(alias=frame[1:6])), sender="VODAFONE")
        post.text(wire.encode(a_frame(alias=frame[1:6])), sender="7007")
        await until("all came", lambda: len(post.passed) == 4 and not post.stick.memory)
        post.order([frame[1:6]])
        await until("both have it", lambda: len(post.stick.sent) == 2)
        assert {number for number, _ in post.stick.sent} == {WATCH, OTHER}

    play(story)


@pytest.mark.parametrize("before, after", [(0, 9), (1, 9), (9, 1), (9, 0)])
def test_any_number_of_forged_senders_before_or_after_her_does_not_take_the_answer_away(play, before, after):
    async def story(post):
        post.open()
        frame = a_frame()
        forged = [f"+3460000010{n}" for n in range(before + after)]
        senders = [*forged[:before], WATCH, *forged[before:]]
        for count, sender in enumerate(senders, 1):
            post.text(wire.encode(a_frame(alias=frame[1:6])), sender=sender)
            await until("it came", lambda count=count: len(post.passed) == count)
        post.order([frame[1:6]])
        await until("she has it", lambda: post.answers)
        await until("it is reported", lambda: post.reports)
        assert len(post.stick.sent) <= 4

    play(story)


def test_replays_from_ever_new_numbers_do_not_use_up_what_new_states_need(play):
    async def story(post):
        ahead = [0]
        post.open(total=8, clock_ms=lambda: now_ms() + ahead[0])
        post.text(wire.encode(frame := a_frame()))
        await until("it came", post.frames)
        for n in range(8):  # each time somebody else asks again, and the gateway orders again
            post.order([frame[1:6]], lasts_ms=3_600_000)
            await until("it is reported", lambda n=n: len(post.reports) > n)
            ahead[0] += sms.SAME_AGAIN_MS
            post.text(wire.encode(frame), sender=f"+3460000010{n}")
            await until("it came", lambda n=n: len(post.passed) > n + 1)
        assert len(post.stick.sent) == 4
        post.order([frame[1:6]], kinds.ACCEPTED, lasts_ms=3_600_000)
        await until("she is told", lambda: len(post.answers) and post.reports[8:])
        assert [to for to, _ in post.stick.sent[4:]].count(WATCH) == 1

    play(story)


def test_a_flood_is_not_answered_beyond_the_limits(play):
    async def story(post):
        post.open(per_number=3, total=5)
        mine, theirs = a_frame(), a_frame()
        post.text(wire.encode(mine))
        post.text(wire.encode(theirs), sender=OTHER)
        await until("both came", lambda: len(post.passed) == 2)
        for number in range(1, 21):
            post.order([(mine, theirs)[number % 2][1:6]], number=number)
        await until("all are reported", lambda: len(post.reports) == 20)
        assert len(post.stick.sent) == 5
        assert max(sum(to == number for to, _ in post.stick.sent) for number in (WATCH, OTHER)) == 3
        assert [ok for _, ok, _ in post.reports].count(True) == 5
        assert "limit" in next(why for _, ok, why in post.reports if not ok)
        assert post.texts.counts["limited"] == 15

    play(story)


def test_a_state_that_got_lost_is_texted_again_but_replays_do_not_use_up_what_new_states_need(play):
    async def story(post):
        ahead = [0]
        post.open(per_number=4, clock_ms=lambda: now_ms() + ahead[0])
        post.text(wire.encode(frame := a_frame()))
        await until("it came", post.frames)
        for n in range(5):
            post.order([frame[1:6]], lasts_ms=3_600_000)
            await until("it is reported", lambda n=n: len(post.reports) > n)
            ahead[0] += sms.SAME_AGAIN_MS
        assert [ok for _, ok, _ in post.reports] == [True, True, False, False, False]
        assert len(post.stick.sent) == 2
        post.order([frame[1:6]], kinds.ACCEPTED, lasts_ms=3_600_000)
        await until("the new state is texted", lambda: len(post.stick.sent) == 3)

    play(story)


def test_a_text_that_is_not_sent_is_reported_with_the_reason_and_sent_at_the_next_order(play):
    async def story(post):
        post.open()
        post.text(wire.encode(frame := a_frame()))
        await until("it came", post.frames)
        post.stick.change(send_error=38)
        post.order([frame[1:6]])
        await until("it is reported", lambda: post.reports)
        assert post.reports == [(1, False, "not sent: +CMS ERROR: 38")]
        post.stick.change(send_error=0)
        post.order([frame[1:6]])
        await until("it is sent", lambda: len(post.answers) == 1)

    play(story)


def test_an_answer_waits_for_the_network_and_is_given_up_when_its_time_is_over(play):
    async def story(post):
        post.open()
        post.text(wire.encode(frame := a_frame()))
        await until("it came", post.frames)
        post.stick.change(network=False)
        await until("the hub knows", lambda: post.texts.state == sms.NO_NETWORK)
        post.order([frame[1:6]], number=1, lasts_ms=300)
        await until("it is given up", lambda: post.reports == [(1, False, "not texted in time: no network")])
        post.order([frame[1:6]], number=2)
        post.stick.change(network=True)
        await until("the next is texted", lambda: len(post.answers) == 1)

    play(story)


def test_a_stick_pulled_in_the_middle_is_found_again_and_nothing_is_lost(play):
    async def story(post):
        post.open()
        await until("the hub says what is missing", lambda: post.texts.state == sms.NO_STICK)
        frames = []
        for _ in range(5):
            post.stick.plug()
            frames.append(a_frame())
            post.text(wire.encode(frames[-1]))
            await until("it is on the SIM, or read", lambda: post.stick.memory or frames[-1] in post.frames())
            post.stick.unplug()
        await until("the hub knows", lambda: post.texts.state == sms.NO_STICK)
        post.stick.plug()
        await until("all came", lambda: set(post.frames()) == set(frames))
        await until("the SIM is empty", lambda: not post.stick.memory)
        post.order([frames[0][1:6]])
        await until("answers go out", lambda: len(post.answers) == 1)

    play(story, plugged=False)


def test_a_stick_that_falls_silent_is_started_anew(play, monkeypatch):
    monkeypatch.setattr("sos_gateway.hub.stick.ANSWER_S", 0.3)

    async def story(post):
        post.open()
        await post.ready()
        post.stick.change(silent=True)
        await until("the hub knows", lambda: post.texts.state == "the stick does not answer")
        post.stick.change(silent=False)
        post.text(wire.encode(a_frame()))
        await until("it came", post.frames)

    play(story)


def test_a_stick_without_sim_says_so_and_works_when_it_has_one(play):
    async def story(post):
        post.stick.change(sim=False)
        post.open()
        await until("the hub knows", lambda: post.texts.state == "there is no SIM")
        post.stick.change(sim=True)
        await post.ready()

    play(story)


def test_a_right_pin_opens_the_sim(play):
    async def story(post):
        post.open(pin="1234")
        await post.ready()
        post.text(wire.encode(a_frame()))
        await until("it came", post.frames)

    play(story, pin="1234")


def test_a_wrong_pin_is_tried_once_for_ever_and_the_sim_is_not_locked(play):
    async def story(post):
        for _ in range(3):
            post.open(pin="1111")
            await until("the hub says so", lambda: "does not take the PIN" in post.texts.state)
            await until("it stops trying", lambda: post.texts.state.endswith("not tried again"))
            post.texts.stop()
            await until("it has ended", lambda: not post.texts._thread.is_alive())
        assert post.stick.said.count('AT+CPIN="1111"') == 1
        post.open()
        await until("the hub says so", lambda: "wants a PIN" in post.texts.state)
        post.texts.stop()
        await until("it has ended", lambda: not post.texts._thread.is_alive())
        post.open(pin="1234")
        await post.ready()

    play(story, pin="1234")


def test_doubled_and_overtaking_texts_all_come(play):
    async def story(post):
        post.open()
        post.centre.weather.scale, post.centre.weather.doubled = 0.05, 0.5
        frames = [a_frame() for _ in range(15)]
        for frame in frames:
            post.text(wire.encode(frame))
        await until("all came", lambda: set(post.frames()) == set(frames))
        await until("nothing is left", lambda: not post.stick.memory and not post.centre.waiting(HUB))

    play(story)


# A hub's part in a process of its own, which can be killed: it stops for ever between spooling and deleting.
STOPS_BEFORE_DELETING = """
import sys, threading, time
from pathlib import Path
from sos_gateway.hub.sms import Texts
from sos_gateway.hub.spool import Spool
spool = Spool(Path(sys.argv[2]))
def heard(kept):
    print(kept.frame.hex(), flush=True)
    threading.Event().wait()
Texts(port=sys.argv[1], pin="", per_number=9, total=9, spool=spool, spool_file=Path(sys.argv[2]),
    clock_ms=lambda: round(time.time() * 1000), heard=heard, written=print).start()
threading.Event().wait()
"""


def test_kill_9_between_spool_and_delete_brings_the_same_frame_again_and_loses_none(play):
    async def story(post):
        frame = a_frame()
        post.stick.store(WATCH, wire.encode(frame))
        child = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-c",
                STOPS_BEFORE_DELETING,
                str(post.stick.path),
                str(post.folder / "spool.db"),
            ),
            stdout=subprocess.PIPE,
        )
        assert bytes.fromhex((await child.stdout.readline()).decode()) == frame
        child.kill()
        await child.wait()
        assert len(post.stick.memory) == 1
        post.open()
        await until("it came again", lambda: post.frames() == [frame])
        await until("the SIM is empty", lambda: not post.stick.memory)
        with sqlite3.connect(post.folder / "spool.db") as database:
            assert database.execute("SELECT frame, via FROM frame").fetchall() == [(frame, "sms")] * 2

    play(story)
