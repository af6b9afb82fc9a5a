"""The only print on the device."""


def line(text):
    """Print one line. Never pass secrets, aliases or positions."""
    print(text)
