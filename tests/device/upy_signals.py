"""What the wearer feels when one signal follows another, in real MicroPython."""

import sys

# These tasks need no world behind the pins: the interpreter's own clock will do.
sys.path = [folder for folder in sys.path if not folder.endswith("simulator/fakes")]

import asyncio  # noqa: E402
import time  # noqa: E402

from app import alarm  # noqa: E402
from tasks import signals  # noqa: E402


class Pin:
    """A motor or a light that notes when it was set to what."""

    def __init__(self):
        self.set_at = []

    def set(self, value):
        self.set_at.append((time.ticks_ms(), value))


class Nobody:
    def alive(self, name):
        pass


def pulses(motor):
    """Return [(on ms, gap ms before it)], as a hand feels them."""
    felt, up, down = [], None, None
    for at, on in motor.set_at:
        if on and up is None:
            up = at
        elif not on and up is not None:
            felt.append((time.ticks_diff(at, up), time.ticks_diff(up, down) if down is not None else 0))
            up, down = None, at
    return felt


def play(*asked):
    """Play signals, each so many ms after the one before; return what the motor did."""
    motor, light = Pin(), Pin()

    async def scene():
        player = signals.Signals(motor, light, Nobody())
        loop = asyncio.create_task(player.loop())
        for wait_ms, signal in asked:
            await asyncio.sleep_ms(wait_ms)
            player.play(signal)
        while player.busy():
            await asyncio.sleep_ms(20)
        loop.cancel()

    asyncio.run(scene())
    return pulses(motor)


def test_a_countdown_is_felt_whole_although_the_answer_comes_within_its_first_pulse():
    felt = play((0, alarm.COUNTDOWN), (50, alarm.RECEIVED))
    assert len(felt) == 5, felt
    assert all([on >= 200 for on, _ in felt[:3]]), felt
    assert felt[3][1] >= signals.REST_MS, felt
    assert all([on >= 120 for on, _ in felt[3:]]), felt


def test_of_two_answers_that_wait_for_a_countdown_the_newer_is_felt():
    felt = play((0, alarm.COUNTDOWN), (50, alarm.RECEIVED), (50, alarm.ACCEPTED))
    assert len(felt) == 6, felt


def test_a_tick_cuts_nothing_short_that_is_being_felt_and_comes_after_it():
    felt = play((0, alarm.UNREACHABLE), (16, alarm.TICK))
    assert len(felt) == 6, felt
    assert all([on >= 60 for on, _ in felt[:5]]), felt
    assert felt[5][1] >= signals.REST_MS, felt
    assert 30 <= felt[5][0] < 60, felt


def test_a_tick_that_waits_lets_a_signal_through_and_a_silent_alarm_forgets_it():
    felt = play((0, alarm.UNREACHABLE), (16, alarm.TICK), (20, alarm.RECEIVED))
    assert len(felt) == 4, felt
    assert felt[1][0] >= 120 and felt[3][0] < 60, felt
    motor = Pin()

    async def scene():
        player = signals.Signals(motor, Pin(), Nobody())
        loop = asyncio.create_task(player.loop())
        player.play(alarm.UNREACHABLE)
        await asyncio.sleep_ms(16)
        player.play(alarm.TICK)
        player.hush()
        await asyncio.sleep_ms(1000)
        loop.cancel()

    asyncio.run(scene())
    assert len(pulses(motor)) == 1, pulses(motor)


def test_a_silent_alarm_makes_it_still_and_dark_at_once_even_in_a_countdown():
    motor, light = Pin(), Pin()

    async def scene():
        player = signals.Signals(motor, light, Nobody())
        loop = asyncio.create_task(player.loop())
        player.play(alarm.COUNTDOWN)
        await asyncio.sleep_ms(50)
        player.hush()
        await asyncio.sleep_ms(20)
        player.repeat()
        await asyncio.sleep_ms(2000)
        loop.cancel()

    asyncio.run(scene())
    felt = pulses(motor)
    assert len(felt) == 1 and felt[0][0] < 200, felt  # 200 ms is what a whole pulse lasts
    assert light.set_at[-1][1] == (0, 0, 0), light.set_at
