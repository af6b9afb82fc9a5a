"""A GSM stick at a serial port: text mode of 3GPP TS 27.005, blocking, for a thread of its own."""

import contextlib
import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import serial

BAUD = 115_200  # USB sticks ignore it
# A stick that does not take a few bytes in this time has hung.
WRITE_S = 2.0
# Reading and deleting on a SIM takes up to a second or two (SIMs are slow); four times that.
ANSWER_S = 8.0
# TS 27.005 leaves it open; makers say up to 60 s for +CMGS (SIMCom's manuals).
SEND_S = 60.0
PROMPT_S = 5.0
# What follows the end of an answer within this time belongs to it: a foreign text may have a line that says OK.
QUIET_S = 0.3
SYNC_S = 0.5
SYNC_TRIES = 3
# 160 characters and the longest header are far below it: a line that goes on is none.
LONGEST_LINE = 1000
# A text has at most 160 characters, and so many lines at the very most; a list has some lines for each place.
MOST_LINES = 5000
CTRL_Z, ESCAPE = b"\x1a", b"\x1b"

_FINAL = re.compile(r"OK|ERROR|\+CM[ES] ERROR: .*")
_LISTED = re.compile(r"\+CMGL: ?(\d{1,4}),")
_HEADER = re.compile(r'\+CMGR: ?"[^"]*","([^"]*)",(?:"[^"]*")?,"([^"]*)"(?:.*,(\d{1,3}))?$')
_ANNOUNCED = re.compile(r'\+CMTI: ?"[^"]*",(\d{1,4})$')
_DIRECT = re.compile(r'\+CMT: ?"([^"]*)"')


class StickError(Exception):
    """The stick does not do what it must; the sentence is for the hub's status."""


class PinRefused(StickError):
    """The SIM does not take the PIN: to try again would lock it."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text from a SIM. `index` is its place there, None when the stick has not stored it."""

    index: int | None
    sender: str
    body: list[str]  # its lines, and perhaps one the stick said in between
    at: datetime | None  # when the centre had it


