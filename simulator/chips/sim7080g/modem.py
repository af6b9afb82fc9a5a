"""SIM7080G at its AT commands: the UART, the command line, answers and unsolicited lines; the areas do the rest."""

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import grammar
from .clock import Clock
from .delays import Delays
from .faults import Faults
from .files import Files
from .general import General
from .gnss import Gnss
from .grammar import Asked, Refused
from .line import MqttLine, Scheduler, SkyView, SmsCentre
from .mqtt import Mqtt
from .packet import Packet
from .power import ON, Power
from .radio import Radio
from .sms import Sms
from .sockets import Sockets
from .subscription import Cell, Identity
from .tls import Tls

AREAS = (General, Clock, Radio, Packet, Files, Tls, Mqtt, Sockets, Gnss, Sms, Power)
AUTO_BAUDS = (9600, 19200, 38400, 57600, 115200)
BIT_US = {baud: 1_000_000 / baud for baud in (*AUTO_BAUDS, 230400, 460800, 921600)}
CHUNK = 120  # a UART's interrupt comes when its FIFO is nearly full
BACKLOG = 1024  # bytes a busy modem remembers
STRAY = ("DST: 0", "+CTZV: +4,0", "+CREG: 1", "OVER-VOLTAGE WARNNING", '+CPSMSTATUS: "EXIT PSM"')


def table() -> list[grammar.Entry]:
    """Return every form of every command there is an answer to."""
    return [entry for area in AREAS for entry in grammar.entries(area)]


class Answer:
    """One command line on its way: its commands are carried out one after the other, then comes one final result."""

    def __init__(self, modem: "Sim7080g", commands: list[Asked]) -> None:
        self._modem = modem
        self._left = commands
        self._epoch = modem.epoch
        self.done = False

    def ok(self, *lines: str) -> None:
        """This command went well: its lines, then the next command or OK."""
        if self._stale():
            return
        self._modem.say(*lines)
        self._next()

    def error(self, code: int | None = None, sms: bool = False) -> None:
        if not self._stale():
            self._finish(self._modem.result_text(code, sms))

    def final(self, text: str) -> None:
        """End the line with another result, as NORMAL POWER DOWN."""
        if not self._stale():
            self._finish(text)

    def silent(self) -> None:
        """No result is ever printed."""
        if not self._stale():
            self._finish("")

    def say(self, *lines: str) -> None:
        """Lines before the result."""
        if not self._stale():
            self._modem.say(*lines)

    def settle(self, went_well: bool, code: int | None = grammar.NOT_ALLOWED) -> None:
        if went_well:
            self.ok()
        else:
            self.error(code)

    def _stale(self) -> bool:
        return self.done or self._epoch != self._modem.epoch

    def begin(self) -> None:
        if self._left:
            self._next()
        else:
            self._finish("OK")  # a bare AT

    def _next(self) -> None:
        if self._left:
            self._modem.carry_out(self._left.pop(0), self)
        else:
            self._finish("OK")

    def _finish(self, result: str) -> None:
        self.done = True
        if result:
            self._modem.say(result)
        self._modem.free()


@dataclass
class DataMode:
    """The host owes us bytes: so many, or up to one of some characters."""

    take: Callable[[bytes], None]
    size: int = 0
    ends: bytes = b""
    echo: bool = True
    got: bytearray = field(default_factory=bytearray)

    def full(self) -> bool:
        if self.ends:
            return bool(self.got) and self.got[-1] in self.ends
        return len(self.got) >= self.size


