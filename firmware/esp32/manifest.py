"""What is frozen into the image: pass it to the esp32 port as FROZEN_MANIFEST, BOARD=ESP32_GENERIC_C3."""

# What is frozen into the image. Use with MicroPython's esp32 port: make BOARD=ESP32_GENERIC_C3 FROZEN_MANIFEST=this file
# ruff: noqa: F821
include("$(MPY_DIR)/extmod/asyncio/manifest.py")
module("_boot.py", base_path=".")
module("board.py", base_path="boards/pendant")
package("sos_wire", base_path="../src")
package("app", base_path="../src")
package("tasks", base_path="../src")
package("links", base_path="../src")
package("drivers", base_path="../src")
module("typing.py", base_path="../src/lib")
for name in ("flash", "log", "main", "provision", "retained", "settings", "store"):
    module(name + ".py", base_path="../src")
