"""What is done to a board: old program stopped, files copied and read back, identity given, started."""

import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sos_wire import netfile

from ..errors import ConfigError
from .line import FlashError, Line
from .tree import SOURCE, files_for, sha256

_IDENTIFY = """
import sys
try:
    import esp32
    print(sys.implementation.name, ".".join(str(n) for n in sys.implementation.version[:3]))
except ImportError:
    print("no")
"""
_PROVISION = """
import binascii, esp32, provision
print(provision.provision("{root}", esp32.NVS("socors"), {number}, binascii.unhexlify("{secret}"), {force}, {used}))
"""
# main.py's ROOT, from the board's root folder, which is where it starts.
ROOT_ON_BOARD = "socors"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a secrets file holds."""

    number: int
    secret: bytes
    used: bool = False  # a board was given it: what numbers that has used is known to that board alone
    settings: dict[str, int] = field(default_factory=dict)  # what its wearer needs: a silent hold
    network: dict[str, Any] | None = None  # a watch's, with its credential at the broker

    @staticmethod
    def read(file: Path) -> "Identity":
        """Read the file `socors provision --out` has written."""
        try:
            said = json.loads(file.read_text())
            settings = dict(said["settings"]) if "settings" in said else {}
            network = dict(said["network"]) if "network" in said else None
            identity = Identity(
                int(said["device"]), bytes.fromhex(said["secret"]), bool(said.get("used")), settings, network
            )
        except OSError as error:
            raise ConfigError(f"The secrets file {file} cannot be read: {error.strerror}.") from error
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{file} is no secrets file: make one with `socors provision --out`."
            ) from error
        if len(identity.secret) != 32 or (network is not None and netfile.check(network)[0] is None):
            raise ConfigError(f"{file} is no secrets file: make one with `socors provision --out`.")
        return identity


def note_used(file: Path) -> None:
    """Write into a secrets file that a board has it."""
    try:
        file.write_text(json.dumps({**json.loads(file.read_text()), "used": True}))
    except OSError as error:
        raise ConfigError(
            f"The secrets file {file} cannot be written ({error.strerror}): remove it, this board has it."
        ) from error


def read_settings(file: Path) -> bytes:
    """Return a settings file as it is written to the board."""
    try:
        said: Any = json.loads(file.read_text())
    except OSError as error:
        raise ConfigError(f"The settings file {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ConfigError(f"The settings file {file} is no JSON.") from error
    if not isinstance(said, dict):
        raise ConfigError(
            f"The settings file {file} must hold settings by the names in firmware/src/settings.py."
        )
    complaints = _complaints(said)
    if complaints:
        raise ConfigError(f"The settings file {file} is not right: {'; '.join(complaints)}.")
    return json.dumps(said).encode()


def _complaints(said: dict[str, Any]) -> list[str]:
    """Return what the device itself would say of its settings: asked of the file that is put on the board."""
    spec = importlib.util.spec_from_file_location("device_settings", SOURCE / "settings.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Settings(said).complaints


def _stop_old(line: Line) -> None:
    """A program that runs has a watchdog nobody can stop: it goes away with its main.py and a reset."""
    if line.exists("main.py"):
        line.remove("main.py")
        line.reset()
        line.come_back()


def flash(
    port: str,
    board: str,
    identity: Identity | None,
    settings: bytes | None,
    force: bool,
    say: Callable[[str], None],
) -> str:
    """Flash a board and start it; return the firmware's hash."""
    files = files_for(board)
    line = Line(port)
    try:
        answer = line.run(_IDENTIFY)
        if not answer.startswith("micropython"):
            raise FlashError(
                f"The board on {port} does not run MicroPython for the ESP32: see hardware/README.md."
            )
        say(f"{port}: {answer}")
        _stop_old(line)
        for path, content in files.items():
            if path != "main.py":
                line.write(path, content)
        if not line.exists(ROOT_ON_BOARD):
            line.run(f'import os\nos.mkdir("{ROOT_ON_BOARD}")')
        if settings is not None or (identity and identity.settings):
            # What the maker sets goes before what the wearer's profile asks for.
            both = {**(identity.settings if identity else {}), **json.loads(settings or b"{}")}
            line.write(f"{ROOT_ON_BOARD}/settings.json", json.dumps(both).encode())
        if identity is not None:
            if identity.network is not None:
                line.write(f"{ROOT_ON_BOARD}/network.json", json.dumps(identity.network).encode())
                say("network written: it goes out by LTE, too")
            say(_provision(line, identity, force))
        line.write("main.py", files["main.py"])
        say(f"{len(files)} files written and read back")
        line.reset()
    finally:
        line.close()
    return sha256()


def _provision(line: Line, identity: Identity, force: bool) -> str:
    code = _PROVISION.format(
        root=ROOT_ON_BOARD,
        number=identity.number,
        secret=identity.secret.hex(),
        force=force,
        used=identity.used,
    )
    answer = line.run(code).splitlines()[-1]
    if not answer.startswith("provisioned"):
        again = f" (`socors provision --again {identity.number}`)" if "new secret" in answer else ""
        raise FlashError(f"The board was not given its identity: {answer}{again}.")
    return answer
