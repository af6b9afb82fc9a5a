"""Battery voltage over a divider of two equal resistors, the charge it stands for, and whether USB is attached."""

# Open-circuit voltage of a lithium-polymer cell by charge, millivolts and per cent; a common discharge curve,
# to be measured on the cell that is built in.
CURVE = ((4150, 100), (4000, 85), (3870, 65), (3790, 45), (3740, 30), (3680, 15), (3500, 5), (3300, 0))


def percent_of(millivolts):
    """Return the charge in per cent for a resting voltage."""
    if millivolts >= CURVE[0][0]:
        return 100
    upper = CURVE[0]
    for lower in CURVE[1:]:
        if millivolts >= lower[0]:
            span = upper[0] - lower[0]
            return lower[1] + (millivolts - lower[0]) * (upper[1] - lower[1]) // span
        upper = lower
    return 0


class Battery:
    def __init__(self, adc, usb):
        self._adc = adc
        self._usb = usb

    def millivolts(self):
        return self._adc.read_uv() * 2 // 1000

    def percent(self):
        return percent_of(self.millivolts())

    def usb(self):
        """Whether USB power is attached, which charges the battery until it is full."""
        return self._usb.value() == 1
