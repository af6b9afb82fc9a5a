"""The grammar of a command line, and the table of commands: each form of each command is one entry with its source.

Sources by short names, as in the commands' entries: MAN is SIMCom's SIM7070_SIM7080_SIM7090 Series AT Command Manual V1.05
(with the subject of the chapter), AN-… its application notes, users' reports name the thread.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

LONGEST_LINE = 559  # characters, MAN
MOST_JOINED = 39  # commands in a line, MAN
RUN, READ, TEST, SET = "run", "read", "test", "set"


class Refused(Exception):
    """The command ends in an error; with a number it is shown as +CME ERROR or +CMS ERROR, else as ERROR."""

    def __init__(self, code: int | None = None, sms: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.sms = sms


NOT_ALLOWED, NOT_SUPPORTED, NO_SIM, NEEDS_PIN, NEEDS_PUK, WRONG_PIN = 3, 4, 10, 11, 12, 16
NO_SERVICE, BAD_PARAMETER, UNKNOWN, RADIO_OFF = 30, 50, 100, 797
# Spelling of 3GPP TS 27.007 9.2; "operation not allowed" and "SIM not inserted" seen in logs so.
CME_TEXTS = {
    NOT_ALLOWED: "operation not allowed",
    NOT_SUPPORTED: "operation not supported",
    NO_SIM: "SIM not inserted",
    NEEDS_PIN: "SIM PIN required",
    NEEDS_PUK: "SIM PUK required",
    13: "SIM failure",
    14: "SIM busy",
    WRONG_PIN: "incorrect password",
    NO_SERVICE: "no network service",
    BAD_PARAMETER: "incorrect parameters",
    UNKNOWN: "unknown",
    RADIO_OFF: "CFUN state is 0 or 4",
}


class Asked(NamedTuple):
    """One command of a line: "+CSQ", "run"."""

    name: str
    form: str
    arguments: tuple[str, ...]
    text: str

    def has(self, index: int) -> bool:
        return index < len(self.arguments) and self.arguments[index] != ""

    def word(self, index: int, longest: int = LONGEST_LINE, default: str | None = None) -> str:
        if index >= len(self.arguments):
            if default is None:
                raise Refused(BAD_PARAMETER)
            return default
        if len(self.arguments[index]) > longest:
            raise Refused(BAD_PARAMETER)
        return self.arguments[index]

    def number(self, index: int, low: int, high: int, default: int | None = None) -> int:
        if not self.has(index) and default is not None:
            return default
        text = self.word(index)
        # int() would take "１", "1_0" and a sign as well.
        if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
            raise Refused(BAD_PARAMETER)
        return int(text)


def _split(text: str, mark: str) -> list[str]:
    """Split at a mark that stands outside quotes."""
    parts, start, quoted = [], 0, False
    for at, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == mark and not quoted:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return parts


def _unquoted(text: str) -> str:
    text = text.strip(" ")
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1]
    return text


def _extended(text: str) -> Asked:
    name, equals, rest = text.partition("=")
    if not equals:
        form = READ if name.endswith("?") else RUN
        return Asked(name.rstrip("?").upper(), form, (), text)
    if rest == "?":
        return Asked(name.upper(), TEST, (), text)
    return Asked(name.upper(), SET, tuple(_unquoted(part) for part in _split(rest, ",")), text)


def _basic(text: str) -> list[Asked]:
    """Basic commands run into one another: E0V1, &F, I."""
    found, at = [], 0
    while at < len(text):
        start = at
        at += 2 if text[at] == "&" else 1
        name = text[start:at].upper()
        digits = at
        while digits < len(text) and text[digits].isascii() and text[digits].isdigit():
            digits += 1
        value, at = text[at:digits], digits
        found.append(Asked(name, SET if value else RUN, (value,) if value else (), text[start:at]))
    return found


def parse(line: str) -> list[Asked] | None:
    """Return the commands of a line, or None if it is none: what stands before AT is noise."""
    at = line.upper().find("AT")
    if at < 0:
        return None
    body = line[at + 2 :].strip(" ")
    asked: list[Asked] = []
    for part in _split(body, ";") if body else []:
        part = part.strip(" ")
        if part[:1] in ("+", "*"):
            asked.append(_extended(part))
        else:
            asked += _basic(part)
    return asked


class Entry(NamedTuple):
    """One form of one command."""

    name: str
    form: str
    source: str
    method: str


def at(name: str, forms: str, source: str) -> Callable[[Any], Any]:
    """Mark a method as what answers these forms ("run read test set") of a command; say where that is from."""

    def mark(method: Any) -> Any:
        entries = [Entry(name, form, source, method.__name__) for form in forms.split()]
        method.at_entries = getattr(method, "at_entries", []) + entries
        return method

    return mark


def entries(area: type) -> Iterable[Entry]:
    """Return the entries a class answers."""
    for name in vars(area):
        yield from getattr(getattr(area, name), "at_entries", [])
