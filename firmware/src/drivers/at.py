"""AT commands over a UART: one at a time, whole lines only, and nothing that is said late is taken for an answer.

Grammar: SIM7070_SIM7080_SIM7090 Series AT Command Manual V1.05, chapter 1 (command line, result codes), chapter 4
(prompt and Ctrl-Z of text messages). Echo stays on: it is the only way to know that the modem has read what was sent,
and a letter lost in a topic or in a telephone number would otherwise be answered by OK.
"""

import asyncio
import time

MOST_LINE_BYTES = 640  # the longest command line, 559 characters, and some
MOST_LINES = 24
_CHUNK_BYTES = 128  # 11 ms at 115200: writing never waits for room in the UART's buffer
_CHUNK_PAUSE_MS = 12
# A prompt follows its command within 300 ms; after this long it was lost on the way to us, and the data goes out blind.
PROMPT_MS = 2000
# An echo comes while the command is still being sent.
ECHO_MS = 1000
# No answer of the modem to a plain question is later than this (manual: 5 to 300 ms): the line is quiet.
QUIET_MS = 300
# Waits for the answer that makes the line clean again, one after the other; the last repeats.
_SETTLE_MS = (500, 1000, 2000, 4000)
# Questions whose answers carry their name; asked in turn, so that a late answer to one is not taken for the next one's.
_MARKERS = ("CMEE", "CSCS", "IPR", "CMGF", "CNMP", "CSCLK")
# Commands other than questions that answer by lines of their own name. Of all others such a line is unsolicited: +SMSUB
# during SMSUB.
_ANSWERING = ("CMGS", "CMGR", "CFSGFIS", "CAOPEN", "CBC", "CSQ", "CGNSINF", "CGNSCPY", "CGNSXTRA", "SPIC")
# Answers that look like the unsolicited line of the same name, or are late ones: whoever listens gets them, too.
_EITHER = ("+CMEE:", "+CEREG:", "+CPIN:", "+SMSTATE:", "+CAOPEN:")
_REPEATS = 3
_FINAL_ERRORS = ("ERROR", "+CME ERROR", "+CMS ERROR")
_ESCAPE = b"\x1b"
_POLL_MS = 10


class AtError(Exception):
    """The modem's final result is not OK; `code` is the number of CME or CMS, or -1."""

    def __init__(self, text, code=-1):
        super().__init__(text)
        self.text = text
        self.code = code


class AtTimeout(Exception):
    """No final result in time; what comes later belongs to nobody."""


class AtGone(Exception):
    """The modem began anew while a command was under way: that one is never answered."""


def _ends(timeout_ms):
    return time.ticks_add(time.ticks_ms(), timeout_ms)


def _left(end):
    return time.ticks_diff(end, time.ticks_ms())


def _first(ms, end):
    """Return the earlier of in so many milliseconds and end."""
    return _ends(max(0, min(ms, _left(end))))


def _name(text):
    """Return "CEREG" of "AT+CEREG=2"."""
    name = text[3:] if text.startswith("AT+") else ""
    for mark in "=?;":
        name = name.split(mark)[0]
    return name


def _code(line):
    """Return the number in "+CMS ERROR: 304", or -1."""
    number = line.split(":")[-1].strip()
    return int(number) if number.isdigit() else -1


