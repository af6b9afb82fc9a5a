"""Everything the emulated modem can do wrong on demand, one attribute each; set them at any time, in any combination."""

from collections.abc import Callable
from dataclasses import dataclass, fields


@dataclass
class Faults:
    """Misbehaviours. Counters count down; what is marked (once) clears itself."""

    # SIM and network.
    no_sim: bool = False
    no_network: bool = False  # no coverage: what is attached falls off
    denied: bool = False  # registration denied
    lose_registration_in_publish: bool = False  # (once) in the middle of the next SMPUB
    pdp_dropped: bool = False  # the network drops the context and refuses it while this is set
    no_network_time: bool = False  # the network sends no clock
    # MQTT.
    connect_hangs_s: float = 0.0  # SMCONN and CAOPEN are silent for so long, then ERROR
    publish_fails_after_idle_s: float = (
        0.0  # the way died unnoticed: SMPUB says ERROR, no +SMSTATE came before
    )
    wrong_certificate: bool = False
    expired_certificate: bool = False
    # UART.
    urc_in_answers: float = 0.0  # share of places between lines where a URC comes in
    characters_lost: float = 0.0  # share of characters, both ways
    no_prompt_after_wake: bool = False  # the first > after a wake by DTR is lost
    # Power.
    reboots: float = 0.0  # share of commands in which the modem restarts by itself
    boot_storm: int = 0  # so many boots end in the next one
    brown_out: bool = False  # transmitting pulls the supply down: reset
    dark: bool = False  # wholly dead until the rail was off
    pwrkey_ignored: bool = False
    # SMS.
    sms_full: bool = False  # the memory is filled with stale messages when this is set
    sms_absent: bool = False  # +CMS ERROR to every sending
    # Others that users report.
    never_a_fix: bool = False  # firmware B16
    no_file: bool = False  # the server of the assistance has none: 404
    download_hangs: bool = False  # HTTPTOFS says OK and then nothing
    settings_ignored: bool = False  # CNMP reads back another value

    def __post_init__(self) -> None:
        self._changed: Callable[[str], None] | None = None

    def watch(self, changed: Callable[[str], None]) -> None:
        """Call `changed(name)` after every setting that changes something."""
        self._changed = changed

    def __setattr__(self, name: str, value: object) -> None:
        before = getattr(self, name, None)
        object.__setattr__(self, name, value)
        changed = getattr(self, "_changed", None)
        if changed and value != before and not name.startswith("_"):
            changed(name)

    def clear(self) -> None:
        """End every misbehaviour."""
        for one in fields(self):
            setattr(self, one.name, one.default)
