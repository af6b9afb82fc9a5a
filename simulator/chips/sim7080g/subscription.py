"""Who the modem is to the network, and what the network is to it."""

from dataclasses import dataclass

LTE_M, NB_IOT = 7, 9


@dataclass
class Identity:
    """Module and SIM card."""

    imei: str = "865456050000001"
    imsi: str = "214070000000001"
    iccid: str = "8934070000000000001"
    number: str = "+34600000001"
    pin: str = ""  # empty: the SIM asks for none
    puk: str = "12345678"

    @classmethod
    def of(cls, number: int) -> "Identity":
        """Return the module and SIM card of the device with that number: everything differs from device to device."""
        return cls(
            imei=f"86545605{number % 10_000_000:07d}",
            imsi=f"21407{number % 10_000_000_000:010d}",
            iccid=f"893407{number % 10_000_000_000_000:013d}",
            number=f"+346{number % 100_000_000:08d}",
        )


@dataclass
class Cell:
    """The cell in reach. Settable at any time; what is registered takes the values from then on."""

    mcc: str = "214"
    mnc: str = "07"
    tac: int = 0x2F1A
    cell_id: int = 0x1B2C301
    operator: str = "Movistar"
    act: int = LTE_M
    band: int = 20
    earfcn: int = 6300
    csq: int = 18
    roaming: bool = False
    apn: str = ""  # the APN the network demands; empty takes any
    default_apn: str = "internet"  # what it delivers
    address: str = "10.94.36.44"
    zone_quarters: int = 4  # local time, quarters of an hour east of UTC
    psm: bool = True  # whether it grants what CPSMS asks
