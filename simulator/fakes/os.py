"""`os` with two seams: chance comes from the world's seed, and a world that keeps a history hears of whole files."""

from hashlib import sha256

import _port
from uos import *  # noqa: F403
from uos import rename as _rename
from uos import urandom as _urandom

_drawn = 0


def urandom(count):
    """Bytes of the hardware's generator; on the virtual clock those that the seed gives this start."""
    global _drawn
    if not _port.virtual:
        return _urandom(count)
    out = b""
    while len(out) < count:
        _drawn += 1
        out += sha256(("%s %d" % (_port.hello["entropy"], _drawn)).encode()).digest()
    return out[:count]


def rename(old, new):
    """A file is whole at the moment it takes its name."""
    _rename(old, new)
    _port.note("stored", new.split("/")[-1])
