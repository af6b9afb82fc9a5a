"""Who may speak at the broker and where: names, random passwords, and the topics each may read and write."""

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass

from sos_wire import topics

from ..errors import SocorsError

GATEWAY = "gateway"
_USER = re.compile(r"(?:(hub)-([a-z0-9][a-z0-9-]{0,39})|(device)-([1-9][0-9]{0,8})|(gateway))")
# The passwords are 192 random bits, so stretching them buys nothing; the broker's thread would pay for it.
_ROUNDS = 101


@dataclass(frozen=True, slots=True)
class Rights:
    """The topics one user may write to and read from, as MQTT filters."""

    write: tuple[str, ...]
    read: tuple[str, ...]


def rights_of(user: str) -> Rights:
    """Return what a user may do; only names of our own form exist."""
    found = _USER.fullmatch(user)
    if found is None:
        raise SocorsError(
            f"{user!r} is no user of the broker: use gateway, hub-NAME (small letters, digits, -) or device-NUMBER."
        )
    if found[1]:
        return Rights(
            write=tuple(topics.hub(found[2], lane) for lane in ("up", "backlog")),
            read=tuple(topics.hub(found[2], lane) for lane in ("down", "receipt")),
        )
    if found[3]:
        number = int(found[4])
        return Rights(
            write=tuple(topics.device(number, lane) for lane in ("alarm", "telemetry")),
            read=(topics.device(number, "down"),),
        )
    return Rights(
        write=(f"{topics.ROOT}/h/+/down", f"{topics.ROOT}/h/+/receipt", f"{topics.ROOT}/d/+/down"),
        read=tuple(
            f"{topics.ROOT}/{lane}" for lane in ("h/+/up", "h/+/backlog", "d/+/alarm", "d/+/telemetry")
        ),
    )


def new_password() -> str:
    return secrets.token_urlsafe(24)


def hashed(password: str) -> str:
    """Return the password as mosquitto keeps it: $7$ is PBKDF2 with SHA-512."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS)
    return f"$7${_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def access_list(users: list[str]) -> str:
    """Return mosquitto's ACL file: what is not written here is forbidden."""
    lines = [
        "# Written by `socors broker`. What is not allowed here is forbidden; there is no anonymous user."
    ]
    for user in sorted(users):
        rights = rights_of(user)
        lines += ["", f"user {user}"]
        lines += [f"topic write {name}" for name in rights.write]
        lines += [f"topic read {name}" for name in rights.read]
    return "\n".join(lines) + "\n"
