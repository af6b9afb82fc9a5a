"""The world around the firmware: what stands in for silicon, air and people."""
