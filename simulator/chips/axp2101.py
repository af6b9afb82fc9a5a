"""AXP2101 power management as its driver sees it: registers, rails, charger, gauge, fed by the simulator's battery.

Emulated at its registers, from the same sources as firmware/src/drivers/axp2101.py. Not emulated: interrupts, the
watchdog, temperatures, sequences, currents that a rail cannot give. A write to a register that is not in the table is
kept in `unknown`, for a test to fail on.
"""

from collections.abc import Callable

ADDRESS = 0x34
STATUS1, STATUS2, CHIP_ID, COMMON, CHARGE_GAUGE = 0x00, 0x01, 0x03, 0x10, 0x18
VBUS_CURRENT, ADC_ENABLE, VBAT, VBUS, VSYS = 0x16, 0x30, 0x34, 0x38, 0x3A
TS_PIN, CHARGE_CURRENT, CHARGE_VOLTAGE, CHARGE_LED, PERCENT = 0x50, 0x62, 0x64, 0x69, 0xA4
DC_ENABLE, DC3_VOLTAGE, LDO_ENABLE, LDO_ENABLE_2, BLDO1_VOLTAGE, BLDO2_VOLTAGE = (
    0x80,
    0x84,
    0x90,
    0x91,
    0x96,
    0x97,
)
# Rail: (register, bit) that switches it.
RAILS = {
    **{f"dc{n + 1}": (DC_ENABLE, n) for n in range(5)},
    **{
        name: (LDO_ENABLE, n) for n, name in enumerate(("aldo1", "aldo2", "aldo3", "aldo4", "bldo1", "bldo2"))
    },
}
# What stands in the registers when power comes. Which rails a board's chip starts with is burnt in at the factory: here
# only the processor's own, so that whatever else is needed must be switched on.
_RESET = {
    CHIP_ID: 0x4A,
    CHARGE_GAUGE: 0x06,
    ADC_ENABLE: 0x03,
    CHARGE_CURRENT: 0x08,
    CHARGE_VOLTAGE: 0x03,
    DC_ENABLE: 0x01,
}
_READ_ONLY = {STATUS1, STATUS2, CHIP_ID, *range(VBAT, VSYS + 2), PERCENT}
_WRITTEN = {
    *(COMMON, CHARGE_GAUGE, VBUS_CURRENT, ADC_ENABLE, TS_PIN, CHARGE_CURRENT, CHARGE_VOLTAGE, CHARGE_LED),
    *(DC_ENABLE, *range(0x82, 0x87), LDO_ENABLE, LDO_ENABLE_2, *range(0x92, 0x9B)),
}
_GAUGE_ON, _CHARGE_ON = 0x08, 0x02
_TS_IS_NO_THERMISTOR = 0x10
_USB_MV = 5000
_FULL_PERCENT = 100


class Axp2101:
    """`battery()` gives (millivolts, per cent); `changed(rail, on)` hears of each rail that is switched."""

    def __init__(self, battery: Callable[[], tuple[int, int]], changed: Callable[[str, bool], None]) -> None:
        self._battery = battery
        self._changed = changed
        self.vbus = False
        self.unknown: list[tuple[int, int]] = []
        self._registers = bytearray(256)
        self._reset()

    def _reset(self) -> None:
        self._registers[:] = bytes(256)
        for register, value in _RESET.items():
            self._registers[register] = value

    def lose_power(self) -> None:
        """Battery and USB are out: every register is as at the first day, every rail off but the processor's."""
        before = self.rails()
        self._reset()
        self._tell(before)

    # What the rest of the board has of it.

    def on(self, rail: str) -> bool:
        register, bit = RAILS[rail]
        return bool(self._registers[register] >> bit & 1)

    def rails(self) -> set[str]:
        return {rail for rail in RAILS if self.on(rail)}

    def millivolts(self, rail: str) -> int:
        """Return the voltage a rail is set to: DC3 in three ranges, the LDOs in steps of 100 mV."""
        if rail == "dc3":
            code = self._registers[DC3_VOLTAGE] & 0x7F
            if code <= 70:
                return 500 + 10 * code
            return 1220 + 20 * (code - 71) if code <= 87 else 1600 + 100 * (code - 88)
        return 500 + 100 * (self._registers[{"bldo1": BLDO1_VOLTAGE, "bldo2": BLDO2_VOLTAGE}[rail]] & 0x1F)

    @property
    def charging(self) -> bool:
        """Whether it charges: a board without a thermistor never does unless the chip was told that there is none."""
        told = self._registers[TS_PIN] & _TS_IS_NO_THERMISTOR
        enabled = self._registers[CHARGE_GAUGE] & _CHARGE_ON
        return bool(self.vbus and told and enabled and self._battery()[1] < _FULL_PERCENT)

    @property
    def charge_ma(self) -> int:
        """Return the constant current: steps of 25 mA to 200, then of 100."""
        code = self._registers[CHARGE_CURRENT] & 0x1F
        return 25 * code if code <= 8 else min(1000, 200 + 100 * (code - 8))

    # The bus.

    def read(self, register: int, count: int) -> bytes:
        return bytes(self._read((register + i) & 0xFF) for i in range(count))

    def _read(self, register: int) -> int:
        if register == STATUS1:
            return (0x20 if self.vbus else 0) | 0x18  # battery there, and connected
        if register == STATUS2:
            return (0x32 if self.charging else 0x55 if not self.vbus else 0x14) | (0 if self.vbus else 0x08)
        if register == PERCENT:
            return self._battery()[1] if self._registers[CHARGE_GAUGE] & _GAUGE_ON else 0
        for first, bit, mv in (
            (VBAT, 0, self._battery()[0]),
            (VBUS, 2, _USB_MV if self.vbus else 0),
            (VSYS, 3, _USB_MV if self.vbus else self._battery()[0]),
        ):
            if register in (first, first + 1):
                measured = mv if self._registers[ADC_ENABLE] >> bit & 1 else 0
                return measured >> 8 & 0x3F if register == first else measured & 0xFF
        return self._registers[register]

    def write(self, register: int, data: bytes) -> None:
        before = self.rails()
        for offset, value in enumerate(data):
            at = (register + offset) & 0xFF
            if at in _READ_ONLY or at not in _WRITTEN:
                self.unknown.append((at, value))
            else:
                self._registers[at] = value
        self._tell(before)

    def _tell(self, before: set[str]) -> None:
        for rail in sorted(before ^ self.rails()):
            self._changed(rail, self.on(rail))
