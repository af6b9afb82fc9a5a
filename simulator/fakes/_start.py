"""What the boot loader does on a board: join the world, mount the flash, run main from its top."""

import sys

import _port
import _tasks

_port.connect()
sys.modules["_asyncio"] = _tasks  # the built-in one queues by the host's clock, not by ours


def run():
    import esp32
    import flash

    flash.mount(esp32.Partition.find(esp32.Partition.TYPE_DATA, label="vfs")[0], "/socors")
    import main  # noqa: F401


run()
