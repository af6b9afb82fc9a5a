"""What is frozen into the image: pass it to the esp32 port as FROZEN_MANIFEST.

The pendant: BOARD=ESP32_GENERIC_C3. The watch: BOARD=ESP32_GENERIC_S3 BOARD_VARIANT=SPIRAM_OCT SOCORS_BOARD=watch, the
last in the environment.
"""

import os

# ruff: noqa: F821
include("$(MPY_DIR)/extmod/asyncio/manifest.py")
module("_boot.py", base_path=".")
module("board.py", base_path="boards/" + os.environ.get("SOCORS_BOARD", "pendant"))
package("sos_wire", base_path="../src")
package("app", base_path="../src")
package("tasks", base_path="../src")
package("links", base_path="../src")
package("drivers", base_path="../src")
module("typing.py", base_path="../src/lib")
for name in ("flash", "log", "main", "netfile", "provision", "retained", "selftest", "settings", "store"):
    module(name + ".py", base_path="../src")
