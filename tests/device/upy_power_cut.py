"""Power goes after every byte of every write of journal and boot counter, on real LittleFS; runs in MicroPython.

Before the cut the flash holds what an earlier life left. After it the device starts again from the same bytes.
"""

import io

import _flash
import flash
import store
import vfs
from app.alarm import Event
from sos_wire import kinds

BLOCKS = 12
WHERE = "/socors"
MISSING = -0x1102


class Nvs:
    """NVS in memory: blobs are there after commit, whole or not at all."""

    def __init__(self, kept):
        self.kept = kept
        self._new = dict(kept)

    def set_blob(self, key, value):
        self._new[key] = bytes(value)

    def get_blob(self, key, buffer):
        if key not in self._new:
            raise OSError(MISSING)
        value = self._new[key]
        buffer[: len(value)] = value
        return len(value)

    def erase_key(self, key):
        if key not in self._new:
            raise OSError(MISSING)
        del self._new[key]

    def commit(self):
        if not _flash.fuse.allow(1):
            raise _flash.PowerCut
        self.kept.clear()
        self.kept.update(self._new)


class Life:
    """One device's flash chip and NVS, which can be copied and cut."""

    def __init__(self, image=None, blobs=None):
        self.image = io.BytesIO(bytes(image) if image else b"\xff" * (BLOCKS * _flash.BLOCK))
        self.blobs = dict(blobs or {})

    def copy(self):
        return Life(self.image.getvalue(), self.blobs)

    def start(self):
        flash.mount(_flash.Nor(self.image, BLOCKS), WHERE)
        return store.Store(WHERE, Nvs(self.blobs))

    def stop(self):
        vfs.umount(WHERE)


def cut_everywhere(before, act, check):
    """Run act with the power cut after every byte it writes; check what the next start finds. Returns how many cuts."""
    at = 0
    while True:
        life = before.copy()
        opened = life.start()
        opened.events()
        _flash.fuse.count, _flash.fuse.blow_at = 0, at
        told = False
        try:
            act(opened)
            told = True
        except _flash.PowerCut:
            pass
        _flash.fuse.blow_at = -1
        life.stop()
        reborn = life.start()
        check(reborn, told, at)
        life.stop()
        if told:
            return at
        at += 1


def provisioned():
    life = Life()
    opened = life.start()
    opened.provision(7, bytes(range(32)))
    assert opened.next_boot() == 1
    for seq in range(1, 4):
        assert opened.save(Event(1, seq, kinds.SOS, unix_s=1000 + seq))
    life.stop()
    return life


def numbers(opened):
    return [(e.boot, e.seq, e.state) for e in opened.events()]


OLD = [(1, 1, -1), (1, 2, -1), (1, 3, -1)]


def test_an_alarm_is_whole_or_not_there_and_none_before_it_is_lost():
    def act(opened):
        assert opened.save(Event(2, 1, kinds.SOS, kinds.PENDING, 2000, 80))

    def check(opened, told, at):
        found = numbers(opened)
        assert found[:3] == OLD, (at, found)
        assert found in (OLD, OLD + [(2, 1, -1)]), (at, found)
        assert not told or found == OLD + [(2, 1, -1)], (at, found)

    return cut_everywhere(provisioned(), act, check)


def test_a_new_state_is_the_old_or_the_new_one_and_the_alarm_is_always_there():
    event = Event(1, 2, kinds.SOS, unix_s=1002)
    event.state = kinds.RECEIVED

    def act(opened):
        assert opened.save(event)

    def check(opened, told, at):
        found = numbers(opened)
        assert [n[:2] for n in found] == [(1, 1), (1, 2), (1, 3)], (at, found)
        assert found[1][2] in (-1, kinds.RECEIVED), (at, found)
        assert not told or found[1][2] == kinds.RECEIVED, (at, found)

    return cut_everywhere(provisioned(), act, check)


def test_erasing_one_record_harms_no_other():
    def act(opened):
        opened.erase(Event(1, 2, kinds.SOS))

    def check(opened, told, at):
        found = numbers(opened)
        assert (1, 1, -1) in found and (1, 3, -1) in found, (at, found)
        assert not told or len(found) == 2, (at, found)

    return cut_everywhere(provisioned(), act, check)


def test_no_boot_number_is_ever_given_twice():
    given = []

    def act(opened):
        given.append(opened.next_boot())

    def check(opened, told, at):
        again = opened.next_boot()
        assert again >= 2, (at, again)
        assert not told or again > given[-1], (at, again, given[-1])
        assert opened.identity() == (7, bytes(range(32)))

    return cut_everywhere(provisioned(), act, check)


def test_a_cut_provisioning_leaves_the_old_identity_the_new_one_or_none_but_never_half():
    def act(opened):
        opened.provision(8, bytes(32))

    def check(opened, told, at):
        try:
            identity = opened.identity()
        except store.NotProvisioned:
            identity = None
        assert identity in ((7, bytes(range(32))), (8, bytes(32)), None), at
        assert not told or identity == (8, bytes(32))
        if identity == (7, bytes(range(32))):
            assert opened.next_boot() > 1, at  # or its old secret would give its old numbers again

    return cut_everywhere(provisioned(), act, check)


def test_a_file_system_that_does_not_mount_is_made_anew_and_everything_comes_back_from_nvs():
    life = provisioned()
    life.image = io.BytesIO(b"\x5a" * (BLOCKS * _flash.BLOCK))
    opened = life.start()
    assert numbers(opened) == OLD
    assert opened.identity() == (7, bytes(range(32)))
    assert opened.next_boot() == 2
    life.stop()
    return 1


def test_an_alarm_that_waits_has_its_second_copy_although_answered_ones_have_filled_the_places():
    life = Life()
    opened = life.start()
    opened.provision(7, bytes(range(32)))
    for seq in range(1, store.SLOTS + 1):
        event = Event(1, seq, kinds.SOS)
        event.state = kinds.RECEIVED if seq % 2 else -1
        assert opened.save(event)
    life.stop()
    opened = life.start()
    opened.events()
    for seq in (101, 102):
        assert opened.save(Event(2, seq, kinds.SOS))
    life.stop()
    life.image = io.BytesIO(b"\x5a" * (BLOCKS * _flash.BLOCK))
    found = numbers(life.start())
    assert [n for n in found if n[2] == -1] == [(1, seq, -1) for seq in range(2, store.SLOTS + 1, 2)] + [
        (2, 101, -1),
        (2, 102, -1),
    ]
    life.stop()
    return len(found)


def test_a_record_with_a_wrong_byte_is_not_read():
    record = bytearray(store.pack_event(Event(1, 1, kinds.SOS)))
    for i in range(len(record)):
        record[i] ^= 1
        assert store.unpack_event(bytes(record)) is None
        record[i] ^= 1
    assert store.unpack_event(bytes(record)).kind == kinds.SOS
    return len(record)