class Sim7080g:
    """One modem. Host side: `receive`, `rail`, `pwrkey`, `dtr`; `send(bytes)` is what it says on its UART.

    `tell(load, on)` hears of each power state (modem_off … modem_gnss; one at a time). `faults`, `cell`, `delays` may be
    changed at any time. `unknown` lists the commands nobody wrote down, which answer ERROR.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        send: Callable[[bytes], object],
        line: MqttLine,
        sky: SkyView,
        phones: SmsCentre,
        identity: Identity,
        tell: Callable[[str, bool], object],
        *,
        chance: random.Random | None = None,
        unix_s: Callable[[], float] = time.time,
        scale: float = 1.0,
    ) -> None:
        self.scheduler, self._send = scheduler, send
        self.line, self.sky, self.phones, self.identity, self.tell = line, sky, phones, identity, tell
        self.chance = chance or random.Random(identity.imei)
        self.unix_s = unix_s
        self.delays = Delays(self.chance, scale)
        self.faults = Faults()
        self.cell = Cell()
        self.unknown: list[str] = []
        self.transcript: deque[tuple[int, str, bytes]] = deque(
            maxlen=4096
        )  # (when, "host" or "modem", bytes)
        self.flash: dict[str, Any] = {}  # what survives the loss of power
        self.host_baud = 115200
        # How long SMPUB and CMGS wait for their bytes is not documented: seconds, or 0 for ever.
        self.prompt_timeout_s = 0.0
        self.epoch = 0  # counts starts and ends: what was planned before does not happen after
        self._in: deque[bytes] = deque()
        self._out: deque[bytes] = deque()
        self._in_free_us = self._out_free_us = 0
        self._table: dict[tuple[str, str], Callable[[Asked, Answer], None]] = {}
        self._names: set[str] = set()
        self._areas: list[Any] = []
        for area in AREAS:
            self._add(area(self))
        self._reset_uart()
        self.faults.watch(self._fault_changed)
        phones.attach(identity.number, self.sms.arrive)

    # The areas, by name, so that they find one another.

    def _add(self, area: Any) -> None:
        setattr(self, type(area).__name__.lower(), area)
        self._areas.append(area)
        for entry in grammar.entries(type(area)):
            assert (entry.name, entry.form) not in self._table, entry
            self._table[entry.name, entry.form] = getattr(area, entry.method)
            self._names.add(entry.name)

    general: General
    clock: Clock
    radio: Radio
    packet: Packet
    files: Files
    tls: Tls
    mqtt: Mqtt
    sockets: Sockets
    gnss: Gnss
    sms: Sms
    power: Power

    def reset(self) -> None:
        """Forget what does not survive a restart: at each boot and each loss of power."""
        self.epoch += 1
        self._reset_uart()
        for area in self._areas:
            area.reset()

    def _reset_uart(self) -> None:
        self._line = bytearray()
        self._backlog = bytearray()
        self._running: Answer | None = None
        self._data: DataMode | None = None
        self._torn = self._torn_line = self._backlog_torn = False
        self.echo = True
        self.errors = 0  # CMEE
        self._out.clear()
        self.locked = self.flash.get("ipr", 0) != 0

    def _fault_changed(self, name: str) -> None:
        for area in self._areas:
            area.fault_changed(name)

    # Time.

    def now_us(self) -> int:
        return self.scheduler.now_us()

    def after(self, us: int, do: Callable[[], object]) -> None:
        """Do something later, if the modem has not restarted or lost power by then."""
        epoch = self.epoch
        self.scheduler.after(us, lambda: do() if epoch == self.epoch else None)

    def soon(self, delay: str, do: Callable[[], object]) -> None:
        """Do something after a delay of the table."""
        self.after(self.delays.us(delay), do)

    # Inputs.

    def rail(self, on: bool) -> None:
        self.power.rail(on)

    def antenna(self, on: bool) -> None:
        """The rail of the satellite antenna; without it no fix ever comes."""
        self.gnss.note()
        self.gnss.antenna = on

    def pwrkey(self, low: bool) -> None:
        self.power.pwrkey(low)

    def dtr(self, high: bool) -> None:
        self.power.dtr(high)

    def receive(self, data: bytes) -> None:
        """The host writes; the bytes arrive when their last bit has been sent."""
        for start in range(0, len(data), CHUNK):
            self._in.append(bytes(data[start : start + CHUNK]))
            wait = self._line_time(len(self._in[-1]), self._in_free_us)
            self._in_free_us = self.now_us() + wait
            self.scheduler.after(wait, self._arrive)

    def _line_time(self, count: int, free_us: int) -> int:
        took = count * 10 * BIT_US.get(self.host_baud, 0.0) * self.delays.scale
        return round(max(0, free_us - self.now_us()) + took)

    def _arrive(self) -> None:
        data = self._in.popleft()
        self.transcript.append((self.now_us(), "host", data))
        if not self.power.hears():
            return
        fixed = self.flash.get("ipr", 0)
        if fixed != self.host_baud and (fixed or self.host_baud not in AUTO_BAUDS):
            return  # garbage, and no AT in it
        kept = self._lossy(data)
        for byte in kept:
            self._mark_torn(len(kept) < len(data))
            self._byte(byte)
        self._mark_torn(len(kept) < len(data))

    def _mark_torn(self, lost: bool) -> None:
        """Remember which line lost characters: what it then seems to ask is not the host's doing."""
        if lost and self.busy:
            self._backlog_torn = True
        elif lost:
            self._torn = True

    def _lossy(self, data: bytes) -> bytes:
        share = self.faults.characters_lost
        return bytes(byte for byte in data if self.chance.random() >= share) if share else data

    def _byte(self, byte: int) -> None:
        if self._data:
            self._data_byte(self._data, byte)
        elif self._running:
            if len(self._backlog) < BACKLOG:
                self._backlog.append(byte)
        elif not self.locked:
            self._find_baud(byte)
        else:
            self._command_byte(byte)

    def _find_baud(self, byte: int) -> None:
        """Auto-detection: the first line with AT in it is what the speed is measured by, and is lost."""
        self._line.append(byte)
        if byte in b"\r\n":
            self.locked = b"AT" in self._line.upper()
            self._line.clear()

    def _command_byte(self, byte: int) -> None:
        if byte == 0x0A and not self._line:
            return
        if self.echo:
            self._put(bytes((byte,)))
        if byte == 0x08 and self._line:
            self._line.pop()
        elif byte == 0x0D:
            line, torn = bytes(self._line), self._torn
            self._line.clear()
            self._torn = False
            self._begin(line, torn)
        elif len(self._line) <= grammar.LONGEST_LINE:
            self._line.append(byte)

    # Commands.

    def _begin(self, line: bytes, torn: bool) -> None:
        commands = grammar.parse(line.decode("latin-1"))
        if commands is None:
            return  # nothing that begins with AT: no answer at all
        answer = Answer(self, commands)
        self._running = answer
        self._torn_line = torn
        if len(line) > grammar.LONGEST_LINE or len(commands) > grammar.MOST_JOINED:
            answer.error()
        elif self.chance.random() < self.faults.reboots:
            self.power.restart()
        else:
            self.soon("command", answer.begin)

    def carry_out(self, asked: Asked, answer: Answer) -> None:
        """Carry out one command; what its line still asks comes after it."""
        method = self._table.get((asked.name, asked.form))
        if method is None:
            if not self._torn_line:
                self.unknown.append(asked.text)
            answer.error()
            return
        try:
            method(asked, answer)
        except Refused as refused:
            answer.error(refused.code, refused.sms)

    def free(self) -> None:
        """The line is answered: go on with what came in meanwhile."""
        self._running = self._data = None
        self._torn |= self._backlog_torn
        self._backlog_torn = False
        backlog, self._backlog = bytes(self._backlog), bytearray()
        for byte in backlog:
            self._byte(byte)

    def result_text(self, code: int | None, sms: bool = False) -> str:
        if sms:
            return f"+CMS ERROR: {code}"
        if code is None or not self.errors:
            return "ERROR"
        return f"+CME ERROR: {code if self.errors == 1 else grammar.CME_TEXTS.get(code, 'unknown')}"

    def ask_data(
        self, prompt: str, mode: DataMode, late: Callable[[], None], within_us: int | None = None
    ) -> None:
        """Prompt the host and take what follows as data; `late()` if it is not all there in time."""
        self._data = mode
        if not self.power.swallows_prompt():
            self._put(prompt.encode())
        if mode.size == 0 and not mode.ends:
            self._end_data(mode)
            return
        wait_us = round(self.prompt_timeout_s * 1e6) if within_us is None else within_us
        if wait_us:
            self.after(wait_us, lambda: self._data_late(mode, late))

    def _data_late(self, mode: DataMode, late: Callable[[], None]) -> None:
        if self._data is mode:
            self._data = None
            late()

    def _data_byte(self, mode: DataMode, byte: int) -> None:
        mode.got.append(byte)
        if self.echo and mode.echo:
            self._put(bytes((byte,)))
        if mode.full():
            self._end_data(mode)

    def _end_data(self, mode: DataMode) -> None:
        self._data = None
        mode.take(bytes(mode.got))

    # What the modem says.

    def say(self, *lines: str) -> None:
        """Print lines of an answer; another line may come between them."""
        if lines and self.chance.random() < self.faults.urc_in_answers:
            self._print((self.chance.choice(STRAY),))
        self._print(lines)

    def urc(self, *lines: str) -> None:
        """Print unsolicited lines, if the speed is known and the UART is alive."""
        if self.locked and self.power.speaks():
            self._print(lines)

    def _print(self, lines: tuple[str, ...]) -> None:
        if lines:
            self._put(("\r\n" + "\r\n".join(lines) + "\r\n").encode("latin-1", "replace"))

    def _put(self, data: bytes) -> None:
        if self.flash.get("ipr", 0) not in (0, self.host_baud):
            data = bytes(byte ^ 0x9A | 0x80 for byte in data)  # read at another speed it is garbage
        data = self._lossy(data)
        for start in range(0, len(data), CHUNK):
            chunk = data[start : start + CHUNK]
            self._out.append(chunk)
            wait = self._line_time(len(chunk), self._out_free_us)
            self._out_free_us = self.now_us() + wait
            self.after(wait, self._sent)

    def _sent(self) -> None:
        if self._out:
            data = self._out.popleft()
            self.transcript.append((self.now_us(), "modem", data))
            self._send(data)

    @property
    def awake(self) -> bool:
        return self.power.state == ON

    @property
    def busy(self) -> bool:
        """Whether a command line is being answered."""
        return self._running is not None

    def hush(self) -> None:
        """What is not yet said is never said."""
        self._out.clear()
