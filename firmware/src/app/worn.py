"""The detector for where the device is worn: one place that knows."""

from app import fall


def detector(worn_at):
    """Return a new detector for `worn_at`, "trunk" or "wrist" (settings.py); only its tables are loaded."""
    if worn_at == "wrist":
        from app import fall_wrist as tables
    else:
        from app import fall_trunk as tables
    return fall.Detector(tables)
