"""What a fall felt like, as the device keeps it: of one fall, until it is told or needless. Telemetry, and no promise."""

from sos_wire import evidence as wire

# A round over a connection that breaks is followed by another on the next one, a publication that fails by one more; of
# each so many. A round begins where the last was cut off, so that those that are all cut short tell different parts.
ROUNDS = 8
# Pieces follow one another so fast: a radio has room for a few at a time.
PIECE_EVERY_MS = 20
# What was handed to the radio is on its way when the connection still stands so long after.
SETTLED_MS = 300

WAITS = -1
ENDS = -2


class Evidence:
    """Samples (375 bytes, sos_wire/evidence.py) of the fall (boot, seq); `ways` are those it may still take."""

    def __init__(self, boot, seq, samples, ways, rounds=0):
        self.boot = boot
        self.seq = seq
        self.samples = bytes(samples)
        self.ways = ways
        self.rounds = rounds  # begun over connections
        self.published = 0
        self._connection = -1
        self._next = 0
        self._left = wire.PIECES  # of this round
        self._last_ms = 0

    def step(self, connection, now_ms):
        """Return the piece that goes up a connection now; WAITS while the last settles; ENDS when the way is done with.

        connection is a number that no other connection of this start has.
        """
        if connection != self._connection:
            if self.rounds >= ROUNDS:
                return ENDS
            self._connection, self._left = connection, wire.PIECES
            self.rounds += 1
        if self._left:
            return self._next
        return ENDS if now_ms - self._last_ms >= SETTLED_MS else WAITS

    def gone(self, now_ms):
        """The piece that `step` returned was handed to the radio."""
        self._next = (self._next + 1) % wire.PIECES
        self._left -= 1
        self._last_ms = now_ms

    def is_told(self):
        """Whether a whole round has gone up one connection."""
        return not self._left
