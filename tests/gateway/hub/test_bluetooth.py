"""The hub's radio, unmodified, in a simulated air: what it hears, whom it answers, and what cannot hold it up."""

import os
import time

from air import UP, a_frame, ears, play, until
from sos_gateway.hub import bluetooth
from sos_gateway.hub.bluetooth import MOST_SEEN, Order

from simulator import bleak_backend

PENDANT = 1001


def order(number, alias=b"alias", frame=b"\x11" + bytes(23), lasts_s=20.0):
    return Order(number, frozenset([alias]), frame, round((time.time() + lasts_s) * 1000))


def test_an_answer_is_written_the_device_is_heard_over_the_connection_and_so_is_the_answer_to_that():
    async def story(air, pendants):
        await pendants.add(PENDANT)
        async with ears(air, "one") as (ear,):
            pendants.show(PENDANT, a_frame())
            ear.radio.carry(order(1, frame=b"first" + bytes(19)))
            await until("the first answer is there", lambda: pendants.written(PENDANT))
            full = b"\x12" + os.urandom(63)
            air.notify(PENDANT, 1, UP, full)
            await until("the full frame is heard", lambda: full in ear.frames())
            ear.radio.carry(order(0, frame=b"second" + bytes(18)))
            await until("the second answer is there", lambda: len(pendants.written(PENDANT)) == 2)
            await until("the hub leaves", lambda: pendants.count(PENDANT, "ble.disconnected") == 1)
            assert pendants.count(PENDANT, "ble.connected") == 1
            assert [report[:2] for report in ear.reports] == [(1, True), (0, True)]

    play(story)


def test_an_order_that_has_run_out_is_reported_and_never_written():
    async def story(air, pendants):
        await pendants.add(PENDANT)
        async with ears(air, "one") as (ear,):
            ear.radio.carry(order(1, lasts_s=0.2))
            ear.radio.carry(order(2, alias=b"other", lasts_s=0.2))
            await until("time is over", lambda: order(9, lasts_s=-0.3).until_ms > until_ms)
            pendants.show(PENDANT, a_frame())
            await until("the device is heard", lambda: ear.heard)
            await until("both are reported", lambda: len(ear.reports) == 2)
            assert {report[:2] for report in ear.reports} == {(1, False), (2, False)}
            assert pendants.count(PENDANT, "ble.connected") == 0

    until_ms = order(0, lasts_s=0.2).until_ms
    play(story)


def test_an_order_that_was_withdrawn_is_not_carried():
    async def story(air, pendants):
        await pendants.add(PENDANT)
        async with ears(air, "one") as (ear,):
            ear.radio.carry(order(1))
            ear.radio.carry(order(1, lasts_s=-1))
            pendants.show(PENDANT, a_frame())
            ear.radio.carry(order(2, frame=b"later" + bytes(19)))
            await until("the other order is there", lambda: pendants.written(PENDANT))
            assert pendants.written(PENDANT) == [b"later" + bytes(19)]

    play(story)


def test_a_radio_that_was_pulled_out_is_used_again_once_it_is_back(monkeypatch):
    monkeypatch.setattr(bluetooth, "STALLED_S", 0.5)
    monkeypatch.setattr(bluetooth, "LOOK_S", 0.05)

    async def story(air, pendants):
        await pendants.add(PENDANT)
        async with ears(air, "one") as (ear,):
            pendants.show(PENDANT, a_frame())
            await until("the device is heard", lambda: ear.heard)
            air.unplug("one")
            pendants.show(PENDANT, after := a_frame())
            await until("the device is heard again", lambda: after in ear.frames())
            assert ear.radio.restarts > 0

    play(story)


def test_a_scan_that_silently_reports_nothing_any_more_is_started_again(monkeypatch):
    monkeypatch.setattr(bluetooth, "STALLED_S", 0.5)
    monkeypatch.setattr(bluetooth, "LOOK_S", 0.05)

    async def story(air, pendants):
        await pendants.add(PENDANT)
        async with ears(air, "one") as (ear,):
            pendants.show(PENDANT, a_frame())
            await until("the device is heard", lambda: ear.heard)
            for controller in air.link.receptions:
                controller.le_scan_enable = False  # as adapters do that have lost their way
            pendants.show(PENDANT, after := a_frame())
            await until("the device is heard again", lambda: after in ear.frames())

    play(story)


