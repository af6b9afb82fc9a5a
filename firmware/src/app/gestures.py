"""The gesture table: what a run of presses means. Fed with levels and times, tells one gesture at a time.

A hold of 1 s is always an alarm; four or more clicks are always an alarm; nothing is told before a gesture is
complete. After a wake from deep sleep the clicks during the boot were not seen: the wake counts as one click,
and three counted clicks are taken as four.
"""

# What a run can mean.
NONE = 0
SOS = 1  # hold
SILENT = 2  # four or more clicks
CANCEL = 3  # two clicks during a countdown
TEST = 4  # two clicks on the charger
PREVENTIVE_START = 5  # two clicks: start or extend
PREVENTIVE_END = 6  # three clicks
DURESS_END = 7  # two clicks and a hold while a preventive alert runs
REPEAT = 8  # one click: the last vibration again
STUCK = 9  # the button has been down for longer than anybody holds it

NAMES = (
    "none",
    "sos",
    "silent",
    "cancel",
    "test",
    "preventive-start",
    "preventive-end",
    "duress-end",
    "repeat",
    "stuck",
)

# Context bits, as they are at the moment of a sample.
COUNTDOWN = 1
PREVENTIVE = 2
CHARGING = 4

HOLD_MS = 1000
QUIET_MS = 500
# Contacts bounce for some milliseconds, and a trembling finger lets go for up to 40 ms without meaning it.
PRESS_LOCK_MS = 25
RELEASE_MS = 40
# Nobody holds a button for half a minute: something lies on it. One SOS was told, then this.
STUCK_MS = 30_000
# From finger-down to the first sample after a wake from deep sleep: the boot belongs to the hold. More than a boot takes
# (0.2 to 0.35 s): a hold taken for longer than it was costs a false alarm, one taken for shorter would be lost as a click.
WAKE_MS = 400


class Recognizer:
    """Times are milliseconds of one steady clock that does not wrap."""

    def __init__(self):
        self._down = False
        self._pressed_at = 0
        self._loose_at = -1  # the contact is open, but not for long enough to be a release
        self._released_at = 0
        self._clicks = 0
        self._in_countdown = 0  # clicks whose press began during a countdown, however late the run is judged
        self.began_ms = 0  # when the first press of the newest run began
        self._press_in_countdown = False
        self._told = False  # this press has already been told as a hold
        self._stuck = False
        self._woken = False

    def woke(self, pressed, at_ms):
        """The button woke the device: the press began before anything could be seen."""
        self._woken = True
        if pressed:
            self._down, self._pressed_at = True, at_ms - WAKE_MS
        else:
            self._clicks, self._released_at = 1, at_ms

    def still_stuck(self, at_ms):
        """The button was stuck before this start and still is: no press, whoever leans on it."""
        self._down, self._pressed_at = True, at_ms
        self._told = self._stuck = True

    def stuck(self):
        """Whether the button has been down for longer than anybody holds it."""
        return self._down and self._stuck

    def sample(self, pressed, at_ms, context=0):
        """Take the contact's level; return the gesture that is complete now, or NONE."""
        if self._down:
            return self._while_down(pressed, at_ms, context)
        if pressed:
            if at_ms < self._released_at + PRESS_LOCK_MS and self._clicks:
                return NONE  # the contact still bounces
            # A press that follows a long silence without a sample in between first ends the run before it.
            ended = self._end_of_run(at_ms, context)
            self._begin_press(at_ms, context)
            return ended
        return self._end_of_run(at_ms, context)

    def wait_ms(self, at_ms):
        """Return how long until a sample is needed although the contact does not change; -1: not at all."""
        if self._down:
            if self._loose_at >= 0:
                return max(0, self._loose_at + RELEASE_MS - at_ms)
            if not self._told:
                return max(0, self._pressed_at + HOLD_MS - at_ms)
            return -1 if self._stuck else max(0, self._pressed_at + STUCK_MS - at_ms)
        if self._clicks:
            return max(0, self._released_at + QUIET_MS - at_ms)
        return -1

    def busy(self):
        """Whether a run has begun and is not yet judged."""
        return (self._down and not self._stuck) or self._clicks > 0

    def _begin_press(self, at_ms, context):
        self._down, self._pressed_at, self._loose_at = True, at_ms, -1
        self._told = self._stuck = False
        if not self._clicks:
            self.began_ms = at_ms
        self._press_in_countdown = bool(context & COUNTDOWN)

    def _while_down(self, pressed, at_ms, context):
        if pressed:
            self._loose_at = -1
        elif self._loose_at < 0:
            self._loose_at = at_ms
        # The finger was down until the contact opened, however late this sample comes.
        held_until = at_ms if self._loose_at < 0 else self._loose_at
        if not self._told and held_until - self._pressed_at >= HOLD_MS:
            self._told = True
            return self._hold(context)
        if self._loose_at >= 0 and at_ms - self._loose_at >= RELEASE_MS:
            self._release()
            return NONE
        if self._told and not self._stuck and held_until - self._pressed_at >= STUCK_MS:
            self._stuck = True
            return STUCK
        return NONE

    def _hold(self, context):
        clicks, woken = self._counted(), self._woken
        self._forget_run()
        if clicks == 2 and context & PREVENTIVE:
            return DURESS_END
        # The fourth press of a silent SOS, held in fear, must not become a loud one; after a wake one press more may
        # have been made than was seen.
        return SILENT if clicks >= (2 if woken else 3) else SOS

    def _release(self):
        self._down, self._released_at, self._loose_at = False, self._loose_at, -1
        if self._told:
            self._forget_run()
            return
        self._clicks += 1
        if self._press_in_countdown:
            self._in_countdown += 1

    def _end_of_run(self, at_ms, context):
        if not self._clicks or at_ms - self._released_at < QUIET_MS:
            return NONE
        clicks, in_countdown = self._counted(), self._in_countdown
        self._forget_run()
        if clicks >= 4:
            return SILENT
        if clicks == 3:
            return PREVENTIVE_END
        if clicks == 1:
            return REPEAT
        if in_countdown >= 2:
            return CANCEL
        if context & COUNTDOWN:
            return NONE
        return TEST if context & CHARGING else PREVENTIVE_START

    def _counted(self):
        return 4 if self._woken and self._clicks == 3 else self._clicks

    def _forget_run(self):
        self._clicks = 0
        self._in_countdown = 0
        self._woken = False
