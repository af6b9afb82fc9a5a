"""Wraps device secrets with AES-256-GCM under a key that is never in the database."""

import hmac
import os
import stat
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..errors import ConfigError

KEY_BYTES = 32
NONCE_BYTES = 12
WRAPPED_BYTES = NONCE_BYTES + 32 + 16


class Wrapper:
    """Wraps and unwraps 32-byte secrets; the device number is bound in, so rows cannot be swapped."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ConfigError(
                "The secret-wrapping key must have 32 bytes: make one with `socors keys new FILE`."
            )
        self._cipher = AESGCM(key)
        self._key = key

    def mark(self, text: str) -> str:
        """Return what tells files made under this key for `text` from others; it gives neither away."""
        return hmac.digest(self._key, text.encode(), "sha256")[:16].hex()

    def wrap(self, number: int, secret: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, b"socors device %d" % number)

    def unwrap(self, number: int, wrapped: bytes) -> bytes:
        try:
            return self._cipher.decrypt(
                wrapped[:NONCE_BYTES], bytes(wrapped[NONCE_BYTES:]), b"socors device %d" % number
            )
        except InvalidTag:
            raise ConfigError(
                f"The secret of device {number} does not open with this key: "
                "set SOCORS_SECRET_KEY_FILE to the key it was provisioned under."
            ) from None


def new_key_file(path: Path) -> None:
    """Make a key file, readable by its owner alone; refuses to overwrite one."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(
            f"{path} exists already: every device secret hangs on a key file, so none is overwritten."
        ) from None
    with os.fdopen(handle, "wb") as file:
        file.write(os.urandom(KEY_BYTES))


def read_key_file(path: Path) -> bytes:
    """Read a key file; refuses one that others may read."""
    try:
        mode = path.stat().st_mode
        key = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"The key file {path} cannot be read ({error.strerror}): set SOCORS_SECRET_KEY_FILE to one made "
            "with `socors keys new FILE`."
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"The key file {path} can be read by others: run chmod 600 on it.")
    return key
