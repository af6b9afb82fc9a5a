"""The vibration motor: on or off."""


class Motor:
    def __init__(self, pin):
        self._pin = pin
        pin.value(0)

    def set(self, on):
        self._pin.value(1 if on else 0)
