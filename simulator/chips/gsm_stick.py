"""A GSM stick at its AT commands, on a pseudo-terminal: text mode of 3GPP TS 27.005 (GSM 07.05), the rest TS 27.007 (07.07).

The standards' section stands at each command. What no standard says is marked as assumed. Whatever a stick of this kind
would not know is answered with ERROR and kept in `unknown`: a test looks there.
"""

import asyncio
import contextlib
import os
import random
import re
import tty
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from simulator.world.phones import SmsCentre

# 3GPP TS 23.038, 6.2.1: the place of a character is its code. A program that says CSCS="GSM" and then writes an
# underscore in ASCII (0x5f) texts a section sign.
GSM_ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
CTRL_Z, ESCAPE = 0x1A, 0x1B
# TS 27.005, 3.2.5 (CMS) and TS 27.007, 9.2.1 (CME).
CMS_NO_SIM, CMS_PIN, CMS_NO_INDEX, CMS_FULL, CMS_NO_NETWORK = 310, 311, 321, 322, 331
CME_NO_SIM, CME_PIN, CME_PUK, CME_WRONG = 10, 11, 12, 16
PIN_TRIES = 3  # TS 31.101: then the SIM wants its PUK
CHATTER = "^RSSI: 17"  # assumed: sticks of one maker say so unasked, at any boundary of lines
LONGEST_COMMAND = 560  # TS 27.007 leaves it to the maker; assumed


@dataclass
class Stored:
    """One text in the memory of the SIM."""

    sender: str
    text: str
    at: datetime
    read: bool = False


class Refused(Exception):
    """A command is not carried out; the final result says why."""


@dataclass
class Faults:
    """What is wrong with the stick; settable at any time through `GsmStick.change`."""

    sim: bool = True
    network: bool = True
    silent: bool = False  # answers nothing at all
    chatter: float = 0.0  # share of lines with an unasked one before them
    send_error: int = 0  # +CMS ERROR of every text that is to be sent
    delete_error: int = 0
    csdh: bool = True  # whether headers can say how long a text is


