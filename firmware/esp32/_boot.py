"""Frozen into the image in place of the stock _boot.py: a file system that does not mount must not make a brick."""

import esp32
import flash

flash.mount(esp32.Partition.find(esp32.Partition.TYPE_DATA, label="vfs")[0], "/socors")
