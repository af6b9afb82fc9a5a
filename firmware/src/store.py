"""The only door to flash: secret, boot counter and journal, each whole or not there, each kept twice.

Files lie on LittleFS, where a rename is atomic and a file is there only once it is closed. NVS holds a second copy of what
must survive a file system that does not mount. Every record ends in a CRC-32 of what precedes it.
"""

import os
import struct
from binascii import crc32

from app.alarm import Event
from sos_wire import kinds

SLOTS = 32  # alarms in NVS, and alarms that may wait at all
_RECORD = ">HHBBIBHHbBB"  # boot seq kind flags unix_s battery ref_boot ref_seq state presses marks
_RECORD_BYTES = struct.calcsize(_RECORD)


class NotProvisioned(Exception):
    """The device has no secret or no boot counter: it must be provisioned (again, with a new secret)."""


def _sealed(body):
    return body + struct.pack(">I", crc32(body) & 0xFFFFFFFF)


def _opened(raw):
    """Return the body of a record whose CRC holds, else None."""
    if raw is None or len(raw) < 5:
        return None
    body, tail = raw[:-4], raw[-4:]
    return body if struct.unpack(">I", tail)[0] == crc32(body) & 0xFFFFFFFF else None


def pack_event(event):
    """Return the journal record of an event: the event itself, never a frame."""
    return _sealed(
        struct.pack(
            _RECORD,
            event.boot,
            event.seq,
            event.kind,
            event.flags,
            event.unix_s,
            event.battery,
            event.ref_boot,
            event.ref_seq,
            event.state,
            event.presses,
            event.told | event.cancelled << 1 | event.hushed << 2 | min(event.texted, 7) << 3,
        )
    )


def unpack_event(raw):
    """Return the Event of a record, or None for a torn one."""
    body = _opened(raw)
    if body is None or len(body) != _RECORD_BYTES:
        return None
    fields = struct.unpack(_RECORD, body)
    event = Event(*fields[:8])
    event.state, event.presses = fields[8], fields[9]
    event.told, event.cancelled, event.hushed = [bool(fields[10] & bit) for bit in (1, 2, 4)]
    event.texted = fields[10] >> 3 & 7
    return event


