"""SIM7080G modem: power, registration, data connection, MQTT over TLS, satellites and text messages, as one object.

Sources, by the names used below: MAN = SIM7070_SIM7080_SIM7090 Series AT Command Manual V1.05; AN-MQTT 1.03,
AN-LP 1.02, AN-GNSS 1.02, AN-SSL 1.00, AN-FS 1.02 = SIMCom's application notes; HW = SIM7080G Hardware Design V1.03.
"""

from drivers.at import AtPort

OFF, BOOTING, READY, REGISTERED, ATTACHED, CONNECTED, GNSS, ASLEEP = (
    "OFF",
    "BOOTING",
    "READY",
    "REGISTERED",
    "ATTACHED",
    "CONNECTED",
    "GNSS",
    "ASLEEP",
)


class ModemError(Exception):
    """What the modem cannot do now: `fault` is a bit of kinds.FAULT_*, `text` one sentence without secrets."""

    def __init__(self, fault, text):
        super().__init__(text)
        self.fault = fault
        self.text = text


class Modem:
    """The modem. Every method ends within its row of TIMEOUTS_MS or raises ModemError; one task calls them.

    The owner runs `run()` as a task of its own and may set four callbacks, called from there: they must not block.
    """

    def __init__(self, uart, power, network):
        self.port = AtPort(uart, self._urc)
        self.state = OFF
        self.on_down = None  # (payload: bytes): somebody published to our own topic
        self.on_sms = None  # (number, text)
        self.on_lost = None  # (what): "mqtt", "pdp", "registration", "reboot", "sim"

    @property
    def connected(self):
        """Whether publish() has a connection to the broker, as far as is known."""
        return self.state == CONNECTED

    async def run(self, alive=None):
        """Read the serial line for ever, and fetch text messages that have come; `alive()` is called every 5 s."""

    async def start(self):
        """Bring the modem from whatever state it is in to READY; asks before it touches the power key."""

    async def stop(self):
        """Log off and switch the modem off in good order, else by its rail."""

    async def sleep(self):
        """Let the modem sleep as configured (`sleep_mode`, "psm" or "light"); start() wakes it."""

    async def power_cycle(self):
        """Take the rail away and give it back: what helps a modem that is wholly dark. State OFF; start() follows."""

    async def recover(self, step):
        """Do one step of the ladder, 0 to 6, from the mildest; return the number of the next one."""
        return step

    async def register(self, timeout_ms=None):
        """Wait until the network lets us in; return (stat, act): 1 home, 5 roaming; 7 LTE-M, 9 NB-IoT."""
        return 0, 0

    async def attach(self, timeout_ms=None):
        """Open the data connection (PDP context)."""

    async def detach(self):
        """Close it."""

    async def connect(self, timeout_ms=None):
        """Log in at the broker over TLS, verifying its certificate, and subscribe to our own topic."""

    async def disconnect(self):
        """Log off."""

    async def publish(self, topic, payload, timeout_ms=None):
        """Publish bytes with QoS 1; returns when the broker has them, possibly more than once."""

    async def radio(self, on):
        """Radio on, or off as GNSS needs it."""

    async def gnss(self, on, start="hot"):
        """Switch to satellites, which closes the data connection, or back (then register, attach, connect)."""

    async def fix(self):
        """Return None, or a dict: lat_e7 lon_e7 radius_m unix_s speed_kmh hdop satellites."""

    async def cell(self):
        """Return a dict: mcc mnc tac cell rssi_dbm; 0 is unknown."""
        return {}

    async def send_sms(self, number, text):
        """Send one text message."""

    async def sms_works(self):
        """Return whether the modem and the plan have text messages: True, False, or None while that is not known."""

    async def battery(self):
        """Return (charging, percent, millivolts) as the modem measures its supply."""
        return False, 0, 0

    async def network_time(self):
        """Return Unix seconds of the modem's clock, or None if nothing has set it."""

    def set_clock(self, unix_s):
        """Give the clock the certificate is checked against when the network gives none."""

    def _urc(self, line):
        pass
