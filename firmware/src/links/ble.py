"""BLE: bursts that all look alike, a GATT service for the answer, and no patience for centrals that only hold.

The interrupt handler flags and returns; the courier's task does the rest.
"""

import bluetooth
import log
from sos_wire import advert, kinds

_IRQ_CENTRAL_CONNECT = 1
_IRQ_CENTRAL_DISCONNECT = 2
_IRQ_GATTS_WRITE = 3

BURST_INTERVAL_US = 25_000
BURST_PDUS = 12
BURST_MS = BURST_PDUS * BURST_INTERVAL_US // 1000
WINDOW_INTERVAL_US = 100_000
# A central that has not written a frame of ours that tells something new within this time is sent away ...
HOLD_MS = 2000
# ... and, if it has written none at all, not let in again for this long.
REFUSE_MS = 60_000
MOST_REFUSED = 8
MOST_WRITES = 4
_ADDRESS_MODE_NON_RESOLVABLE = 3
_BUFFER_BYTES = 200


class BleLink:
    """One advertiser, one connection at a time. Times are milliseconds of one steady clock."""

    def __init__(self, radio, company, changed):
        self._ble = radio
        self._is_on = False
        self._company = company
        self._frame = None  # what is on the air
        self._wanted = None  # what should be
        self.changed = changed  # a ThreadSafeFlag: something has happened
        self.connection = None
        self.met = 0  # connections so far
        self._held_since = -1
        self._good = False  # this central has written a frame of ours
        self._brings_news = False  # ... that told something new: no repetition of one heard before
        self._peer = None
        self._refused = []  # (address, until_ms)
        self._writes = []
        self._up = self._down = 0

    def open(self):
        """Switch the radio on and offer the service; no name, nothing that differs between devices."""
        self._ble.active(False)  # a radio left on by a loop that died takes no service
        self.connection, self._writes = None, []
        self._frame = self._wanted = None
        self._ble.active(True)
        self._is_on = True
        self._ble.irq(self._irq)
        service = (
            bluetooth.UUID(kinds.GATT_SERVICE),
            (
                (bluetooth.UUID(kinds.GATT_UP), bluetooth.FLAG_READ | bluetooth.FLAG_NOTIFY),
                (bluetooth.UUID(kinds.GATT_DOWN), bluetooth.FLAG_WRITE),
            ),
        )
        ((self._up, self._down),) = self._ble.gatts_register_services((service,))
        self._ble.gatts_set_buffer(self._up, _BUFFER_BYTES)
        self._ble.gatts_set_buffer(self._down, _BUFFER_BYTES)

    def ready(self):
        """Switch the radio on, if it is off, for what may have to be said soon: it takes a while."""
        if not self._is_on:
            self.open()

    def close(self):
        self._ble.active(False)
        self._is_on = False
        self.connection = None
        self._frame = self._wanted = None

    def _irq(self, event, data):
        if event == _IRQ_CENTRAL_CONNECT:
            self.connection, self._peer = data[0], bytes(data[2])
            self.met += 1
            self._held_since, self._good, self._brings_news = -1, False, False
        elif event == _IRQ_CENTRAL_DISCONNECT:
            self.connection = None
        elif event == _IRQ_GATTS_WRITE and len(self._writes) < MOST_WRITES:
            self._writes.append(bytes(self._ble.gatts_read(self._down)))
        self.changed.set()

    # Advertising: the same 12 packets, then the same window, whatever is in them.

    def burst(self, frame):
        """Begin a burst; during a connection the frame waits for its end."""
        self.ready()
        self._wanted = frame
        self._advertise(BURST_INTERVAL_US)

    def again(self):
        """The connection has ended: begin the burst of the frame that is wanted now."""
        self._advertise(BURST_INTERVAL_US)

    def window(self):
        """Go on in the slow pace in which an answer may come."""
        self._advertise(WINDOW_INTERVAL_US)

    def silence(self):
        if self._is_on:
            self._ble.gap_advertise(None)

    def _advertise(self, interval_us):
        if self.connection is not None or self._wanted is None:
            return
        if self._wanted != self._frame:
            # A new frame takes a new address, in the same instant.
            self._ble.gap_advertise(None)
            self._ble.config(addr_mode=_ADDRESS_MODE_NON_RESOLVABLE)
            self._frame = self._wanted
            self._ble.gatts_write(self._up, b"")
        self._ble.gap_advertise(
            interval_us, adv_data=advert.build(self._frame, self._company), connectable=True
        )

    # The connection.

    def take_write(self):
        """Return the oldest frame a central has written, or None."""
        return self._writes.pop(0) if self._writes else None

    def approve(self, news, now_ms):
        """The central has written a frame of ours: it may stay for as long again, for one without news only once.

        Anybody can repeat what he has heard written: with that he must not keep a device from advertising an alarm.
        """
        if news or not self._good:
            self._held_since = now_ms
        self._good = True
        self._brings_news = self._brings_news or news

    def notify(self, frame):
        """Send a full frame up the open connection; return whether there is one."""
        if self.connection is None:
            return False
        self._ble.gatts_write(self._up, frame)
        try:
            self._ble.gatts_notify(self.connection, self._up, frame)
        except OSError:
            return False
        return True

    def is_trusted(self):
        """Whether a central is connected that has an ear at the gateway: it has brought an answer nobody could repeat."""
        return self.connection is not None and self._brings_news

    def add(self, frame):
        """Send a frame up the open connection beside the full form, which stays to be read; return whether it went."""
        if self.connection is None:
            return False
        try:
            self._ble.gatts_notify(self.connection, self._up, frame)
        except OSError:
            return False  # gone meanwhile, or the radio has no room just now
        return True

    def guard(self, now_ms):
        """Send away a central that is refused or holds too long; return how long until to ask again, or -1."""
        if self.connection is None:
            return -1
        if self._held_since < 0:
            self._held_since = now_ms
            self._refused = [entry for entry in self._refused if entry[1] > now_ms]
            if self._peer in [entry[0] for entry in self._refused]:
                self._drop()
                return -1
        left = self._held_since + HOLD_MS - now_ms
        if left > 0:
            return left
        if not self._good:
            if len(self._refused) >= MOST_REFUSED:
                self._refused.pop(0)
            self._refused.append((self._peer, now_ms + REFUSE_MS))
        self._drop()
        return -1

    def _drop(self):
        log.line("a central is sent away")
        if self.connection is not None:
            self._ble.gap_disconnect(self.connection)
