"""When to try again: quickly at first, then ever more slowly, never more than 5 minutes apart."""

from datetime import timedelta

FIRST = timedelta(seconds=1)
SLOWEST = timedelta(minutes=5)
# Two weeks at the slowest pace. Then the row is dead: shown to the operators, who can replay it.
MOST_ATTEMPTS = 4000


def delay(attempts: int) -> timedelta | None:
    """Return how long to wait after so many failed attempts; None: give up and show it."""
    if attempts >= MOST_ATTEMPTS:
        return None
    return min(FIRST * 2 ** min(attempts - 1, 12), SLOWEST)
