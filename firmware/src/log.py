"""The only print on the device, and a ring of the newest lines for whoever asks later."""

RECENT_LINES = 20
_recent = []


def line(text):
    """Print one line and remember it. Never pass secrets, aliases or positions."""
    if len(_recent) >= RECENT_LINES:
        _recent.pop(0)
    _recent.append(text)
    print(text)


def recent():
    return tuple(_recent)