class Stick:
    """One open port. Every call ends within its time-out; a port that is gone raises OSError (pyserial's is one)."""

    def __init__(self, port: str) -> None:
        self._port = serial.Serial(
            port, BAUD, timeout=0.1, write_timeout=WRITE_S, exclusive=True, rtscts=False, dsrdtr=False
        )
        self._raw = bytearray()
        self._taken = self._before = (
            0  # bytes taken from the port as whole lines, with and without the last one
        )
        self.announced: list[int] = []
        self.direct: list[Text] = []
        self._direct_sender: str | None = None

    def __enter__(self) -> "Stick":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._port.close()

    # Setting up.

    def set_up(self, pin: str) -> None:
        """Bring stick and SIM to where texts can be read; raise StickError with what is missing."""
        self._synchronise()
        self._must("ATE0")
        self._must("AT+CMEE=1")
        self._unlock(pin)
        self._must("AT+CMGF=1")
        # Not "GSM": there an underscore, which our texts have, is the code 0x11 and not ASCII's.
        self._must('AT+CSCS="IRA"')
        self._may("AT+CSDH=1")
        self._may('AT+CPMS="SM","SM","SM"')
        # The answer to an alarm is of use for an hour (TS 23.040, 9.2.3.12.1: 5 min · (11 + 1)).
        self._may("AT+CSMP=17,11,0,0")
        self._must("AT+CNMI=2,1,0,0,0")

    def _synchronise(self) -> None:
        """Leave whatever a program before us has left half done."""
        self._write(ESCAPE + b"\r")
        for _ in range(SYNC_TRIES):
            with contextlib.suppress(StickError):
                self.command("AT", SYNC_S)
                return
        raise StickError("the stick does not answer")

    def _unlock(self, pin: str) -> None:
        said = " ".join(self._must("AT+CPIN?"))
        if "READY" in said:
            return
        if "PUK" in said:
            raise StickError("the SIM is locked and wants its PUK")
        if "SIM PIN" not in said:
            raise StickError("the SIM is not ready")
        if not pin:
            raise StickError("the SIM wants a PIN: set SOCORS_HUB_SMS_PIN")
        final, _ = self.command(f'AT+CPIN="{pin}"', ANSWER_S)
        if final != "OK":
            raise PinRefused("the SIM does not take the PIN of SOCORS_HUB_SMS_PIN")

    def _must(self, text: str) -> list[str]:
        final, lines = self.command(text, ANSWER_S)
        if final != "OK":
            raise StickError("there is no SIM" if final.endswith(": 10") else f"{text[:8]}: {final}")
        return lines

    def _may(self, text: str) -> bool:
        return self.command(text, ANSWER_S)[0] == "OK"

    # What the stick knows.

    def registered(self) -> bool:
        """Whether there is a network; 1 is at home, 5 is roaming (TS 27.007, 7.2)."""
        said = " ".join(self._must("AT+CREG?"))
        return bool(re.search(r"\+CREG: ?\d,[15]", said))

    def memory(self) -> tuple[int, int]:
        """Return (used, places) of the SIM's memory; (0, 0) when the stick does not say."""
        found = re.search(r'\+CPMS: ?"[^"]*",(\d+),(\d+)', " ".join(self.command("AT+CPMS?", ANSWER_S)[1]))
        return (int(found[1]), int(found[2])) if found else (0, 0)

    # Texts.

    def indexes(self) -> list[int]:
        """Return the places of all texts on the SIM. A text that looks like a header can add one that is empty."""
        final, lines = self.command('AT+CMGL="ALL"', ANSWER_S, quotes=True)
        if final != "OK":
            raise StickError(f"the SIM's texts cannot be listed: {final}")
        return sorted({int(found[1]) for line in lines if (found := _LISTED.match(line))})

    def read(self, index: int) -> Text | None:
        """Return one text, or None from an empty place.

        A header that cannot be read (the SIM's own texts, reports, a sender's name with a quotation mark) is one of a
        text without sender: it must not stay on the SIM for ever.
        """
        _, lines = self.command(f"AT+CMGR={index}", ANSWER_S, quotes=True)
        for number, line in enumerate(lines):
            if line.startswith("+CMGR:"):
                found = _HEADER.match(line)
                sender, at = (found[1], _stamp(found[2])) if found else ("", None)
                return Text(index, sender, lines[number + 1 :], at)
        return None

    def delete(self, index: int) -> bool:
        return self._may(f"AT+CMGD={index}")

    def send(self, number: str, text: str) -> None:
        """Send a text; return when the centre has it, else raise StickError."""
        self._write(f'AT+CMGS="{number}"\r'.encode())
        if not self._prompted():
            self._write(ESCAPE)
            raise StickError("the stick does not take a text now")
        self._write(text.encode("ascii") + CTRL_Z)
        final, _ = self._answer(time.monotonic() + SEND_S, quotes=False)
        if final != "OK":
            raise StickError(f"not sent: {final}")

    def _prompted(self) -> bool:
        end = time.monotonic() + PROMPT_S
        while time.monotonic() < end:
            while (line := self._whole_line()) is not None:
                if _FINAL.fullmatch(line):
                    return False
                self._unasked(line)
            if self._raw.lstrip(b"\r\n").startswith(b">"):
                self._raw.clear()
                return True
            self._fill()
        return False

    def listen(self) -> None:
        """Take what the stick says unasked; returns after 100 ms of silence at the latest."""
        self._fill()
        while (line := self._whole_line()) is not None:
            self._unasked(line)

    # The line.

    def command(self, text: str, timeout_s: float, quotes: bool = False) -> tuple[str, list[str]]:
        """Return (final result, lines). `quotes`: the answer holds foreign text, which may look like its own end."""
        while (line := self._whole_line()) is not None:
            self._unasked(line)
        self._write(text.encode("ascii") + b"\r")
        return self._answer(time.monotonic() + timeout_s, quotes, text)

    def _answer(self, end: float, quotes: bool, echo: str = "") -> tuple[str, list[str]]:
        lines: list[str] = []
        final, quiet_at, due = "", 0.0, 0
        while len(lines) < MOST_LINES:
            line = self._whole_line()
            if line is None:
                now = time.monotonic()
                if final and now >= quiet_at:
                    return final, lines
                if now >= end:
                    break
                self._fill()
                continue
            if _FINAL.fullmatch(line) and (not quotes or self._before >= due > 0):
                return line, lines
            quiet_at = time.monotonic() + QUIET_S
            if _FINAL.fullmatch(line):
                final = line  # or a line of a text: then more follows, the true end at last
            elif line != echo and not self._unasked(line, quotes):
                lines.append(line)
                if quotes and not due and (found := _HEADER.match(line)) and found[3]:
                    due = self._taken + int(found[3])
        raise StickError("the stick does not answer")

    def _unasked(self, line: str, quoted: bool = False) -> bool:
        """Take an announcement, or the text that follows a +CMT; False for any other line.

        In a quoted text nothing that looks like a +CMT is one. An announcement made up there names an empty place.
        """
        if self._direct_sender is not None and not quoted:
            self.direct.append(Text(None, self._direct_sender, [line], None))
            self._direct_sender = None
        elif found := _ANNOUNCED.match(line):
            self.announced.append(int(found[1]))
        elif not quoted and (found := _DIRECT.match(line)):
            self._direct_sender = found[1]
        else:
            return False
        return True

    def _write(self, data: bytes) -> None:
        self._port.write(data)

    def _fill(self) -> None:
        """Take what the port has, waiting 100 ms for a first byte."""
        self._raw += self._port.read(max(1, min(self._port.in_waiting, 4096)))

    def _whole_line(self) -> str | None:
        """Return the next line that is not blank, without its end."""
        while (cut := self._raw.find(b"\n")) >= 0 or len(self._raw) > LONGEST_LINE:
            cut = cut if cut >= 0 else LONGEST_LINE
            line = bytes(self._raw[:cut]).decode("ascii", errors="replace").strip("\r\n\0 ")
            del self._raw[: cut + 1]
            self._before = self._taken
            self._taken += cut + 1
            if line:
                return line
        return None


def _stamp(text: str) -> datetime | None:
    """Return the centre's time of a text (TS 27.005, <scts>: local time and quarters of an hour); None if it is none."""
    found = re.fullmatch(r"(\d\d)/(\d\d)/(\d\d),(\d\d):(\d\d):(\d\d)([+-]\d\d)", text)
    if not found:
        return None
    try:
        year, month, day, hour, minute, second, quarters = map(int, found.groups())
        zone = timezone(timedelta(minutes=15 * quarters))
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None
