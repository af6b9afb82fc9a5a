"""LTE: our own topics and the hub's number on one side of the modem, whole frames on the other.

The modem's callbacks come from its reader: they keep what came and flag; the task does the rest.
"""

import asyncio

from sos_wire import sms, topics

# Down frames that wait to be taken: an answer to each of a full message of positions.
MOST_FRAMES = 16


class LteLink:
    """One modem, one device. Two Events: `came` a frame has, `changed` when something is lost."""

    def __init__(self, modem, number, text_number, changed):
        self.modem = modem
        self._number = number
        self._text_number = text_number
        self._changed = changed
        self._frames = []
        self.came = asyncio.Event()
        self.dropped = 0
        self.rebooted = False  # the modem has begun anew by itself; whoever asks forgets it
        modem.on_down, modem.on_sms, modem.on_lost = self._came, self._texted, self._lost

    def _came(self, payload):
        if len(self._frames) >= MOST_FRAMES:
            self.dropped += 1  # the gateway repeats what matters
        else:
            self._frames.append(bytes(payload))
        self.came.set()

    def _texted(self, _, text):
        """A text message: sealed or nothing, so it does not matter who sent it."""
        frame = sms.decode(text)
        if frame is not None:
            self._came(frame)

    def _lost(self, what):
        self.rebooted = self.rebooted or what == "reboot"
        self._changed.set()

    def take_frame(self):
        """Return the oldest frame that has come, or None."""
        return self._frames.pop(0) if self._frames else None

    def can_text(self):
        """Whether there is a hub's number to send text messages to."""
        return bool(self._text_number)

    def publish(self, lane, frames, timeout_ms):
        """Publish sealed frames as one message; to be awaited."""
        return self.modem.publish(topics.device(self._number, lane), b"".join(frames), timeout_ms)

    def text(self, frame):
        """Send a sealed frame to the hub's number; to be awaited."""
        return self.modem.send_sms(self._text_number, sms.encode(frame))
