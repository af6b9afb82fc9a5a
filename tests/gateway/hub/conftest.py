"""The air of these tests is in air.py, put in reach here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