class AtPort:
    """The modem's serial line. `uart` is a stream (readinto, write, ioctl); `on_urc(line)` must not block.

    on_urc gets every line that the command under way did not ask for, and, of lines that may be either, a copy.
    """

    def __init__(self, uart, on_urc):
        self._uart = uart
        self._on_urc = on_urc
        self._chunk = bytearray(_CHUNK_BYTES)
        self._line = bytearray(MOST_LINE_BYTES)
        self._length = 0
        self._news = asyncio.Event()
        self._queue = []  # who asks, in the order of coming; the first one has the line
        self._turn = (
            -1
        )  # the first question is for CMEE: its answer also shows a modem that began anew unseen
        self._doubt = None  # bytes that end what the modem may still be waiting for; None: the line is clean
        self._gone = None
        self.echoed = False  # whether the last command was
        self.must_echo = False  # set once the modem is known to echo: what it did not echo, it did not read
        self.torn = 0  # lines too long to be one
        self.refused = 0  # URC handlers that raised
        self._begin("")

    # Reading.

    async def run(self):
        """Read for ever; one task, which may be started again."""
        self._length = 0
        reader = asyncio.StreamReader(self._uart)
        while True:
            count = await reader.readinto(self._chunk)
            if not count:
                await asyncio.sleep_ms(_POLL_MS)
                continue
            for place in range(count):
                self._byte(self._chunk[place])

    def _byte(self, byte):
        if byte in (10, 13):
            self._end_of_line()
            return
        if self._length < MOST_LINE_BYTES:
            # What no modem prints is noise; as "?" it spoils its line and no other.
            self._line[self._length] = byte if 32 <= byte < 127 else 63
        self._length += 1
        if self._prompt is False and (self._is(b">") or self._is(b"DOWNLOAD")):
            self._length = 0
            self._prompt = True
            self._news.set()

    def _is(self, text):
        return self._length == len(text) and self._line[: self._length] == text

    def _end_of_line(self):
        length, self._length = self._length, 0
        if length > MOST_LINE_BYTES:
            self.torn += 1
            return
        line = bytes(self._line[:length]).decode().strip()
        if not line:
            return
        try:
            self._take(line)
        except Exception:  # noqa: BLE001 - a handler's fault must not stop the reader
            self.refused += 1
        self._news.set()

    def _take(self, line):
        """Sort one whole line: echo, final result, answer, or unsolicited."""
        final = line == "OK" or line.split(":")[0] in _FINAL_ERRORS
        if not self._text:
            self._late = self._late or final
            self._on_urc(line)
        elif line == self._text:
            self._echoed = True
        elif final:
            # Before its own answer has begun, a question asked to clean the line hears only ends of older commands.
            if self._result is None and (not self._marker or self._lines):
                self._result = line
        elif self._marker:
            if line.startswith(self._marker):
                self._keep(line)
            self._on_urc(line)
        elif self._in_message(line):
            self._keep(line)  # somebody's text: whatever it looks like, it is no URC
        elif self._prefix and line.startswith(self._prefix):
            self._keep(line)
            if self._prefix in _EITHER:
                self._on_urc(line)
        else:
            if line[0] not in "+*":
                self._keep(line)
            self._on_urc(line)

    def _in_message(self, line):
        begun = self._prefix == "+CMGR:" and self._lines and self._lines[0].startswith(self._prefix)
        return begun and not line.startswith("+SMSUB:")

    def _keep(self, line):
        if self._result is None and len(self._lines) < MOST_LINES:
            self._lines.append(line)

    def fail(self, why):
        """The modem has begun anew: end the command under way at once."""
        if self._text and not self._marker:
            self._gone = why
            self._news.set()

    # Asking.

    async def command(self, text, timeout_ms, once=False):
        """Send one command; return its information lines, or raise AtError, AtTimeout or AtGone.

        A command that the modem has not read as it was sent (by its echo) is repeated, unless it must go out once only:
        because it takes long, or because a second one would do harm.
        """
        end = _ends(timeout_ms)
        turn = await self._take_turn(text, end)
        try:
            for _ in range(1 if once else _REPEATS):
                await self._settle(text, end)
                await self._send(text, end)
                if not once and self.must_echo:
                    await self._until(lambda: self._echoed or self._is_over(), _first(ECHO_MS, end))
                    if not self._echoed and not self._is_over():
                        continue  # it was not read: no answer will come
                await self._final(text, end)
                if once or self._is_whole() or (self._result == "OK" and "=" not in text):
                    return self._answer(text)
            raise AtTimeout("%s: damaged on the way, again and again" % _name(text))
        finally:
            self._release(turn)

    async def command_with_data(self, text, data, timeout_ms, escape=False):
        """Send one command, wait for its prompt, then send exactly these bytes; return the information lines.

        Once the prompt is overdue the data is sent all the same: the prompt may have been lost. With `escape` it is not: a
        text message is taken back then, as it is when the modem may have read its number wrongly. Raises as command() does;
        after AtTimeout the data may have arrived, whole, damaged, or not at all. Data with a line in it that says OK is
        confirmed by its own echo (one sealed frame in some 20 million): what counts is the gateway's answer in any case.
        """
        end = _ends(timeout_ms)
        turn = await self._take_turn(text, end)
        try:
            await self._settle(text, end)
            await self._send(text, end)
            self._prompt = False
            # From here on, whatever ends this early leaves a modem that may wait for data: what fills it up is harmless.
            self._doubt = _ESCAPE + b"\r" if escape else b"\r" * (len(data) + 1)
            await self._until(lambda: self._prompt or self._is_over(), _first(PROMPT_MS, end))
            if not self._is_over():
                if not self._is_whole() and (escape or not self._prompt):
                    raise AtTimeout("%s: damaged on the way" % _name(text))
                if escape and not self._prompt:
                    raise AtTimeout("%s: no prompt" % _name(text))
                await self._write(data, end)
            await self._final(text, end)
            if not self._is_whole():
                self._doubt = b"\r" * (len(data) + 1)
                raise AtTimeout("%s: damaged on the way" % _name(text))
            return self._answer(text)
        finally:
            self._release(turn)

    def _is_whole(self):
        return self._echoed or not self.must_echo

    async def _take_turn(self, text, end):
        """Wait until it is our turn, first come, first served: who reads a full SIM must not keep an alarm waiting."""
        turn = [text]  # a list is itself, whatever stands in it
        self._queue.append(turn)
        try:
            while self._queue[0] is not turn:
                if _left(end) <= 0:
                    raise AtTimeout("%s: another command takes too long" % _name(text))
                await asyncio.sleep_ms(_POLL_MS)
        except BaseException:
            self._leave(turn)
            raise
        return turn

    def _release(self, turn):
        self.echoed = self._echoed
        self._begin("")
        self._leave(turn)

    def _leave(self, turn):
        self._queue = [other for other in self._queue if other is not turn]

    def _begin(self, text, marker=""):
        self._text = text
        self._marker = marker
        self._prefix = "+%s:" % _name(text) if text.endswith("?") or _name(text) in _ANSWERING else ""
        self._lines = []
        self._result = None
        self._echoed = False
        self._prompt = None  # False: awaited, True: seen
        self._gone = None
        self._late = False  # a final result has come that nobody waited for

    async def _send(self, text, end):
        self._begin(text)
        # Until the final result is here, whatever ends this call early leaves an answer under way.
        self._doubt = b"\r"
        await self._write(text.encode() + b"\r", end)

    async def _write(self, data, end):
        view = memoryview(data)
        at = 0
        while at < len(view):
            at += self._uart.write(view[at : at + _CHUNK_BYTES]) or 0
            if at < len(view):
                if _left(end) <= 0:
                    raise AtTimeout("the serial line takes no more")
                await asyncio.sleep_ms(min(_CHUNK_PAUSE_MS, _left(end)))

    def _is_over(self):
        return self._result is not None or self._gone is not None

    async def _final(self, text, end):
        """Wait for the final result; the line is clean once it is here."""
        if not await self._until(self._is_over, end):
            raise AtTimeout("%s: no answer" % _name(text))
        if self._gone is not None:
            raise AtGone(self._gone)
        # A message's text may hold a line that says OK.
        self._doubt = b"\r" if self._prefix == "+CMGR:" and self._lines else None

    def _answer(self, text):
        if self._result != "OK":
            raise AtError("%s: %s" % (_name(text), self._result), _code(self._result))
        return self._lines

    async def _until(self, ready, end):
        while not ready():
            left = _left(end)
            if left <= 0:
                return False
            self._news.clear()
            try:
                await asyncio.wait_for_ms(self._news.wait(), left)
            except asyncio.TimeoutError:
                pass  # the deadline decides
        return True

    # After a doubt: make sure that no answer is under way before the next command is sent.

    async def _settle(self, text, end):
        """Until the modem has answered a question by name and then keeps quiet, nothing else is asked."""
        tries = 0
        fill = self._doubt or b""
        while self._doubt is not None:
            if _left(end) <= 0:
                raise AtTimeout("%s: not sent, the modem does not answer" % _name(text))
            question = self._question(_name(text))
            self._begin(question, question[2:-1] + ":")
            await self._write(fill + question.encode() + b"\r", end)
            fill = b"\r"
            wait_ms = _SETTLE_MS[min(tries, len(_SETTLE_MS) - 1)]
            tries += 1
            if await self._until(self._is_over, _first(wait_ms, end)):
                self._begin("")
                await asyncio.sleep_ms(max(1, min(QUIET_MS, _left(end))))
                if not self._late:
                    self._doubt = None
                    self._turn = -1

    def _question(self, name):
        """Return the next question of the turn; never the one that the command itself will ask."""
        self._turn = (self._turn + 1) % len(_MARKERS)
        if _MARKERS[self._turn] == name:
            self._turn = (self._turn + 1) % len(_MARKERS)
        return "AT+%s?" % _MARKERS[self._turn]
