"""Names of everything that travels: kinds of event, flags, states, sizes and GATT identifiers.

Numbers are only ever appended, never reused; a dead one stays under a name that begins with REMOVED_.
"""

VERSION = 1

# Forms: the low half of the header byte. Each has one length; whoever carries a frame looks at that alone.
FORM_SHORT = 1  # 24 bytes: a legacy advertisement, and every down frame
FORM_FULL = 2  # 64 bytes: GATT, MQTT, SMS
FORM_EVIDENCE = (
    3  # 64 bytes, as long as a full form: GATT, MQTT; no event, but a piece of what a fall felt like
)

HEADER_BYTES = 1
ALIAS_BYTES = 5
TAG_BYTES = 8
BODY_BYTES = {FORM_SHORT: 10, FORM_FULL: 50, FORM_EVIDENCE: 50}
FRAME_BYTES = {FORM_SHORT: 24, FORM_FULL: 64, FORM_EVIDENCE: 64}
FORM_OF_LENGTH = {24: FORM_SHORT, 64: FORM_FULL}  # the form of an event with this length

SECRET_BYTES = 32
ALIAS_PERIOD_S = 900
RECOVERY_STEP_S = 6 * 3600

# Kinds of event, device to gateway.
SOS = 1
SILENT = 2
FALL = 3
DURESS = 4
PREVENTIVE_STARTED = 5
PREVENTIVE_EXTENDED = 6
PREVENTIVE_EXPIRED = 7
PREVENTIVE_ENDED = 8
WANDERING = 9
PROXIMITY = 10
REMOVED = 11  # taken off the body
LOW_BATTERY = 12
NO_MOTION = 13
TAMPER = 14
STOP_ON_DEMAND = 15
TEST = 16
POSITION = 17
HEARTBEAT = 18
DECOY = 19
CANCELLED = 20
FELT = 21
RISEN = 22  # who fell is up again and walks

NAMES = (
    "",
    "sos",
    "silent",
    "fall",
    "duress",
    "preventive-started",
    "preventive-extended",
    "preventive-expired",
    "preventive-ended",
    "wandering",
    "proximity",
    "removed",
    "low-battery",
    "no-motion",
    "tamper",
    "stop-on-demand",
    "test",
    "position",
    "heartbeat",
    "decoy",
    "cancelled",
    "felt",
    "risen",
)

# Always open an incident or join the wearer's open one.
ALARMS = (SOS, SILENT, FALL, DURESS, PREVENTIVE_EXPIRED)
# Open one only where the wearer's and the town's settings say so.
CONDITIONAL_ALARMS = (WANDERING, PROXIMITY, REMOVED, NO_MOTION, TAMPER)
# Name another event; in the short form the reference takes the place of time and battery.
REFERRING = (CANCELLED, PREVENTIVE_ENDED, PREVENTIVE_EXTENDED, DURESS, FELT, RISEN)
# May be withdrawn by the wearer within the window.
CANCELLABLE = (SOS, FALL)
# Answered once, without a down row, and never answered by a `felt`.
ANSWERED_ONCE = (FELT, HEARTBEAT, DECOY)

# Flags of an event (bit 7 is unused and must be 0). `felt` and `preventive-extended` use the byte otherwise.
PENDING = 0x01  # may still be cancelled by the wearer
CLOCK_VALID = 0x02
CHARGING = 0x04  # on the charger or USB attached
WORN = 0x08
FULL_WAITING = 0x10  # the full form can be had over GATT
NOT_JOURNALLED = 0x20  # flash failed: the alarm lives in RAM only
FAULT = 0x40  # stuck button or failed self-test
FLAGS_ALL = 0x7F

# Faults of the full form, one bit each; bits without a name are a later firmware's, and no reason to refuse an alarm.
FAULT_NAMES = (
    "button",
    "accelerometer",
    "flash",
    "numbers",
    "modem",
    "sim",
    "registration",
    "network",
    "broker",
    "certificate",
    "sms",
    "gnss",
)
FAULT_BUTTON = 1 << 0  # stuck
FAULT_ACCELEROMETER = 1 << 1  # does not answer, or failed its self-test
FAULT_FLASH = 1 << 2  # took no record
FAULT_NUMBERS = 1 << 3  # running out: provision again
FAULT_MODEM = 1 << 4  # does not answer
FAULT_SIM = 1 << 5  # missing, locked or failed
FAULT_REGISTRATION = 1 << 6  # the network denies it
FAULT_NETWORK = 1 << 7  # registered, but no data connection
FAULT_BROKER = 1 << 8  # data connection, but the broker does not answer or refuses the log-in
FAULT_CERTIFICATE = 1 << 9  # the broker's certificate is not the one it must be: refused by us
FAULT_SMS = 1 << 10  # the modem or the plan has no SMS
FAULT_GNSS = 1 << 11  # switched on, but says nothing

# States of an alarm in a down frame; on the device they only rise.
HEARD = 0
RECEIVED = 1  # stored
ACCEPTED = 2  # an officer has it
CLOSED = 3
WITHDRAWN = 4  # cancelled
COMMAND = 5  # no state: an order, obeyed once
STATE_NAMES = ("heard", "received", "accepted", "closed", "cancelled", "command")

# "Unknown", field by field.
WHEN_UNKNOWN = 0xFFFFFF
TIME_UNKNOWN = 0  # unix_s of the full form
BATTERY_UNKNOWN = 255
POSITION_UNKNOWN = -(2**31)
AGE_UNKNOWN = 65535

# 128-bit identifiers drawn at random for this product. GATT_UP: read and notify, the device's full frames.
# GATT_DOWN: write, the gateway's sealed frames.
GATT_SERVICE = "7d4a0001-5c0c-4f5a-9a0e-50c025b1e001"
GATT_UP = "7d4a0002-5c0c-4f5a-9a0e-50c025b1e001"
GATT_DOWN = "7d4a0003-5c0c-4f5a-9a0e-50c025b1e001"

# Company identifier reserved for tests by the Bluetooth SIG. A product that leaves the workshop buys
# a 16-bit service UUID: with either, 24 bytes of payload fill a legacy advertisement exactly.
COMPANY_TEST = 0xFFFF
