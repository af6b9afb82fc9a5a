"""A three-colour LED with a common anode: a pin that is low lights its colour; plain on and off, readable in daylight."""

OFF = (0, 0, 0)


class Light:
    def __init__(self, red, green, blue):
        self._pins = (red, green, blue)
        self.set(OFF)

    def set(self, colour):
        for pin, on in zip(self._pins, colour):
            pin.value(1 - on)
