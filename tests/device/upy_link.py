"""Centrals that only hold, on the device's own interpreter: sent away after two seconds, refused for a minute."""

import log
from links import ble

_CONNECT = 1
_DISCONNECT = 2
_WRITE = 3
FRAME = bytes([0x11]) + bytes(23)


class Radio:
    """What `bluetooth.BLE` offers the link; it notes who is sent away and what is on the air."""

    def __init__(self):
        self.sent_away = 0
        self.interval_us = None
        self.value = b""
        self.written, self.notified, self.has_room = [], [], True

    def active(self, on):
        pass

    def irq(self, handler):
        self.happen = handler

    def config(self, **values):
        pass

    def gatts_register_services(self, services):
        return ((2, 5),)

    def gatts_set_buffer(self, handle, size):
        pass

    def gatts_write(self, handle, value):
        self.written.append(value)

    def gatts_notify(self, connection, handle, data):
        if not self.has_room:
            raise OSError(12)
        self.notified.append(data)

    def gatts_read(self, handle):
        return self.value

    def gap_advertise(self, interval_us, adv_data=None, connectable=True):
        self.interval_us = interval_us

    def gap_disconnect(self, connection):
        self.sent_away += 1
        self.happen(_DISCONNECT, (connection, 1, b""))


class Flag:
    def set(self):
        pass


def made():
    log.line = lambda text: None
    radio = Radio()
    link = ble.BleLink(radio, 0xFFFF, Flag())
    link.open()
    link.burst(FRAME)
    return link, radio


def connects(radio, address):
    radio.happen(_CONNECT, (1, 1, address))


def test_a_central_that_holds_is_sent_away_after_two_seconds_and_not_before():
    link, radio = made()
    connects(radio, b"holder")
    assert link.guard(1000) == 2000
    assert link.guard(2999) == 1
    assert radio.sent_away == 0
    assert link.guard(3000) == -1
    assert radio.sent_away == 1
    assert link.connection is None
    link.again()
    assert radio.interval_us == ble.BURST_INTERVAL_US


def test_it_is_refused_at_once_for_a_minute_and_then_let_in_again():
    link, radio = made()
    connects(radio, b"holder")
    link.guard(0)
    link.guard(2000)
    for number, at in enumerate((2001, 30_000, 61_999)):
        connects(radio, b"holder")
        link.guard(at)
        assert radio.sent_away == 2 + number
    connects(radio, b"holder")
    assert link.guard(62_000) == 2000
    assert radio.sent_away == 4


def test_another_central_is_let_in_meanwhile():
    link, radio = made()
    connects(radio, b"holder")
    link.guard(0)
    link.guard(2000)
    connects(radio, b"hub")
    assert link.guard(2001) == 2000
    assert radio.sent_away == 1


def test_one_that_has_written_a_frame_of_ours_may_stay_and_one_that_wrote_rubbish_may_not():
    link, radio = made()
    connects(radio, b"hub")
    link.guard(0)
    radio.value = b"rubbish"
    radio.happen(_WRITE, (1, 5))
    assert link.take_write() == b"rubbish"
    assert link.guard(1999) == 1
    for at in (1999, 3998, 5997):
        link.approve(True, at)
        assert link.guard(at + 1999) == 1
    assert radio.sent_away == 0


def test_one_that_only_repeats_a_frame_of_ours_is_sent_away_but_may_come_again():
    link, radio = made()
    connects(radio, b"hub")
    link.guard(0)
    link.approve(False, 1000)
    link.approve(False, 2900)
    assert link.guard(2999) == 1
    link.guard(3000)
    assert radio.sent_away == 1
    connects(radio, b"hub")
    assert link.guard(3001) == 2000
    assert radio.sent_away == 1


def test_evidence_is_for_a_central_that_brings_news_and_for_nobody_who_only_repeats_what_he_heard():
    link, radio = made()
    assert not link.is_trusted()
    connects(radio, b"other")
    link.approve(False, 10)
    assert not link.is_trusted()
    radio.happen(_DISCONNECT, (1, 1, b"other"))
    connects(radio, b"hub")
    link.approve(True, 20)
    link.approve(False, 30)
    assert link.is_trusted()
    assert link.met == 2
    radio.happen(_DISCONNECT, (1, 1, b"hub"))
    assert not link.is_trusted()
    connects(radio, b"other")
    assert not link.is_trusted()


def test_what_is_added_beside_the_full_form_leaves_it_to_be_read_and_fails_without_a_connection():
    link, radio = made()
    assert not link.add(b"piece")
    connects(radio, b"hub")
    link.notify(b"full form")
    assert link.add(b"piece")
    assert radio.written == [b"", b"full form"]
    assert radio.notified == [b"full form", b"piece"]
    radio.has_room = False
    assert not link.add(b"piece")
    assert link.connection is not None


def test_many_holders_and_many_writes_take_no_more_memory_than_few():
    link, radio = made()
    for number in range(50):
        connects(radio, bytes([number]) * 6)
        link.guard(number * 3000)
        for _ in range(20):
            radio.happen(_WRITE, (1, 5))
        link.guard(number * 3000 + 2000)
    assert radio.sent_away == 50
    assert len(link._refused) <= ble.MOST_REFUSED
    assert len(link._writes) <= ble.MOST_WRITES
