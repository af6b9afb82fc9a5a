"""The network a watch goes out by: /socors/network.json, checked before anything of it is said to a modem.

Not called network.py: MicroPython has a module of that name built in, which no file can stand in for.
"""

import json

from sos_wire import netfile


def load(path):
    """Return (network, complaint): None without complaint where there is no file, as on a pendant."""
    try:
        with open(path) as file:
            said = json.load(file)
    except OSError:
        return None, None
    except ValueError:
        said = None
    return netfile.check(said)
