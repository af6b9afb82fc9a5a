"""AXP2101 power management: the modem's rails, battery, USB. No method that an alarm needs ever raises.

Registers: X-Powers AXP2101 datasheet V1.4, names as there, as used by lewisxhe/XPowersLib; what hangs on which rail of
the T-SIM7080G-S3, and that BLDO1 must stay on, from the board's README (Xinyuan-LilyGO/LilyGo-T-SIM7080G).
"""

from drivers.battery import percent_of

ADDRESS = 0x34
_STATUS1, _CHIP_ID, _CHARGE_GAUGE, _ADC_ENABLE, _VBAT = 0x00, 0x03, 0x18, 0x30, 0x34
_TS_PIN, _CHARGE_CURRENT, _CHARGE_VOLTAGE, _PERCENT = 0x50, 0x62, 0x64, 0xA4
_DC_ENABLE, _DC3_VOLTAGE, _LDO_ENABLE, _BLDO1_VOLTAGE, _BLDO2_VOLTAGE = 0x80, 0x84, 0x90, 0x96, 0x97

_IDENTITIES = (0x47, 0x4A, 0x4B)  # the versions of the chip met so far
_VBUS_GOOD = 0x20
_GAUGE_AND_CHARGE = 0x08 | 0x02
_ADC_VBAT, _ADC_TS, _ADC_VBUS = 0x01, 0x02, 0x04
_TS_IS_NO_THERMISTOR = 0x10
_CHARGE_500_MA = 11
_CHARGE_4V2 = 3
_MODEM_3V0 = 88 + 14  # DC3 from 1.6 V on in steps of 0.1 V; the modem wants 2.7 to 3.4 V
_LDO_3V3 = 28  # from 0.5 V on in steps of 0.1 V
_DC3 = 0x04
_BLDO1, _BLDO2 = 0x10, 0x20

UNKNOWN_PERCENT = 255  # as the wire says it


class Axp2101:
    """One chip on its bus. Until start() has succeeded the modem cannot be heard."""

    def __init__(self, i2c, address=ADDRESS):
        self._i2c = i2c
        self._address = address
        self._one = bytearray(1)
        self._two = bytearray(2)

    def _read(self, register):
        self._i2c.readfrom_mem_into(self._address, register, self._one)
        return self._one[0]

    def _put(self, register, clear, set):
        """Change bits; what is right already is not written."""
        before = self._read(register)
        after = before & ~clear & 0xFF | set
        if after != before:
            self._one[0] = after
            self._i2c.writeto_mem(self._address, register, self._one)

    def start(self):
        """Set up charger, gauge and the modem's level shifter; raises OSError when the chip does not answer.

        No rail that runs is switched off: after a reset of the processor alone the modem goes on.
        """
        if self._read(_CHIP_ID) not in _IDENTITIES:
            raise OSError("another chip answers at the address of the AXP2101")
        # The board has no thermistor: with its detection on, the chip refuses to charge.
        self._put(_TS_PIN, 0x0F, _TS_IS_NO_THERMISTOR)
        self._put(_ADC_ENABLE, _ADC_TS, _ADC_VBAT | _ADC_VBUS)
        self._put(_CHARGE_GAUGE, 0, _GAUGE_AND_CHARGE)
        self._put(_CHARGE_CURRENT, 0x1F, _CHARGE_500_MA)
        self._put(_CHARGE_VOLTAGE, 0x07, _CHARGE_4V2)
        # The shifter between processor and modem: on from here, and nothing here switches it off.
        self._put(_BLDO1_VOLTAGE, 0x1F, _LDO_3V3)
        self._put(_LDO_ENABLE, 0, _BLDO1)

    def modem(self, on):
        """Switch the modem's supply; raises OSError when the chip does not answer."""
        if on:
            self.start()  # the shifter, too: the chip may have lost its settings with the battery's contact
            self._put(_DC3_VOLTAGE, 0x7F, _MODEM_3V0)
        self._put(_DC_ENABLE, 0 if on else _DC3, _DC3 if on else 0)

    def antenna(self, on):
        """Switch the GNSS antenna's amplifier; raises OSError when the chip does not answer."""
        if on:
            self._put(_BLDO2_VOLTAGE, 0x1F, _LDO_3V3)
        self._put(_LDO_ENABLE, 0 if on else _BLDO2, _BLDO2 if on else 0)

    # The battery, as tasks ask for it: a chip that does not answer must not cost an alarm.

    def millivolts(self):
        """Return the battery's voltage, 0 if it is not known."""
        try:
            self._i2c.readfrom_mem_into(self._address, _VBAT, self._two)
        except OSError:
            return 0
        return (self._two[0] & 0x3F) << 8 | self._two[1]

    def percent(self):
        """Return the gauge's charge; where it has none yet, what the voltage stands for; 255 if neither is known."""
        try:
            gauge = self._read(_PERCENT)
        except OSError:
            return UNKNOWN_PERCENT
        if 0 < gauge <= 100:
            return gauge
        millivolts = self.millivolts()
        return percent_of(millivolts) if millivolts else UNKNOWN_PERCENT

    def usb(self):
        """Whether USB power is attached."""
        try:
            return bool(self._read(_STATUS1) & _VBUS_GOOD)
        except OSError:
            return False