def test_addresses_that_rotate_for_ever_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(bluetooth, "MOST_ADDRESSES", 300)
    monkeypatch.setattr(bluetooth, "LOOK_S", 0.05)

    async def story(air, pendants):
        await pendants.add(PENDANT)
        async with ears(air, "one") as (ear,):
            most = 0
            for number in range(4000):
                # A fresh address, a fresh alias, one packet.
                pendants.show(PENDANT, a_frame(alias=number.to_bytes(5, "big")))
                if number % 20 == 0:
                    await until("it is heard", lambda n=number: n // 2 <= len(ear.heard))
                    most = max(most, len(ear.radio._addresses))
            assert ear.radio.restarts >= 3
            assert most < 2000
            assert len(ear.radio._last_seen) <= MOST_SEEN
            adapter = bleak_backend._adapters[ear.adapter]
            assert len(adapter.device.advertisement_accumulators) < 10

    play(story)


def test_what_is_no_frame_of_ours_is_counted_and_goes_no_further():
    async def story(air, pendants):
        await pendants.add(PENDANT)
        async with ears(air, "one") as (ear,):
            head = b"\x02\x01\x06"
            for data in (
                head + bytes((26, 0xFF, 0xFF, 0xFF)) + bytes(23),
                bytes((30, 0xFF, 0xFF, 0xFF)) + bytes(27),
                head + bytes((3, 0xFF, 0xFF, 0xFF)),
            ):
                before = ear.radio.odd_lengths
                air.silence(PENDANT)
                air.advertise(PENDANT, 20_000, data, True)
                await until("it is counted", lambda before=before: ear.radio.odd_lengths > before)
            # Another company, no structure at all, a structure that ends too early.
            for data in (
                head + bytes((27, 0xFF, 0x4C, 0x00)) + bytes(24),
                b"",
                b"\x1f\xff\xff",
                b"\x00" * 31,
            ):
                air.silence(PENDANT)
                air.advertise(PENDANT, 20_000, data, True)
            pendants.show(PENDANT, good := a_frame())
            await until("a frame is heard all the same", lambda: good in ear.frames())
            assert ear.frames() == {good}

    play(story)


def test_somebody_who_copies_a_pendants_alias_and_says_what_is_no_frame_is_counted_and_not_heard():
    async def story(air, pendants):
        await pendants.add(PENDANT)
        async with ears(air, "one") as (ear,):
            pendants.show(PENDANT, shown := a_frame())
            ear.radio.carry(order(1))
            await until("the hub is connected", lambda: pendants.written(PENDANT))
            for odd in (b"", os.urandom(220)):
                before = ear.radio.odd_lengths
                air.notify(PENDANT, 1, UP, odd)
                await until("it is counted", lambda before=before: ear.radio.odd_lengths > before)
            air.notify(PENDANT, 1, UP, full := os.urandom(64))
            await until("a frame is heard all the same", lambda: full in ear.frames())
            assert ear.frames() == {shown, full}

    play(story)


def test_somebody_who_copies_a_pendants_alias_and_then_says_nothing_does_not_hold_up_the_answer_to_another():
    async def story(air, pendants):
        copier = 13
        for device in (PENDANT, copier):
            await pendants.add(device)
        async with ears(air, "one") as (ear,):
            # It accepts connections and answers nothing: its host is deaf to what its controller tells it.
            air[copier].device.gatt_server.on_gatt_pdu = lambda *_: None
            pendants.show(copier, a_frame(alias=b"copy!"))
            ear.radio.carry(order(1, alias=b"copy!"))
            await until("the hub is connected to the copier", lambda: pendants.count(copier, "ble.connected"))
            pendants.show(PENDANT, a_frame())
            ear.radio.carry(order(2, frame=b"wanted" + bytes(18)))
            await until("the other's answer is there", lambda: pendants.written(PENDANT))
            await until("the silence is reported", lambda: (1, False) in [r[:2] for r in ear.reports])

    play(story)


def test_an_answer_for_a_device_that_is_gone_in_the_middle_is_carried_later_or_reported():
    async def story(air, pendants):
        await pendants.add(PENDANT)
        async with ears(air, "one") as (ear,):
            pendants.show(PENDANT, a_frame())
            ear.radio.carry(order(1, frame=b"first" + bytes(19)))
            await until("the first answer is there", lambda: pendants.written(PENDANT))
            air.disconnect(PENDANT, 1)
            await until("it is gone", lambda: pendants.count(PENDANT, "ble.disconnected"))
            pendants.show(PENDANT, a_frame())

            def settled():
                return len(pendants.written(PENDANT)) == 2 or (2, False) in [r[:2] for r in ear.reports]

            while len(pendants.written(PENDANT)) < 2:
                # As the gateway does: what is reported as not carried is given out again.
                ear.reports.clear()
                ear.radio.carry(order(2, frame=b"second" + bytes(18)))
                await until("the second is there, or reported", settled)
            assert pendants.written(PENDANT)[1] == b"second" + bytes(18)

    play(story)
