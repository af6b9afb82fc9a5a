"""Takes the gateway's answers in, whichever way they came: what is felt, kept, confirmed and hurried by them."""

from app import alarm
from sos_wire import frame, kinds


class Answers:
    """`bearers` are the ways out: each is offered a `felt` to say at once, and is hurried when it has brought an answer."""

    def __init__(self, device, signals):
        self._device = device
        self._signals = signals
        self.bearers = []
        self.refused = 0
        self.heard_ms = -1  # when the gateway last told something new about an alarm

    def take(self, raw, bearer):
        """Take one down frame that a bearer has brought; what opens with none of our keys is counted and that is all."""
        body = self._device.keys.open_down(raw)
        try:
            down = frame.decode_down(body) if body is not None else None
        except frame.FrameError:
            down = None
        if down is None:
            self.refused += 1
            return
        known = self._device.alarms.find(down.ref_boot, down.ref_seq)
        news = known is not None and known.state < down.state < kinds.COMMAND
        bearer.approve(news)
        if known is not None and news and known.is_alarm():
            self.heard_ms = self._device.now_ms()
        result = self._device.alarms.answer(down, self._device.now_ms())
        if result is None or result.event is None:
            if bearer.is_presence(down):
                bearer.hurry(None)
            return
        bearer.answered(result.event)
        bearer.hurry(result.event)
        self._device.is_heard(result.event)
        self._follow(result)

    def _follow(self, result):
        if result.clock is not None:
            self._device.set_clock(result.clock)
        if result.signal is not None and not self._is_muted(result.signal):
            self._signals.play(result.signal)
        if result.save:
            self._device.save_state(result.event)
        if result.felt is not None:
            self._confirm(result.event, result.felt)
        if not self._device.alarms.expects_answers():
            self._device.awake_until_ms = min(self._device.awake_until_ms, self._device.now_ms() + 10_000)

    def _is_muted(self, signal):
        return signal == alarm.TICK and not self._device.settings.silent_tick

    def _confirm(self, event, state):
        """Say `felt`; one that still waits for its own answer is brought up to date instead of doubled."""
        for other in self._device.alarms.events:
            if other.kind == kinds.FELT and (other.ref_boot, other.ref_seq) == (event.boot, event.seq):
                self._device.alarms.remove(other)
                break
        felt = self._device.raise_event(kinds.FELT, refers_to=event, flags=state)
        if felt is None:
            return
        for bearer in self.bearers:
            bearer.offer(felt)
