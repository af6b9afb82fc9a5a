"""Paths of the whole suite: the firmware's pure decisions are imported here as they are on the device."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "firmware" / "src"))
