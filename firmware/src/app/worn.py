"""The detector for where the device is worn: one place that knows."""

from app import fall


def detector(worn_at):
    """Return a new detector for `worn_at`, "trunk" or "wrist" (settings.py)."""
    return fall.Detector()
