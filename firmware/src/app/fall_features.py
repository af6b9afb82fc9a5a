"""What the model sees of a blow: integers that do not depend on how the device is turned.

The window is 2.5 s before the blow and 3 s from it on, at 50 Hz in milli-g. Directions enter only as angles to where gravity
was before the blow and is after it. Every value fits 16 bits, on the 31-bit integers of an ESP32 as on any other.
"""

from array import array

BEFORE = 125
AFTER = 150
LENGTH = BEFORE + AFTER
BIN = 25
BINS = LENGTH // BIN
PER_BIN = 8
ONE = 1024  # a cosine of 1
MOST = 32767
HIGH_MG = (1500, 2000, 3000)
LOW_MG = (800, 600, 400)
STILL_MG = 80  # who lies still breathes; between one sample and the next nothing moves more than this
ALONE = 30
COUNT = BINS * PER_BIN + ALONE


def root(square, guess):
    """Return the integer square root of a positive number, by Newton's steps from a guess near it."""
    if square <= 0:
        return 0
    while True:
        better = (guess + square // guess) >> 1
        if -2 < better - guess < 2:
            break
        guess = better or 1
    while better * better > square:
        better -= 1
    while (better + 1) * (better + 1) <= square:
        better += 1
    return better


class Window:
    """The samples round one blow and what is measured of them: all its memory is taken once."""

    def __init__(self):
        self.values = array("h", bytes(2 * COUNT))
        self._size = array("h", bytes(2 * LENGTH))  # magnitude of each sample, mg
        self._step = array("h", bytes(2 * LENGTH))  # magnitude of the difference to the sample before, mg
        self._sums = array("i", bytes(4 * 3 * BINS))  # of x, y and z in each bin

    def measure(self, x, y, z, first, mask):
        """Fill `values` from three rings of samples (length mask + 1), whose window begins at index first."""
        self._sizes(x, y, z, first, mask)
        values, at = self.values, 0
        before = self._mean(0, 2)
        after = self._mean(BINS - 2, BINS)
        earlier = before
        least_turn = ONE
        for number in range(BINS):
            mean = self._mean(number, number + 1)
            turn = cosine(earlier, mean)
            least_turn = min(least_turn, turn)
            earlier = mean
            at = self._bin(number, at)
            values[at] = mean[3]
            values[at + 1] = cosine(mean, before)
            values[at + 2] = cosine(mean, after)
            at += 3
        values[at] = cosine(before, after)
        values[at + 1] = least_turn
        values[at + 2] = cosine(self._mean(3, 5), before)
        values[at + 3] = cosine(self._mean(6, 8), after)
        values[at + 4] = self._slow(x, y, z, first, mask, before)
        self._alone(at + 5)

    def _sizes(self, x, y, z, first, mask):
        size, step, sums = self._size, self._step, self._sums
        for number in range(3 * BINS):
            sums[number] = 0
        at = (first - 1) & mask
        u, v, w = x[at], y[at], z[at]
        long, far = 1000, 100
        for number in range(LENGTH):
            at = (first + number) & mask
            a, b, c = x[at], y[at], z[at]
            long = root(a * a + b * b + c * c, long or 1)
            size[number] = min(long, MOST)
            u, v, w = a - u, b - v, c - w
            far = root(u * u + v * v + w * w, far or 1)
            step[number] = min(far, MOST)
            u, v, w = a, b, c
            into = number // BIN * 3
            sums[into] += a
            sums[into + 1] += b
            sums[into + 2] += c

    def _mean(self, start, end):
        """Return the mean vector of bins [start, end) and its length, mg."""
        sums, count = self._sums, (end - start) * BIN
        a = b = c = 0
        for into in range(3 * start, 3 * end, 3):
            a += sums[into]
            b += sums[into + 1]
            c += sums[into + 2]
        a, b, c = a // count, b // count, c // count
        return a, b, c, root(a * a + b * b + c * c, 1000)

    def _bin(self, number, at):
        """Put down a bin's mean, least and largest magnitude, its change of magnitude and its change of vector, mg."""
        size, step = self._size, self._step
        start = number * BIN
        total = changes = steps = most = 0
        least = MOST
        last = size[start - 1] if start else size[0]
        for index in range(start, start + BIN):
            now = size[index]
            total += now
            changes += now - last if now > last else last - now
            last = now
            steps += step[index]
            if now > most:
                most = now
            if now < least:
                least = now
        values = self.values
        values[at] = total // BIN
        values[at + 1] = least
        values[at + 2] = most
        values[at + 3] = changes // BIN
        values[at + 4] = steps // BIN
        return at + 5

    def _slow(self, x, y, z, first, mask, before):
        """Return the speed along the old vertical gathered in the second before the blow, in mm/s / 4: what falls, drops."""
        a, b, c, long = before
        long = long or 1
        total = 0
        for number in range(BEFORE - 45, BEFORE - 3):
            at = (first + number) & mask
            total += (x[at] * a + y[at] * b + z[at] * c) // long - long
        return max(-MOST, min(MOST, total * 49 // 1000))

    def _alone(self, at):
        """Put down what is measured over the whole window."""
        size, step, values = self._size, self._step, self.values
        values[at] = size[BEFORE]
        for number, limit in enumerate(HIGH_MG):
            values[at + 1 + number] = self._count_above(BEFORE - 25, BEFORE + 25, limit)
        for number, limit in enumerate(LOW_MG):
            values[at + 4 + number] = BEFORE - self._count_above(0, BEFORE, limit)
        at += 7
        lowest = BEFORE
        for index in range(BEFORE - 60, BEFORE):
            if size[index] < size[lowest] or lowest == BEFORE:
                lowest = index
        values[at] = size[lowest]
        values[at + 1] = BEFORE - lowest
        values[at + 2] = self._most(0, BEFORE - 15)
        values[at + 3] = self._most(BEFORE + 15, BEFORE + 50)
        values[at + 4] = self._most(BEFORE + 50, LENGTH)
        values[at + 5] = self._crossings(0, BEFORE)
        values[at + 6] = self._crossings(BEFORE + 10, LENGTH)
        values[at + 7] = self._deficit(BEFORE - 60, BEFORE)
        values[at + 8] = self._deficit(BEFORE + 1, BEFORE + 60)
        longest, begins, length = 0, AFTER, 0
        for index in range(BEFORE, LENGTH):
            length = length + 1 if step[index] < STILL_MG else 0
            if length > longest:
                longest = length
            if length == BIN and begins == AFTER:
                begins = index - BEFORE
        values[at + 9] = longest
        values[at + 10] = begins
        values[at + 11] = self._steps(0, BEFORE - 50)
        values[at + 12] = self._steps(BEFORE - 50, BEFORE)
        values[at + 13] = self._steps(BEFORE, BEFORE + 50)
        values[at + 14] = self._steps(BEFORE + 50, LENGTH - 50)
        values[at + 15] = self._steps(LENGTH - 50, LENGTH)
        values[at + 16] = self._most_step(LENGTH - 75, LENGTH)
        values[at + 17] = self._wide()

    def _count_above(self, start, end, limit):
        size, count = self._size, 0
        for index in range(start, end):
            if size[index] >= limit:
                count += 1
        return count

    def _most(self, start, end):
        size, most = self._size, 0
        for index in range(start, end):
            if size[index] > most:
                most = size[index]
        return most

    def _most_step(self, start, end):
        step, most = self._step, 0
        for index in range(start, end):
            if step[index] > most:
                most = step[index]
        return most

    def _steps(self, start, end):
        step, total = self._step, 0
        for index in range(start, end):
            total += step[index]
        return total // (end - start)

    def _crossings(self, start, end):
        """Return how often the magnitude goes through 1 g by more than 100 mg on both sides: steps, mostly."""
        size, count, side = self._size, 0, 0
        for index in range(start, end):
            now = size[index]
            if now > 1100:
                if side < 0:
                    count += 1
                side = 1
            elif now < 900:
                if side > 0:
                    count += 1
                side = -1
        return count

    def _deficit(self, start, end):
        """Return the sum of what the magnitude lacks of 1 g, in mm/s: at most how fast something fell."""
        size, total = self._size, 0
        for index in range(start, end):
            if size[index] < 1000:
                total += 1000 - size[index]
        return min(MOST, total * 196 // 1000)

    def _wide(self):
        """Return how many samples round the blow stay above half of its excess over 1 g."""
        size = self._size
        half = (size[BEFORE] + 1000) >> 1
        count = 1
        index = BEFORE - 1
        while index and size[index] > half:
            count += 1
            index -= 1
        index = BEFORE + 1
        while index < LENGTH and size[index] > half:
            count += 1
            index += 1
        return count


def cosine(one, other):
    """Return the cosine between two mean vectors in 1/1024, 1024 where either is nothing."""
    lengths = (one[3] * other[3]) >> 10
    if not lengths:
        return ONE
    return max(-ONE, min(ONE, (one[0] * other[0] + one[1] * other[1] + one[2] * other[2]) // lengths))
