"""The tests of falls share made-up trials: made_up.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
