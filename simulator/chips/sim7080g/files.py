"""The modem's file system (CFS commands): what is uploaded survives power-off."""

from typing import TYPE_CHECKING

from .area import Area
from .grammar import BAD_PARAMETER, NOT_ALLOWED, Asked, Refused, at

if TYPE_CHECKING:
    from .modem import Answer

FOLDERS = ("/custapp/", "/fota/", "/datatx/", "/customer/")
LONGEST_NAME = 230
MOST_AT_ONCE = 10240
ROOM = 512 * 1024  # bytes for all files; the module's real room is not documented


class Files(Area):
    """Files by (folder, name). The commands work between CFSINIT and CFSTERM only."""

    def reset(self) -> None:
        self._open = False

    @property
    def stored(self) -> dict[tuple[int, str], bytes]:
        return self.modem.flash.setdefault("files", {})

    def _needs_open(self) -> None:
        if not self._open:
            raise Refused(NOT_ALLOWED)

    @at("+CFSINIT", "run", "MAN, AT+CFSINIT; AN-FS 1.02: twice without CFSTERM is an ERROR")
    def cfsinit(self, asked: Asked, answer: "Answer") -> None:
        if self._open:
            raise Refused(NOT_ALLOWED)
        self._open = True
        answer.ok()

    @at("+CFSTERM", "run", "MAN, AT+CFSTERM; AN-FS 1.02")
    def cfsterm(self, asked: Asked, answer: "Answer") -> None:
        self._needs_open()
        self._open = False
        answer.ok()

    def _which(self, asked: Asked) -> tuple[int, str]:
        name = asked.word(1, LONGEST_NAME)
        if not name:
            raise Refused(BAD_PARAMETER)
        return asked.number(0, 0, len(FOLDERS) - 1), name

    @at("+CFSWFILE", "set", "MAN, AT+CFSWFILE: DOWNLOAD, then the bytes within the input time; AN-FS 1.02")
    def cfswfile(self, asked: Asked, answer: "Answer") -> None:
        from .modem import DataMode

        self._needs_open()
        which = self._which(asked)
        append = asked.number(2, 0, 1)
        size = asked.number(3, 1, MOST_AT_ONCE)
        within_ms = asked.number(4, 100, 10000)
        before = self.stored.get(which, b"") if append else b""
        self.stored.pop(which, None)  # too few bytes leave no usable file

        def take(data: bytes) -> None:
            others = sum(map(len, self.stored.values()))
            if others + len(before) + len(data) > ROOM:
                answer.error(NOT_ALLOWED)
                return
            self.stored[which] = before + data
            answer.ok()

        # The file's bytes are not echoed in SIMCom's examples.
        mode = DataMode(take, size, echo=False)
        self.modem.ask_data("\r\nDOWNLOAD\r\n", mode, lambda: answer.error(NOT_ALLOWED), within_ms * 1000)

    @at("+CFSGFIS", "set", "MAN, AT+CFSGFIS; AN-FS 1.02")
    def cfsgfis(self, asked: Asked, answer: "Answer") -> None:
        self._needs_open()
        data = self.stored.get(self._which(asked))
        if data is None:
            raise Refused(NOT_ALLOWED)
        answer.ok(f"+CFSGFIS: {len(data)}")

    @at("+CFSRFILE", "set", "MAN, AT+CFSRFILE; AN-FS 1.02")
    def cfsrfile(self, asked: Asked, answer: "Answer") -> None:
        self._needs_open()
        data = self.stored.get(self._which(asked))
        if data is None:
            raise Refused(NOT_ALLOWED)
        whole = asked.number(2, 0, 1) == 0
        size, start = asked.number(3, 1, MOST_AT_ONCE), asked.number(4, 0, ROOM, 0)
        part = data[0 if whole else start :][:size]
        answer.ok(f"+CFSRFILE: {len(part)}", part.decode("latin-1"))

    @at("+CFSDFILE", "set", "MAN, AT+CFSDFILE; AN-FS 1.02")
    def cfsdfile(self, asked: Asked, answer: "Answer") -> None:
        self._needs_open()
        if self.stored.pop(self._which(asked), None) is None:
            raise Refused(NOT_ALLOWED)
        answer.ok()

    @at("+CFSREN", "set", "MAN, AT+CFSREN; AN-FS 1.02")
    def cfsren(self, asked: Asked, answer: "Answer") -> None:
        self._needs_open()
        folder, name = self._which(asked)
        new = asked.word(2, LONGEST_NAME)
        if (folder, name) not in self.stored or not new:
            raise Refused(NOT_ALLOWED)
        self.stored[folder, new] = self.stored.pop((folder, name))
        answer.ok()

    @at("+CFSGFRS", "read", "MAN, AT+CFSGFRS; AN-FS 1.02")
    def cfsgfrs(self, asked: Asked, answer: "Answer") -> None:
        self._needs_open()
        answer.ok(f"+CFSGFRS: {ROOM - sum(map(len, self.stored.values()))}")
