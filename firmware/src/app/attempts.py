"""The order of attempts over each way out, their limits, repeats and pauses: tables, with the reason of each row."""

from sos_wire import kinds

# Steps to the broker and on it, in their order; each is given so long, and the recovery ladder follows what fails.
START = 0
REGISTER = 1
ATTACH = 2
CONNECT = 3
PUBLISH = 4
TEXT = 5
POSITION = 6
RECOVER = 7
REST = 8
ASSIST = 9

# (name, limit in ms). The limit is this firmware's patience, whatever the driver's own limits inside it are.
STEPS = (
    # Rail on, PWRKEY 1.5 s, ready 2.5 to 5 s later; once more, because a key pressed on a modem that runs ends it.
    ("start", 60_000),
    # LTE-M registers in 5 to 30 s where it was before. Longer is a search that finds nothing: the ladder does better.
    ("register", 40_000),
    # A context comes up in 1 or 2 s; the manual allows 60 s, and a network that takes those gives none.
    ("attach", 20_000),
    # TCP, TLS and CONNECT: seen from under 1 s to 30 s; then up to two probes that tell why it failed.
    ("connect", 75_000),
    # A kilobyte and its PUBACK; a connection that NAT has forgotten fails here.
    ("publish", 10_000),
    # The manual's own limit of CMGS.
    ("text", 60_000),
    # Radio off, receiver on, and the way back; the length of a turn is a setting and added to this.
    ("position", 20_000),
    # The longest rung: rail off and on, and a start.
    ("recover", 60_000),
    # An orderly power-off, or into PSM.
    ("rest", 15_000),
    # 34 KB of assistance for the receiver, only while nothing else is to do, and left alone as soon as something is.
    ("assist", 60_000),
)
# While an alarm may still go as a text message, which a SMCONN that hangs holds up as well, it is waited for so long only.
FIRST_CONNECT_MS = 20_000

# An alarm without any answer for so long goes as a text message as well; published or not: an answer is what counts.
TEXT_AFTER_MS = 20_000
# Text messages of one event, so long after the first each: they are stored on their way and cost money, so a repeat only
# makes up for one that the network lost. The last tells a later position to whoever reads it.
TEXTS_MS = (0, 120_000, 600_000, 1_800_000)
# Many alarms may wait: after so many messages in a row the broker is tried again, which takes them all at once.
TEXTS_IN_ROW = 3
# After a text message a way to the broker that is not known to be good is left alone for so long: the answer takes 4 to
# 15 s, and a modem that connects does not read it.
TEXT_LISTEN_MS = 15_000
# A `felt` by text: the desk must know that *accepted* was felt; the other states are not worth a message.
TEXTED_FELT = kinds.ACCEPTED

# Repeats over LTE while nobody answers: a connection that stands loses nothing, so what is missing is the gateway.
REPEATS_MS = (5_000, 5_000, 10_000, 20_000, 30_000)
# After so many publications without an answer the connection is not believed any more and made anew.
UNANSWERED = 3
# Other events than alarms and what takes one back are published so often (heartbeats and positions once: PUBACK is all
# they need) ...
PUBLISHED = 3
# ... and a failed way costs them only so many rungs of the ladder, or a dead spot would empty the battery.
RUNGS_OF_OTHERS = 2
# An alarm climbs the whole ladder, which has so many rungs, ...
RUNGS = 7
# ... but after so many failures in a row it is no fault of the modem: each attempt is one attempt. A press begins anew.
FAILURES_WITH_RUNGS = 2

# After the whole ladder, or an event's part of it: the n-th pause in a row, in seconds, that of an alarm first.
_PAUSES_S = ((5, 15, 30, 60, 120, 300, 600), (60, 300, 900, 1800, 3600))

# The modem is asked for the age of its assistance so seldom, which lasts three days and is renewed in the third; and after
# a download that failed or was overtaken so much later: cold starts are longer until then.
ASSIST_EVERY_S = 86_400
ASSIST_AGAIN_S = 21_600

# A fault of a way out is told over another one: once at once, then (by text, where nobody took it) after it has lasted so
# long. A certificate that is refused is an attack or a mistake that no waiting mends; the others come and go.
TEXT_FAULT_AFTER_S = 60
TEXT_OTHER_FAULT_AFTER_S = 3600
# What a text message can tell at all: without SIM, modem or registration there is none.
TEXTED_FAULTS = kinds.FAULT_CERTIFICATE | kinds.FAULT_BROKER | kinds.FAULT_NETWORK
# One text about faults in so long, whatever comes and goes.
TEXT_FAULT_EVERY_S = 86_400


def limit_ms(step, text_waits=False):
    """Return how long a step may take."""
    if step == CONNECT and text_waits:
        return FIRST_CONNECT_MS
    return STEPS[step][1]


def repeat_after_ms(sent):
    """Return the pause after the n-th publication of an event that nobody has answered."""
    return REPEATS_MS[min(sent, len(REPEATS_MS)) - 1] if sent else 0


def is_published_enough(event, sent):
    """Whether LTE has done for an event what it can: never for what must arrive."""
    if event.is_kept():
        return False
    if event.kind in (kinds.HEARTBEAT, kinds.POSITION, kinds.DECOY):
        return sent >= 1
    return sent >= PUBLISHED


def text_due_ms(event, age_ms):
    """Return how long until the next text message of an event that is so old, 0 for now, -1 for never."""
    if event.kind == kinds.FELT:
        waits = event.flags == TEXTED_FELT and event.texted == 0
        return max(0, TEXT_AFTER_MS - age_ms) if waits else -1
    if not event.is_kept() or not event.waits() or event.texted >= len(TEXTS_MS):
        return -1
    return max(0, TEXT_AFTER_MS + TEXTS_MS[event.texted] - age_ms)


def rungs(has_alarm, failures):
    """Return how many rungs of the ladder are climbed after a failed step before the next pause."""
    if failures >= FAILURES_WITH_RUNGS:
        return 0
    return RUNGS if has_alarm else RUNGS_OF_OTHERS


def pause_s(failures, has_alarm):
    """Return how long to rest after the n-th failure in a row to reach the broker."""
    pauses = _PAUSES_S[0 if has_alarm else 1]
    return pauses[min(max(failures, 1), len(pauses)) - 1]


def text_fault(faults, told, lasting_s, since_text_s):
    """Return the faults that go out by text message now: none that are known, and none that will pass by themselves."""
    news = faults & TEXTED_FAULTS & ~told
    if since_text_s is not None and since_text_s < TEXT_FAULT_EVERY_S:
        return 0
    if news & kinds.FAULT_CERTIFICATE and lasting_s >= TEXT_FAULT_AFTER_S:
        return news
    return news if lasting_s >= TEXT_OTHER_FAULT_AFTER_S else 0
