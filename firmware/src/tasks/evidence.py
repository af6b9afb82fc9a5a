"""What a fall felt like, from the fall to the moment it is told: kept beside the events, sealed as they are."""

from app import ways
from app.evidence import Evidence
from sos_wire import evidence as wire
from sos_wire import kinds


class Keeper:
    """The device's one piece of evidence, or none: `kept`."""

    def __init__(self, device, kept):
        self._device = device
        self.kept = kept

    def keep(self, buffer):
        """Keep what the fall just raised felt like (375 bytes), in the place of an earlier one's.

        Nothing of one that must not show itself, nor of one that only adds a press to another.
        """
        device = self._device
        falls = [event for event in device.alarms.events if event.kind == kinds.FALL]
        if not falls or falls[-1].hushed or falls[-1].presses > 1:
            return
        over = ways.BLE | (ways.LTE if device.has_modem else 0)
        self.kept = Evidence(falls[-1].boot, falls[-1].seq, buffer, over)
        device.save_identity()

    def over(self, way):
        """Return the evidence that may be told now over a way: its fall is answered, and nothing graver waits; else None."""
        kept, alarms = self.kept, self._device.alarms
        if kept is None:
            return None
        fall = alarms.find(kept.boot, kept.seq)
        if fall is None or fall.is_over() or fall.cancelled or fall.hushed:
            self.drop()  # nobody needs it any more, or nobody must see it go
            return None
        if not kept.ways & way or any(event.is_kept() and event.waits() for event in alarms.events):
            return None
        return kept

    def ends(self, way):
        """A way can do no more for it; without any it is let go."""
        if self.kept is not None:
            self.kept.ways &= ~way
            if not self.kept.ways:
                self.drop()

    def drop(self):
        self.kept = None
        self._device.save_identity()

    def seal(self, evidence, piece):
        """Return the sealed frame of a piece of evidence under the alias of this moment."""
        device = self._device
        body = wire.encode(evidence.boot, evidence.seq, piece, evidence.samples)
        return device.keys.seal_up(device.alias()[1], kinds.FORM_EVIDENCE, body)
