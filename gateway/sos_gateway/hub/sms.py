"""The hub's text messages: frames come by them, spooled before the SIM forgets them; states of alarms go back by them."""

import logging
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

from sos_wire import kinds
from sos_wire import sms as texts

from .bluetooth import MOST_ORDERS, Order
from .senders import Senders
from .spool import SMS, UNSPOOLED, Kept, Spool
from .stick import PinRefused, Stick, StickError, Text

# A stick that is not there, or not well, is looked for again so often.
LOOK_AGAIN_S = 2.0
# An announcement can be lost, and a text that could not be kept waits on the SIM: it is read through so often.
SWEEP_S = 30.0
CHECK_S = 10.0
TIDY_S = 3600.0
# Longer ago than the gateway looks back at once: only then does the centre's clock, which may be wrong by hours, decide.
LONG_WAITED_MS = 3_600_000
# What comes so soon after the stick may have waited at the centre since it was last there.
ARREARS_S = 600.0
# The same state is texted again only when the gateway asks so much later: its device has asked again, so ours was lost.
SAME_AGAIN_MS = 20_000
# Answered is a telephone: no short number, which may cost anything, no name, nothing that could end a command.
_NUMBER = re.compile(r"\+?[0-9]{7,15}")

STATES_OF_ALARMS = (kinds.RECEIVED, kinds.ACCEPTED, kinds.CLOSED, kinds.WITHDRAWN)
NO_STICK, READY, NO_NETWORK = "no stick", "ready", "no network"

log = logging.getLogger("socors.hub")


