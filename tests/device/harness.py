"""Runs one function of a upy_ file inside MicroPython: the name of file and function come by environment."""

import os
import sys

module = __import__(os.getenv("UPY_FILE"))
returned = getattr(module, os.getenv("UPY_TEST"))()
print("held", returned)
sys.exit(0)