class Store:
    """Files under `root` and blobs in `nvs`. Either alone is enough to read; writing needs one that works."""

    def __init__(self, root, nvs):
        self._root = root
        self._nvs = nvs
        self._slots = {}  # slot -> (boot, seq)
        self._answered = []  # slots whose event no longer waits: one that does may have them
        self.failures = 0  # writes that neither place took
        self.fails = False  # the last one was such a write

    # Small records: secret, boot counter.

    def _read_file(self, name):
        try:
            with open(self._root + "/" + name, "rb") as file:
                return _opened(file.read())
        except OSError:
            return None

    def _write_file(self, name, body):
        """Write beside, close (which makes it durable), rename over (which is atomic)."""
        try:
            temporary = self._root + "/" + name + ".new"
            with open(temporary, "wb") as file:
                file.write(_sealed(body))
            os.rename(temporary, self._root + "/" + name)
            return True
        except OSError:
            return False

    def _remove_file(self, name):
        try:
            os.remove(self._root + "/" + name)
        except OSError:
            pass  # it was not there: that is what was wanted

    def _read_nvs(self, key):
        buffer = bytearray(64)
        try:
            return _opened(bytes(buffer[: self._nvs.get_blob(key, buffer)]))
        except OSError:
            return None

    def _write_nvs(self, key, body):
        try:
            self._nvs.set_blob(key, _sealed(body))
            self._nvs.commit()
            return True
        except OSError:
            return False

    def _erase_nvs(self, key):
        try:
            self._nvs.erase_key(key)
            self._nvs.commit()
        except OSError:
            pass  # it was not there

    def _write(self, name, body):
        filed, kept = self._write_file(name, body), self._write_nvs(name, body)
        self.fails = not (filed or kept)
        self.failures += self.fails
        return filed or kept

    def identity(self):
        """Return (device number, 32-byte secret), or raise NotProvisioned."""
        body = self._read_file("secret") or self._read_nvs("secret")
        if body is None or len(body) != 4 + kinds.SECRET_BYTES:
            raise NotProvisioned("no secret")
        return struct.unpack(">I", body[:4])[0], body[4:]

    def has(self, number, secret):
        """Whether this very identity is in use here."""
        try:
            return self.identity() == (number, secret)
        except NotProvisioned:
            return False

    def provision(self, number, secret):
        """Write a new identity with a boot counter at its beginning. The journal is emptied: its secret is gone.

        The old secret goes first: with its boot counter at the beginning it would number its alarms as it did before.
        """
        for event in self.events():
            self.erase(event)
        self._remove_file("secret")
        self._erase_nvs("secret")
        if not self._write("boot", struct.pack(">H", 0)):
            raise OSError("the flash takes no writing")
        self._write_file("boot2", struct.pack(">H", 0))
        self.set_last_seq(0)
        body = struct.pack(">I", number) + secret
        written = self._write("secret", body)
        copies = (self._read_file("secret"), self._read_nvs("secret"))
        if not written or [copy for copy in copies if copy not in (None, body)]:
            raise OSError("the flash takes no writing")

    def _boots(self):
        """Return every whole copy of the boot counter."""
        copies = [self._read_file("boot"), self._read_file("boot2"), self._read_nvs("boot")]
        return [struct.unpack(">H", body)[0] for body in copies if body is not None and len(body) == 2]

    def has_boot_counter(self):
        return bool(self._boots())

    def next_boot(self):
        """Return the number of this boot, committed to flash before it is returned; the higher of all copies, plus one."""
        known = self._boots()
        if not known:
            raise NotProvisioned("no boot counter")
        boot = min(max(known) + 1, 65535)
        body = struct.pack(">H", boot)
        if not self._write("boot", body):
            raise OSError("the boot counter cannot be written")
        self._write_file("boot2", body)
        return boot

    # Small numbers: starts in a row that came to no orderly end; the last number of the last boot.

    def _number(self, name):
        copies = [self._read_file(name), self._read_nvs(name)]
        known = [struct.unpack(">I", body)[0] for body in copies if body is not None and len(body) == 4]
        return max(known) if known else 0

    def count_start(self):
        """Count one more start without an orderly end before it; return how many in a row."""
        starts = self._number("starts") + 1
        self._write("starts", struct.pack(">I", starts))
        return starts

    def starts_well(self):
        """The device has come to an orderly sleep: the row of starts is broken."""
        if self._number("starts"):
            self._write("starts", struct.pack(">I", 0))

    def last_seq(self):
        return self._number("lastseq")

    def set_last_seq(self, seq):
        return self._write("lastseq", struct.pack(">I", seq))

    # The recovery counter of the alias: journalled, so that no alias is used twice long after.

    def recovery(self):
        return self._number("recovery")

    def set_recovery(self, index):
        return self._write("recovery", struct.pack(">I", index))

    # The journal.

    @staticmethod
    def _name(event):
        return "j%04x%04x" % (event.boot, event.seq)

    def _slot(self, event):
        """Return the NVS slot of an event: its own, else a free one, else for one that waits an answered one's."""
        number = (event.boot, event.seq)
        for slot, held in self._slots.items():
            if held == number:
                return slot
        for slot in range(SLOTS):
            if slot not in self._slots:
                return slot
        return self._answered[0] if self._answered and event.waits() else None

    def _hold(self, slot, event):
        """Note what a slot holds now."""
        self._slots[slot] = (event.boot, event.seq)
        if slot in self._answered:
            self._answered.remove(slot)
        if not event.waits():
            self._answered.append(slot)

    def save(self, event):
        """Write an event or its new state; return whether it is whole in at least one place."""
        body = pack_event(event)[:-4]
        filed = self._write_file(self._name(event), body)
        slot = self._slot(event)
        kept = slot is not None and self._write_nvs("e%02d" % slot, body)
        if kept:
            self._hold(slot, event)
        self.fails = not (filed or kept)
        self.failures += self.fails
        return filed or kept

    def erase(self, event):
        """Remove an event from both places."""
        self._remove_file(self._name(event))
        for slot, number in list(self._slots.items()):
            if number == (event.boot, event.seq):
                self._erase_nvs("e%02d" % slot)
                del self._slots[slot]
                if slot in self._answered:
                    self._answered.remove(slot)

    def events(self):
        """Return every whole event on flash, oldest first; a torn one is not; of two copies the further state counts."""
        found = {}
        try:
            names = os.listdir(self._root)
        except OSError:
            names = []
        for name in names:
            if name.startswith("j") and not name.endswith(".new"):
                self._meet(found, self._event_in_file(name))
        self._slots, self._answered = {}, []
        for slot in range(SLOTS):
            body = self._read_nvs("e%02d" % slot)
            event = unpack_event(_sealed(body)) if body is not None else None
            if event is not None:
                self._hold(slot, event)
                self._meet(found, event)
        return [found[number] for number in sorted(found)]

    def _event_in_file(self, name):
        body = self._read_file(name)
        return unpack_event(_sealed(body)) if body is not None else None

    @staticmethod
    def _meet(found, event):
        if event is None:
            return
        number = (event.boot, event.seq)
        if number not in found or found[number].state < event.state:
            found[number] = event