class Texts:
    """The stick's thread. A port that blocks holds up nothing else; nothing here raises into the hub."""

    def __init__(
        self,
        *,
        port: str,
        pin: str,
        per_number: int,
        total: int,
        spool: Spool,
        spool_file: Path,
        clock_ms: Callable[[], int],
        heard: Callable[[Kept], bool],
        written: Callable[[int, bool, str], object],
    ) -> None:
        """`heard` and `written` are called from the thread; `heard` says of an unspooled frame whether it got through."""
        self._port, self._pin = port, pin
        self._per_number, self._total = per_number, total
        self._spool, self._clock_ms = spool, clock_ms
        self._heard, self._written = heard, written
        self._senders = Senders(spool_file, clock_ms)
        self._lock = threading.Lock()
        self._orders: list[Order] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sms", daemon=True)
        self._done_with: dict[int, list[str]] = {}  # read and kept, but still on the SIM
        self._since = self._sweep_at = self._check_at = self._tidy_at = 0.0
        self.state = NO_STICK
        self.memory = (0, 0)
        self.counts = dict.fromkeys(("received", "foreign", "sent", "failed", "limited", "plugged"), 0)

    # From the hub's loop.

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it is not waited for, since its port may hang."""
        self._stop.set()

    def status(self) -> dict[str, Any]:
        """What goes into the hub's health: no number and no content."""
        used, places = self.memory
        return {"state": self.state, "memory": f"{used}/{places}", **self.counts}

    def carry(self, order: Order) -> None:
        """Take an order: an alarm's state, for a device that has texted. Of one answer only the newest is of use."""
        if not order.id or order.state not in STATES_OF_ALARMS:
            return
        with self._lock:
            self._orders = [o for o in self._orders if o.id != order.id]
            if order.until_ms >= self._clock_ms():
                self._orders = [*self._orders, order][-MOST_ORDERS:]

    # The thread.

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._tidy()
                with Stick(self._port) as stick:
                    self._set_up(stick)
                    while not self._stop.is_set():
                        self._turn(stick)
            except (OSError, StickError) as error:
                self._note(str(error) if isinstance(error, StickError) else NO_STICK)
            except Exception:  # the hub's radio goes on whatever a stick says
                log.exception("the stick's thread begins anew")
                self._note("failed")
            self._give_up_late_orders()
            self._stop.wait(LOOK_AGAIN_S)
        self._senders.close()

    def _note(self, state: str) -> None:
        if state != self.state:
            log.warning("GSM stick: %s", state)
        self.state = state

    def _set_up(self, stick: Stick) -> None:
        if self._pin and self._senders.is_refused(self._pin):
            raise StickError("the SIM does not take the PIN of SOCORS_HUB_SMS_PIN; it is not tried again")
        try:
            stick.set_up(self._pin)
        except PinRefused:
            self._senders.refuse_pin(self._pin)
            raise
        self.counts["plugged"] += 1
        self._done_with.clear()
        self._since = time.monotonic()
        self._sweep_at = self._check_at = 0.0

    def _turn(self, stick: Stick) -> None:
        """Read what is announced or due, send one answer, listen for a moment."""
        now = time.monotonic()
        if now >= self._check_at:
            self._check_at = now + CHECK_S
            self.memory = stick.memory()
            self._note(READY if stick.registered() else NO_NETWORK)
        while stick.announced:
            self._take(stick, stick.announced.pop(0), announced=True)
        while stick.direct:
            self._take_text(stick.direct.pop(0), announced=True)
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_S
            for index in stick.indexes():
                self._take(stick, index, announced=False)
        self._tidy()
        self._give_up_late_orders()
        if self.state == READY:
            self._answer_one(stick)
        stick.listen()

    def _tidy(self) -> None:
        if time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + TIDY_S
            self._senders.tidy()

    # Receiving.

    def _take(self, stick: Stick, index: int, announced: bool) -> None:
        """Keep the text at one place of the SIM, then delete it there."""
        text = stick.read(index)
        if text is None:
            return
        if self._done_with.get(index) != text.body:
            if not any(map(texts.decode, text.body)):
                # A character lost on the line must not cost a frame: what looks foreign is read twice.
                text = stick.read(index) or text
            if not self._take_text(text, announced):
                return
            self._done_with[index] = text.body
        if stick.delete(index):
            self._done_with.pop(index, None)

    def _take_text(self, text: Text, announced: bool) -> bool:
        """Spool a text's frame and hand it on; return whether the SIM may forget the text."""
        frame = next(filter(None, map(texts.decode, text.body)), None)
        if frame is None:
            self.counts["foreign"] += 1
            return True
        (kept,) = self._spool.keep([(self._heard_ms(text, announced), 0, frame)], SMS)
        if _NUMBER.fullmatch(text.sender):
            self._senders.heard(frame[1:6], text.sender)
        handed_on = self._heard(kept)
        done = kept.n != UNSPOOLED or handed_on
        self.counts["received"] += done
        return done

    def _heard_ms(self, text: Text, announced: bool) -> int:
        """Return when the text came: now, unless it has waited for long for a stick that was away."""
        now = self._clock_ms()
        if text.at is None or (announced and time.monotonic() - self._since > ARREARS_S):
            return now
        at = round(text.at.astimezone(UTC).timestamp() * 1000)
        return at if at < now - LONG_WAITED_MS else now

    # Answering.

    def _give_up_late_orders(self) -> None:
        now = self._clock_ms()
        with self._lock:
            late = [o for o in self._orders if o.until_ms < now]
            self._orders = [o for o in self._orders if o.until_ms >= now]
        for order in late:
            if self._senders.numbers(order.aliases):
                self._written(order.id, False, f"not texted in time: {self.state}")

    def _answer_one(self, stick: Stick) -> None:
        """Text the newest order whose device has texted; orders of others wait, for its text may be on its way."""
        with self._lock:
            orders = self._orders[::-1]
        for order in orders:
            numbers = self._senders.numbers(order.aliases)
            if numbers:
                with self._lock:
                    self._orders = [o for o in self._orders if o is not order]
                self._text_all(stick, order, numbers)
                return

    def _text_all(self, stick: Stick, order: Order, numbers: list[str]) -> None:
        assert order.state is not None
        sent, why = False, ""
        again = self._senders.is_texted(order.id, order.state)
        for number in numbers:
            last_ms = self._senders.last_texted_ms(number, order.id, order.state)
            if last_ms is not None and abs(self._clock_ms() - last_ms) < SAME_AGAIN_MS:
                sent = True
            elif self._is_over_limit(number, again):
                why = "the limit of texts in an hour is reached"
                self.counts["limited"] += 1
            else:
                try:
                    stick.send(number, texts.encode(order.frame))
                except (StickError, OSError) as error:
                    why = str(error) if isinstance(error, StickError) else NO_STICK
                    self.counts["failed"] += 1
                    if isinstance(error, OSError):
                        self._written(order.id, sent, "" if sent else why)
                        raise
                    continue
                self._senders.texted(number, order.id, order.state)
                self.counts["sent"] += 1
                sent = True
        self._written(order.id, sent, "" if sent else why[:200])

    def _is_over_limit(self, number: str, again: bool) -> bool:
        """Half of a number's texts, and of all, are kept for what is new.

        So whoever replays a wearer's text, from one number or from a thousand, uses up neither hers nor another's.
        """
        share = 2 if again else 1
        to_number, to_all = self._senders.texts_in_an_hour(number)
        return to_number >= self._per_number // share or to_all >= self._total // share