class GsmStick:
    """One stick with its SIM. `path` is where a program finds it while it is plugged in."""

    def __init__(
        self, number: str, centre: SmsCentre, path: Path, *, slots: int = 20, pin: str = "", seed: int = 0
    ) -> None:
        self.number, self.path, self.slots, self.pin = number, path, slots, pin
        self._centre = centre
        self._chance = random.Random(seed)
        self.faults = Faults()
        self.memory: dict[int, Stored] = {}
        self.unknown: list[str] = []
        self.said: list[str] = []  # every command, as it came
        self.sent: list[tuple[str, str]] = []
        self.full = 0  # texts the SIM had no room for
        self._pin_tries = PIN_TRIES
        self._master = self._slave = -1
        self._begin()

    def _begin(self) -> None:
        """What power-on makes of everything that no SIM keeps."""
        self._life = getattr(self, "_life", 0) + 1
        self._unlocked = not self.pin
        self._echo, self._numbers, self._text_mode = True, False, False
        self._alphabet, self._notice, self._header = "IRA", 0, False
        self._line = bytearray()
        self._recipient: str | None = None  # of the text that is being typed
        self._busy = False  # a final result is still to come
        self._unasked: list[str] = []  # waits for it
        self._out = bytearray()
        self._references = 0

    # Plug, SIM, network.

    @property
    def plugged(self) -> bool:
        return self._master >= 0

    def plug(self) -> None:
        """Put the stick in: a new terminal behind the same path, as /dev/serial/by-id has it."""
        self._begin()
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._slave))
        asyncio.get_running_loop().add_reader(self._master, self._readable)
        self._register()

    def unplug(self) -> None:
        """Pull it out: the terminal hangs up."""
        if not self.plugged:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._master)
        loop.remove_writer(self._master)
        self.path.unlink(missing_ok=True)
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1
        self._life += 1
        self._register()

    def change(self, **faults: object) -> None:
        """Set faults; the network notices."""
        for name, value in faults.items():
            assert hasattr(self.faults, name), name
            setattr(self.faults, name, value)
        self._register()

    @property
    def registered(self) -> bool:
        return self.plugged and self.faults.sim and self.faults.network and self._unlocked

    def _register(self) -> None:
        if self.registered:
            self._centre.attach(self.number, self._receive)
        else:
            self._centre.detach(self.number)

    def _receive(self, sender: str, text: str) -> bool:
        """TS 27.005, 3.4.1 (CNMI): a text comes to the SIM and is announced, or goes straight to the program."""
        if self._notice == 2:
            self._unask(f'+CMT: "{sender}",,"{_stamp(datetime.now(UTC))}"', text)
            return True
        index = self.store(sender, text)
        if index is None:
            self.full += 1
            return False
        if self._notice == 1:
            self._unask(f'+CMTI: "SM",{index}')
        return True

    def store(self, sender: str, text: str, at: datetime | None = None) -> int | None:
        """Put a text into the SIM's memory without a word; None when it is full."""
        free = next((n for n in range(1, self.slots + 1) if n not in self.memory), None)
        if free is not None:
            self.memory[free] = Stored(sender, text, at or datetime.now(UTC))
        return free

    # The line.

    def _readable(self) -> None:
        try:
            data = os.read(self._master, 4096)
        except OSError:
            return
        if self.faults.silent:
            return
        for byte in data:
            self._take(byte)

    def _take(self, byte: int) -> None:
        if self._recipient is not None:
            self._take_text(byte)
            return
        if self._echo:
            self._write(bytes([byte]))
        if byte == 13:
            command = self._line.decode("latin-1").strip()
            self._line.clear()
            if command:
                self._obey(command)
        elif byte not in (10, CTRL_Z, ESCAPE) and len(self._line) < LONGEST_COMMAND:
            self._line.append(byte)

    def _take_text(self, byte: int) -> None:
        """TS 27.005, 3.5.1 (CMGS): after `> ` all is text, until Ctrl-Z sends it or ESC gives it up."""
        if self._echo:
            self._write(bytes([byte]))
        if byte not in (CTRL_Z, ESCAPE):
            self._line.append(byte)
            return
        recipient, text = self._recipient, self._decoded(bytes(self._line))
        self._recipient = None
        self._line.clear()
        if byte == ESCAPE:
            self._final("OK")
            return
        assert recipient is not None
        if self.faults.send_error:
            self._final(f"+CMS ERROR: {self.faults.send_error}")
        elif not self.registered:
            self._final(f"+CMS ERROR: {CMS_NO_NETWORK}")
        else:
            self.sent.append((recipient, text))
            life = self._life
            self._centre.send(self.number, recipient, text, lambda ok: self._submitted(ok, life))

    def _submitted(self, ok: bool, life: int) -> None:
        if life != self._life:
            return  # pulled out since
        self._references = self._references % 255 + 1
        if ok:
            self._say(f"+CMGS: {self._references}")
        self._final("OK" if ok else "+CMS ERROR: 38")

    def _decoded(self, data: bytes) -> str:
        if self._alphabet == "GSM":
            return "".join(GSM_ALPHABET[byte & 0x7F] for byte in data)
        return data.decode("ascii", errors="replace")

    def _encoded(self, text: str) -> bytes:
        if self._alphabet == "GSM":
            return bytes(max(0, GSM_ALPHABET.find(letter)) for letter in text)
        return text.encode("ascii", errors="replace")

    def _write(self, data: bytes) -> None:
        if self.plugged:
            self._out += data
            self._flush()

    def _flush(self) -> None:
        if not self.plugged:
            return
        loop = asyncio.get_running_loop()
        with contextlib.suppress(BlockingIOError):
            while self._out:
                del self._out[: os.write(self._master, self._out)]
        if self._out:
            loop.add_writer(self._master, self._flush)
        else:
            loop.remove_writer(self._master)

    def _say(self, line: str) -> None:
        """One line of information (TS 27.007, 4.1: CR LF on both sides), perhaps with an unasked one before it."""
        if self._chance.random() < self.faults.chatter:
            self._write(f"\r\n{CHATTER}\r\n".encode())
        self._write(b"\r\n" + self._encoded(line) + b"\r\n")

    def _final(self, result: str) -> None:
        self._busy = False
        self._say(result)
        unasked, self._unasked = self._unasked, []
        for line in unasked:
            self._say(line)

    def _unask(self, *lines: str) -> None:
        """TS 27.005, 3.4.1, CNMI mode 2: what is unasked waits while a command is at work."""
        if self._busy:
            self._unasked += lines
            return
        for line in lines:
            self._say(line)

    # Commands.

    def _obey(self, command: str) -> None:
        self.said.append(command)
        self._busy = True
        try:
            final = self._carried_out(command)
        except Refused as refused:
            self._final(str(refused) if self._numbers else "ERROR")
            return
        if final is not False:
            self._final("OK")

    def _carried_out(self, command: str) -> bool | None:
        for pattern, method in COMMANDS:
            if found := re.fullmatch(pattern, command, re.IGNORECASE):
                return method(self, *found.groups())
        self.unknown.append(command)
        raise Refused("ERROR")

    def _cms(self, number: int) -> Refused:
        return Refused(f"+CMS ERROR: {number}")

    def _needs_sim(self) -> None:
        if not self.faults.sim:
            raise self._cms(CMS_NO_SIM)
        if not self._unlocked:
            raise self._cms(CMS_PIN)

    def nothing(self, *_: str) -> None:
        """V.250: AT alone, ATZ as far as a program can tell. TS 27.005, 3.1 and 3.3: CSMP, CSMS and the like."""

    def echo(self, value: str) -> None:
        """V.250, 6.2.4: ATE."""
        self._echo = value == "1"

    def errors(self, value: str) -> None:
        """TS 27.007, 9.1: CMEE. 0: bare ERROR."""
        self._numbers = value != "0"

    def pin_asked(self) -> None:
        """TS 27.007, 8.3: CPIN?."""
        if not self.faults.sim:
            raise Refused(f"+CME ERROR: {CME_NO_SIM}")
        wants = "READY" if self._unlocked else "SIM PIN" if self._pin_tries else "SIM PUK"
        self._say(f"+CPIN: {wants}")

    def pin_given(self, pin: str) -> None:
        """TS 27.007, 8.3: CPIN=. After three wrong ones the SIM wants its PUK."""
        if not self.faults.sim:
            raise Refused(f"+CME ERROR: {CME_NO_SIM}")
        if not self._pin_tries:
            raise Refused(f"+CME ERROR: {CME_PUK}")
        if pin != self.pin:
            self._pin_tries -= 1
            raise Refused(f"+CME ERROR: {CME_WRONG}")
        self._pin_tries, self._unlocked = PIN_TRIES, True
        self._register()

    def registration(self) -> None:
        """TS 27.007, 7.2: CREG?. 1: home network, 2: searching."""
        self._say(f"+CREG: 0,{1 if self.registered else 2}")

    def text_mode(self, value: str) -> None:
        """TS 27.005, 3.2.3: CMGF."""
        self._text_mode = value == "1"

    def alphabet(self, name: str) -> None:
        """TS 27.007, 5.5: CSCS. IRA is ASCII as programs know it."""
        self._alphabet = name.upper()

    def headers(self, value: str) -> None:
        """TS 27.005, 3.3.3: CSDH. 1: headers say how many characters a text has."""
        if not self.faults.csdh:
            raise Refused("ERROR")
        self._header = value == "1"

    def memory_chosen(self) -> None:
        """TS 27.005, 3.2.2: CPMS=. The SIM has the only memory."""
        self._needs_sim()
        self._say(f"+CPMS: {self._used()},{self._used()},{self._used()}")

    def memory_asked(self) -> None:
        """TS 27.005, 3.2.2: CPMS?."""
        self._needs_sim()
        self._say(",".join([f'+CPMS: "SM",{self._used()}', *[f'"SM",{self._used()}'] * 2]))

    def _used(self) -> str:
        return f"{len(self.memory)},{self.slots}"

    def announce(self, how: str) -> None:
        """TS 27.005, 3.4.1: CNMI, second value. 0: never, 1: +CMTI, 2: +CMT and no copy on the SIM."""
        self._notice = int(how)

    def list_all(self) -> None:
        """TS 27.005, 3.4.2: CMGL="ALL", which also marks them as read."""
        self._needs_text_mode()
        for index, stored in sorted(self.memory.items()):
            state = "REC READ" if stored.read else "REC UNREAD"
            stored.read = True
            length = f",145,{len(stored.text)}" if self._header else ""
            self._say(f'+CMGL: {index},"{state}","{stored.sender}",,"{_stamp(stored.at)}"{length}')
            self._write(self._encoded(stored.text) + b"\r\n")

    def read(self, index: str) -> None:
        """TS 27.005, 3.4.3: CMGR."""
        self._needs_text_mode()
        stored = self.memory.get(int(index))
        if stored is None:
            raise self._cms(CMS_NO_INDEX)
        state = "REC READ" if stored.read else "REC UNREAD"
        stored.read = True
        more = f',145,4,0,0,"+34600000000",145,{len(stored.text)}' if self._header else ""
        self._say(f'+CMGR: "{state}","{stored.sender}",,"{_stamp(stored.at)}"{more}')
        if self._chance.random() < self.faults.chatter:
            self._write(f"{CHATTER}\r\n".encode())
        self._write(self._encoded(stored.text) + b"\r\n")

    def delete(self, index: str) -> None:
        """TS 27.005, 3.5.4: CMGD. To delete what is not there is no error: assumed, sticks differ."""
        self._needs_sim()
        if self.faults.delete_error:
            raise self._cms(self.faults.delete_error)
        self.memory.pop(int(index), None)

    def send(self, recipient: str) -> bool:
        """TS 27.005, 3.5.1: CMGS; the prompt is CR LF, greater-than, blank."""
        self._needs_text_mode()
        self._recipient = recipient
        self._write(b"\r\n> ")
        return False

    def _needs_text_mode(self) -> None:
        self._needs_sim()
        if not self._text_mode:
            raise self._cms(303)  # operation not supported: assumed; in PDU mode all these look otherwise


