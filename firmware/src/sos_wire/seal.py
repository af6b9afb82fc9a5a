"""Sealing and opening with a synthetic IV made from HMAC-SHA256 alone, and the alias that hides the device.

tag        = HMAC(mac key, header | alias | body)[0:8]
ciphertext = body XOR HMAC(encryption key, header | alias | tag | block number)
Only the device and the gateway have the secret. Our own composition of standard parts: see docs/wire.md.
"""

from hashlib import sha256

from .kinds import ALIAS_BYTES, FORM_OF_LENGTH, HEADER_BYTES, SECRET_BYTES, TAG_BYTES, VERSION

CLOCK_MODE = 0  # the alias index is the period of the device's clock
RECOVERY_MODE = 1  # ... is the journalled recovery counter

_HEAD = HEADER_BYTES + ALIAS_BYTES
_BLOCK = 32
_ALIAS = b"socors1 alias"
_UP_MAC = b"socors1 up mac"
_UP_ENC = b"socors1 up enc"


_INNER_PAD = int.from_bytes(b"\x36" * 64, "big")
_OUTER_PAD = int.from_bytes(b"\x5c" * 64, "big")


class _HmacOnce:
    """HMAC-SHA256 under one key that is used once or twice."""

    def __init__(self, key):
        number = int.from_bytes(key + bytes(64 - len(key)), "big")
        self._inner = (number ^ _INNER_PAD).to_bytes(64, "big")
        self._outer = (number ^ _OUTER_PAD).to_bytes(64, "big")

    def digest(self, message):
        return sha256(self._outer + sha256(self._inner + message).digest()).digest()


class _Hmac(_HmacOnce):
    """HMAC-SHA256 under a key that is kept; keeps the hashed pads where the interpreter can copy a hash."""

    def __init__(self, key):
        super().__init__(key)
        self._states = None
        if hasattr(sha256(b""), "copy"):  # CPython; MicroPython's hashes cannot be copied
            self._states = (sha256(self._inner), sha256(self._outer))

    def digest(self, message):
        if not self._states:
            return super().digest(message)
        inner = self._states[0].copy()  # type: ignore
        inner.update(message)
        outer = self._states[1].copy()  # type: ignore
        outer.update(inner.digest())
        return outer.digest()


def _same(left, right):
    """Compare in a time that does not depend on where the difference lies."""
    if len(left) != len(right):
        return False
    difference = 0
    for a, b in zip(left, right):
        difference |= a ^ b
    return difference == 0


def alias_key(secret):
    """Return the 32-byte key of a device's aliases alone, for a table of many."""
    return _HmacOnce(secret).digest(_ALIAS)


def alias_message(mode, index):
    """Return what is hashed under the alias key; the first 5 bytes of the result are the alias."""
    return bytes((mode,)) + index.to_bytes(4, "big")


def _alias(hmac, mode, index):
    return hmac.digest(alias_message(mode, index))[:ALIAS_BYTES]


class _Direction:
    """One of the two directions: its mac and encryption key."""

    def __init__(self, mac_key, encryption_key, hmac=_Hmac):
        self._mac = hmac(mac_key)
        self._encryption = hmac(encryption_key)

    def _crossed(self, head, tag, text):
        out = bytearray(text)
        for start in range(0, len(text), _BLOCK):
            stream = self._encryption.digest(head + tag + bytes((start // _BLOCK,)))
            for i in range(start, min(start + _BLOCK, len(text))):
                out[i] ^= stream[i - start]
        return bytes(out)

    def seal(self, head, body):
        tag = self._mac.digest(head + body)[:TAG_BYTES]
        return head + self._crossed(head, tag, body) + tag

    def open(self, frame):
        """Return the body, or None if length or tag are not ours. The version is not looked at."""
        if len(frame) not in FORM_OF_LENGTH:
            return None
        head, tag = bytes(frame[:_HEAD]), bytes(frame[-TAG_BYTES:])
        body = self._crossed(head, tag, bytes(frame[_HEAD:-TAG_BYTES]))
        return body if _same(self._mac.digest(head + body)[:TAG_BYTES], tag) else None


class Keys:
    """All that is derived from one device's 32-byte secret. Derive once, keep, never print."""

    def __init__(self, secret):
        if len(secret) != SECRET_BYTES:
            raise ValueError("a device secret has 32 bytes, not %d" % len(secret))
        derive = _Hmac(secret).digest
        self.alias_key = derive(_ALIAS)
        self._alias = _Hmac(self.alias_key)
        self._up = _Direction(derive(_UP_MAC), derive(_UP_ENC))
        self._down = _Direction(derive(b"socors1 down mac"), derive(b"socors1 down enc"))

    def alias(self, mode, index):
        """Return the 5-byte alias of a clock period (mode 0) or a recovery counter (mode 1)."""
        return _alias(self._alias, mode, index)

    def seal_up(self, alias, form, body):
        """Return the sealed frame from device to gateway."""
        return self._up.seal(_head(alias, form), body)

    def open_up(self, frame):
        """Return the body of a frame this device sealed, else None."""
        return self._up.open(frame)

    def seal_down(self, alias, form, body):
        """Return the sealed frame from gateway to device; alias is the device's present one."""
        return self._down.seal(_head(alias, form), body)

    def open_down(self, frame):
        """Return the body of a frame the gateway sealed for this device, else None."""
        return self._down.open(frame)


def open_up_once(secret, frame):
    """Return the body of a frame sealed with this secret, else None: for the many whose keys are not kept."""
    derive = _HmacOnce(secret).digest
    return _Direction(derive(_UP_MAC), derive(_UP_ENC), _HmacOnce).open(frame)  # type: ignore


def _head(alias, form):
    return bytes((VERSION << 4 | form,)) + alias
