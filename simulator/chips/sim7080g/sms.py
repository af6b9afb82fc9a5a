"""Text messages (3GPP TS 27.005 in text mode): the SIM's memory, sending with a prompt, and who is told of what came."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .area import Area
from .clock import written
from .grammar import BAD_PARAMETER, READ, SET, TEST, Asked, Refused, at

if TYPE_CHECKING:
    from .modem import Answer, Sim7080g

# 3GPP TS 27.005 3.2.5.
CMS_NOT_ALLOWED, CMS_BAD_PARAMETER, CMS_SIM_MISSING, CMS_BAD_INDEX, CMS_NO_NETWORK, CMS_UNKNOWN = (
    302,
    304,
    310,
    321,
    331,
    500,
)
ROOM = 20  # messages; SIM cards hold 10 to 50
LONGEST = 160
CTRL_Z, ESC = 0x1A, 0x1B
UNREAD, READ_ALREADY = "REC UNREAD", "REC READ"
KINDS = (UNREAD, READ_ALREADY, "STO UNSENT", "STO SENT", "ALL")
MEMORIES = ("SM", "ME", "MT")


@dataclass
class Message:
    """One message of the SIM's memory."""

    sender: str
    text: str
    stamp: str
    status: str = UNREAD


class Sms(Area):
    """The memory is the SIM's and survives everything; the modes are set again after a boot."""

    def __init__(self, modem: "Sim7080g") -> None:
        self.memory: dict[int, Message] = {}
        super().__init__(modem)

    def reset(self) -> None:
        self._text_mode = False
        self._charset = "IRA"
        self._coding = (17, 167, 0, 0)
        self._indication = (2, 1, 0, 0, 0)
        self._reference = self.modem.flash.get("sms_reference", 0)
        self._storage = ["SM", "SM", "SM"]

    # What comes.

    def arrive(self, sender: str, text: str) -> bool:
        """The centre has a text for us. Return whether it was taken: off the air or full it is not."""
        modem = self.modem
        if not modem.awake or not modem.radio.on_air or modem.faults.sms_absent:
            return False
        mode, show = self._indication[:2]
        stamp = written(modem.unix_s(), modem.cell.zone_quarters)
        if show == 2 and mode and modem.power.hears():
            modem.urc(f'+CMT: "{self._coded(sender)}",,"{stamp}"', self._coded(text))
            return True
        index = self._free_index()
        if index is None:
            return False
        self.memory[index] = Message(sender, text, stamp)
        if show == 1 and mode:
            modem.urc(f'+CMTI: "SM",{index}')
        return True

    def _free_index(self) -> int | None:
        return next((i for i in range(ROOM) if i not in self.memory), None)

    def fault_changed(self, name: str) -> None:
        if name == "sms_full" and self.modem.faults.sms_full:
            stamp = written(self.modem.unix_s(), self.modem.cell.zone_quarters)
            while (index := self._free_index()) is not None:
                self.memory[index] = Message("+34600999999", f"old message {index}", stamp, READ_ALREADY)

    # Characters.

    def _coded(self, text: str) -> str:
        return text.encode("utf-16-be").hex().upper() if self._charset == "UCS2" else text

    def _decoded(self, text: str) -> str:
        if self._charset != "UCS2":
            return text
        try:
            return bytes.fromhex(text).decode("utf-16-be")
        except ValueError:
            raise Refused(CMS_BAD_PARAMETER, sms=True) from None

    # Modes.

    @at("+CMGF", "read test set", "MAN 4, 27.005: AT+CMGF: NO_SAVE")
    def cmgf(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(f"+CMGF: {int(self._text_mode)}")
        elif asked.form == TEST:
            answer.ok("+CMGF: (0-1)")
        else:
            self._text_mode = bool(asked.number(0, 0, 1))
            answer.ok()

    @at("+CSCS", "read test set", "MAN, 27.007: AT+CSCS: NO_SAVE")
    def cscs(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok(f'+CSCS: "{self._charset}"')
        elif asked.form == TEST:
            answer.ok('+CSCS: ("IRA","GSM","UCS2")')
        else:
            wanted = asked.word(0, 8).upper()
            if wanted not in ("IRA", "GSM", "UCS2"):
                raise Refused(BAD_PARAMETER)
            self._charset = wanted
            answer.ok()

    @at("+CSMP", "read set", "MAN 4, 27.005: AT+CSMP")
    def csmp(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok("+CSMP: " + ",".join(map(str, self._coding)))
        else:
            first, validity, protocol, coding = (
                asked.number(i, 0, 255, default) for i, default in enumerate(self._coding)
            )
            self._coding = (first, validity, protocol, coding)
            answer.ok()

    @at("+CSMS", "read test set", "MAN 4, 27.005: AT+CSMS")
    def csms(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok("+CSMS: 0,1,1,1")
        elif asked.form == TEST:
            answer.ok("+CSMS: (0-1)")
        else:
            asked.number(0, 0, 1)
            answer.ok("+CSMS: 1,1,1")

    @at("+CNMI", "read test set", "MAN 4, 27.005: AT+CNMI: set again after a boot")
    def cnmi(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok("+CNMI: " + ",".join(map(str, self._indication)))
        elif asked.form == TEST:
            answer.ok("+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)")
        else:
            most = (2, 3, 2, 2, 1)
            mode, show, cell, report, buffer = (asked.number(i, 0, top, 0) for i, top in enumerate(most))
            self._indication = (mode, show, cell, report, buffer)
            answer.ok()

    @at("+CPMS", "read test set", "MAN 4, 27.005: AT+CPMS")
    def cpms(self, asked: Asked, answer: "Answer") -> None:
        used = len(self.memory)
        if asked.form == READ:
            answer.ok("+CPMS: " + ",".join(f'"{name}",{used},{ROOM}' for name in self._storage))
        elif asked.form == TEST:
            answer.ok('+CPMS: ("SM","ME","MT"),("SM","ME","MT"),("SM","ME","MT")')
        else:
            names = [asked.word(i, 2, self._storage[i]).upper() for i in range(3)]
            if any(name not in MEMORIES for name in names):
                raise Refused(CMS_BAD_PARAMETER, sms=True)
            self._storage = names
            answer.ok("+CPMS: " + ",".join(f"{used},{ROOM}" for _ in names))

    @at("+CSCA", "read set", "MAN 4, 27.005: AT+CSCA")
    def csca(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == READ:
            answer.ok('+CSCA: "+34609090909",145')
        else:
            asked.word(0, 20)
            answer.ok()

    # Sending.

    def _ready(self) -> None:
        if self.modem.faults.no_sim:
            raise Refused(CMS_SIM_MISSING, sms=True)
        self.modem.radio.needs_sim()

    @at("+CMGS", "test set", "MAN 4, 27.005: AT+CMGS: > and a blank; text, Ctrl-Z; up to 60 s")
    def cmgs(self, asked: Asked, answer: "Answer") -> None:
        from .modem import DataMode

        if asked.form == TEST:
            answer.ok()
            return
        self._ready()
        if not self._text_mode:
            raise Refused(CMS_NOT_ALLOWED, sms=True)  # PDU mode is not emulated
        number = self._decoded(asked.word(0, 80))
        if not number.lstrip("+").isdigit():
            raise Refused(CMS_BAD_PARAMETER, sms=True)

        def take(data: bytes) -> None:
            if data[-1] == ESC:
                answer.ok()
                return
            try:
                text = self._decoded(data[:-1].decode("latin-1").lstrip("\n"))
            except Refused as refused:
                answer.error(refused.code, sms=True)
                return
            self._send(number, text, answer)

        mode = DataMode(take, ends=bytes((CTRL_Z, ESC)))
        self.modem.ask_data("\r\n> ", mode, lambda: answer.error(CMS_UNKNOWN, sms=True))

    def _send(self, number: str, text: str, answer: "Answer") -> None:
        modem = self.modem
        if len(text) > (70 if self._charset == "UCS2" else LONGEST):
            answer.error(CMS_BAD_PARAMETER, sms=True)
            return
        if not modem.radio.on_air:
            answer.error(CMS_NO_NETWORK, sms=True)
            return
        if not modem.power.busy(True):
            return
        epoch = modem.epoch

        def done(taken: bool) -> None:
            if epoch != modem.epoch:
                return
            modem.power.busy(False)
            if taken and modem.radio.on_air:
                self._reference = modem.flash["sms_reference"] = (self._reference + 1) % 256
                answer.ok(f"+CMGS: {self._reference}")
            else:
                answer.error(CMS_UNKNOWN, sms=True)

        if modem.faults.sms_absent:
            modem.soon("sms_send", lambda: done(False))
        else:
            sender = modem.identity.number
            modem.soon("sms_send", lambda: modem.phones.send(sender, number, text, done))

    # Reading.

    @at("+CMGR", "set", "MAN 4, 27.005: AT+CMGR")
    def cmgr(self, asked: Asked, answer: "Answer") -> None:
        self._ready()
        message = self.memory.get(asked.number(0, 0, 255))
        if message is None:
            answer.ok()
            return
        status = message.status
        if asked.number(1, 0, 1, 0) == 0 and status == UNREAD:
            message.status = READ_ALREADY
        head = f'+CMGR: "{status}","{self._coded(message.sender)}",,"{message.stamp}"'
        answer.ok(head, self._coded(message.text))

    @at("+CMGL", "test set", "MAN 4, 27.005: AT+CMGL")
    def cmgl(self, asked: Asked, answer: "Answer") -> None:
        if asked.form == TEST:
            answer.ok("+CMGL: (" + ",".join(f'"{kind}"' for kind in KINDS) + ")")
            return
        self._ready()
        kind = asked.word(0, 12).upper()
        if kind not in KINDS:
            raise Refused(CMS_BAD_PARAMETER, sms=True)
        lines = []
        for index, message in sorted(self.memory.items()):
            if kind in ("ALL", message.status):
                head = f'+CMGL: {index},"{message.status}","{self._coded(message.sender)}",,"{message.stamp}"'
                lines += [head, self._coded(message.text)]
                if asked.number(1, 0, 1, 0) == 0 and message.status == UNREAD:
                    message.status = READ_ALREADY
        answer.ok(*lines)

    @at("+CMGD", "test set", "MAN 4, 27.005: AT+CMGD: ,4 deletes all")
    def cmgd(self, asked: Asked, answer: "Answer") -> None:
        if asked.form != SET:
            used = ",".join(map(str, sorted(self.memory)))
            answer.ok(f"+CMGD: ({used}),(0-4)")
            return
        self._ready()
        which = asked.number(1, 0, 4, 0)
        if which == 0:
            index = asked.number(0, 0, 255)
            if index >= ROOM:
                raise Refused(CMS_BAD_INDEX, sms=True)
            self.memory.pop(index, None)
        elif which == 4:
            self.memory.clear()
        else:
            self.memory = {i: m for i, m in self.memory.items() if m.status == UNREAD}
        answer.ok()