COMMANDS: list[tuple[str, Callable[..., bool | None]]] = [
    (r"AT|ATZ|AT\+CSMP=17,\d+,0,0|AT\+CSMS=0", GsmStick.nothing),
    (r"ATE([01])", GsmStick.echo),
    (r"AT\+CMEE=([012])", GsmStick.errors),
    (r"AT\+CPIN\?", GsmStick.pin_asked),
    (r'AT\+CPIN="?(\d{4,8})"?', GsmStick.pin_given),
    (r"AT\+CREG\?", GsmStick.registration),
    (r"AT\+CMGF=([01])", GsmStick.text_mode),
    (r'AT\+CSCS="(IRA|GSM)"', GsmStick.alphabet),
    (r"AT\+CSDH=([01])", GsmStick.headers),
    (r'AT\+CPMS="SM"(?:,"SM"){0,2}', GsmStick.memory_chosen),
    (r"AT\+CPMS\?", GsmStick.memory_asked),
    (r"AT\+CNMI=2,([012]),0,0,0", GsmStick.announce),
    (r'AT\+CMGL="ALL"', GsmStick.list_all),
    (r"AT\+CMGR=(\d{1,3})", GsmStick.read),
    (r"AT\+CMGD=(\d{1,3})", GsmStick.delete),
    (r'AT\+CMGS="(\+?\d{3,20})"', GsmStick.send),
]


def _stamp(at: datetime) -> str:
    """TS 27.005, 3.1: <scts> is local time and the quarters of an hour it is ahead of UTC."""
    return at.astimezone(UTC).strftime("%y/%m/%d,%H:%M:%S+00")
